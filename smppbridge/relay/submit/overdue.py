"""overdue: a message that is due while no attempt of it waits is polled, repeated or given up.

A SUBMITTED message is polled for its report at its *due*, and given up at its deadline:
not before a poll that was made after the deadline is answered.  The request of an Uncertain message
is repeated under its key at its *due*, or the message given up.  A deadline that passed while the
bridge was down is put off, for reports that could not come.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from smppbridge.model.identifiers import Tolerance, is_alike
from smppbridge.model.message import Attempt, Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Around
from smppbridge.relay.report.ending import Fate
from smppbridge.relay.report.parts import open_keys
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.relay.submit.deadlines import GRACE, awaited_from, end_of, put_off
from smppbridge.relay.submit.poll_rates import PollRates
from smppbridge.relay.surplus import surplus
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import StoreFailure, SubmitStore

AT_ONCE = 500  # messages a step
_STEPS = 40  # a look, while nothing is polled: more end a second than any lane takes
_ANSWERING = 10.0  # seconds until a message is looked at whose poll is not answered
_MOST_ASKED = 100_000  # messages whose last poll was answered without an end
_ENDED_BADLY = (MessageState.UNKNOWN, MessageState.EXPIRED, MessageState.UNDELIVERABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRules:
    """How a provider is polled: seconds, and polls a second.  *polls* False: never.

    *end_state* is the state of a message that has no report at *report_deadline*; *reported* False:
    no report ever comes.  *report_grace* is how long after its validity_period a message ends
    EXPIRED (None: never).  *ids* is how an id in an answer may differ from the id that was asked.
    """

    polls: bool = False
    rate: float = 10.0
    first: float = 10.0
    longest: float = 600.0
    report_deadline: float = 259_200.0
    report_grace: float | None = 10.0
    end_state: MessageState = MessageState.UNKNOWN
    reported: bool = True
    ids: Tolerance = "exact"

    def first_look(self) -> float:
        """Return how long after its acceptance a message is polled or given up (seconds)."""
        return self.first if self.polls else self.report_deadline

    def next_look(self, now: float, accepted_at: float, deadline: float = math.inf) -> float:
        """Return when to poll a message again: after as long as it has waited, within bounds."""
        pause = min(self.longest, max(self.first, now - accepted_at))
        return min(now + pause, deadline)


class Again(Protocol):
    """Repeats requests whose outcome is Uncertain."""

    async def repeat(self, lane: Lane, names: Sequence[str]) -> set[str]:
        """Repeat batches under their keys; return the names of batches that cannot be repeated."""

    async def resend(self, attempts: Sequence[Attempt]) -> None:
        """Begin another try of attempts, as an operator decided."""


class Overdue:
    """Polls, repeats or gives up the due messages that are out, provider by provider.

    Only Overdue writes its counts of polls that are out, the messages whose polls are out or being
    settled, the messages that were polled after their deadlines, and the providers it is busy with.
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
        self._meters, self._journal, self._notes = around.meters, around.journal, around.notes
        self._again = again
        self.rates = PollRates()
        self._busy: set[str] = set()
        self._out: dict[str, int] = {}
        self._asking: Counter[int] = Counter()  # a message of several parts has several polls
        self._askers: dict[int, list[Callable[[], None]]] = {}  # who waits for the answers
        self._polled_last: dict[int, float] = {}  # when first; long ago, once that is answered
        self._started = self._clock.wall()
        self.change(rules)

    def change(self, rules: Mapping[str, PollRules]) -> None:
        """Go by new rules from now on."""
        self._rules = rules
        self.rates.change({name: r.rate for name, r in rules.items()}, self._clock.monotonic())

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
            for _ in range(_STEPS):
                if not await self._step(lane, now):
                    break
        except StoreFailure:
            return
        finally:
            self._busy.discard(name)

    async def _step(self, lane: Lane, now: float) -> bool:
        """Look at SUBMITTED messages; return whether more are due of a lane that polls nothing."""
        rules = self._rules.get(lane.name)
        limit = self._may_ask(lane.name, rules) if rules else 0
        if rules is None or limit <= 0:
            return False
        found = await self._store.due(Stage.SUBMITTED, lane.name, now, limit)
        if rules.polls:
            self.rates.looked(lane.name, len(found), limit)
        await self._submitted(lane, rules, found)
        return not rules.polls and len(found) == limit

    async def _unsure(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        """Repeat the requests that may be repeated, under their keys; give up other messages."""
        policy, now = lane.rules.policy, self._clock.wall()
        names = dict.fromkeys(a.batch for a in attempts if a.batch and policy.may_repeat(a, now))
        broken = await self._again.repeat(lane, list(names)) if names else set()
        repeated = names.keys() - broken
        others = [a for a in attempts if a.batch not in repeated]
        hold = policy.uncertain_deadline
        until = {id(a): put_off(a.begun_at + hold, self._started, hold) for a in others}
        held = [a for a in others if until[id(a)] > now]  # a report may come yet
        if held:
            await self._store.revisit([(a.message.message_id, until[id(a)]) for a in held])
        lost = [a for a in others if until[id(a)] <= now]
        if lost:
            await self._give_up(lost, MessageState.UNKNOWN, Reason.STILL_UNCERTAIN)

    def _may_ask(self, name: str, rules: PollRules) -> int:
        """Return how many messages may be looked at: polls have a rate and a bound."""
        if not rules.polls:
            return AT_ONCE
        most = AT_ONCE - self._out.get(name, 0)
        return self.rates.take(name, most, self._clock.monotonic())

    async def _submitted(self, lane: Lane, rules: PollRules, attempts: Sequence[Attempt]) -> None:
        """Poll messages, or give them up after their deadline and the poll that follows it."""
        now = self._clock.wall()
        deadlines: dict[int, float] = {}
        lost: dict[MessageState, list[Attempt]] = {}
        open_: list[Attempt] = []
        for attempt in attempts:
            deadlines[id(attempt)], state = end_of(rules, attempt, self._started)
            is_late = deadlines[id(attempt)] <= now
            ends = is_late and (not rules.polls or self._is_polled_enough(attempt, rules))
            (lost.setdefault(state, []) if ends else open_).append(attempt)
        for state, ended in lost.items():
            why = Reason.NO_REPORT if rules.reported else None
            await self._give_up(ended, state, why)
        if not open_:
            return
        dues = [self._next_look(rules, a, deadlines[id(a)], now) for a in open_]
        ids = [a.message.message_id for a in open_]
        await self._store.revisit(list(zip(ids, dues, strict=True)))
        if rules.polls:
            self._note_last(a for a in open_ if deadlines[id(a)] <= now)
            self._poll(lane, [a for a in open_ if a.message.message_id not in self._asking])

    def _note_last(self, late: Iterable[Attempt]) -> None:
        """Note when messages are first polled after their deadlines, or wait for an answer."""
        at = self._clock.monotonic()
        for attempt in late:
            self._polled_last.setdefault(attempt.message.message_id, at)
        for message_id in surplus(self._polled_last, _MOST_ASKED):  # a callback has ended them
            del self._polled_last[message_id]

    def _next_look(self, rules: PollRules, attempt: Attempt, deadline: float, now: float) -> float:
        if deadline <= now:
            return now + _ANSWERING
        if not rules.polls:  # it was polled before the configuration changed
            return deadline
        return rules.next_look(now, awaited_from(attempt), deadline)

    def _is_polled_enough(self, attempt: Attempt, rules: PollRules) -> bool:
        """Return whether a poll after the deadline is answered, or was tried for long enough."""
        first = self._polled_last.get(attempt.message.message_id, math.inf)
        grace = min(GRACE, rules.report_deadline)
        return self._clock.monotonic() - first >= grace

    def _poll(self, lane: Lane, attempts: Sequence[Attempt]) -> None:
        name, provider = lane.name, lane.provider
        asked = [(attempt, key[1]) for attempt in attempts for key in open_keys(attempt)]
        self._out[name] = self._out.get(name, 0) + len(asked)
        self._asking.update(attempt.message.message_id for attempt, _ in asked)
        self._carrier.carry(
            name,
            asked,
            lambda about: provider.query(about[0].message, about[1]),
            partial(self._polled, self._clock.monotonic()),
        )

    def ask(self, attempt: Attempt, answered: Callable[[], None]) -> bool:
        """Poll a SUBMITTED message now; call *answered* once its polls are settled, or failed.

        False: the provider cannot be asked, or not now by the rate of its polls.
        """
        name, message_id = attempt.provider, attempt.message.message_id
        lane = self._lanes.by_name.get(name)
        if lane is None or not lane.provider.abilities.polling:
            return False
        if message_id not in self._asking:
            now = self._clock.monotonic()
            if self._out.get(name, 0) >= AT_ONCE or not self.rates.take(name, 1, now):
                return False
            self._poll(lane, [attempt])
            if message_id not in self._asking:
                return False  # no request could be made
        self._askers.setdefault(message_id, []).append(answered)
        return True

    def _polled(self, asked_at: float, conclusions: Conclusions) -> None:
        took = self._clock.monotonic() - asked_at
        reports: dict[str, list[Report]] = {}
        for (attempt, asked), found in conclusions:
            name = attempt.provider
            self._out[name] -= 1
            known = isinstance(found, Report) and self._is_about(name, asked, found)
            self._meters.asked(name, "query", "answered" if known else "failed", [took])
            message_id = attempt.message.message_id
            if known:  # by our id the report finds its message: it is never early
                reports.setdefault(name, []).append(replace(found, message_id=message_id))
            else:
                self._answered([message_id])
        for name, received in reports.items():
            self._spawn(self._receive(name, received))

    def _is_about(self, name: str, asked: str, report: Report) -> bool:
        """Return whether an answer has the id that was asked, by the tolerance of the provider."""
        rules = self._rules.get(name)
        return is_alike(asked, report.provider_message_id, rules.ids if rules else "exact")

    async def _receive(self, name: str, reports: Sequence[Report]) -> None:
        """Settle the messages of answers: until then no deadline ends these messages."""
        ids, settled = [report.message_id or 0 for report in reports], True
        try:
            await self._reports.receive(name, reports, "poll")
        except StoreFailure:
            settled = False  # the provider is asked again
        finally:
            self._answered(ids)
        if settled:
            last = [n for n in ids if n in self._polled_last and n not in self._asking]
            self._polled_last |= dict.fromkeys(last, -math.inf)

    def _answered(self, message_ids: Iterable[int]) -> None:
        """Count polls that are settled, or that came to nothing."""
        for message_id in message_ids:
            self._asking[message_id] -= 1
            if self._asking[message_id] <= 0:
                del self._asking[message_id]
                for answered in self._askers.pop(message_id, ()):
                    answered()

    async def _give_up(
        self, attempts: Sequence[Attempt], state: MessageState, why: Reason | None
    ) -> None:
        """End messages with a state; count why, and log the messages that end UNKNOWN.

        *why* is None where no report could come: the state is that of `without_reports` then.
        """
        ended = await self._reports.settle_own([Fate(a, state) for a in attempts])
        for attempt in ended or ():
            self._polled_last.pop(attempt.message.message_id, None)
        if not ended or why is None:
            return
        self._notes.reason(why.value, ended[0].provider, len(ended))
        for attempt in ended if state in _ENDED_BADLY else ():
            code = "expired" if state is MessageState.EXPIRED else "failed"
            self._notes.note(attempt.message.message_id, code, {"why": why.value})
            if state is MessageState.UNKNOWN:
                self._log(attempt, why)

    def _log(self, attempt: Attempt, why: Reason) -> None:
        self._journal(
            "message_given_up",
            message_id=attempt.message.message_id,
            system_id=attempt.message.system_id,
            provider=attempt.provider,
            reason=why.value,
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
            facts = {"verb": verb, "provider": attempt.provider}
            self._notes.note(message.message_id, "decided_by_hand", facts)
        failed = [Fate(a, MessageState.UNDELIVERABLE) for a, v in uncertain if v == "fail"]
        for attempt in (await self._reports.settle_own(failed) or ()) if failed else ():
            self._notes.reason(Reason.GIVEN_UP.value, attempt.provider)
        resent = [a for a, v in uncertain if v == "resend" and a.provider in self._lanes.by_name]
        if resent:
            await self._again.resend(resent)
