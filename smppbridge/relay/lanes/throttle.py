"""throttle: a lane obeys a provider that finds it too fast: it pauses, then leaves slowly; pure.

While a lane pauses nothing leaves.  If the provider refused most of the requests that were out when
the pause began, the lane goes on at half its rate, and grows along a cubic curve, as TCP CUBIC and
adaptive clients of large APIs do: back to the rate that was too fast within seconds, and past it
ever faster.  One refused request among many accepted ones is no sign of a rate, and only pauses.
"""

from __future__ import annotations

from math import inf

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds, if the provider does not say how long
_CUT, _BACK, _FORGOTTEN = 0.5, 5.0, 120.0
_LEAST = 1.0  # requests a second: no rate is found to be less
_BURST = 0.1  # seconds of a rate whose requests may leave together


class LanePace:
    """The rate (requests a second) of a lane that was too fast: *is_slow* for two minutes.

    Times are monotonic seconds.
    """

    __slots__ = ("_at", "_since", "_tokens", "_too_fast", "is_slow")

    def __init__(self) -> None:
        self.is_slow = False
        self._too_fast = inf
        self._since = self._at = self._tokens = 0.0

    def rate(self, now: float) -> float:
        """Return the rate at a time, infinite without a limit."""
        if not self.is_slow or now - self._since > _FORGOTTEN:
            return inf
        grown = (max(0.0, now - self._since) - _BACK) / _BACK
        return self._too_fast * (1 + _CUT * grown**3)

    def cut(self, rate: float, now: float, until: float) -> None:
        """Halve a *rate*, or the limit of *now* if that is less; grow again from *until* on."""
        self._too_fast = max(_LEAST, min(rate, self.rate(now)))
        self._since = self._at = until
        self._tokens, self.is_slow = 1.0, True

    def take(self, now: float) -> bool:
        """Let one request leave; False: not yet."""
        rate = self.rate(now)
        self.is_slow = rate < inf
        if not self.is_slow:
            return True
        elapsed, self._at = max(0.0, now - self._at), max(now, self._at)
        self._tokens = min(max(1.0, rate * _BURST), self._tokens + elapsed * rate)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class LaneThrottle:
    """The pauses that a provider asks a lane for, and the requests that it refused in the last one.

    *in_row* counts pauses since the provider accepted a message, *reason* is that of the last one.
    Times are monotonic seconds.  `conclusions.adjust` alone changes the throttle and the pace of a
    lane, but that a lane takes from its pace.
    """

    __slots__ = ("_began", "_judged", "_out", "_refused", "in_row", "reason")

    def __init__(self) -> None:
        self.in_row, self.reason = 0, ""
        self._began = -inf
        self._out = self._refused = 0
        self._judged = True

    def left_before(self, left_at: float) -> bool:
        """Return whether a request that left at *left_at* was out when the last pause began."""
        return left_at <= self._began

    def begin(self, reason: str, *, out: int, now: float) -> None:
        """Begin a pause, while *out* requests are out or just answered."""
        self._began, self._out, self._refused, self._judged = now, out, 0, False
        self.in_row, self.reason = self.in_row + 1, reason

    def until(self, after: float | None) -> float:
        """Return when the pause ends by a refusal: counted from the beginning of the pause."""
        doubled = FIRST_PAUSE * 2.0 ** min(self.in_row - 1, 16)
        return self._began + (after or min(LONGEST_PAUSE, doubled))

    def is_rate(self) -> bool:
        """Count a refused request; True once a pause, when most of those out were refused."""
        self._refused += 1
        if self._judged or self._refused * 2 < self._out:
            return False
        self._judged = True
        return True
