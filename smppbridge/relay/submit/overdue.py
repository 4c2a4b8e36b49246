"""overdue: a message that is due while no attempt of it waits is polled, repeated or given up.

A SUBMITTED message is polled for its report at its *due*, and given up at the report's deadline.
The request of an Uncertain message is repeated under its key at its *due*, or the message given up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Protocol

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.report import Report
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.limits import Throughput
from smppbridge.relay.ports import Around
from smppbridge.relay.report.ending import Fate
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import StoreFailure, SubmitStore

AT_ONCE = 500  # messages a look


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRules:
    """How a provider is polled: seconds, and polls a second.  *polls* False: never.

    *end_state* is the state of a message that has no report at *report_deadline*.
    """

    polls: bool = False
    rate: float = 10.0
    first: float = 10.0
    longest: float = 600.0
    report_deadline: float = 259_200.0
    end_state: MessageState = MessageState.UNKNOWN

    def first_look(self) -> float:
        """Return how long after its acceptance a message is polled or given up (seconds)."""
        return self.first if self.polls else self.report_deadline

    def next_look(self, now: float, accepted_at: float) -> float:
        """Return when to poll a message again: after as long as it has waited, within bounds."""
        pause = min(self.longest, max(self.first, now - accepted_at))
        return min(now + pause, accepted_at + self.report_deadline)


class Again(Protocol):
    """Repeats requests whose outcome is Uncertain."""

    async def repeat(self, lane: Lane, names: Sequence[str]) -> set[str]:
        """Repeat batches under their keys; return the names of batches that cannot be repeated."""

    async def resend(self, attempts: Sequence[Attempt]) -> None:
        """Begin another try of attempts, as an operator decided."""


class Overdue:
    """Polls, repeats or gives up the due messages that are out, provider by provider.

    Only Overdue writes its counts of polls that are out, and the providers it is busy with.
    """

    def __init__(
        self,
        store: SubmitStore,
        lanes: Lanes,
        rules: Mapping[str, PollRules],
        carrier: Carrier,
        reports: Reports,
        *,
        again: Again,
        around: Around,
    ) -> None:
        self._store, self._lanes, self._carrier, self._reports = store, lanes, carrier, reports
        self._clock, self._spawn = around.clock, around.spawn
        self._meters, self._journal = around.meters, around.journal
        self._again = again
        self._busy: set[str] = set()
        self._out: dict[str, int] = {}
        self.change(rules)

    def change(self, rules: Mapping[str, PollRules]) -> None:
        """Go by new rules from now on."""
        self._rules = rules
        now = self._clock.monotonic()
        self._throughput = {name: Throughput(r.rate, now) for name, r in rules.items()}

    def tick(self) -> None:
        """Poll, repeat or give up the due messages; called every second or so."""
        for name, lane in self._lanes.by_name.items():
            if name not in self._busy:
                self._busy.add(name)
                self._spawn(self._look(lane))

    async def _look(self, lane: Lane) -> None:
        """Look at the due messages of a provider, which may be removed or renamed meanwhile."""
        name, now = lane.name, self._clock.wall()
        try:
            unsure = await self._store.due(Stage.SUBMITTING, name, now, AT_ONCE)
            if unsure:
                await self._unsure(lane, unsure)
            rules = self._rules.get(name)
            limit = self._may_ask(name, rules) if rules else 0
            if rules and limit > 0:
                found = await self._store.due(Stage.SUBMITTED, name, now, limit)
                await self._submitted(lane, rules, found)
        except StoreFailure:
            return
        finally:
            self._busy.discard(name)

    async def _unsure(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """Repeat the requests that may be repeated, under their keys; give up other messages."""
        policy, now = lane.rules.policy, self._clock.wall()
        names = dict.fromkeys(a.batch for a in attempts if a.batch and policy.may_repeat(a, now))
        broken = await self._again.repeat(lane, list(names)) if names else set()
        repeated = names.keys() - broken
        others = [a for a in attempts if a.batch not in repeated]
        hold = policy.uncertain_deadline
        held = [a for a in others if a.begun_at + hold > now]  # a report may come yet
        if held:
            await self._store.revisit([(a.message.message_id, a.begun_at + hold) for a in held])
        lost = [a for a in others if a not in held]
        if lost:
            why = "no report came for an uncertain attempt"
            await self._give_up(lost, MessageState.UNKNOWN, why)

    def _may_ask(self, name: str, rules: PollRules) -> int:
        """Return how many messages may be looked at: polls have a rate and a bound."""
        if not rules.polls:
            return AT_ONCE
        now, throughput = self._clock.monotonic(), self._throughput[name]
        most = AT_ONCE - self._out.get(name, 0)
        return sum(1 for _ in takewhile(lambda _: throughput.take(now), range(most)))

    async def _submitted(self, lane: Lane, rules: PollRules, attempts: Sequence[Attempt]) -> None:
        now = self._clock.wall()
        late = [a for a in attempts if _awaited_from(a) + rules.report_deadline <= now]
        if late:
            await self._give_up(late, rules.end_state, "no report came")
        open_ = [a for a in attempts if _awaited_from(a) + rules.report_deadline > now]
        if not open_:
            return
        if not rules.polls:  # it was polled before the configuration changed
            dues = [_awaited_from(a) + rules.report_deadline for a in open_]
        else:
            dues = [rules.next_look(now, _awaited_from(a)) for a in open_]
        ids = [a.message.message_id for a in open_]
        await self._store.revisit(list(zip(ids, dues, strict=True)))
        if rules.polls:
            self._poll(lane, open_)

    def _poll(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        name, provider = lane.name, lane.provider
        self._out[name] = self._out.get(name, 0) + len(attempts)
        self._carrier.carry(
            name,
            attempts,
            lambda a: provider.query(a.message, a.provider_message_id or ""),
            partial(self._polled, self._clock.monotonic()),
        )

    def _polled(self, asked_at: float, conclusions: Conclusions) -> None:
        took = self._clock.monotonic() - asked_at
        reports: dict[str, list[Report]] = {}
        for attempt, found in conclusions:
            name = attempt.provider
            self._out[name] -= 1
            known = isinstance(found, Report)
            self._meters.asked(name, "query", "answered" if known else "failed", [took])
            if known:  # by our id the report finds its message: it is never early
                named = replace(found, message_id=attempt.message.message_id)
                reports.setdefault(name, []).append(named)
        for name, received in reports.items():
            self._spawn(self._receive(name, received))

    async def _receive(self, name: str, reports: Sequence[Report]) -> None:
        try:
            await self._reports.receive(name, reports, "poll")
        except StoreFailure:
            return  # the provider is asked again

    async def _give_up(
        self, attempts: Sequence[Attempt], state: MessageState, reason: str = ""
    ) -> None:
        """End messages with a state; log the messages that end UNKNOWN with the reason."""
        ended = await self._reports.settle_own([Fate(a, state) for a in attempts])
        if ended and state is MessageState.UNKNOWN:
            self._log(ended, reason)

    def _log(self, attempts: Sequence[Attempt], reason: str) -> None:
        for attempt in attempts:
            self._journal(
                "message_given_up",
                message_id=attempt.message.message_id,
                system_id=attempt.message.system_id,
                provider=attempt.provider,
                reason=reason,
            )

    def _is_out(self, attempt: Attempt) -> bool:
        """Return whether an attempt's request is being repeated: the answer decides."""
        lane = self._lanes.by_name.get(attempt.provider)
        return lane is not None and attempt.batch in lane.repeating

    async def by_hand(self) -> None:
        """Carry out the decisions of operators about Uncertain messages."""
        try:
            decisions = await self._store.decisions()
        except StoreFailure:
            return
        uncertain = [(f.attempt, verb) for f, verb in decisions if f.stage is Stage.SUBMITTING]
        uncertain = [(a, v) for a, v in uncertain if not self._is_out(a)]
        for attempt, verb in uncertain:
            message = attempt.message
            self._journal(f"message_{verb}_by_hand", message_id=message.message_id)
        failed = [Fate(a, MessageState.UNDELIVERABLE) for a, v in uncertain if v == "fail"]
        if failed:
            await self._reports.settle_own(failed)
        resent = [a for a, v in uncertain if v == "resend" and a.provider in self._lanes.by_name]
        if resent:
            await self._again.resend(resent)


def _awaited_from(attempt: Attempt) -> float:
    """Return the time from which on an attempt's report can be expected."""
    return max(attempt.answered_at, attempt.message.traits.scheduled or 0.0)
