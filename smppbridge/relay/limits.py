"""How much of anything in how much time."""

from __future__ import annotations


class Throughput:
    """A token bucket of *rate* tokens a second that holds one second's worth, at least one.

    A burst within the second is fine; *rate* None is no limit.  Times are monotonic seconds.
    """

    __slots__ = ("_at", "_most", "_tokens", "rate")

    def __init__(self, rate: float | None, now: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate or 0.0)
        self._tokens, self._at = self._most, now

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Take tokens if they are there.

        A full bucket lends what it does not hold: a long message passes a low rate.
        """
        if self.rate is None:
            return True
        self._fill(now)
        if self._tokens < min(tokens, self._most):
            return False
        self._tokens -= tokens
        return True

    def wait(self, now: float) -> float:
        """Return the seconds until one token is there."""
        if self.rate is None:
            return 0.0
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + (now - self._at) * (self.rate or 0.0))
        self._at = now
