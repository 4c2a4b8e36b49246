"""pulse: rates and ratios of the last seconds, minutes and hours, derived once a second.

Nothing here is called when a message passes: the counters and timings that exist are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from smppbridge.observe.gains import Snapshots, TimingSnapshots, added, quantile
from smppbridge.observe.metrics import Labels, Metrics
from smppbridge.observe.names import NAMES
from smppbridge.observe.rings import Fold, HandedRings, Rings, mean

MOMENT, MINUTE, HOUR, DAY = 5.0, 60.0, 3_600.0, 86_400.0
"""Seconds over which rates, answers, ratios of all and ratios of an account are taken."""
_ANSWERS, _REQUESTS = "submit_resp_seconds", "provider_request_seconds"
_LATENCIES = "report_latency_seconds"
_FINISHED, _ODDITIES = "messages_finished_total", "session_oddities_total"
_ACCEPTED, _REFUSED = "segments_accepted_total", "segments_refused_total"
_UNMATCHED = "reports_unmatched_total"
_WELL = "accepted"
_ON_THEIR_OWN = frozenset((_WELL, "refused"))  # outcomes that say nothing against a provider
_WORST = frozenset(("answer_p99", "p99", "oldest"))


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The median and the 99th percentile of times in seconds; None without any."""

    p50: float | None
    p99: float | None


@dataclass(slots=True)
class OddityCount:
    """How often an oddity was counted, and when it was counted last (UNIX seconds)."""

    code: str
    count: int
    last_at: float


Seen = tuple[float, tuple[tuple[Labels, float], ...]]
"""A time (seconds that never go back), and counts then."""


@dataclass(frozen=True, slots=True)
class HandedPulse:
    """The figures that one process leaves to the next; *oddities* are by system_id.

    *finished* are the counts of a day, less those at the end.
    """

    oddities: tuple[tuple[str, OddityCount], ...]
    finished: tuple[Seen, ...]
    rings: HandedRings


