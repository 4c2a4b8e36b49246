"""supersede: a submit_sm with replace_if_present_flag takes the place of a message that waits.

judged by accept -> stoppable -> claim -> accept and settle .disk. -> answer -> submit

The newest WAITING message of the account with the same source, destination and service_type ends
DELETED, in the transaction that writes the new message (SMPP 3.4, 5.2.18).  Without one, the
submit_sm is like any other.  Its response may wait for a provider's verdict, as that of any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple, Protocol

from smppbridge.model.account import Account
from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.accepted_log import log_accepted
from smppbridge.relay.accept.transaction import shortened, waiting_response
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.ending import Endings, Fate
from smppbridge.relay.responses import RequestingSession, WaitingResponse
from smppbridge.relay.submit.submit import Submit
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import SubmitSmResp
from smppbridge.store.port import AcceptStore, Entry, Stoppable, StoreFailure

Key = tuple[str, str]
_STORE_FAILED = Reason.STORE_FAILED.value


class Superseding(NamedTuple):
    """A judged submit_sm, with the entry of its message; whether it is in transaction mode."""

    sequence_number: int
    entry: Entry
    transaction: bool = False

    @property
    def message_id(self) -> int:
        """The message_id of its message."""
        return self.entry.message.message_id if self.entry.message else 0


class SupersedeStore(AcceptStore, Protocol):
    """The verbs that supersede calls."""

    def stoppable(self, queries: Sequence[Key]) -> Awaitable[dict[Key, Stoppable]]:
        """Return messages that can be stopped yet, by (system_id, number): the newest first."""


class Supersede:
    """Accepts messages in the place of others.

    A list is decided about by the store as it is after the lists before it: a list that is about a
    number of a list before it, which is not decided yet, is looked up once more.  Only Supersede
    writes the lists that are not decided.
    """

    def __init__(
        self,
        store: SupersedeStore,
        lanes: Lanes,
        submit: Submit,
        endings: Endings,
        around: Around,
        log: Journal | None,
    ) -> None:
        self._store, self._lanes, self._submit, self._endings = store, lanes, submit, endings
        self._responses = endings.responses
        self._clock, self._meters, self._log = around.clock, around.meters, log
        self._undecided: dict[object, frozenset[Key]] = {}

    @property
    def waiting(self) -> int:
        """Return how many lists of submit_sm wait for the store to find earlier messages."""
        return len(self._undecided)

    async def take(
        self,
        session: RequestingSession,
        submissions: Sequence[Superseding],
        begun: float,
        account: Account,
    ) -> None:
        """Accept judged messages of a session, received at *begun* (monotonic seconds)."""
        if not submissions:
            return None
        entries = [each.entry for each in submissions]
        messages = [entry.message for entry in entries if entry.message is not None]
        try:
            fates = await self._fates(messages)
        except StoreFailure:
            return self._refuse(session, account, submissions)
        placed = [e for e in entries if e.message is not None and e.message.route]
        if not self._lanes.have([e.message for e in placed if e.message is not None]):
            return self._refuse(session, account, submissions)  # a provider was removed meanwhile
        attempts = self._lanes.place([message for message in messages if message.route])
        for entry, attempt in zip(placed, attempts, strict=True):
            entry.attempt = attempt
        held = _held(session, account, submissions, begun)
        shortened([*held.values()], attempts)
        self._responses.hold(held.values())
        ending = self._endings.claim(fates, "own")
        try:
            await self._store.accept(entries, ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            self._responses.drop(held.values())
            self._lanes.give_back(attempts)
            return self._refuse(session, account, submissions)
        self._responses.start(held.values())
        answers = [each for each in submissions if each.message_id not in held]
        self._answer(session, account, answers, begun)
        if self._log is not None:
            log_accepted(self._log, account.system_id, entries)
        self._endings.conclude(ending)
        return self._submit.take(attempts)

    def _answer(
        self,
        session: RequestingSession,
        account: Account,
        submissions: Sequence[Superseding],
        begun: float,
    ) -> None:
        for each in submissions:
            message_id = account.id_form % each.message_id
            session.answer(SubmitSmResp(0, each.sequence_number, message_id))
        session.flush()
        system_id, count = account.system_id, len(submissions)
        self._meters.accepted(system_id, count)
        self._meters.submit_resp(system_id, self._clock.monotonic() - begun, count)

    def _refuse(
        self, session: RequestingSession, account: Account, submissions: Sequence[Superseding]
    ) -> None:
        for each in submissions:
            session.answer(SubmitSmResp(Status.ESME_RSYSERR, each.sequence_number))
            self._meters.refused(account.system_id, Status.ESME_RSYSERR, _STORE_FAILED)
        session.flush()

    async def _fates(self, messages: Sequence[Message]) -> list[Fate]:
        """Return the ends of the messages whose places others take; raises StoreFailure.

        A message of the list itself may be one of them: it is accepted, and does not leave.
        """
        keys = frozenset((message.system_id, message.number) for message in messages)
        list_ = object()
        self._undecided[list_] = keys
        try:
            while True:
                before = takewhile(lambda name: name is not list_, self._undecided)
                behind = any(self._undecided[name] & keys for name in before)
                found = await self._store.stoppable([*keys])
                if not behind:
                    break
        finally:
            del self._undecided[list_]
        return _ends(messages, found)


def _held(
    session: RequestingSession, account: Account, submissions: Sequence[Superseding], begun: float
) -> dict[int, WaitingResponse]:
    """Return the responses that wait for a provider's verdict, by message_id."""
    held: dict[int, WaitingResponse] = {}
    for number, entry, transaction in submissions:
        message = entry.message
        if message is not None and (transaction or account.answer == "provider"):
            later = waiting_response(session, account, number, message, [entry], begun)
            if later is not None:
                held[message.message_id] = later
    return held


def _ends(messages: Sequence[Message], found: Mapping[Key, Stoppable]) -> list[Fate]:
    fates: list[Fate] = []
    latest: dict[object, Message] = {}
    for message in messages:
        alike = (message.source, message.number, message.traits.service_type)
        if (before := latest.get(alike)) is not None:
            before.route = ()  # it does not come in line
            fates.append(Fate(Attempt(before, ""), MessageState.DELETED))
        elif (waiting := _newest(message, found)) is not None:
            fates.append(Fate(waiting, MessageState.DELETED, stage=Stage.WAITING))
        latest[alike] = message
    return fates


def _newest(message: Message, found: Mapping[Key, Stoppable]) -> Attempt | None:
    """Return the newest WAITING message with the addresses and service_type of a message."""
    for each in found[message.system_id, message.number].found:
        other = each.attempt.message
        same = other.source == message.source
        same = same and other.traits.service_type == message.traits.service_type
        if same and each.stage is Stage.WAITING:
            return each.attempt
    return None
