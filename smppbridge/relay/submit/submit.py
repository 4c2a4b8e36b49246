"""submit: a message's attempts, written down before they leave and when they are concluded.

wait -> begin .disk. -> leave -> concluded -> record .disk. -> submitted | waiting | settled
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.outcome import Refused, Uncertain
from smppbridge.relay.lanes import retry
from smppbridge.relay.lanes.batch import Batch, Load, again, attempts_of
from smppbridge.relay.lanes.conclusions import Concluded, Ended, concluded, heard, taken
from smppbridge.relay.lanes.failover import Failover
from smppbridge.relay.lanes.lane import IN_MEMORY, MANY, Lane
from smppbridge.relay.lanes.retry import Decision
from smppbridge.relay.ports import Clock, Journal, Meters
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import LineQuery, StoreFailure, SubmitStore

Spawn = Callable[[Coroutine[Any, Any, None]], object]
STORE_PAUSE = 1.0  # seconds before the store is tried again


class Submit:
    """All lanes.  What happens to one message is read from top to bottom.

    *new_key* makes the key of a request, a random UUID.
    """

    def __init__(
        self,
        store: SubmitStore,
        lanes: Mapping[str, Lane],
        carrier: Carrier,
        reports: Reports,
        *,
        clock: Clock,
        random: Callable[[], float],
        new_key: Callable[[], str],
        spawn: Spawn,
        meters: Meters,
        journal: Journal,
    ) -> None:
        self.lanes = lanes
        self._store, self._carrier, self._reports = store, carrier, reports
        self._clock, self._random, self._new_key, self._spawn = clock, random, new_key, spawn
        self._meters, self._journal = meters, journal
        self.failover = Failover(store, lanes, clock, journal)
        self._unwritten: list[Decision] = []
        self.draining = False
        reports.overtaken.line = self

    # -- what comes in --------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """Return how many messages wait, in all lanes."""
        return sum(lane.depth for lane in self.lanes.values())

    def able(self, route: tuple[str, ...]) -> tuple[str, ...]:
        """Return the providers of a route that carry octets as well as text."""
        return tuple(name for name in route if self.lanes[name].provider.abilities.binary)

    def schedule(self, message: Message) -> None:
        """Leave a message that is not due yet to its provider, if all on its route keep it."""
        if all(self.lanes[name].provider.abilities.schedules for name in message.route):
            message.traits = replace(message.traits, scheduled=message.due)
            message.due = message.accepted_at

    def begins_now(self, provider: str) -> bool:
        """Reserve a place to begin a message's first attempt together with its acceptance."""
        return not self.draining and self.lanes[provider].take_now(self._clock.monotonic())

    def gives_back(self, provider: str) -> None:
        """Free a place that was reserved: the message was not accepted."""
        self.lanes[provider].give_back(1)

    def begun(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts that were written down together with their messages."""
        for attempt in attempts:
            self.lanes[attempt.provider].begun((attempt,))
        for name in {a.provider for a in attempts}:
            self._leave(self.lanes[name])

    def wait(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts that are in the store; what is not due yet is read back in time."""
        wall = self._clock.wall()
        touched: dict[str, Lane] = {}
        for attempt in attempts:
            lane = self.lanes.get(attempt.provider)
            if lane is None:
                continue  # its provider is gone since: it stays in the store until that is back
            touched[lane.name] = lane
            if attempt.message.due <= wall:
                lane.wait((attempt,))
            else:
                lane.later(attempt)
        for lane in touched.values():
            self._move(lane)

    def unqueue(self, attempt: Attempt) -> bool:
        """Take an attempt that waits out of line; False: it is being begun, moved or ended."""
        lane, message_id = self.lanes.get(attempt.provider), attempt.message.message_id
        if lane is None:
            return False
        waited = lane.turns.remove(lambda a: a.message.message_id == message_id)
        return bool(waited or lane.hold([attempt]))

    def unqueued(self, attempts: Sequence[Attempt], ended: bool) -> None:
        """Forget attempts that were taken out of line, or leave them to the store."""
        for attempt in attempts:
            lane = self.lanes.get(attempt.provider)
            if lane is not None:
                (lane.gone if ended else lane.let_go)([attempt])

    def interrupted(
        self, attempts: Sequence[Attempt], why: str = "the bridge stopped while it was out"
    ) -> None:
        """Take attempts that were out when the process ended, or whose end was lost otherwise."""
        self._conclude([Ended(attempt, Uncertain(why)) for attempt in attempts])

    async def repeat(self, lane: Lane, names: Sequence[str]) -> set[str]:
        """Make requests again whose fate is unknown, unchanged and under their keys.

        Returns the names of those that cannot be made as they were: a part of them has gone
        another way since.  Raises StoreFailure.
        """
        most = lane.may_repeat(self._clock.monotonic())
        if most <= 0:
            return set()  # they stay due
        found = await self._store.batches(names[:most])
        batches = {name: again(name, members) for name, members in found.items()}
        whole = [batch for batch in batches.values() if batch is not None and batch.open]
        unsure = [attempt for batch in whole for attempt in batch.undecided]
        for attempt in unsure:
            attempt.number += 1
        lane.repeating |= (repeating := {batch.name for batch in whole})
        try:
            await self._store.begin(unsure)
        except StoreFailure:
            lane.repeating -= repeating
            raise
        lane.repeat(whole)
        self._leave(lane)
        return {name for name, batch in batches.items() if batch is None}

    def tick(self) -> None:
        """Do what time has made due: called twice a second or so, and when a lane wants it."""
        if self._unwritten:
            decisions, self._unwritten = self._unwritten, []
            self._spawn(self._write(decisions))
        for lane in self.lanes.values():
            self._leave(lane)
            self._divert(lane)
            self._look_for_more(lane)
            self._move(lane)

    def pace(self) -> None:
        """Let leave what the rates of lanes allow: called many times a second."""
        for lane in self.lanes.values():
            if lane.rules.rate:
                self._leave(lane)
                self._move(lane)

    @property
    def idle(self) -> bool:
        """Tell whether nothing is out and everything is written down."""
        return not self._unwritten and all(lane.idle for lane in self.lanes.values())

    # -- a lane moves ---------------------------------------------------------------------------

    def _move(self, lane: Lane) -> None:
        if self.draining:
            return
        now, wall = self._clock.monotonic(), self._clock.wall()
        loads, expired = lane.take(now, wall, self._new_key)
        if expired:
            self._spawn(self._expire(lane, expired))
        if loads:
            for load in loads:
                name = load.name if type(load) is Batch else None
                for attempt in attempts_of(load):
                    attempt.number += 1
                    attempt.begun_at, attempt.batch = wall, name
            self._spawn(self._begin(lane, loads))
        elif lane.overflows:
            self._look_for_more(lane)

    def _divert(self, lane: Lane) -> None:
        """Send on what waits for a lane that is shut: it looks at all, so not at every turn."""
        if lane.turns.waiting and not self.draining and lane.is_shut(self._clock.monotonic()):
            self._spawn(self.failover.divert(lane, self.wait))

    def _look_for_more(self, lane: Lane) -> None:
        if not lane.loading and lane.hungry():
            lane.loading = True
            self._spawn(self._load(lane))

    async def _load(self, lane: Lane) -> None:
        lines = lane.hungry()
        room = max(0, IN_MEMORY - lane.turns.waiting)
        limit = max(1, min(max(MANY, lane.most), room // len(lines)))
        wanted = [LineQuery(line.system_id, line.priority, line.held) for line in lines]
        try:
            found = await self._store.waiting(lane.name, wanted, self._clock.wall(), limit)
        except StoreFailure:
            return
        finally:
            lane.loading = False
        for line, attempts in zip(lines, found, strict=True):
            lane.load(line, attempts)
            lane.overflow(line, len(attempts) == limit and line.depth > len(line.held))
        if any(found):
            self._divert(lane)
            self._move(lane)

    async def _begin(self, lane: Lane, loads: Sequence[Load]) -> None:
        attempts = [attempt for load in loads for attempt in attempts_of(load)]
        try:
            await self._store.begin(attempts)
        except StoreFailure:
            for attempt in attempts:
                attempt.number -= 1
            lane.returned(loads)
            lane.pause(self._clock.monotonic() + STORE_PAUSE)
            return
        lane.gone(attempts)
        lane.begun(loads)
        self._leave(lane)
        self._move(lane)

    async def expire(self) -> None:
        """End messages whose deadline passed while they waited, in memory or in the store."""
        wall = self._clock.wall()
        for lane in self.lanes.values():
            if waited := lane.expired(wall):
                await self._expire(lane, waited)
            try:
                stored = await self._store.expired(lane.name, wall, MANY)
            except StoreFailure:
                return
            if fresh := lane.hold(stored):
                await self._expire(lane, fresh)

    async def _expire(self, lane: Lane, attempts: list[Attempt]) -> None:
        fates = [(a, MessageState.EXPIRED, 0) for a in attempts]
        if await self._reports.settle_own(fates):
            lane.gone(attempts)
        else:
            lane.let_go(attempts)

    def _leave(self, lane: Lane) -> None:
        leaving = lane.leave(self._clock.monotonic())
        if leaving:
            self._carrier.carry(lane.name, leaving, lane.exchange, self._concluded)

    # -- an attempt ends ------------------------------------------------------------------------

    def _concluded(self, conclusions: Conclusions) -> None:
        now, wall = self._clock.monotonic(), self._clock.wall()
        lanes: dict[Lane, list[Concluded]] = {}
        for load, what in conclusions:
            lane = self.lanes[attempts_of(load)[0].provider]
            lanes.setdefault(lane, []).append(concluded(load, what))
        for lane, some in lanes.items():
            lane.out -= len(some)
            if lane.repeating:
                lane.repeating -= {one.load.name for one in some if type(one.load) is Batch}
            for event, reason in heard(lane, some, now, wall, self._meters):
                self._journal(event, provider=lane.name, **({"reason": reason} if reason else {}))
        self._conclude([end for some in lanes.values() for one in some for end in one.ends()])
        for lane in lanes:
            self._leave(lane)
            self._move(lane)

    def _conclude(self, ends: Sequence[Ended]) -> None:
        now = self._clock.wall()
        decisions = [
            retry.decide(
                end.attempt,
                end.outcome,
                self.lanes[end.attempt.provider].rules.policy,
                now=now,
                random=self._random(),
                onward=self.failover.onward,
                repeated=end.repeated,
            )
            for end in ends
        ]
        self._spawn(self._write(decisions))

    async def _write(self, decisions: list[Decision]) -> None:
        decisions = [d for d in decisions if not self._reports.overtaken.of(d.verdict.attempt)]
        fates = [(d.verdict.attempt, d.state, d.error) for d in decisions if d.state]
        settlements = self._reports.own(fates)
        self._reports.ending(fates)
        recorded = self._store.record([d.verdict for d in decisions], settlements)
        met = self._reports.expect([d.verdict.attempt for d in decisions if taken(d)])
        try:
            await recorded
        except StoreFailure:
            self._unwritten += decisions
            self._reports.unexpect(met)
            return
        finally:
            self._reports.ended(fates)
        self._reports.settled(settlements)
        self._go_on([d for d in decisions if d.verdict.stage is not Stage.SUBMITTED])
        if met:  # afterwards: what waits now could be read back meanwhile, and be in line twice
            await self._reports.settle_early(met)

    def _go_on(self, decisions: list[Decision]) -> None:
        wall = self._clock.wall()
        for decision in decisions:
            verdict, outcome = decision.verdict, decision.verdict.outcome
            attempt = verdict.attempt
            overtaking = self._reports.overtaken.of(attempt)
            if overtaking is not None and (
                overtaking.durable or verdict.stage is not Stage.WAITING
            ):
                continue
            if verdict.stage is Stage.WAITING:
                attempt.provider, attempt.hop = verdict.next_provider, verdict.next_hop
                lane = self.lanes[attempt.provider]
                if overtaking is not None:
                    lane.later(attempt)
                    overtaking.unqueued += lane.hold([attempt])
                elif verdict.due is not None and verdict.due <= wall:
                    lane.wait((attempt,))
                    self._move(lane)
                else:
                    lane.later(attempt)
            elif isinstance(outcome, Uncertain) and not decision.state:
                self._tell("message_uncertain", attempt, outcome)
            elif isinstance(outcome, Refused):
                self._tell("message_refused", attempt, outcome)

    def _tell(self, event: str, attempt: Attempt, outcome: Refused | Uncertain) -> None:
        self._journal(
            event,
            message_id=attempt.message.message_id,
            system_id=attempt.message.system_id,
            provider=attempt.provider,
            attempt=attempt.number,
            reason=outcome.reason,
        )
