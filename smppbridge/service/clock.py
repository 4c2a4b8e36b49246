"""clock: the time of a bridge, which no change of the machine's clock stands still."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

LEAST_STEP = 1.0
"""Seconds by which the machine's clock has to be set to be noticed; corrections are smaller."""
SLOWNESS = 0.5
"""Seconds that `wall` stays behind in a second while `wall` waits for a clock that was set back."""


class SystemClock:
    """The time of a bridge.  *monotonic* runs on whatever happens; *wall* is UNIX seconds.

    A clock of the machine that is set forward is followed at once: deadlines have passed.  A clock
    that is set back is not: retries, polls and receipts would wait for as long as the clock was
    set back.  `wall` runs at half its speed then, until the machine's clock has caught up.

    Only `look` writes *wall*, which is the machine's own function nearly always, and the *lead* of
    `wall` over the machine's clock.
    """

    def __init__(
        self,
        machine: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wall = machine
        self.monotonic = monotonic
        self._machine = machine
        self._lead = 0.0
        self._looked, self._shown = monotonic(), machine()

    @property
    def lead(self) -> float:
        """Seconds that `wall` is ahead of the machine's clock."""
        return self._lead

    def look(self) -> float:
        """Compare both clocks; return by how many seconds the machine's clock was set (0: not).

        To be called often: a step is noticed here only.
        """
        now, shown = self.monotonic(), self._machine()
        passed = now - self._looked
        step = shown - self._shown - passed
        self._looked, self._shown = now, shown
        lead = max(0.0, self._lead - passed * SLOWNESS)
        if abs(step) < LEAST_STEP:
            step = 0.0
        self._lead = max(0.0, lead - step)
        self.wall = self._ahead if self._lead else self._machine
        return step

    def _ahead(self) -> float:
        passed = self.monotonic() - self._looked
        return self._machine() + max(0.0, self._lead - passed * SLOWNESS)


def never_stepping(reactor: Any) -> Any:
    """Return *reactor*, whose timers go by monotonic time from now on: no timer may exist yet.

    Twisted's reactors go by time.time: a clock set back by an hour stops all timers for an hour.
    """
    reactor.seconds = time.monotonic
    return reactor
