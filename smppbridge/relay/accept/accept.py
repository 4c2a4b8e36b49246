"""accept: submit_sm -> a message on disk -> submit_sm_resp.

judge (or refuse at once) -> accept .disk. -> answer -> submit
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from smppbridge.model.account import Account
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment
from smppbridge.relay.accept import reading
from smppbridge.relay.accept.gather import Gather, Gathering, in_order
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.accept.reading import Reader, Refusal
from smppbridge.relay.lanes.limits import Throughput
from smppbridge.relay.ports import Clock, Journal, Meters, tell_accepted
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.submit import Submit
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.routing.table import Table
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState, status_name
from smppbridge.smpp.pdus import SubmitSm, SubmitSmResp
from smppbridge.store.port import AcceptStore, Entry, StoreFailure
from smppbridge.text.segments import Position, join


class Submitter(Protocol):
    """A session that submits."""

    rights: Rights

    @property
    def interface_version(self) -> int:
        """Return the peer's."""

    def answer(self, response: SubmitSmResp) -> None:
        """Put a response in line."""

    def flush(self) -> None:
        """Write what is in line."""


@dataclass(slots=True)
class Rights:
    """What an account's sessions share while it is in force."""

    account: Account
    throughput: Throughput
    reader: Reader


Kept = Message | Segment  # what a submit_sm became; without message_id if it was not kept


@dataclass(slots=True)
class _Batch:
    """What one session sent at one time: what is kept, and what is answered then."""

    entries: list[Entry] = field(default_factory=list)
    answers: list[tuple[int, Kept]] = field(default_factory=list)  # by sequence_number
    fates: list[tuple[Attempt, int, int]] = field(default_factory=list)


