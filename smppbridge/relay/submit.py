"""submit: a message's attempts, written down before they leave and when they are concluded.

wait -> begin .disk. -> leave -> concluded -> record .disk. -> submitted | waiting | settled
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import NoAnswer, NotSent
from smppbridge.relay import retry
from smppbridge.relay.carry import Carrier, Conclusions
from smppbridge.relay.lane import MANY, Lane
from smppbridge.relay.meters import Clock, Journal, Meters
from smppbridge.relay.report import Reports
from smppbridge.relay.retry import Decision
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import StoreFailure, SubmitStore

Spawn = Callable[[Coroutine[Any, Any, None]], object]
STORE_PAUSE = 1.0  # seconds before the store is tried again


class Submit:
    """All lanes.  What happens to one message is read from top to bottom."""

    def __init__(
        self,
        store: SubmitStore,
        lanes: Mapping[str, Lane],
        carrier: Carrier,
        reports: Reports,
        *,
        clock: Clock,
        random: Callable[[], float],
        spawn: Spawn,
        meters: Meters,
        journal: Journal,
    ) -> None:
        self.lanes = lanes
        self._store, self._carrier, self._reports = store, carrier, reports
        self._clock, self._random, self._spawn = clock, random, spawn
        self._meters, self._journal = meters, journal
        self._unwritten: list[Decision] = []
        self.draining = False

    # -- what comes in --------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """Return how many messages wait, in all lanes."""
        return sum(lane.depth for lane in self.lanes.values())

    def able(self, route: tuple[str, ...]) -> tuple[str, ...]:
        """Return the providers of a route that carry octets as well as text."""
        return tuple(name for name in route if self.lanes[name].provider.abilities.binary)

    def begins_now(self, message: Message) -> bool:
        """Reserve a place to begin a message's first attempt together with its acceptance."""
        return not self.draining and self.lanes[message.route[0]].take_now(self._clock.monotonic())

    def gives_back(self, message: Message) -> None:
        """Free a place that was reserved: the message was not accepted."""
        self.lanes[message.route[0]].give_back(1)

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
                lane.depth += 1
        for lane in touched.values():
            self._move(lane)

    def interrupted(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts that were out when the process ended."""
        self._conclude([(a, Uncertain("the bridge stopped while it was out")) for a in attempts])

    def tick(self) -> None:
        """Do what time has made due: called twice a second or so, and when a lane wants it."""
        if self._unwritten:
            decisions, self._unwritten = self._unwritten, []
            self._spawn(self._write(decisions))
        for lane in self.lanes.values():
            if lane.low and not lane.loading:
                lane.loading = True
                self._spawn(self._load(lane))
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
        wall = self._clock.wall()
        attempts, expired = lane.take(self._clock.monotonic(), wall)
        if expired:
            self._spawn(self._expire(lane, expired))
        if attempts:
            for attempt in attempts:
                attempt.number += 1
                attempt.begun_at = wall
            self._spawn(self._begin(lane, attempts))
        elif lane.more and lane.low and not lane.loading:
            lane.loading = True
            self._spawn(self._load(lane))

    async def _load(self, lane: Lane) -> None:
        wall = self._clock.wall()
        try:
            found = await self._store.due(Stage.WAITING, lane.name, wall, MANY, lane.held)
        except StoreFailure:
            return
        finally:
            lane.loading = False
        fresh = [a for a in found if a.message.message_id not in lane.held]
        lane.more = len(found) == MANY
        if fresh:
            lane.load(fresh)
            self._move(lane)

    async def _begin(self, lane: Lane, attempts: list[Attempt]) -> None:
        try:
            await self._store.begin(attempts)
        except StoreFailure:
            for attempt in attempts:
                attempt.number -= 1
            lane.returned(attempts)
            lane.pause(self._clock.monotonic() + STORE_PAUSE)
            return
        lane.gone(attempts)
        lane.begun(attempts)
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
            fresh = [a for a in stored if a.message.message_id not in lane.held]
            if fresh:
                lane.held.update(a.message.message_id for a in fresh)
                await self._expire(lane, fresh)

    async def _expire(self, lane: Lane, attempts: list[Attempt]) -> None:
        fates = [(a, MessageState.EXPIRED, 0) for a in attempts]
        if await self._reports.settle_own(fates):
            lane.gone(attempts)
        else:
            lane.held.difference_update([a.message.message_id for a in attempts])

    def _leave(self, lane: Lane) -> None:
        leaving = lane.leave(self._clock.monotonic())
        if leaving:
            submit = lane.provider.submit
            self._carrier.carry(lane.name, leaving, lambda a: submit(a.message), self._concluded)

    # -- an attempt ends ------------------------------------------------------------------------

    def _concluded(self, conclusions: Conclusions) -> None:
        attempts = [(attempt, outcome_of(what)) for attempt, what in conclusions]
        lanes = set()
        wall = self._clock.wall()
        for attempt, outcome in attempts:
            lane = self.lanes[attempt.provider]
            lane.out -= 1
            lanes.add(lane)
            if type(outcome) is Postponed and outcome.whole_lane:
                lane.pause(self._clock.monotonic() + (outcome.after or STORE_PAUSE))
            name = type(outcome).__name__.lower()
            self._meters.asked(attempt.provider, "submit", name, wall - attempt.begun_at)
        self._conclude(attempts)
        for lane in lanes:
            self._leave(lane)
            self._move(lane)

    def _conclude(self, attempts: Sequence[tuple[Attempt, Outcome]]) -> None:
        now = self._clock.wall()
        decisions = [
            retry.decide(
                attempt,
                outcome,
                self.lanes[attempt.provider].rules.policy,
                now=now,
                random=self._random(),
                providers=self.lanes,
            )
            for attempt, outcome in attempts
        ]
        self._spawn(self._write(decisions))

    async def _write(self, decisions: list[Decision]) -> None:
        fates = [(d.verdict.attempt, d.state, d.error) for d in decisions if d.state]
        settlements = self._reports.own(fates)
        recorded = self._store.record([d.verdict for d in decisions], settlements)
        accepted = [d.verdict.attempt for d in decisions if _accept(d)]
        met = self._reports.expect(accepted)
        try:
            await recorded
        except StoreFailure:
            self._unwritten += decisions
            self._reports.unexpect(met)
            return
        self._reports.settled(settlements)
        if met:
            await self._reports.settle_early(met)
        self._go_on([d for d in decisions if d.verdict.stage is not Stage.SUBMITTED])

    def _go_on(self, decisions: list[Decision]) -> None:
        wall = self._clock.wall()
        for decision in decisions:
            verdict, outcome = decision.verdict, decision.verdict.outcome
            attempt = verdict.attempt
            if verdict.stage is Stage.WAITING:
                attempt.provider, attempt.hop = verdict.next_provider, verdict.next_hop
                lane = self.lanes[attempt.provider]
                if verdict.due is not None and verdict.due <= wall:
                    lane.wait((attempt,))
                    self._move(lane)
                else:
                    lane.depth += 1
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


def _accept(decision: Decision) -> bool:
    """Note on the attempt what the provider calls the message; tell whether it took it."""
    outcome = decision.verdict.outcome
    if not isinstance(outcome, Accepted):
        return False
    attempt = decision.verdict.attempt
    attempt.provider_message_id = outcome.provider_message_id
    attempt.answered_at = decision.verdict.at
    return True


def outcome_of(conclusion: Any) -> Outcome:
    """Return what an exchange came to, whatever ended it."""
    if isinstance(conclusion, Accepted | Refused | Postponed | Uncertain):
        return conclusion
    if isinstance(conclusion, NotSent):
        return Postponed(str(conclusion))
    if isinstance(conclusion, NoAnswer):
        return Uncertain(str(conclusion))
    return Uncertain(f"unreadable answer: {type(conclusion).__name__}")
