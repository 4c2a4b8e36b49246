"""gains: the gains of counters within a span of time, and the quantiles of timings; pure."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
_EARLY = 0.9  # of an interval: a timer may be a little early


class Snapshots(Generic[K]):
    """Counts as they were every *every* seconds within a *span*; only `look` writes them.

    A count that is not there was 0.
    """

    def __init__(self, span: float, every: float) -> None:
        self._span, self._every = span, every
        self._seen: deque[tuple[float, Mapping[K, float]]] = deque(maxlen=round(span / every) + 1)

    def look(self, at: float, read: Callable[[], Mapping[K, float]]) -> None:
        """Read the counts at a time (seconds that never go back), if it is time to."""
        if not self._seen or at - self._seen[-1][0] >= self._every * _EARLY:
            self._seen.append((at, dict(read())))
            while self._seen[0][0] < at - self._span - self._every:  # another process's
                self._seen.popleft()

    def relative(self, now: Mapping[K, float]) -> list[tuple[float, dict[K, float]]]:
        """Return the counts of each look, less those of *now*."""
        keys = {*now, *(key for _, seen in self._seen for key in seen)}
        return [
            (at, {k: seen.get(k, 0.0) - now.get(k, 0.0) for k in keys}) for at, seen in self._seen
        ]

    @property
    def keys(self) -> Iterable[K]:
        """The keys of the oldest counts within the span."""
        return self._seen[0][1].keys() if self._seen else ()

    def adopt(self, seen: Iterable[tuple[float, Mapping[K, float]]]) -> None:
        """Put the looks of another process in front; its counts began at 0 again since."""
        self._seen = deque([*seen, *self._seen], self._seen.maxlen)

    def seconds(self, at: float) -> float:
        """Return the span of the gains at a time, at least one second."""
        return max(1.0, at - self._seen[0][0]) if self._seen else 1.0

    def gain(self, key: K, count: float) -> float:
        """Return the gain of a count, which is *count* now."""
        return count - (self._seen[0][1].get(key, 0.0) if self._seen else 0.0)


class TimingSnapshots(Generic[K]):
    """Timings by their buckets, as they were every *every* seconds within a *span*."""

    def __init__(self, span: float, every: float) -> None:
        self._every = every
        self._seen: deque[tuple[float, dict[K, array[float]]]] = deque(
            maxlen=round(span / every) + 1
        )

    def look(self, at: float, read: Callable[[], Mapping[K, Sequence[float]]]) -> None:
        """Read the buckets at a time (seconds that never go back), if it is time to."""
        if not self._seen or at - self._seen[-1][0] >= self._every * _EARLY:
            self._seen.append((at, {key: array("d", counts) for key, counts in read().items()}))

    def seconds(self, at: float) -> float:
        """Return the span of the gains at a time, at least one second."""
        return max(1.0, at - self._seen[0][0]) if self._seen else 1.0

    def gain(self, key: K, counts: Sequence[float]) -> list[float]:
        """Return the gain of each bucket of a timing, which has *counts* now."""
        before = self._seen[0][1].get(key) if self._seen else None
        if before is None:
            return list(counts)
        return [now - then for now, then in zip(counts, before, strict=True)]


def added(buckets: Iterable[Sequence[float]], width: int) -> list[float]:
    """Return the sums of timings' buckets, *width* of them each."""
    total = [0.0] * width
    for counts in buckets:
        for place, count in enumerate(counts):
            total[place] += count
    return total


def quantile(bounds: Sequence[float], counts: Sequence[float], q: float) -> float | None:
    """Return a quantile of times by their buckets, None without any.

    Within a bucket times are taken to lie evenly; those above the last bound count as that bound.
    """
    total = sum(counts)
    if total <= 0:
        return None
    rank, below = q * total, 0.0
    for place, count in enumerate(counts[: len(bounds)]):
        if below + count >= rank and count:
            low = bounds[place - 1] if place else 0.0
            return low + (bounds[place] - low) * max(0.0, rank - below) / count
        below += count
    return float(bounds[-1])
