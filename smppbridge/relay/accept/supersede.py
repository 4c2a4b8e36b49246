"""supersede: a submit_sm with replace_if_present_flag takes the place of a message that waits.

judged by accept -> stoppable -> claim -> accept and settle .disk. -> answer -> submit

The newest WAITING message of the account with the same source, destination and service_type ends
DELETED, in the transaction that writes the new message (SMPP 3.4, 5.2.18).  Without one, the
submit_sm is like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import takewhile
from typing import Protocol

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.relay.accept.logged import log_accepted
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.ending import Endings, Fate
from smppbridge.relay.submit.submit import Submit
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import SubmitSmResp
from smppbridge.store.port import AcceptStore, Entry, Stoppable, StoreFailure

Key = tuple[str, str]
Submission = tuple[int, Entry]
"""A sequence_number with the entry of its message."""


class Superseder(Protocol):
    """A session that submits."""

    @property
    def answer(self) -> Callable[[SubmitSmResp], None]:
        """Put a response in line."""

    def flush(self) -> None:
        """Write the responses that are in line."""


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
        self._clock, self._meters, self._log = around.clock, around.meters, log
        self._undecided: dict[object, frozenset[Key]] = {}

    @property
    def waiting(self) -> int:
        """Return how many lists of submit_sm wait for the store to find earlier messages."""
        return len(self._undecided)

    async def take(
        self,
        session: Superseder,
        submissions: Sequence[Submission],
        begun: float,
        id_form: bytes,
    ) -> None:
        """Accept judged messages of a session, received at *begun* (monotonic seconds).

        *id_form* is how the account writes message_ids.
        """
        if not submissions:
            return None
        entries = [entry for _, entry in submissions]
        messages = [entry.message for entry in entries if entry.message is not None]
        system_id = messages[0].system_id
        try:
            fates = await self._fates(messages)
        except StoreFailure:
            return self._refuse(session, system_id, submissions)
        placed = [e for e in entries if e.message is not None and e.message.route]
        attempts = self._lanes.place([message for message in messages if message.route])
        for entry, attempt in zip(placed, attempts, strict=True):
            entry.attempt = attempt
        ending = self._endings.claim(fates, "own")
        try:
            await self._store.accept(entries, ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            self._lanes.give_back(attempts)
            return self._refuse(session, system_id, submissions)
        for sequence_number, entry in submissions:
            message_id = entry.message.message_id if entry.message else 0
            session.answer(SubmitSmResp(0, sequence_number, id_form % message_id))
        session.flush()
        self._meters.accepted(system_id, len(entries))
        self._meters.submit_resp(system_id, self._clock.monotonic() - begun, len(entries))
        if self._log is not None:
            log_accepted(self._log, system_id, entries)
        self._endings.conclude(ending)
        return self._submit.take(attempts)

    def _refuse(
        self, session: Superseder, system_id: str, submissions: Sequence[Submission]
    ) -> None:
        for sequence_number, _ in submissions:
            session.answer(SubmitSmResp(Status.ESME_RSYSERR, sequence_number))
            self._meters.refused(system_id, Status.ESME_RSYSERR)
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
