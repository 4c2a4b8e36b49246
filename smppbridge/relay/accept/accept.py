"""accept: a submit_sm becomes a message on disk, then its submit_sm_resp is sent.

judge (or refuse at once) -> place -> accept .disk. -> answer -> submit
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept import kept_tlvs, reading
from smppbridge.relay.accept.accepted_log import log_accepted
from smppbridge.relay.accept.fields import HIGHEST_DATA_CODING as _USUAL_DATA_CODING
from smppbridge.relay.accept.fields import HIGHEST_REGISTERED_DELIVERY as _USUAL
from smppbridge.relay.accept.fields import Refusal, oddities_of
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.intake import Intake, Observed, Recorded, Rights, Submitter
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.accept.refusals import STORE_FAILED, RefusalLog, addresses_of
from smppbridge.relay.accept.series import Gathering, in_order, message_of
from smppbridge.relay.accept.supersede import Supersede, SupersedeStore, Superseding
from smppbridge.relay.accept.transaction import shortened, waiting_response
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.skipped import note_skipped
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.ending import Ending, Endings, Fate
from smppbridge.relay.submit.submit import Submit
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.routing.table import Table
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import EsmClass, MessageState
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import SubmitSm, SubmitSmResp
from smppbridge.store.port import Entry, StoreFailure

_MODE, _TRANSACTION = EsmClass.MODE, EsmClass.TRANSACTION


class Accept:
    """Accepts submit_sm; *log* (None: off) logs each accepted message.

    Only Accept gathers segments; only Accept, with Reader and Lanes, writes a message, and nobody
    writes a message once it is given to Submit: Replace makes another one.
    """

    def __init__(
        self,
        store: SupersedeStore,
        lanes: Lanes,
        submit: Submit,
        endings: Endings,
        *,
        routes: Table,
        identifiers: Identifiers,
        backlog: int,
        around: Around,
        optouts: Optouts,
        refused: RefusalLog,
        log: Journal | None = None,
    ) -> None:
        self.gather, self.refused = Gather(), refused
        self._store, self._lanes, self._submit, self._endings = store, lanes, submit, endings
        self._responses = endings.responses
        self._identifiers, self._backlog, self._optouts = identifiers, backlog, optouts
        self._clock, self._meters, self._log = around.clock, around.meters, log
        self._spawn, self._notes = around.spawn, around.notes
        self.supersede = Supersede(store, lanes, submit, endings, around, log)
        self.draining = False
        self.change(routes)

    def change(self, routes: Table) -> None:
        """Go by other routes from now on."""
        self._routes = routes

    @property
    def room(self) -> int:
        """How many more messages the backlog holds."""
        return self._backlog - self._lanes.depth

    def drain(self, draining: bool = True) -> None:
        """Refuse every message from now on: the bridge is stopping; or accept again."""
        self.draining = draining

    async def take(self, session: Submitter, pdus: Iterable[SubmitSm]) -> None:
        """Accept the submit_sm that a session sent at one time; refuse the others at once."""
        begun, account = self._clock.monotonic(), session.rights.account
        intake, id_form = self._judged(session, pdus, begun), account.id_form
        if not (intake.answers or intake.entries):
            return await self.supersede.take(session, intake.superseding, begun, account)
        attempts = self.place(intake.entries)
        ending = self._endings.claim(intake.fates, "own")
        try:
            recording = self._store.accept(intake.entries, ending.settlements)
            if intake.superseding:  # they may take the places of the others
                self._spawn(self.supersede.take(session, intake.superseding, begun, account))
            await recording
        except StoreFailure:
            return self._undo(session, intake, attempts, ending)
        for sequence_number, recorded in intake.answers:
            if recorded.message_id:
                session.answer(SubmitSmResp(0, sequence_number, id_form % recorded.message_id))
            else:  # sent again while the store failed to record the first of the two segments
                self.refused.refuse(session, sequence_number, STORE_FAILED)
        session.flush()
        system_id, count = account.system_id, len(intake.answers)
        self._meters.accepted(system_id, count)
        self._meters.submit_resp(system_id, self._clock.monotonic() - begun, count)
        if self._log is not None:
            log_accepted(self._log, system_id, intake.entries)
        return self._hand_on(intake, attempts, ending)

    async def expire(self, accounts: Mapping[str, Rights]) -> None:
        """End the long messages whose segments were not all received in time."""
        if self.draining:
            return  # the store keeps their segments
        timeouts = {name: rights.account.gather_timeout for name, rights in accounts.items()}
        late = self.gather.expired(self._clock.monotonic(), timeouts, self._clock.wall())
        with suppress(StoreFailure):
            await self._end_all(late, MessageState.EXPIRED, accounts)

    async def delete(self, wanted: Callable[[Gathering], bool]) -> int:
        """End the *wanted* long messages, whose segments are awaited, as DELETED; return how many.

        Raises StoreFailure: they wait on.
        """
        removed = self.gather.remove(wanted, self._clock.monotonic())
        await self._end_all(removed, MessageState.DELETED, {})
        return len(removed)

    async def _end_all(
        self, gatherings: Sequence[Gathering], state: MessageState, accounts: Mapping[str, Rights]
    ) -> None:
        """End gatherings with a state, or send them by their accounts' rights.  StoreFailure."""
        if not gatherings:
            return
        intake = Intake()
        for gathering in gatherings:
            rights = accounts.get(gathering.key.system_id)
            send = rights is not None and rights.account.when_incomplete == "send"
            self._end(gathering, rights if send or gathering.complete else None, intake, state)
        try:
            await self.write(intake)
        except StoreFailure:
            for gathering in gatherings:
                self.gather.reopen(gathering)
            raise

    async def write(self, intake: Intake) -> None:
        """Write messages that no submit_sm has brought, and hand them on.  Raises StoreFailure."""
        attempts = self.place(intake.entries)
        ending = self._endings.claim(intake.fates, "own")
        try:
            await self._store.accept(intake.entries, ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            self._lanes.give_back(attempts)
            raise
        self._hand_on(intake, attempts, ending)

    def _hand_on(self, intake: Intake, attempts: Sequence[Attempt], ending: Ending) -> None:
        if intake.held:
            self._responses.start(shortened(intake.held, attempts))
        for name in [each.key.system_id for each in intake.ended if not each.complete]:
            self._meters.gathering_expired(name, 1)
            self._notes.reason(Reason.SEGMENTS_MISSING.value, name)
        if ending.fates:
            self._endings.conclude(ending)
        for attempt in attempts:
            for segment in attempt.message.segments:
                segment.octets = b""  # the message has them now
        if skipping := [attempt for attempt in attempts if attempt.hop]:
            note_skipped(self._notes, self._lanes, skipping)
        self._submit.take(attempts)

    def place(self, entries: Sequence[Entry]) -> list[Attempt]:
        """Give each message its first attempt, unless the message ends at once."""
        placed = [e for e in entries if e.message is not None and e.message.route]
        attempts = self._lanes.place([e.message for e in placed if e.message is not None])
        for entry, attempt in zip(placed, attempts, strict=True):
            entry.attempt = attempt
        return attempts

    # -- one submit_sm --------------------------------------------------------------------------

    def _judged(self, session: Submitter, pdus: Iterable[SubmitSm], now: float) -> Intake:
        """Judge submit_sm that came together, and refuse those that are not wanted."""
        intake, wall = Intake(self._lanes.depth >= self._backlog), self._clock.wall()
        waits = session.rights.account.answer == "provider"
        for pdu in pdus:
            number = pdu.sequence_number
            try:
                recorded = self._judge(session, pdu, intake, now, wall)
            except Refusal as refusal:
                self.refused.refuse(session, number, refusal, addresses_of(pdu))
                continue
            if recorded is None:
                continue
            if waits or (pdu.esm_class and pdu.esm_class & _MODE == _TRANSACTION):
                account, entries = session.rights.account, intake.entries
                later = waiting_response(session, account, number, recorded, entries, now)
                if later is not None:
                    intake.held.append(later)
                    self._responses.hold([later])
                    continue
            intake.answers.append((number, recorded))
        return intake

    def _judge(
        self, session: Submitter, pdu: SubmitSm, intake: Intake, now: float, wall: float
    ) -> Recorded | None:
        """Return the message or segment of a submit_sm; None: it supersedes.  Raises Refusal."""
        rights = session.rights
        if intake.full:
            raise Refusal(Status.ESME_RMSGQFUL, Reason.BACKLOG_FULL)
        if self.draining:
            raise Refusal(Status.ESME_RSYSERR, Reason.STOPPING)
        if not rights.throughput.take(now):
            raise Refusal(Status.ESME_RTHROTTLED, Reason.THROTTLED)
        content = rights.reader.content(pdu)
        if pdu.tlvs or pdu.data_coding > _USUAL_DATA_CODING or pdu.registered_delivery > _USUAL:
            for each in oddities_of(pdu, session.interface_version):
                session.odd(each)
        message = rights.reader.message(pdu, content, session.interface_version, wall)
        message.message_id = self._identifiers.take()
        if content.position is not None:
            key, segment = rights.reader.segment(message, content, content.position)
            return self._gathered(session, key, segment, now, intake)
        odd = rights.reader.read(message, content.octets)
        if odd is not None:
            self.count_odd(odd, message, session)
        self.route(message)
        if pdu.replace_if_present_flag:
            waits = pdu.esm_class & _MODE == _TRANSACTION
            intake.superseding.append(Superseding(pdu.sequence_number, Entry(message), waits))
            return None
        intake.entries.append(Entry(message))
        return message

    def route(self, message: Message) -> None:
        """Give a message its route; raises Refusal if it has none."""
        choice = self._routes.find(message.system_id, message.source.addr, message.number)
        if choice is None:
            raise Refusal(Status.ESME_RINVDSTADR, Reason.NO_ROUTE)
        if self._optouts.stops(choice.via, message.number):
            raise Refusal(Status.ESME_RINVDSTADR, Reason.OPTED_OUT)
        message.route = choice.via if message.binary is None else self._lanes.able(choice.via)
        if not message.route:
            raise Refusal(Status.ESME_RSUBMITFAIL, Reason.NO_BINARY)
        if choice.sender is not ANY_SENDER:
            reading.replace_sender(message, choice.sender)
        if choice.demands is not None:
            kept_tlvs.demand(message, choice.demands)
        if choice.transliterates:
            reading.transliterate(message)
        if choice.quiet is not None and self._lanes.impose(choice.quiet, message):
            self._meters.quiet(message.system_id, 1)
            self._notes.reason(Reason.QUIET_HOURS.value, message.system_id)

    def count_odd(self, odd: Oddity, about: Message, session: Observed | None) -> None:
        """Count an oddity of a message's user data, for its session too."""
        if odd is Oddity.LATIN1:
            self._meters.latin1_fallback(about.system_id)
        elif about.message_id:  # the messages of a submit_multi have none yet
            self._notes.note(about.message_id, "odd", {"kind": odd.value})
        if session is not None:
            session.odd(odd)

    # -- segments -------------------------------------------------------------------------------

    def _gathered(
        self, session: Submitter, key: GatheringKey, segment: Segment, now: float, intake: Intake
    ) -> Segment:
        """Gather a segment; if its message is whole, join the message."""
        placed = self.gather.receive(key, segment, session, now)
        for gathering in placed.ended:
            rights = session.rights if gathering.complete else None
            self._end(gathering, rights, intake, MessageState.EXPIRED)
        if placed.refusal is not None:
            raise placed.refusal
        if placed.segment is not segment:
            return placed.segment
        intake.entries += [Entry(None, key, each) for each in placed.begun]
        message = None
        if placed.whole:
            message = self.joined(session.rights, key, placed.whole, intake, session)
        intake.entries.append(Entry(message, key, segment))
        return segment

    def joined(
        self,
        rights: Rights,
        key: GatheringKey,
        whole: Sequence[Segment],
        intake: Intake,
        session: Submitter | None = None,
    ) -> Message:
        """Return the whole message; REJECTED if it cannot be sent: its segments are answered."""
        message = message_of(key, whole, self._clock.wall())
        try:
            message.number = rights.reader.number(key.destination)
            odd = rights.reader.read_joined(message)
            if odd is not None:
                self.count_odd(odd, message, session)
            self.route(message)
        except Refusal as refusal:
            error, message.route = refusal.status & 0x3FF, ()
            self._notes.note(message.message_id, "rejected", refusal.facts)
            attempt, state = Attempt(message, ""), MessageState.REJECTED
            intake.fates.append(Fate(attempt, state, error, command_status=refusal.status))
        return message

    def _end(
        self,
        gathering: Gathering,
        rights: Rights | None,
        intake: Intake,
        state: MessageState,
    ) -> None:
        """End a gathering with a state, or, with *rights*, sent as far as it was received."""
        whole = in_order(gathering)
        if rights is not None:
            message = self.joined(rights, gathering.key, whole, intake)
        else:
            message = message_of(gathering.key, whole, self._clock.wall())
            intake.fates.append(Fate(Attempt(message, ""), state))
        if missing := gathering.missing:
            code = "cancelled" if state is MessageState.DELETED else "expired"
            facts = {"why": Reason.SEGMENTS_MISSING, "missing": missing}
            self._notes.note(message.message_id, code, facts | {"total": gathering.key.total})
        intake.entries.append(Entry(message, gathering.key))
        if state is not MessageState.DELETED:
            intake.ended.append(gathering)

    def _undo(
        self, session: Submitter, intake: Intake, attempts: Sequence[Attempt], ending: Ending
    ) -> None:
        """Forget submit_sm that the store failed to record, and refuse them."""
        self._endings.release(ending)
        self._responses.drop(intake.held)
        self._lanes.give_back(attempts)
        intake.void(self.gather, self._clock.monotonic())
        asked = [n for n, _ in intake.answers] + [held.sequence_number for held in intake.held]
        for sequence_number in asked:
            self.refused.refuse(session, sequence_number, STORE_FAILED)
        session.flush()
