"""limits: tokens a second, and requests out at a time; pure."""

from __future__ import annotations

from math import inf


class Throughput:
    """A token bucket of *rate* tokens a second that holds one second's worth, at least one.

    A burst within the second is fine; *rate* None is no limit, 0 lets nothing pass.  Times are
    monotonic seconds.  Only the owner of a bucket takes tokens: an account's Rights, a Lane,
    Overdue.
    """

    __slots__ = ("_at", "_most", "_tokens", "rate")

    def __init__(self, rate: float | None, now: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate or 0.0)
        self._tokens, self._at = self._most, now

    def change(self, rate: float | None, now: float) -> None:
        """Go by another rate; the tokens in the bucket stay, as far as the new bucket holds them.

        A bucket without a rate has none: whoever joins with a part of a limit begins without any.
        """
        if self.rate:
            self._fill(now)
        elif self.rate is not None:
            self._tokens = 0.0
        self.rate, self._at = rate, now
        self._most = max(1.0, rate or 0.0)
        self._tokens = min(self._tokens, self._most)

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Take tokens out of the bucket; False: the bucket holds too few.

        A full bucket lends the tokens that are missing, so that a long message passes a low rate.
        """
        if not self.rate:
            return self.rate is None
        self._fill(now)
        if self._tokens < min(tokens, self._most):
            return False
        self._tokens -= tokens
        return True

    def wait(self, now: float) -> float:
        """Return the seconds until the bucket holds a token."""
        if not self.rate:
            return 0.0 if self.rate is None else 1.0
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + (now - self._at) * (self.rate or 0.0))
        self._at = now


class MeasuredThroughput(Throughput):
    """A token bucket that counts the tokens that were asked for, granted or not.

    *asked* is set to 0 by whoever measures.
    """

    __slots__ = ("asked",)

    def __init__(self, rate: float | None, now: float) -> None:
        super().__init__(rate, now)
        self.asked = 0.0

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Count tokens, and take them out of the bucket as Throughput does."""
        self.asked += tokens
        return super().take(now, tokens)


class Concurrency:
    """A limit of requests that may be out at a time: at most *most*.

    The limit begins with START, grows by 1 a round while answers take no longer than they did at
    best, and shrinks when the provider throttles or does not answer in time.  `conclusions.adjust`
    counts answers and time-outs, Lane changes *most*, Lanes *part*; all others only read *limit*.
    """

    START = 64
    _SHRINK, _HOLDS, _SLACK = 0.7, 2.0, 0.010
    _SMOOTH, _FORGET = 0.2, 1.01

    __slots__ = ("_best", "_cut_at", "_latency", "_limit", "limit", "most", "part")

    def __init__(self, most: int) -> None:
        self.most, self.part = most, inf
        self._set(float(min(most, self.START)))
        self._latency = self._best = 0.0
        self._cut_at = float("-inf")

    def change(self, most: int) -> None:
        """Go by another maximum of the limit."""
        self.most = most
        self._set(min(self._limit, float(most)))

    def confine(self, part: int) -> None:
        """Let no more than *part* requests be out, whatever is learned: others have the rest."""
        self.part = float(part)
        self._set(self._limit)

    def answered(self, count: int, seconds: float, out: int) -> None:
        """Count *count* answers that took *seconds* each, while *out* requests were out."""
        seconds = max(0.0, seconds)  # the clock may have been set back
        self._latency += (seconds - self._latency) * (self._SMOOTH if self._latency else 1.0)
        self._best = min(self._latency, self._best * self._FORGET) or self._latency
        holds = self._latency <= self._best * self._HOLDS + self._SLACK
        if holds and self._limit < self.most and out >= self._limit // 2:
            self._set(min(float(self.most), self._limit + count / self._limit))

    def suffered(self, now: float) -> None:
        """Shrink the limit, once a round trip, for throttling or a time-out at *now*."""
        if now - self._cut_at > self._latency:
            self._set(max(1.0, self._limit * self._SHRINK))
            self._cut_at = now

    def _set(self, limit: float) -> None:
        self._limit, self.limit = limit, int(min(limit, self.part))
