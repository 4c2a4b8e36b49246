"""breaker: after failures in a row a lane lets only probes leave, until a probe succeeds; pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """How many *failures* in a row open a breaker (None: never); its first *pause* in seconds."""

    failures: int | None = 10
    pause: float = 5.0


DEFAULT_BREAKER = BreakerRules()


class Breaker:
    """Closed while the provider answers; open until a time, then half open: a probe may leave.

    Times are monotonic seconds.  `conclusions.adjust` counts answers and failures, and Lanes lets a
    probe leave at once; nobody else changes a breaker.
    """

    __slots__ = ("_failures", "_opened_at", "_pause", "_until", "is_closed", "rules")

    def __init__(self, rules: BreakerRules) -> None:
        self.rules = rules
        self.is_closed = True
        self._failures, self._pause, self._until = 0, rules.pause, 0.0
        self._opened_at = 0.0

    @property
    def failures(self) -> int:
        """How many failures there were in a row."""
        return self._failures

    @property
    def opened_at(self) -> float | None:
        """When the breaker opened, None while it is closed."""
        return None if self.is_closed else self._opened_at

    @property
    def probes_at(self) -> float | None:
        """When the next probe may leave, None while the breaker is closed."""
        return None if self.is_closed else self._until

    def is_open(self, now: float) -> bool:
        """Return whether no request may leave, not even a probe."""
        return not self.is_closed and now < self._until

    def succeeded(self) -> bool:
        """Count an answer of the provider; return whether the answer closed the breaker."""
        self._failures = 0
        if self.is_closed:
            return False
        self.is_closed, self._pause = True, self.rules.pause
        return True

    def probe_now(self) -> None:
        """Let a probe leave at once: the provider may be back."""
        self._until = 0.0

    def failed(self, now: float) -> bool:
        """Count a failure; return whether the failure opened the breaker."""
        self._failures += 1
        if not self.is_closed:
            if now >= self._until:  # of the probe; a request that was out before it changes nothing
                self._pause = min(LONGEST_PAUSE, self._pause * 2)
                self._until = now + self._pause
            return False
        if self.rules.failures is None or self._failures < self.rules.failures:
            return False
        self.is_closed, self._until, self._opened_at = False, now + self._pause, now
        return True
