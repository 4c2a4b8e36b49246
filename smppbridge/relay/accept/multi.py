"""multi: a submit_multi becomes a message for each destination on disk, then its response is sent.

judge once for all (or refuse at once) -> expand the lists -> sort the destinations out
-> place -> accept .disk. -> answer -> submit

All messages have the message_id of the response in their traits, and ids of their own in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from smppbridge.model.address import Address
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.lists import NumberList
from smppbridge.model.message import Attempt, Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.accepted_log import log_accepted
from smppbridge.relay.accept.fields import Refusal, oddities_of
from smppbridge.relay.accept.intake import Observed, Rights
from smppbridge.relay.accept.lists import (
    Destinations,
    Lists,
    RefusedDestination,
    expanded,
    refused_destination,
)
from smppbridge.relay.accept.refusals import STORE_FAILED
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.skipped import note_skipped
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.ending import Endings, Fate
from smppbridge.relay.submit.submit import Submit
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState, Npi, Ton
from smppbridge.smpp.pdus import SubmitMulti, SubmitMultiResp
from smppbridge.store.port import AcceptStore, Entry, StoreFailure

MOST_LISTED = 255
"""Destinations that no_unsuccess can count (SMPP 3.4, 4.5.2)."""
_TON, _NPI = Ton.INTERNATIONAL, Npi.ISDN  # of the numbers in lists


class MultiSubmitter(Observed, Protocol):
    """A session that submits to many."""

    rights: Rights
    interface_version: int  # the peer's

    @property
    def answer(self) -> Callable[[SubmitMultiResp], None]:
        """Put a response in line."""

    def flush(self) -> None:
        """Write the responses that are in line."""


@dataclass(slots=True)
class _MultiEntries:
    """The entries of one submit_multi to be recorded; *refused* are the other destinations.

    *fates* end the messages that are rejected; *answered_id* is the message_id of the response.
    """

    answered_id: int
    refused: Sequence[RefusedDestination]
    entries: Sequence[Entry]
    fates: Sequence[Fate]


class Multi:
    """Accepts submit_multi, by the routes, opt-outs, backlog and draining of Accept."""

    def __init__(
        self,
        accept: Accept,
        store: AcceptStore,
        lanes: Lanes,
        submit: Submit,
        endings: Endings,
        *,
        identifiers: Identifiers,
        around: Around,
        log: Journal | None = None,
    ) -> None:
        self._accept, self._store, self._lanes = accept, store, lanes
        self._submit, self._endings, self._identifiers = submit, endings, identifiers
        self._clock, self._meters, self._log = around.clock, around.meters, log
        self._notes = around.notes
        self._lists: Lists = {}

    def change(self, lists: Mapping[str, NumberList]) -> None:
        """Go by other distribution lists from now on."""
        self._lists = {name.encode("ascii"): each for name, each in lists.items()}

    async def take(self, session: MultiSubmitter, request: SubmitMulti) -> None:
        """Accept a submit_multi, whole; or refuse it at once."""
        begun = self._clock.monotonic()
        try:
            draft, named = self._judge(session, request, begun)
        except Refusal as refusal:
            if refusal.oddity is not None:
                session.odd(refusal.oddity)
            self._refuse(session, request, refusal)
            return
        messages, refused = self._sort(session, draft, named)
        spread = self._spread(draft, messages, refused)
        attempts = self._accept.place(spread.entries)
        ending = self._endings.claim(spread.fates, "own")
        try:
            if spread.entries:
                await self._store.accept(spread.entries, ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            self._lanes.give_back(attempts)
            self._refuse(session, request, STORE_FAILED)
            return
        self._answer(session, request, spread, begun)
        if ending.fates:
            self._endings.conclude(ending)
        if skipping := [attempt for attempt in attempts if attempt.hop]:
            note_skipped(self._notes, self._lanes, skipping)
        self._submit.take(attempts)

    def _judge(
        self, session: MultiSubmitter, request: SubmitMulti, now: float
    ) -> tuple[Message, Destinations]:
        """Return the message without a destination, and the destinations; raises Refusal."""
        rights, room = session.rights, self._accept.room
        if self._accept.draining:
            raise Refusal(Status.ESME_RSYSERR, Reason.STOPPING)
        if room <= 0:
            raise Refusal(Status.ESME_RMSGQFUL, Reason.BACKLOG_FULL)
        content = rights.reader.content(request)
        named = expanded(request.dest_address, self._lists, rights.account.system_id, room)
        if not rights.throughput.take(now, max(1.0, len(named))):
            raise Refusal(Status.ESME_RTHROTTLED, Reason.THROTTLED)
        if content.position is not None:  # each destination's segments would need a reference
            raise Refusal(Status.ESME_RSUBMITFAIL, Reason.SEGMENT_TO_MANY)
        wall, version = self._clock.wall(), session.interface_version
        for each in oddities_of(request, version):
            session.odd(each)
        draft = rights.reader.message(request, content, version, wall)
        odd = rights.reader.read(draft, content.octets)
        if odd is not None:
            self._accept.count_odd(odd, draft, session)
        return draft, named

    # -- the destinations -----------------------------------------------------------------------

    def _sort(
        self, session: MultiSubmitter, draft: Message, named: Destinations
    ) -> tuple[list[Message], list[RefusedDestination]]:
        """Return a message for each number that has a route, and the destinations refused.

        A number that is named again has one message: two receipts for it could not be told apart.
        """
        reader, reached = session.rights.reader, dict[str, Message]()
        refused = named.refused
        for each in named.addresses:
            try:
                destination, number = reader.destination(each)
                if number not in reached:
                    message = _message(draft, destination, number)
                    self._accept.route(message)
                    reached[number] = message
            except Refusal as refusal:
                if refusal.oddity is not None:
                    session.odd(refusal.oddity)
                ton, npi = each.dest_addr_ton, each.dest_addr_npi
                refused.append(refused_destination(ton, npi, each.destination_addr, refusal))
        for number in dict.fromkeys(named.numbers):
            if number in reached:
                continue
            message = _message(draft, Address(number, _TON, _NPI), number)
            try:
                self._accept.route(message)
                reached[number] = message
            except Refusal as refusal:
                addr = number.encode("ascii")
                refused.append(refused_destination(_TON, _NPI, addr, refusal))
        return list(reached.values()), refused

    def _spread(
        self, draft: Message, messages: list[Message], refused: list[RefusedDestination]
    ) -> _MultiEntries:
        """Return the entries of all messages, with their message_ids.

        A refused destination that the response has no room for gets a message too, which is
        REJECTED: a receipt says so.  Only the numbers of a list can be so many.
        """
        unlisted = refused[MOST_LISTED:]
        for each in unlisted:
            number = each.sme.destination_addr.decode("ascii")
            messages.append(_message(draft, Address(number, _TON, _NPI), number))
        ids = self._identifiers.take_row(max(1, len(messages)))
        first = ids[0]
        plain = draft.traits
        shared = replace(plain, multi=first, destinations=len(messages))
        for message_id, message in zip(ids, messages, strict=False):  # an id without a message
            message.message_id = message_id
            if message.traits is plain:
                message.traits = shared
            else:
                own = message.traits
                message.traits = replace(own, multi=first, destinations=len(messages))
        fates = (
            [
                Fate(Attempt(message, ""), MessageState.REJECTED, each.refusal.status & 0x3FF)
                for message, each in zip(messages[-len(unlisted) :], unlisted, strict=True)
            ]
            if unlisted
            else []
        )
        for fate, each in zip(fates, unlisted, strict=True):
            self._notes.note(fate.attempt.message.message_id, "rejected", each.refusal.facts)
        entries = [Entry(message) for message in messages]
        return _MultiEntries(first, refused[:MOST_LISTED], entries, fates)

    # -- the response ---------------------------------------------------------------------------

    def _answer(
        self, session: MultiSubmitter, request: SubmitMulti, spread: _MultiEntries, begun: float
    ) -> None:
        message_id = session.rights.account.id_form % spread.answered_id
        refused = tuple([each.sme for each in spread.refused])
        session.answer(SubmitMultiResp(0, request.sequence_number, message_id, refused))
        session.flush()
        system_id = session.rights.account.system_id
        if spread.entries:
            self._meters.accepted(system_id, len(spread.entries))
        self._meters.submit_resp(system_id, self._clock.monotonic() - begun, 1)
        for each in spread.refused:
            addresses = request.source_addr, each.sme.destination_addr
            self._accept.refused.count(system_id, addresses, each.refusal)
        if self._log is not None:
            log_accepted(self._log, system_id, spread.entries)

    def _refuse(self, session: MultiSubmitter, request: SubmitMulti, refusal: Refusal) -> None:
        session.answer(SubmitMultiResp(refusal.status, request.sequence_number))
        session.flush()
        first = next((getattr(e, "destination_addr", b"") for e in request.dest_address), b"")
        system_id = session.rights.account.system_id
        self._accept.refused.count(system_id, (request.source_addr, first), refusal)


def _message(draft: Message, destination: Address, number: str) -> Message:
    """Return the draft to one destination."""  # dataclasses.replace takes five times as long
    return Message(
        message_id=0,
        system_id=draft.system_id,
        source=draft.source,
        destination=destination,
        number=number,
        text=draft.text,
        data_coding=draft.data_coding,
        priority=draft.priority,
        registered_delivery=draft.registered_delivery,
        route=(),
        accepted_at=draft.accepted_at,
        expires_at=draft.expires_at,
        due=draft.due,
        binary=draft.binary,
        traits=draft.traits,
    )
