"""spending: how long a provider's credit lasts, by the spending of the last day; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

DAY = 86_400.0
_SHORTEST = 3_600.0  # an hour: what less of it says of a day is chance
_APART = 300.0


class Spending:
    """The balances of the last day, by provider, 150 s apart or more: at most 580 of each.

    Only Rounds writes the balances.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, float]]] = {}

    def add(self, name: str, amount: float, now: float) -> None:
        """Add a balance received at *now*, in seconds of a clock that never goes back."""
        seen = self._seen.setdefault(name, deque())
        if len(seen) > 1 and now - seen[-2][0] < _APART:
            seen.pop()
        seen.append((now, amount))
        while seen[0][0] < now - DAY:
            seen.popleft()

    def last_at(self, name: str) -> float | None:
        """Return when a provider's balance was received last, None if none was."""
        seen = self._seen.get(name)
        return seen[-1][0] if seen else None

    def keep(self, names: Iterable[str]) -> None:
        """Forget the balances of all providers but *names*."""
        self._seen = {name: self._seen[name] for name in names if name in self._seen}

    def days(self) -> dict[str, float]:
        """Return the days that each provider's credit lasts; a rise is a top-up and not counted.

        A provider that was asked for less than an hour, or spent nothing, is left out.
        """
        found = {}
        for name, seen in self._seen.items():
            span = seen[-1][0] - seen[0][0]
            spent = sum(max(0.0, before - after) for (_, before), (_, after) in pairwise(seen))
            if span >= _SHORTEST and spent > 0:
                found[name] = max(0.0, seen[-1][1]) / (spent / span * DAY)
        return found
