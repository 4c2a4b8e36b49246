"""One provider's lane: attempts wait, are recorded as begun, leave, and are out until answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from smppbridge.model.message import Attempt, Message
from smppbridge.providers.exchange import Exchange, NotSent, Provider
from smppbridge.relay.lanes.addressing import AS_IT_IS, Addressing, NotAddressable
from smppbridge.relay.lanes.batch import Batch, Load, attempts_of, message_id_of, segments_of
from smppbridge.relay.lanes.breaker import DEFAULT_BREAKER, Breaker, BreakerRules
from smppbridge.relay.lanes.limits import Concurrency, Throughput
from smppbridge.relay.lanes.queue import Line, Queue
from smppbridge.relay.lanes.retry import DEFAULT_POLICY, Policy
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.store.port import Waiting

IN_MEMORY = 20_000  # attempts that wait in memory; the rest waits in the store alone
FEW, MANY = 1_000, 500  # of one line: below FEW, up to MANY are read back
_LEAST_AHEAD, _MOST_AHEAD, _COMMIT = 4, 64, 0.004
_MEASURED_EVERY = 0.05
_TURN = 0.1  # seconds: at a rate, as many are begun as leave in two paces


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """Limits of a lane: requests out at a time, segments a second, what outcomes deserve.

    *failover_after* (seconds) is how long it may be closed to messages that have another provider.
    """

    concurrency: int = 64
    rate: float | None = None
    policy: Policy = DEFAULT_POLICY
    breaker: BreakerRules = DEFAULT_BREAKER
    addressing: Addressing = AS_IT_IS
    failover_after: float = 60.0


class Lane:
    """The state of one lane.  Times are monotonic seconds.

    A lane begins attempts (records that they leave) a little ahead of the requests that are out:
    as many as leave during a commit.  That bounds the attempts that a crash makes Uncertain.
    *depth* counts all attempts that wait, in memory or not; *begun* and *out* count requests.
    Submit alone changes a lane, but for three words: `Lanes` reserves places (`take_now`) and
    withdraws attempts of ended messages, `Rounds` writes *is_low*, a bound upstream probes.
    """

    def __init__(self, name: str, provider: Provider, rules: LaneRules, now: float) -> None:
        self.name = name
        self.depth, self.out, self.loading = 0, 0, False
        self.paused_until = 0.0
        self.is_low = False  # on credit
        self.refusing = ""  # why it takes nothing, as it was told
        self.queue = Queue()
        self.repeating: set[str] = set()  # names of batches that are out once more
        self.concurrency = Concurrency(rules.concurrency)
        self.breaker = Breaker(rules.breaker)
        self._ready: deque[Load] = deque()
        self._overflowing = 0  # lines
        self._begun = 0  # written down or about to be, not yet out
        self._ahead, self._left, self._since = _MOST_AHEAD, 0, now
        self.change(provider, rules, now)

    def change(self, provider: Provider, rules: LaneRules, now: float) -> None:
        """Go by new settings from now on."""
        self.provider, self.rules = provider, rules
        self.keyed = provider.abilities.keyed
        self.most = provider.abilities.batch
        if rules.rate:
            self.most = max(1, min(self.most, int(rules.rate)))
        self._as_it_is = rules.addressing == AS_IT_IS
        self.queue.regroup(self._group_of if self.keyed else None)
        self.concurrency.change(rules.concurrency)
        if self.breaker.rules != rules.breaker:
            self.breaker = Breaker(rules.breaker)
        self._throughput = Throughput(rules.rate, now)

    @property
    def idle(self) -> bool:
        """Tell whether nothing is begun or out."""
        return not (self._begun or self.out)

    @property
    def overflows(self) -> bool:
        """Tell whether the store holds some that are due and not in memory."""
        return self._overflowing > 0

    @property
    def oldest(self) -> float | None:
        """Return when the message that waits longest in memory was accepted (UNIX seconds)."""
        return self.queue.oldest()

    def is_shut(self, now: float) -> bool:
        """Tell whether messages that can should take another provider."""
        if self.breaker.is_closed:
            return self.is_low or self.paused_until > now + self.rules.failover_after
        return self.breaker.is_open(now) or not self.idle  # but for the probe

    def addressed(self, message: Message) -> Message:
        """Return a message as this provider is to get it; raises NotAddressable."""
        short = len(message.source.addr) <= ANY_SENDER.longest
        if self._as_it_is and short and not message.traits.sender:
            return message
        return self.rules.addressing.apply(message)

    def exchange(self, load: Load) -> Exchange[Any]:
        """Return the exchange that hands over what one request carries.

        Raises NotAddressable, and NotSent for what cannot go any more as it was begun.
        """
        if type(load) is Attempt:
            return self.provider.submit(self.addressed(load.message))
        if type(load) is Batch and self.keyed:
            messages = [self.addressed(attempt.message) for attempt in load.attempts]
            return self.provider.submit_batch(messages, load.key)
        attempts = attempts_of(load)
        if len(attempts) > 1 or (type(load) is Batch and load.repeated):
            raise NotSent("its provider takes no batches any more")
        return self.provider.submit(self.addressed(attempts[0].message))

    # -- waiting --------------------------------------------------------------------------------

    def restore(self, found: Waiting) -> None:
        """Count what the store held."""
        line = self.queue.line_of(found.system_id, found.priority)
        line.depth = found.messages
        self.depth += found.messages
        self.overflow(line, True)

    def wait(self, attempts: Sequence[Attempt]) -> None:
        """Put attempts in line that are in the store and due."""
        queue, line = self.queue, None
        for attempt in attempts:
            if line is None or not line.is_of(attempt.message):
                line = queue.line(attempt)
            line.depth += 1
            if line.more or (queue.waiting >= IN_MEMORY and line.waiting >= FEW):
                self.overflow(line, True)
            else:
                queue.put(line, attempt)
                line.held.add(attempt.message.message_id)
        self.depth += len(attempts)

    def overflow(self, line: Line, more: bool) -> None:
        """Note whether the store holds *more* of a line that is due and not in memory."""
        self._overflowing += more - line.more
        line.more = more

    def later(self, attempt: Attempt) -> None:
        """Count an attempt that is in the store and not due yet."""
        self.queue.line(attempt).depth += 1
        self.depth += 1

    def hungry(self) -> list[Line]:
        """Return the lines that may have more in the store than in memory, and have room."""
        return [
            line
            for line in self.queue.lines.values()
            if line.waiting < FEW and line.depth > len(line.held)
        ]

    def load(self, line: Line, attempts: Sequence[Attempt]) -> None:
        """Put attempts in line that were counted before."""
        for attempt in attempts:
            if attempt.message.message_id not in line.held:
                self.queue.put(line, attempt)
                line.held.add(attempt.message.message_id)

    def expired(self, wall: float) -> list[Attempt]:
        """Take the attempts in memory whose time has run out."""
        return self.queue.remove(lambda attempt: attempt.message.expires_at <= wall)

    def hold(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Hold attempts read back for another purpose; return those that were not held yet."""
        fresh: list[Attempt] = []
        for attempt in attempts:
            held = self.queue.line(attempt).held
            if attempt.message.message_id not in held:
                held.add(attempt.message.message_id)
                fresh.append(attempt)
        return fresh

    def withdraw(self, attempt: Attempt) -> bool:
        """Take an attempt out of line and hold it; False: it is being begun, moved or expired."""
        message_id = attempt.message.message_id
        waited = self.queue.remove(lambda a: a.message.message_id == message_id)
        return bool(waited or self.hold([attempt]))

    def gone(self, attempts: Sequence[Attempt]) -> None:
        """Forget attempts that the store no longer calls WAITING, or not here."""
        line = None
        for attempt in attempts:
            if line is None or not line.is_of(attempt.message):
                line = self.queue.line(attempt)
            line.held.discard(attempt.message.message_id)
            line.depth -= 1
            if line.more and line.depth <= len(line.held):
                self.overflow(line, False)
        self.depth -= len(attempts)

    def let_go(self, attempts: Sequence[Attempt]) -> None:
        """Leave attempts to the store, to be read back."""
        for attempt in attempts:
            self.queue.line(attempt).held.discard(attempt.message.message_id)

    # -- beginning and leaving ------------------------------------------------------------------

    def take_now(self, now: float) -> bool:
        """Reserve a place for an attempt that is written down together with its message."""
        if (
            self.keyed
            or self.queue.waiting
            or self._overflowing
            or not self._may_begin(now)
            or self._room() <= 0
        ):
            return False
        self._begun += 1
        return True

    def give_back(self, count: int) -> None:
        """Free places that were reserved for nothing."""
        self._begun -= count

    def take(
        self, now: float, wall: float, new_key: Callable[[], str]
    ) -> tuple[list[Load], list[Attempt]]:
        """Return what is to be written down now, and the attempts whose time has run out."""
        self._measure(now)
        loads: list[Load] = []
        expired: list[Attempt] = []
        room = self._room() if self._may_begin(now) else 0
        if self._begun and room < self._ahead // 2:
            return [], []  # some are ready to leave: begin many together rather than one by one
        if self.keyed:
            loads = self._batches(room, wall, new_key, expired)
        else:
            for attempt in self.queue.take_each(room):
                (loads if attempt.message.expires_at > wall else expired).append(attempt)
        self._begun += len(loads)
        return loads, expired

    def _batches(
        self, room: int, wall: float, new_key: Callable[[], str], expired: list[Attempt]
    ) -> list[Load]:
        most = self.most if self.breaker.is_closed else 1
        loads: list[Load] = []
        while room > len(loads) and (taken := self.queue.take(most)):
            live: list[Attempt] = []
            for attempt in taken:
                (live if attempt.message.expires_at > wall else expired).append(attempt)
            if live:  # in the order in which a repetition reads them back
                loads.append(Batch(new_key(), sorted(live, key=message_id_of)))
        return loads

    def begun(self, loads: Sequence[Load]) -> None:
        """Let requests leave that are written down."""
        self._ready.extend(loads)

    def may_repeat(self, now: float) -> int:
        """Return how many requests may be made once more now: one if it is the probe."""
        if not self._may_begin(now):
            return 0
        if not self.breaker.is_closed:
            return 1
        most = min(self.concurrency.limit, int(self.rules.rate or self.concurrency.limit))
        return max(1, most) - sum(type(one) is Batch and one.repeated for one in self._ready)

    def repeat(self, batches: Sequence[Batch]) -> None:
        """Let requests leave once more."""
        self._begun += len(batches)
        self._ready.extend(batches)

    def leave(self, now: float) -> list[Load]:
        """Return what may leave now."""
        count = min(self.concurrency.limit - self.out, len(self._ready))
        leaving: list[Load] = []
        for _ in range(count):
            if self.rules.rate and not self._throughput.take(now, segments_of(self._ready[0])):
                break
            leaving.append(self._ready.popleft())
        self.out += len(leaving)
        self._begun -= len(leaving)
        self._left += len(leaving)
        return leaving

    def pause(self, until: float) -> None:
        """Begin nothing before *until*."""
        self.paused_until = max(self.paused_until, until)

    def _may_begin(self, now: float) -> bool:
        if self.paused_until > now:
            return False
        return self.breaker.is_closed or (self.idle and not self.breaker.is_open(now))

    def _room(self) -> int:
        if not self.breaker.is_closed:
            return 1  # the probe
        ahead = 1 if self.keyed else self._ahead  # what is begun cannot join a batch any more
        room = self.concurrency.limit + ahead - self._begun - self.out
        if self.rules.rate:  # what waits for its turn must not be called begun
            room = min(room, max(1, int(self.rules.rate * _TURN)) - self._begun)
        return room

    def _measure(self, now: float) -> None:
        elapsed = now - self._since
        if elapsed >= _MEASURED_EVERY:
            ahead = int(self._left / elapsed * _COMMIT)
            self._ahead = max(_LEAST_AHEAD, min(_MOST_AHEAD, ahead))
            self._left, self._since = 0, now

    def _group_of(self, attempt: Attempt) -> Hashable:
        message = attempt.message
        try:
            ours = self.addressed(message)
        except NotAddressable:
            return message.message_id  # it is refused alone
        if ours.number == message.number:
            return self.provider.group_of(ours)
        # without its country a number may be two phones': these must not share a request
        country = message.number.removesuffix(ours.number.lstrip("+0"))
        return country, self.provider.group_of(ours)
