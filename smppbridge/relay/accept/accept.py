"""accept: a submit_sm becomes a message on disk, then its submit_sm_resp is sent.

judge (or refuse at once) -> place -> accept .disk. -> answer -> submit
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from smppbridge.model.account import Account
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment
from smppbridge.relay.accept import kept, reading
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.logged import log_accepted
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.accept.reading import Reader
from smppbridge.relay.accept.series import Gathering, in_order, message_of
from smppbridge.relay.accept.transaction import waiting_response
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.limits import Throughput
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.ending import Ending, Endings, Fate
from smppbridge.relay.responses import Asking, WaitingResponse
from smppbridge.relay.submit.submit import Submit
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.routing.table import Table
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import EsmClass, MessageState, status_name
from smppbridge.smpp.pdus import SubmitSm, SubmitSmResp
from smppbridge.store.port import AcceptStore, Entry, StoreFailure

_MODE, _TRANSACTION = EsmClass.MODE, EsmClass.TRANSACTION


class Submitter(Asking, Protocol):
    """A session that submits."""

    rights: Rights
    interface_version: int  # the peer's


@dataclass(slots=True)
class Rights:
    """An account, with the throughput and the reader that its sessions share until a reload."""

    account: Account
    throughput: Throughput
    reader: Reader


Recorded = Message | Segment
"""The message or segment of a submit_sm; its message_id is 0 if the store failed to record it."""


@dataclass(slots=True)
class _Intake:
    """The submit_sm of one session at one time: entries to be recorded, and their answers.

    *ended* are the gatherings that segments among them have ended, *held* the responses that wait
    for a provider's verdict.
    """

    entries: list[Entry] = field(default_factory=list)
    answers: list[tuple[int, Recorded]] = field(default_factory=list)  # by sequence_number
    fates: list[Fate] = field(default_factory=list)
    ended: list[Gathering] = field(default_factory=list)
    held: list[WaitingResponse] = field(default_factory=list)
    full: bool = False  # whether the backlog is


class Accept:
    """Accepts submit_sm; *log* (None: off) logs each accepted message.

    Only Accept gathers segments; only Accept, with Reader and Lanes, writes a message, and nobody
    writes a message once it is given to Submit.
    """

    def __init__(
        self,
        store: AcceptStore,
        lanes: Lanes,
        submit: Submit,
        endings: Endings,
        *,
        routes: Table,
        identifiers: Identifiers,
        backlog: int,
        around: Around,
        optouts: Optouts,
        log: Journal | None = None,
    ) -> None:
        self.gather = Gather()
        self._store, self._lanes, self._submit, self._endings = store, lanes, submit, endings
        self._responses = endings.responses
        self._identifiers, self._backlog, self._optouts = identifiers, backlog, optouts
        self._clock, self._meters, self._log = around.clock, around.meters, log
        self._draining = False
        self.change(routes)

    def change(self, routes: Table) -> None:
        """Go by other routes from now on."""
        self._routes = routes

    def drain(self) -> None:
        """Refuse every submit_sm from now on: the bridge is stopping."""
        self._draining = True

    async def take(self, session: Submitter, pdus: Iterable[SubmitSm]) -> None:
        """Accept the submit_sm that a session sent at one time; refuse the others at once."""
        full = self._lanes.depth >= self._backlog
        intake, begun = _Intake(full=full), self._clock.monotonic()
        wall = self._clock.wall()
        waits = session.rights.account.answer == "provider"
        for pdu in pdus:
            try:
                recorded = self._judge(session, pdu, intake, begun, wall)
            except Refusal as refusal:
                self._refuse(session, pdu.sequence_number, refusal.status)
            else:
                if waits or (pdu.esm_class and pdu.esm_class & _MODE == _TRANSACTION):
                    self._answer_later(session, pdu.sequence_number, recorded, intake, begun)
                else:
                    intake.answers.append((pdu.sequence_number, recorded))
        if not (intake.answers or intake.entries):
            return
        attempts = self._place(intake.entries)
        ending = self._endings.claim(intake.fates, "own")
        try:
            await self._store.accept(intake.entries, ending.settlements)
        except StoreFailure:
            self._undo(session, intake, attempts, ending)
            return
        for sequence_number, recorded in intake.answers:
            if recorded.message_id:
                session.answer(SubmitSmResp(0, sequence_number, b"%d" % recorded.message_id))
            else:  # sent again while the store failed to record the first of the two segments
                self._refuse(session, sequence_number, Status.ESME_RSYSERR)
        session.flush()
        system_id, count = session.rights.account.system_id, len(intake.answers)
        self._meters.accepted(system_id, count)
        self._meters.submit_resp(system_id, self._clock.monotonic() - begun, count)
        if self._log is not None:
            log_accepted(self._log, system_id, intake.entries)
        self._hand_on(intake, attempts, ending)

    async def expire(self, accounts: Mapping[str, Rights]) -> None:
        """End the long messages whose segments were not all received in time."""
        if self._draining:
            return  # the store keeps their segments
        timeouts = {name: rights.account.gather_timeout for name, rights in accounts.items()}
        late = self.gather.expired(self._clock.monotonic(), timeouts)
        if not late:
            return
        intake = _Intake()
        for gathering in late:
            rights = accounts.get(gathering.key.system_id)
            send = rights is not None and rights.account.when_incomplete == "send"
            self._end(gathering, rights if send or gathering.complete else None, intake)
        attempts = self._place(intake.entries)
        ending = self._endings.claim(intake.fates, "own")
        try:
            await self._store.accept(intake.entries, ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            self._lanes.give_back(attempts)
            for gathering in late:
                self.gather.reopen(gathering)
            return
        self._hand_on(intake, attempts, ending)

    def _hand_on(self, intake: _Intake, attempts: Sequence[Attempt], ending: Ending) -> None:
        if intake.held:
            self._responses.start(intake.held)
        for gathering in intake.ended:
            if not gathering.complete:
                self._meters.gathering_expired(gathering.key.system_id, 1)
        if ending.fates:
            self._endings.conclude(ending)
        for attempt in attempts:
            for segment in attempt.message.segments:
                segment.octets = b""  # the message has them now
        self._submit.take(attempts)

    def _place(self, entries: Sequence[Entry]) -> list[Attempt]:
        """Give each message its first attempt, unless the message ends at once."""
        placed = [e for e in entries if e.message is not None and e.message.route]
        attempts = self._lanes.place([e.message for e in placed if e.message is not None])
        for entry, attempt in zip(placed, attempts, strict=True):
            entry.attempt = attempt
        return attempts

    # -- one submit_sm --------------------------------------------------------------------------

    def _judge(
        self, session: Submitter, pdu: SubmitSm, intake: _Intake, now: float, wall: float
    ) -> Recorded:
        """Return the message or segment of a submit_sm; raises Refusal."""
        rights = session.rights
        if intake.full:
            raise Refusal(Status.ESME_RMSGQFUL)
        if self._draining:
            raise Refusal(Status.ESME_RSYSERR, "the bridge is stopping")
        if not rights.throughput.take(now):
            raise Refusal(Status.ESME_RTHROTTLED)
        content = rights.reader.content(pdu)
        message = rights.reader.message(pdu, content.udh, session.interface_version, wall)
        message.message_id = self._identifiers.take()
        if content.position is not None:
            key, segment = rights.reader.segment(pdu, message, content, content.position)
            return self._gathered(session, key, segment, now, intake)
        if rights.reader.read(message, content.octets):
            self._meters.latin1_fallback(message.system_id)
        self._route(message)
        intake.entries.append(Entry(message))
        return message

    def _route(self, message: Message) -> None:
        """Give a message its route; raises Refusal if it has none."""
        choice = self._routes.find(message.system_id, message.source.addr, message.number)
        if choice is None:
            raise Refusal(Status.ESME_RINVDSTADR, "no route")
        if self._optouts.stops(choice.via, message.number):
            raise Refusal(Status.ESME_RINVDSTADR, "the number opted out")
        message.route = choice.via if message.binary is None else self._lanes.able(choice.via)
        if not message.route:
            raise Refusal(Status.ESME_RSUBMITFAIL, "no provider on the route takes octets")
        if choice.sender is not ANY_SENDER:
            reading.replace_sender(message, choice.sender)
        if choice.demands is not None:
            kept.demand(message, choice.demands)
        if choice.transliterates:
            reading.transliterate(message)

    def _answer_later(
        self,
        session: Submitter,
        sequence_number: int,
        recorded: Recorded,
        intake: _Intake,
        now: float,
    ) -> None:
        """Let a response wait for a provider's verdict, if the submit_sm makes a message whole."""
        account = session.rights.account
        found = waiting_response(session, account, sequence_number, recorded, intake.entries, now)
        if found is None:
            intake.answers.append((sequence_number, recorded))
        else:
            intake.held.append(found)
            self._responses.hold([found])

    # -- segments -------------------------------------------------------------------------------

    def _gathered(
        self, session: Submitter, key: GatheringKey, segment: Segment, now: float, intake: _Intake
    ) -> Segment:
        """Gather a segment; if its message is whole, join the message."""
        placed = self.gather.receive(key, segment, session, now)
        for gathering in placed.ended:
            self._end(gathering, session.rights if gathering.complete else None, intake)
        if placed.refusal is not None:
            raise placed.refusal
        if placed.segment is not segment:
            return placed.segment
        intake.entries += [Entry(None, key, each) for each in placed.begun]
        message = None
        if placed.whole:
            message = self._joined(session.rights, key, placed.whole, intake)
        intake.entries.append(Entry(message, key, segment))
        return segment

    def _joined(
        self, rights: Rights, key: GatheringKey, whole: Sequence[Segment], intake: _Intake
    ) -> Message:
        """Return the whole message; REJECTED if it cannot be sent: its segments are answered."""
        message = message_of(key, whole, self._clock.wall())
        try:
            message.number = rights.reader.number(key.destination)
            if rights.reader.read_joined(message):
                self._meters.latin1_fallback(message.system_id)
            self._route(message)
        except Refusal as refusal:
            error, message.route = refusal.status & 0x3FF, ()
            attempt, state = Attempt(message, ""), MessageState.REJECTED
            intake.fates.append(Fate(attempt, state, error, command_status=refusal.status))
        return message

    def _end(self, gathering: Gathering, rights: Rights | None, intake: _Intake) -> None:
        """End a gathering: EXPIRED, or, with *rights*, sent as far as it was received."""
        whole = in_order(gathering)
        if rights is not None:
            message = self._joined(rights, gathering.key, whole, intake)
        else:
            message = message_of(gathering.key, whole, self._clock.wall())
            intake.fates.append(Fate(Attempt(message, ""), MessageState.EXPIRED))
        intake.entries.append(Entry(message, gathering.key))
        intake.ended.append(gathering)

    # -- refusals ---------------------------------------------------------------------------------

    def _refuse(self, session: Submitter, sequence_number: int, status: int) -> None:
        session.answer(SubmitSmResp(status, sequence_number))
        system_id = session.rights.account.system_id
        self._meters.refused(system_id, status)
        if self._log is not None:
            self._log("submit_refused", system_id=system_id, command_status=status_name(status))

    def _undo(
        self, session: Submitter, intake: _Intake, attempts: Sequence[Attempt], ending: Ending
    ) -> None:
        """Forget submit_sm that the store failed to record, and refuse them."""
        self._endings.release(ending)
        self._responses.drop(intake.held)
        self._lanes.give_back(attempts)
        for entry in intake.entries:
            if entry.segment is not None:
                entry.segment.message_id = 0
        for gathering in intake.ended:
            self.gather.reopen(gathering)
        for entry in reversed(intake.entries):
            whole = entry.message.segments if entry.message else ()
            if entry.key is not None and entry.segment is not None:
                now = self._clock.monotonic()
                self.gather.take_back(entry.key, entry.segment, whole, now)
        asked = [n for n, _ in intake.answers] + [held.sequence_number for held in intake.held]
        for sequence_number in asked:
            self._refuse(session, sequence_number, Status.ESME_RSYSERR)
        session.flush()


def rights_of(account: Account, now: float) -> Rights:
    """Return the rights of an account from *now* (monotonic seconds) on."""
    return Rights(account, Throughput(account.throughput, now), Reader(account))
