"""The pace of a peer: PDUs that carry no message are read at a bounded rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

REST = 0.25
"""Seconds without reading, once the PDUs are too many."""
LONGEST_FLOOD = 30.0
"""Seconds of one rest after the other, without any message, that end a session."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The PDUs without a message that a peer may send: a second, at once, and before its bind."""

    rate: float = 100
    burst: float = 200
    before_bind: float = 10


UNLIMITED = Limits(math.inf, math.inf, math.inf)


class Pace:
    """Counts the PDUs of one peer that carry no message; only its session writes the counts."""

    __slots__ = ("_begun", "_early", "_last", "_limits", "_over", "resting", "until")

    def __init__(self, limits: Limits = UNLIMITED) -> None:
        self._limits = limits
        self._early, self._over, self._last, self._begun = 0, 0.0, 0.0, 0.0
        self.resting, self.until = False, 0.0

    def count_early(self) -> bool:
        """Count a PDU before the bind; return whether there were too many."""
        self._early += 1
        return self._early > self._limits.before_bind

    def count(self, now: float) -> bool:
        """Count a PDU of a bound peer; return whether a rest begins."""
        if now > self._last:
            self._over = max(0.0, self._over - (now - self._last) * self._limits.rate)
            self._last = now
        self._over += 1
        if self.resting or self._over <= self._limits.burst:
            return False
        if now > self.until + REST:
            self._begun = now  # of a flood: one rest follows the other
        self.resting, self.until = True, now + REST
        return True

    def is_flood(self, now: float, last_message: float) -> bool:
        """Return whether the peer has sent nothing else for too long."""
        return now - max(self._begun, last_message) >= LONGEST_FLOOD

    def wake(self, now: float) -> bool:
        """End a rest that is over; return whether one was."""
        over = self.resting and self.until <= now
        if over:
            self.resting = False
        return over
