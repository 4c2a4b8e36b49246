"""The pace of a peer: PDUs that neither carry nor name a message are read at a bounded rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

REST = 0.25
"""Seconds for which a session does not read, once PDUs without a message are too many."""
LONGEST_FLOOD = 30.0
"""Seconds of rests that follow each other, without any message, that end a session."""


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """The PDUs without a message that a peer may send.

    *rate* is how many a second in the long run, *burst* how many at once on top of that;
    *before_bind* how many in all until the session is bound.
    """

    rate: float = 100
    burst: float = 200
    before_bind: float = 10


UNLIMITED = PaceLimits(math.inf, math.inf, math.inf)


class Pace:
    """Counts the PDUs of one peer that carry no message; only the session's `Life` calls a Pace.

    The count of a bound peer is a bucket that leaks at the rate. Once the bucket is fuller than the
    burst, the session rests: *resting* is set, and the rest is over at *rest_ends*.
    Rests with less than REST between them are one flood.
    """

    __slots__ = (
        "_before_bind",
        "_counted_at",
        "_flood_since",
        "_in_bucket",
        "_limits",
        "rest_ends",
        "resting",
    )

    def __init__(self, limits: PaceLimits = UNLIMITED) -> None:
        self._limits = limits
        self._before_bind = 0  # PDUs counted before the bind
        self._in_bucket, self._counted_at = 0.0, 0.0
        self._flood_since = 0.0
        self.resting, self.rest_ends = False, 0.0

    def count_early(self) -> bool:
        """Count a PDU before the bind; return whether there were too many."""
        self._before_bind += 1
        return self._before_bind > self._limits.before_bind

    def count(self, now: float) -> bool:
        """Count a PDU of a bound peer; return whether a rest begins with this PDU."""
        if now > self._counted_at:
            leaked = (now - self._counted_at) * self._limits.rate
            self._in_bucket = max(0.0, self._in_bucket - leaked)
            self._counted_at = now
        self._in_bucket += 1
        if self.resting or self._in_bucket <= self._limits.burst:
            return False
        if now > self.rest_ends + REST:
            self._flood_since = now
        self.resting, self.rest_ends = True, now + REST
        return True

    def is_flood(self, now: float, last_message: float) -> bool:
        """Return whether the flood, in which a rest begins just now, has lasted for too long.

        A flood counts from its first rest, or from *last_message*, when the last message passed.
        """
        return now - max(self._flood_since, last_message) >= LONGEST_FLOOD

    def wake(self, now: float) -> bool:
        """End the rest if its time is over; return whether a rest ended."""
        over = self.resting and self.rest_ends <= now
        if over:
            self.resting = False
        return over