class Pulse:
    """Rates, quantiles and ratios of a bridge, and the rings of them; only `tick` writes.

    *seconds* is a time that never goes back.
    """

    def __init__(self, metrics: Metrics, seconds: Callable[[], float]) -> None:
        self.rings = Rings(_fold_of)
        self._metrics, self._seconds = metrics, seconds
        self._totals = Snapshots[str](MOMENT, 1.0)
        self._submits = Snapshots[Labels](MOMENT, 1.0)
        self._refusals = Snapshots[Labels](MOMENT, 1.0)
        self._answers = TimingSnapshots[Labels](MINUTE, 15.0)
        self._requests = TimingSnapshots[Labels](MINUTE, 5.0)
        self._latencies = TimingSnapshots[Labels](HOUR, 300.0)
        self._finished = Snapshots[Labels](HOUR, 60.0)
        self._finished_day = Snapshots[Labels](DAY, 7_200.0)
        self._unmatched = Snapshots[Labels](HOUR, 60.0)
        self._odd: dict[Labels, OddityCount] = {}
        self._odd_before: dict[Labels, int] = {}  # counted by the program before
        self._before: dict[str, float] = {}
        self._timed_before: dict[str, list[float]] = {}
        self._at: float | None = None
        self._second = 0  # UNIX seconds
        self._look(seconds())

    # -- every second ---------------------------------------------------------------------------

    def tick(self, wall: float, gauges: Mapping[str, float | None]) -> None:
        """Add a second to the rings: the gains of counters since the last tick, and *gauges*.

        *wall* is UNIX seconds.  A tick within the last one's second adds nothing.
        """
        if int(wall) <= self._second:
            return
        self._second = int(wall)
        now = self._seconds()
        totals, timed = self._totals_now(), self._timed_now()
        figures: dict[str, float | None] = dict(gauges)
        if self._at is not None:
            elapsed = max(0.1, now - self._at)
            for name, count in totals.items():
                figures[name] = max(0.0, count - self._before.get(name, 0.0)) / elapsed
            for name, counts in timed.items():
                prefix, bounds = _prefix_of(name)
                before = self._timed_before.get(name, [0.0] * len(counts))
                gain = [new - old for new, old in zip(counts, before, strict=True)]
                figures[f"{prefix}p50"] = quantile(bounds, gain, 0.5)
                figures[f"{prefix}p99"] = quantile(bounds, gain, 0.99)
            figures["delivered_ratio"] = self.delivered_ratio()
            self.rings.add(wall, figures)
        self._at, self._before, self._timed_before = now, totals, timed
        self._look(now)
        self._look_for_oddities(wall)

    def keep(self, providers: Iterable[str]) -> None:
        """Forget the series of all providers but *providers*."""
        kept = tuple(f"provider.{name}." for name in providers)
        self.rings.keep(lambda name: not name.startswith("provider.") or name.startswith(kept))

    def handed(self) -> HandedPulse:
        """Return the figures for the next program."""
        return HandedPulse(
            oddities=tuple((labels[0], each) for labels, each in self._odd.items()),
            finished=self.finished_of_day(),
            rings=self.rings.handed(),
        )

    def adopt(self, handed: HandedPulse) -> None:
        """Go on with the figures of the program before; the counters have begun at 0."""
        for system_id, each in handed.oddities:
            self._odd[system_id, each.code] = each
            self._odd_before[system_id, each.code] = each.count
        self.go_on(handed.finished)
        self.rings.adopt(handed.rings)

    def finished_of_day(self) -> tuple[Seen, ...]:
        """Return how many messages had finished at times of a day, less those of now."""
        seen = self._finished_day.relative(self._metrics.counts(_FINISHED))
        return tuple((at, tuple(sorted(counts.items()))) for at, counts in seen)

    def go_on(self, finished: Iterable[Seen]) -> None:
        """Go on with the messages that had finished when the counters began at 0."""
        self._finished_day.adopt((at, dict(counts)) for at, counts in finished)

    def _look(self, now: float) -> None:
        counts = self._metrics.counts
        self._totals.look(now, self._totals_now)
        self._submits.look(now, lambda: counts(_ACCEPTED))
        self._refusals.look(now, lambda: counts(_REFUSED))
        self._answers.look(now, lambda: self._buckets(_ANSWERS))
        self._requests.look(now, lambda: self._buckets(_REQUESTS))
        self._latencies.look(now, lambda: self._buckets(_LATENCIES))
        self._finished.look(now, lambda: counts(_FINISHED))
        self._finished_day.look(now, lambda: counts(_FINISHED))
        self._unmatched.look(now, lambda: counts(_UNMATCHED))

    def _look_for_oddities(self, wall: float) -> None:
        for labels, counted in self._metrics.counts(_ODDITIES).items():
            found, count = self._odd.get(labels), counted + self._odd_before.get(labels, 0)
            if found is None:
                self._odd[labels] = OddityCount(labels[1], int(count), wall)
            elif found.count < count:
                found.count, found.last_at = int(count), wall

    def _buckets(self, name: str) -> dict[Labels, Sequence[float]]:
        return {labels: each.counts for labels, each in self._metrics.timings(name).items()}

    def _totals_now(self) -> dict[str, float]:
        counts = self._metrics.counts
        ends = counts("deliveries_total").items()
        totals = {
            "accepted": sum(counts(_ACCEPTED).values()),
            "refused": sum(counts(_REFUSED).values()),
            "receipts": sum(count for labels, count in ends if labels[1] == "delivered"),
            "finished": sum(counts(_FINISHED).values()),
            "taken": 0.0,
        }
        for (name, operation, outcome), timing in self._metrics.timings(_REQUESTS).items():
            if operation != "submit":
                continue
            taken, count = outcome == _WELL, float(sum(timing.counts))
            totals["taken"] += count * taken
            for kind, among in (("taken", taken), ("failing", outcome not in _ON_THEIR_OWN)):
                key = f"provider.{name}.{kind}"
                totals[key] = totals.get(key, 0.0) + count * among
        return totals

    def _timed_now(self) -> dict[str, list[float]]:
        """Return the buckets of all accounts' answers together (""), and of each provider's."""
        width = len(_bounds(_ANSWERS)) + 1
        timed = {"": added(self._buckets(_ANSWERS).values(), width)}
        width = len(_bounds(_REQUESTS)) + 1
        for (name, operation, _), counts in self._buckets(_REQUESTS).items():
            if operation == "submit":
                timed[name] = added([counts, *([timed[name]] if name in timed else [])], width)
        return timed

    # -- when somebody asks ---------------------------------------------------------------------

    def rates(self) -> dict[str, float]:
        """Return how many submit_sm are accepted and refused a second, and so on."""
        seconds, totals = self._totals.seconds(self._seconds()), self._totals_now()
        return {
            name: round(self._totals.gain(name, totals[name]) / seconds, 3)
            for name in ("accepted", "taken", "receipts", "refused")
        }

    def answers(self, system_id: str | None = None) -> Quantiles:
        """Return the times of the last minute from submit_sm to submit_sm_resp."""
        found = self._buckets(_ANSWERS).items()
        gains = [
            self._answers.gain(labels, counts)
            for labels, counts in found
            if system_id is None or labels[0] == system_id
        ]
        return _quantiles(_ANSWERS, gains)

    def submits(self, system_id: str) -> float:
        """Return how many submit_sm of an account are accepted a second."""
        count = self._metrics.counts(_ACCEPTED).get((system_id,), 0.0)
        gain = self._submits.gain((system_id,), count)
        return round(gain / self._submits.seconds(self._seconds()), 3)

    def refusals(self, system_id: str, reason: str | None = None) -> float:
        """Return how many submit_sm of an account are refused a second, for a reason or any."""
        gain = sum(
            self._refusals.gain(labels, count)
            for labels, count in self._metrics.counts(_REFUSED).items()
            if labels[0] == system_id and reason in (None, labels[2])
        )
        return round(gain / self._refusals.seconds(self._seconds()), 3)

    def delivered_ratio(self, system_id: str | None = None) -> float | None:
        """Return the part of the finished messages that were delivered, None without any.

        Those of the last hour; of one account those of the last day.
        """
        seen = self._finished if system_id is None else self._finished_day
        counts = self._metrics.counts(_FINISHED)
        gains = {
            labels: seen.gain(labels, counts.get(labels, 0.0))
            for labels in {*counts, *seen.keys}  # the program before may have counted others
            if system_id is None or labels[0] == system_id
        }
        total = sum(gains.values())
        well = sum(gain for labels, gain in gains.items() if labels[1] == "DELIVERED")
        return round(well / total, 4) if total else None

    @property
    def finished(self) -> float:
        """How many messages have finished since the start."""
        return sum(self._metrics.counts(_FINISHED).values())

    def provider_answers(self, name: str) -> Quantiles:
        """Return the times of the last minute that a provider took to answer."""
        gains = [
            self._requests.gain(labels, counts)
            for labels, counts in self._buckets(_REQUESTS).items()
            if labels[:2] == (name, "submit")
        ]
        return _quantiles(_REQUESTS, gains)

    def outcomes(self, name: str) -> dict[str, float]:
        """Return how many requests to a provider end in each outcome a second."""
        found: dict[str, float] = {}
        seconds = self._requests.seconds(self._seconds())
        for labels, counts in self._buckets(_REQUESTS).items():
            if labels[:2] == (name, "submit"):
                gain = sum(self._requests.gain(labels, counts))
                found[labels[2]] = round(gain / seconds, 3)
        return found

    def unmatched(self, name: str) -> int:
        """Return how many reports of a provider in the last hour belong to no message."""
        count = self._metrics.counts(_UNMATCHED).get((name,), 0.0)
        return int(self._unmatched.gain((name,), count))

    def until_final(self, name: str) -> Quantiles:
        """Return the times of the last hour from a provider's acceptance to the final report."""
        counts = self._buckets(_LATENCIES).get((name,))
        return _quantiles(_LATENCIES, [self._latencies.gain((name,), counts)] if counts else [])

    def oddities(self, system_id: str) -> list[OddityCount]:
        """Return the oddities of an account's sessions since the start, the last seen first."""
        found = [each for labels, each in self._odd.items() if labels[0] == system_id]
        return sorted(found, key=lambda each: each.last_at, reverse=True)


def _bounds(name: str) -> tuple[float, ...]:
    return NAMES[f"smppbridge_{name}"].bounds


def _prefix_of(name: str) -> tuple[str, tuple[float, ...]]:
    """Return how the series of timings begin, and the bounds of their buckets."""
    return (f"provider.{name}.", _bounds(_REQUESTS)) if name else ("answer_", _bounds(_ANSWERS))


def _quantiles(name: str, gains: Sequence[Sequence[float]]) -> Quantiles:
    bounds = _bounds(name)
    total = added(gains, len(bounds) + 1)
    return Quantiles(quantile(bounds, total, 0.5), quantile(bounds, total, 0.99))


def _fold_of(name: str) -> Fold:
    return max if name in _WORST or name.rpartition(".")[2] in _WORST else mean
