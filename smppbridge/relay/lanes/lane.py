"""lane: attempts of one provider wait, are recorded as begun, leave, are out until answered."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from smppbridge.model.message import Attempt, Message
from smppbridge.providers.exchange import Exchange, NotSent, Provider
from smppbridge.relay.lanes import batch, quiet
from smppbridge.relay.lanes.addressing import AS_IT_IS, Addressing
from smppbridge.relay.lanes.batch import Batch, Load, attempts_of, is_repeated
from smppbridge.relay.lanes.breaker import DEFAULT_BREAKER, Breaker, BreakerRules
from smppbridge.relay.lanes.errors import lane_errors
from smppbridge.relay.lanes.limits import Concurrency, Throughput
from smppbridge.relay.lanes.queue import Line, Queue
from smppbridge.relay.lanes.retry import DEFAULT_POLICY, Policy
from smppbridge.relay.lanes.throttle import LanePace, LaneThrottle
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.store.port import Waiting

IN_MEMORY = 20_000  # attempts that wait in memory; the others wait in the store alone
FEW, MANY = 1_000, 500  # of one line: below FEW, up to MANY are read back
_LEAST_AHEAD, _MOST_AHEAD, _COMMIT = 4, 64, 0.008
_MEASURED_EVERY, _SECOND = 0.05, 1.0
_TURN = 0.1  # seconds: at a rate, as many are begun as leave in two paces


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """Limits of a lane: requests out at a time, segments a second; the rules of its parts.

    A lane that pauses longer than *failover_after* (seconds) is shut to messages with another
    provider on their route.
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
    as many as leave during a commit.  That bounds the attempts that a crash makes Uncertain.  While
    a lane pauses nothing leaves, and the attempts begun ahead wait in line again (`recall`).
    *depth* counts all attempts that wait, in memory or not; *ready* holds the requests that are
    begun, *out* counts those that are unanswered.
    Only Submit and its Backlog change a lane (*out* and *repeating* are Submit's, *loading* is
    Backlog's, `conclusions.adjust` writes *refusing* and *errors*), with three exceptions: Lanes
    changes rules and *has_part*, reserves places, writes *watched*, withdraws attempts of messages
    that end, lets a probe leave, holds lanes; Rounds records low credit; `service` restores first.
    """

    def __init__(self, name: str, provider: Provider, rules: LaneRules, now: float) -> None:
        self.name, self.depth, self.out, self.loading = name, 0, 0, False
        self.paused_until = self._begins_at = 0.0
        self.throttle, self.pace, self.queue = LaneThrottle(), LanePace(), Queue()
        self.is_low = False  # on credit
        self.held = False  # by a person, until a person lets the lane go on
        self.refusing = ""  # the provider's reason for refusing every message
        self.repeating: set[str] = set()  # names of repeated batches that are ready or out
        self.concurrency, self.breaker = Concurrency(rules.concurrency), Breaker(rules.breaker)
        self.ready, self.errors = deque[Load](), lane_errors()
        self.watched = False  # whether messages of the lane have quiet hours
        self.overflowing = 0  # lines that have due attempts in the store and not in memory
        self._begun, self.has_part = 0, True  # requests begun, not yet out; of limits shared by all
        self._ahead, self._left, self._since, self._rate = _MOST_AHEAD, 0, now, 0.0
        self.change(provider, rules, now)

    def change(self, provider: Provider, rules: LaneRules, now: float) -> None:
        """Go by new settings from now on."""
        self.provider, self.rules = provider, rules
        self.keyed = provider.abilities.keyed
        self.most = provider.abilities.batch
        if rules.rate:
            self.most = max(1, min(self.most, int(rules.rate)))
        self._as_it_is = rules.addressing == AS_IT_IS
        group = partial(batch.group_of, provider, self.addressed)
        self.queue.regroup(group if self.keyed else None)
        self.concurrency.change(rules.concurrency)
        if self.breaker.rules != rules.breaker:
            self.breaker = Breaker(rules.breaker)
        self.throughput = Throughput(rules.rate, now) if rules.rate else None

    @property
    def idle(self) -> bool:
        """Return whether no request is begun or out."""
        return not (self._begun or self.out)

    def speed(self, now: float) -> float:
        """Return how many requests leave a second, measured a moment ago or by now."""
        return max(self._rate, self._left / max(now - self._since, _MEASURED_EVERY))

    @property
    def oldest(self) -> float | None:
        """Return when the message that waits longest in memory was accepted (UNIX seconds)."""
        return self.queue.oldest()

    def is_shut(self, now: float) -> bool:
        """Return whether messages with another provider on their route should go there."""
        if self.held or self.breaker.is_closed:
            pauses = self.paused_until > now + self.rules.failover_after
            return self.held or self.is_low or pauses
        return self.breaker.is_open(now) or not self.idle  # but for the probe

    def watch_credit(self, *, is_low: bool) -> bool:
        """Record whether credit is low; return whether this changed."""
        was_low, self.is_low = self.is_low, is_low
        return is_low != was_low

    def addressed(self, message: Message) -> Message:
        """Return a message as this provider wants it; raises NotAddressable."""
        short, traits = len(message.source.addr) <= ANY_SENDER.longest, message.traits
        if self._as_it_is and short and not (traits.sender or traits.transliterate):
            return message
        return self.rules.addressing.apply(message)

    def exchange(self, load: Load) -> Exchange[Any]:
        """Return the exchange that submits the attempts of a request.

        Raises NotAddressable, and NotSent if the request cannot leave any more as it was begun.
        """
        if type(load) is Attempt:
            return self.provider.submit(self.addressed(load.message))
        if type(load) is Batch and self.keyed:
            messages = [self.addressed(attempt.message) for attempt in load.attempts]
            return self.provider.submit_batch(messages, load.key)
        attempts = attempts_of(load)
        if len(attempts) > 1 or is_repeated(load):
            raise NotSent("its provider takes no batches any more")
        return self.provider.submit(self.addressed(attempts[0].message))

    # -- waiting --------------------------------------------------------------------------------

    def restore(self, found: Waiting) -> None:
        """Count the attempts of a line that wait in the store."""
        line = self.queue.line_of(found.system_id, found.priority)
        line.depth += found.messages
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
        """Record whether the store holds *more* due attempts of a line that are not in memory."""
        self.overflowing += more - line.more
        line.more = more

    def later(self, attempt: Attempt) -> None:
        """Count an attempt that is in the store and not due yet."""
        self.queue.line(attempt).depth += 1
        self.depth += 1

    def hungry(self) -> list[Line]:
        """Return the lines with room that may have more attempts in the store than in memory."""
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
        """Take attempts out of line whose messages have expired."""
        return self.queue.remove(lambda attempt: attempt.message.expires_at <= wall)

    def hold(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Hold attempts that were read back, out of line; return those not held before."""
        fresh: list[Attempt] = []
        for attempt in attempts:
            held = self.queue.line(attempt).held
            if attempt.message.message_id not in held:
                held.add(attempt.message.message_id)
                fresh.append(attempt)
        return fresh

    def withdraw(self, attempt: Attempt) -> bool:
        """Take an attempt out of line and hold it; False if it is begun, moved or expired."""
        return bool(self.hold([attempt])) or self.queue.withdraw(attempt)

    def gone(self, attempts: Sequence[Attempt]) -> None:
        """Forget attempts that no longer wait in this lane, by the store."""
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
        """Reserve a place for an attempt that is recorded as begun together with its message."""
        waits = self.keyed or self.queue.waiting or self.overflowing
        if waits or not self._may_begin(now) or self._room(now) <= 0:
            return False
        self._begun += 1
        return True

    def give_back(self, count: int) -> None:
        """Free reserved places that no request takes."""
        self._begun -= count

    def take(
        self, now: float, wall: float, new_key: Callable[[], str]
    ) -> tuple[list[Load], list[Attempt]]:
        """Return requests to be recorded as begun now, and attempts that expired or are held."""
        room = self._room(now) if self._may_begin(now) else 0
        if self._begun and room < self._ahead // 2:
            return [], []  # requests are ready to leave: begin many together rather than each alone
        if self.keyed:
            loads, others = self._batches(room, wall, new_key)
        else:
            live, others, watched = quiet.sort(self.queue.take_each(room), wall)
            loads, self.watched = [*live], self.watched or watched
        self._begun += len(loads)
        return loads, others

    def _batches(
        self, room: int, wall: float, new_key: Callable[[], str]
    ) -> tuple[list[Load], list[Attempt]]:
        most = self.most if self.breaker.is_closed else 1
        loads, others = list[Load](), list[Attempt]()
        while room > len(loads) and (taken := self.queue.take(most)):
            live, left, watched = quiet.sort(taken, wall)
            others, self.watched = others + left, self.watched or watched
            if live:  # in the order in which a repetition reads them back
                loads.append(Batch(new_key(), sorted(live, key=batch.message_id_of)))
        return loads, others

    def begun(self, loads: Sequence[Load]) -> None:
        """Let requests leave that are recorded as begun."""
        self.ready.extend(loads)

    def may_repeat(self, now: float) -> int:
        """Return how many requests may be repeated now: one if the breaker is open, the probe."""
        if not self._may_begin(now):
            return 0
        if not self.breaker.is_closed:
            return 1
        most = min(self.concurrency.limit, int(self.rules.rate or self.concurrency.limit))
        return max(1, most) - sum(map(is_repeated, self.ready))

    def repeat(self, batches: Sequence[Batch]) -> None:
        """Let batches leave again."""
        self._begun += len(batches)
        self.ready.extend(batches)

    def leave(self, now: float) -> list[Load]:
        """Return the requests that leave now."""
        count = min(self.concurrency.limit - self.out, len(self.ready))
        if self.held or self.paused_until > now or not (self.breaker.is_closed and self.has_part):
            count = min(count, int(self._may_leave(now)))
        leaving: list[Load] = []
        text_of, is_slow, rate = self.rules.addressing.text_of, self.pace.is_slow, self.throughput
        for _ in range(count):
            if is_slow and not self.pace.take(now):
                break
            if rate and not rate.take(now, batch.segments_of(self.ready[0], text_of)):
                break
            load = self.ready.popleft()
            load.left_at = now
            leaving.append(load)
        self.out += len(leaving)
        self._begun -= len(leaving)
        self._left += len(leaving)
        self._measure(now)
        return leaving

    def recall(self, now: float) -> list[Load]:
        """Take begun requests back that may not leave now; a repeated request stays begun."""
        if self._may_leave(now):
            return []
        back = [load for load in self.ready if not is_repeated(load)]
        self.ready = deque(load for load in self.ready if is_repeated(load))
        return back

    def pause(self, until: float) -> None:
        """Let nothing begin or leave before *until*."""
        self.paused_until = max(self.paused_until, until)
        self.begin_after(until)

    def begin_after(self, until: float) -> None:
        """Begin no attempt before *until*; begun requests may leave."""
        self._begins_at = max(self._begins_at, until)

    def keep(self, count: int) -> None:
        """Count requests as begun again that `leave` returned and that do not leave."""
        self.out, self._begun = self.out - count, self._begun + count

    def _may_leave(self, now: float) -> bool:
        if self.held or self.paused_until > now or not self.has_part:
            return False
        return self.breaker.is_closed or not (self.out or self.breaker.is_open(now))

    def _may_begin(self, now: float) -> bool:
        if self.held or self._begins_at > now or not self.has_part:
            return False
        return self.breaker.is_closed or (self.idle and not self.breaker.is_open(now))

    def _room(self, now: float) -> int:
        if not self.breaker.is_closed:
            return 1  # the probe
        ahead = 1 if self.keyed else self._ahead  # an attempt cannot join a batch once it is begun
        room = self.concurrency.limit + ahead - self._begun - self.out
        if self.rules.rate or self.pace.is_slow:  # what waits for its rate must not be begun
            rate = min(self.rules.rate or math.inf, self.pace.rate(now))
            room = int(min(room, max(1.0, rate * _TURN) - self._begun))
        return room

    def _measure(self, now: float) -> None:
        elapsed = now - self._since
        if elapsed >= _MEASURED_EVERY:
            ahead = int(self._left / elapsed * _COMMIT)
            self._ahead = max(_LEAST_AHEAD, min(_MOST_AHEAD, ahead))
            self._rate = self._left / min(elapsed, _SECOND)  # a burst may follow a long silence
            self._left, self._since = 0, now
