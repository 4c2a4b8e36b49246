"""One provider's queue: what waits, what is being written down, what may leave, what is out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from smppbridge.model.message import Attempt, Message
from smppbridge.providers.exchange import Provider
from smppbridge.relay.limits import Throughput
from smppbridge.relay.retry import DEFAULT_POLICY, Policy
from smppbridge.text import segments

IN_MEMORY = 20_000  # attempts that wait in memory; the rest waits in the store alone
FEW, MANY = 1_000, 500  # below FEW, up to MANY are read back
_LEAST_AHEAD, _MOST_AHEAD, _COMMIT = 4, 64, 0.004
_MEASURED_EVERY = 0.05
_TURN = 0.1  # seconds: at a rate, as many are begun as leave in two paces


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """Limits of a lane: requests out at a time, segments a second, what outcomes deserve."""

    concurrency: int = 64
    rate: float | None = None
    policy: Policy = DEFAULT_POLICY


class Lane:
    """The state of one lane.  Times are monotonic seconds.

    It begins (writes down) attempts a little ahead of what is out: as many as leave during a
    commit.  That bounds what a crash makes Uncertain.  *depth* counts all that wait, in memory or
    not; *more* says that the store holds some that are due and not in memory.
    """

    def __init__(self, name: str, provider: Provider, rules: LaneRules, now: float) -> None:
        self.name, self.provider = name, provider
        self.depth, self.out, self.more, self.loading = 0, 0, False, False
        self.held: set[int] = set()
        self.paused_until = 0.0
        self._waiting: deque[Attempt] = deque()
        self._ready: deque[Attempt] = deque()
        self._begun = 0  # written down or about to be, not yet out
        self._ahead, self._left, self._since = _MOST_AHEAD, 0, now
        self.change(provider, rules, now)

    def change(self, provider: Provider, rules: LaneRules, now: float) -> None:
        """Go by new settings from now on."""
        self.provider, self.rules = provider, rules
        self._throughput = Throughput(rules.rate, now)

    @property
    def low(self) -> bool:
        """Tell whether there is room in memory for what the store holds."""
        return len(self._waiting) < FEW

    @property
    def idle(self) -> bool:
        """Tell whether nothing is begun or out."""
        return not (self._begun or self.out)

    @property
    def oldest(self) -> float | None:
        """Return when the message that waits longest in memory was accepted (UNIX seconds)."""
        return self._waiting[0].message.accepted_at if self._waiting else None

    def take_now(self, now: float) -> bool:
        """Reserve a place for an attempt that is written down together with its message."""
        if self._waiting or self.more or self.paused_until > now or self._room() <= 0:
            return False
        self._begun += 1
        return True

    def give_back(self, count: int) -> None:
        """Free places that were reserved for nothing."""
        self._begun -= count

    def wait(self, attempts: Sequence[Attempt]) -> None:
        """Put attempts in line that are in the store and due."""
        self.depth += len(attempts)
        if self.more or len(self._waiting) + len(attempts) > IN_MEMORY:
            self.more = True
        else:
            self.load(attempts)

    def load(self, attempts: Sequence[Attempt]) -> None:
        """Put attempts in line that were counted before."""
        self._waiting.extend(attempts)
        self.held.update(a.message.message_id for a in attempts)

    def take(self, now: float, wall: float) -> tuple[list[Attempt], list[Attempt]]:
        """Return the attempts to be written down now, and those whose time has run out."""
        self._measure(now)
        taken: list[Attempt] = []
        expired: list[Attempt] = []
        room = self._room() if self.paused_until <= now else 0
        if self._begun and room < self._ahead // 2:
            return [], []  # some are ready to leave: begin many together rather than one by one
        while room > len(taken) and self._waiting:
            attempt = self._waiting.popleft()
            late = attempt.message.expires_at <= wall
            (expired if late else taken).append(attempt)
        self._begun += len(taken)
        return taken, expired

    def begun(self, attempts: Sequence[Attempt]) -> None:
        """Let attempts leave that are written down."""
        self._ready.extend(attempts)

    def gone(self, attempts: Sequence[Attempt]) -> None:
        """Forget attempts that the store no longer calls WAITING."""
        self.held.difference_update([a.message.message_id for a in attempts])
        self.depth -= len(attempts)

    def returned(self, attempts: Sequence[Attempt]) -> None:
        """Put attempts back to the front that could not be written down."""
        self._begun -= len(attempts)
        self._waiting.extendleft(reversed(attempts))

    def leave(self, now: float) -> list[Attempt]:
        """Return the attempts whose requests may leave now."""
        count = min(self.rules.concurrency - self.out, len(self._ready))
        leaving: list[Attempt] = []
        for _ in range(count):
            if self.rules.rate and not self._throughput.take(
                now, _segments(self._ready[0].message)
            ):
                break
            leaving.append(self._ready.popleft())
        self.out += len(leaving)
        self._begun -= len(leaving)
        self._left += len(leaving)
        return leaving

    def expired(self, wall: float) -> list[Attempt]:
        """Take the attempts in memory whose time has run out."""
        late = [a for a in self._waiting if a.message.expires_at <= wall]
        if late:
            self._waiting = deque(a for a in self._waiting if a.message.expires_at > wall)
        return late

    def pause(self, until: float) -> None:
        """Begin nothing before *until*."""
        self.paused_until = max(self.paused_until, until)

    def _room(self) -> int:
        room = self.rules.concurrency + self._ahead - self._begun - self.out
        if self.rules.rate:  # what waits for its turn must not be called begun
            room = min(room, max(1, int(self.rules.rate * _TURN)) - self._begun)
        return room

    def _measure(self, now: float) -> None:
        elapsed = now - self._since
        if elapsed >= _MEASURED_EVERY:
            ahead = int(self._left / elapsed * _COMMIT)
            self._ahead = max(_LEAST_AHEAD, min(_MOST_AHEAD, ahead))
            self._left, self._since = 0, now


def _segments(message: Message) -> int:
    return segments.count(message.text)[1] if message.text else 1
