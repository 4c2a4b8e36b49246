"""A lane's breaker: after failures in a row only a probe goes now and then, until one succeeds."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """How many *failures* in a row open it (None: it never opens), and its first *pause*."""

    failures: int | None = 10
    pause: float = 5.0


DEFAULT_BREAKER = BreakerRules()


class Breaker:
    """Closed while all is well; open until a time, then half open.  Times are monotonic seconds."""

    __slots__ = ("_failures", "_pause", "_until", "is_closed", "rules")

    def __init__(self, rules: BreakerRules) -> None:
        self.rules = rules
        self.is_closed = True
        self._failures, self._pause, self._until = 0, rules.pause, 0.0

    def is_open(self, now: float) -> bool:
        """Tell whether nothing may go at all."""
        return not self.is_closed and now < self._until

    def succeeded(self) -> bool:
        """Note that the provider answered; tell whether that closed it."""
        self._failures = 0
        if self.is_closed:
            return False
        self.is_closed, self._pause = True, self.rules.pause
        return True

    def probe_now(self) -> None:
        """Let a probe go at once: there is reason to hope."""
        self._until = 0.0

    def failed(self, now: float) -> bool:
        """Note a failure; tell whether that opened it."""
        self._failures += 1
        if not self.is_closed:
            if now >= self._until:  # the probe; what was out before it changes nothing
                self._pause = min(LONGEST_PAUSE, self._pause * 2)
                self._until = now + self._pause
            return False
        if self.rules.failures is None or self._failures < self.rules.failures:
            return False
        self.is_closed, self._until = False, now + self._pause
        return True