class Accept:
    """Takes submit_sm; *journal*, if there is one, hears of each that is kept."""

    def __init__(
        self,
        store: AcceptStore,
        submit: Submit,
        reports: Reports,
        *,
        routes: Table,
        identifiers: Identifiers,
        backlog: int,
        clock: Clock,
        meters: Meters,
        journal: Journal | None = None,
        optouts: Optouts | None = None,
    ) -> None:
        self.routes, self.gather, self.draining = routes, Gather(), False
        self.optouts = Optouts() if optouts is None else optouts
        self._store, self._submit, self._reports = store, submit, reports
        self._identifiers, self._backlog = identifiers, backlog
        self._clock, self._meters, self._journal = clock, meters, journal

    async def take(self, session: Submitter, pdus: Iterable[SubmitSm]) -> None:
        """Take what a session sent at one time; answer what is refused at once."""
        batch, begun = _Batch(), self._clock.monotonic()
        wall = self._clock.wall()
        full = self._submit.depth >= self._backlog
        for pdu in pdus:
            try:
                if full:
                    raise Refusal(Status.ESME_RMSGQFUL)
                kept = self._judge(session, pdu, batch, begun, wall)
            except Refusal as refusal:
                self._refuse(session, pdu.sequence_number, refusal.status)
            else:
                batch.answers.append((pdu.sequence_number, kept))
        if not (batch.answers or batch.entries):
            return
        settlements = self._reports.own(batch.fates)
        try:
            await self._store.accept(batch.entries, settlements)
        except StoreFailure:
            self._undo(session, batch)
            return
        for sequence_number, kept in batch.answers:
            if kept.message_id:
                session.answer(SubmitSmResp(0, sequence_number, b"%d" % kept.message_id))
            else:  # the same as a segment that could not be written down meanwhile
                self._refuse(session, sequence_number, Status.ESME_RSYSERR)
        session.flush()
        system_id = session.rights.account.system_id
        self._meters.accepted(system_id, len(batch.answers))
        elapsed = self._clock.monotonic() - begun
        self._meters.submit_resp(system_id, elapsed, len(batch.answers))
        if self._journal is not None:
            tell_accepted(self._journal, system_id, batch.entries)
        self._reports.settled(settlements)
        self._hand_on(batch.entries)

    async def expire(self, accounts: Mapping[str, Rights]) -> None:
        """End the long messages whose segments have not all come in time."""
        timeouts = {name: rights.account.gather_timeout for name, rights in accounts.items()}
        late = self.gather.expired(self._clock.wall(), timeouts)
        if not late:
            return
        batch = _Batch()
        for gathering in late:
            rights = accounts.get(gathering.key.system_id)
            send = rights is not None and rights.account.when_incomplete == "send"
            self._end(gathering, rights if send else None, batch)
            self._meters.gathering_expired(gathering.key.system_id, 1)
        settlements = self._reports.own(batch.fates)
        try:
            await self._store.accept(batch.entries, settlements)
        except StoreFailure:
            self.gather.restore((g.key, s) for g in late for s in in_order(g))
            return
        self._reports.settled(settlements)
        self._hand_on(batch.entries)

    # -- one submit_sm --------------------------------------------------------------------------

    def _judge(
        self, session: Submitter, pdu: SubmitSm, batch: _Batch, now: float, wall: float
    ) -> Kept:
        """Return what becomes of a submit_sm that is wanted; raises Refusal."""
        rights = session.rights
        if self.draining:
            raise Refusal(Status.ESME_RSYSERR, "the bridge is stopping")
        if not rights.throughput.take(now):
            raise Refusal(Status.ESME_RTHROTTLED)
        content = reading.content(pdu)
        message = rights.reader.message(pdu, content.udh, session.interface_version, wall)
        message.message_id = self._identifiers.take()
        if content.position is not None:
            return self._gathered(rights, message, content.position, content.octets, batch)
        self._complete(rights, message, content.octets)
        hop = self._submit.failover.first(message.route)
        batch.entries.append(Entry(message, self._starts(message, hop), hop=hop))
        return message

    def _complete(self, rights: Rights, message: Message, octets: bytes) -> None:
        """Put in the text and the route; raises Refusal if there is none."""
        if not octets:
            raise Refusal(Status.ESME_RINVMSGLEN, "empty text")
        binary = rights.reader.is_binary(message.data_coding, message.traits.udh)
        if binary:
            message.binary = octets
        else:
            message.text, latin1 = rights.reader.characters(octets, message.data_coding)
            if not message.text:
                raise Refusal(Status.ESME_RINVMSGLEN, "no character")
            if latin1:
                self._meters.latin1_fallback(message.system_id)
        choice = self.routes.find(message.system_id, message.source.addr, message.number)
        if choice is None:
            raise Refusal(Status.ESME_RINVDSTADR, "no route")
        if self.optouts.stops(choice.via, message.number):
            raise Refusal(Status.ESME_RINVDSTADR, "the number opted out")
        message.route = self._submit.able(choice.via) if binary else choice.via
        if not message.route:
            raise Refusal(Status.ESME_RSUBMITFAIL, "no provider on the route takes octets")
        if choice.sender is not ANY_SENDER:
            reading.replace_sender(message, choice.sender)
        if message.due > message.accepted_at:
            self._submit.schedule(message)

    # -- segments -------------------------------------------------------------------------------

    def _gathered(
        self, rights: Rights, said: Message, position: Position, octets: bytes, batch: _Batch
    ) -> Segment:
        """Keep a segment, and the message if it is the last one.

        *said* is what its submit_sm says of the message.
        """
        key = GatheringKey(
            said.system_id,
            said.source,
            said.destination,
            position.kind,
            position.reference,
            position.total,
            position.other_udh,
        )
        segment = Segment(
            said.message_id,
            position.number,
            said.registered_delivery,
            said.accepted_at,
            said.data_coding,
            said.priority,
            said.due,
            said.expires_at,
            said.traits,
            octets,
        )
        known = self.gather.known(key, segment)
        if known is not None:
            return known
        old = self.gather.superseded(key, segment)
        if old is not None:
            self._end(old, None, batch)
        whole = self.gather.add(key, segment)
        message = self._joined(rights, key, whole, batch) if whole else None
        hop, begun = 0, False
        if message is not None and message.route:
            hop = self._submit.failover.first(message.route)
            begun = self._starts(message, hop)
        batch.entries.append(Entry(message, begun, key, segment, hop))
        return segment

    def _starts(self, message: Message, hop: int) -> bool:
        in_time = message.due <= message.accepted_at < message.expires_at
        return in_time and self._submit.begins_now(message.route[hop])

    def _joined(
        self, rights: Rights, key: GatheringKey, whole: Sequence[Segment], batch: _Batch
    ) -> Message:
        """Return the whole message; one that cannot be sent is REJECTED, for it is answered."""
        message = _message_of(key, whole, self._clock.wall())
        octets = join({s.number: s.octets for s in whole})
        try:
            message.number = rights.reader.number(key.destination)
            self._complete(rights, message, octets)
        except Refusal as refusal:
            batch.fates.append(
                (Attempt(message, ""), MessageState.REJECTED, refusal.status & 0x3FF)
            )
        return message

    def _end(self, gathering: Gathering, rights: Rights | None, batch: _Batch) -> None:
        """End an incomplete message: EXPIRED, or, with *rights*, sent as far as it came."""
        whole = in_order(gathering)
        if rights is not None:
            message = self._joined(rights, gathering.key, whole, batch)
        else:
            message = _message_of(gathering.key, whole, self._clock.wall())
            batch.fates.append((Attempt(message, ""), MessageState.EXPIRED, 0))
        batch.entries.append(Entry(message, key=gathering.key))

    # -- after the disk -------------------------------------------------------------------------

    def _hand_on(self, entries: Sequence[Entry]) -> None:
        begun: list[Attempt] = []
        waiting: list[Attempt] = []
        for entry in entries:
            message = entry.message
            if message is None or not message.route:
                continue
            for segment in message.segments:
                segment.octets = b""
            if entry.begun:
                at = message.accepted_at
                begun.append(Attempt(message, message.route[entry.hop], 1, entry.hop, at))
            else:
                waiting.append(Attempt(message, message.route[entry.hop], 0, entry.hop))
        if begun:
            self._submit.begun(begun)
        if waiting:
            self._submit.wait(waiting)

    def _refuse(self, session: Submitter, sequence_number: int, status: int) -> None:
        session.answer(SubmitSmResp(status, sequence_number))
        system_id = session.rights.account.system_id
        self._meters.refused(system_id, status)
        if self._journal is not None:
            self._journal("submit_refused", system_id=system_id, command_status=status_name(status))

    def _undo(self, session: Submitter, batch: _Batch) -> None:
        """Answer that nothing was kept, and forget it."""
        for entry in batch.entries:
            if entry.begun and entry.message is not None:
                self._submit.gives_back(entry.message.route[entry.hop])
            if entry.segment is not None:
                entry.segment.message_id = 0
        for entry in reversed(batch.entries):
            whole = entry.message.segments if entry.message else ()
            if entry.key is not None and entry.segment is not None:
                self.gather.take_back(entry.key, entry.segment, whole)
            elif entry.key is not None:
                self.gather.restore((entry.key, segment) for segment in whole)
        for sequence_number, _ in batch.answers:
            self._refuse(session, sequence_number, Status.ESME_RSYSERR)
        session.flush()


def rights_of(account: Account, now: float) -> Rights:
    """Return the rights of an account from *now* (monotonic seconds) on."""
    return Rights(account, Throughput(account.throughput, now), Reader(account))


def _message_of(key: GatheringKey, whole: Sequence[Segment], now: float) -> Message:
    """Return the message that segments make, without text or route: times as in the first."""
    first = whole[0]
    return Message(
        first.message_id,
        key.system_id,
        key.source,
        key.destination,
        key.destination.addr,
        "",
        first.data_coding,
        first.priority,
        first.registered_delivery,
        (),
        now,
        first.expires_at,
        first.due,
        None,
        first.traits,
        tuple(whole),
    )
