"""cancel: a cancel_sm ends messages that have not left yet: DELETED.

received -> named -> claim -> settle .disk. -> answer
                  -> GATHERING -> accept.delete .disk. -> answer
                  -> kept by the provider until its time -> deleted there -> settle .disk. -> answer

A message is claimed in the moment in which the store has answered that it is WAITING: a request
that is begun and has not left asks for the standing of its message, and does not leave.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from smppbridge.model.address import Address
from smppbridge.model.identifiers import read_id
from smppbridge.model.message import Attempt, GatheringKey, Message, Stage
from smppbridge.model.reasons import Reason
from smppbridge.providers.exchange import Exchange, Provider
from smppbridge.relay.accept.fields import LONGEST_SERVICE_TYPE, Refusal
from smppbridge.relay.accept.series import Gathering
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.named import NamedStore, NamingSession, Replies, is_source, names
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.ending import Fate
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.relay.submit.redirect import MessageEndings
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import CancelSm, CancelSmResp
from smppbridge.store.port import Found, StoreFailure

ANSWERED_WITHIN = 5.0  # seconds that a cancellation waits for a provider
AT_ONCE = 20  # messages that providers are asked to drop at a time, for one cancellation
_FAILED = Status.ESME_RCANCELFAIL
Wanted = Callable[[Gathering], bool]


class Gatherings(Protocol):
    """The long messages whose segments are awaited."""

    def delete(self, wanted: Wanted) -> Awaitable[int]:
        """End those that are *wanted* as DELETED, durably; return how many.  StoreFailure."""


@dataclass(slots=True, eq=False)
class _WaitingCancel:
    """A cancel_sm that waits for providers: *left* answers, until *deadline* (monotonic seconds).

    *status* is the answer so far, *why* its reason if it is an error; providers are asked about the
    *others* later.
    """

    session: NamingSession
    request: CancelSm
    status: int
    deadline: float
    others: list[Attempt]
    left: int = 0
    why: Reason = Reason.NOT_CANCELLABLE


class Cancel:
    """Carries out cancel_sm.  Only Cancel writes the cancellations that wait for providers."""

    def __init__(
        self,
        store: NamedStore,
        gatherings: Gatherings,
        ends: MessageEndings,
        lanes: Lanes,
        carrier: Carrier,
        around: Around,
        log: Journal | None = None,
    ) -> None:
        self._store, self._gatherings, self._ends = store, gatherings, ends
        self._lanes, self._carrier, self._clock = lanes, carrier, around.clock
        self._meters, self._spawn = around.meters, around.spawn
        self._replies = Replies("cancel", "cancel_refused", around, log)
        self._asked: dict[_WaitingCancel, None] = {}

    @property
    def waiting(self) -> int:
        """Return how many cancel_sm wait for a provider."""
        return len(self._asked)

    async def take(self, session: NamingSession, request: CancelSm) -> None:
        """Cancel the messages that a session names, and answer."""
        try:
            if request.message_id:
                ended, kept = await self._by_id(session, request)
            else:
                ended, kept = await self._by_addresses(session, request)
        except StoreFailure:
            return self._answer(session, request, Status.ESME_RSYSERR, Reason.STORE_FAILED)
        except Refusal as refusal:
            return self._answer(session, request, refusal.status, refusal.reason, refusal.detail)
        status = 0 if ended else int(_FAILED)
        if kept:
            deadline = self._clock.monotonic() + ANSWERED_WITHIN
            asked = _WaitingCancel(session, request, status, deadline, kept)
            self._asked[asked] = None
            return self._ask(asked)
        return self._answer(session, request, status, Reason.NOT_CANCELLABLE)

    def tick(self) -> None:
        """Answer the cancellations whose provider does not answer in time; called often."""
        now = self._clock.monotonic()
        for asked in [asked for asked in self._asked if asked.deadline <= now]:
            self._conclude(asked)

    # -- the messages that are named ------------------------------------------------------------

    async def _by_id(self, session: NamingSession, request: CancelSm) -> tuple[int, list[Attempt]]:
        """End the message with an id; return how many ended, and those that providers keep."""
        account = session.rights.account
        message_id, system_id = read_id(request.message_id, account), account.system_id
        if message_id is None:
            raise Refusal(_FAILED, Reason.UNKNOWN_MESSAGE)
        for _ in range(2):  # a message may become whole between its store and its gathering
            known = await self._store.named([message_id])
            named = [each for each in known.get(message_id, ()) if names(request, system_id, each)]
            if not any(isinstance(each, GatheringKey) for each in named):
                found = [each for each in named if isinstance(each, Found)]
                if not any(_is_addressed(session, request, each.attempt.message) for each in found):
                    break
                return await self._end(found, lambda m: _is_addressed(session, request, m))
            if ended := await self._gatherings.delete(
                lambda each: (
                    each.with_id(message_id) is not None
                    and _is_to(session, request, each.key.destination)
                )
            ):
                return ended, []
        raise Refusal(_FAILED, Reason.UNKNOWN_MESSAGE)

    async def _by_addresses(
        self, session: NamingSession, request: CancelSm
    ) -> tuple[int, list[Attempt]]:
        """End all messages of the account between two addresses that have not left."""
        system_id, service_type = session.rights.account.system_id, request.service_type
        key = system_id, session.rights.reader.number(_destination(request))
        ended, before = 0, None
        kept: list[Attempt] = []
        while True:  # page by page
            page = (await self._store.stoppable([key], before))[key]
            more, drop = await self._end(
                page.found,
                lambda m: (
                    is_source(request, m.source) and _is_of(m.traits.service_type, service_type)
                ),
            )
            ended, before, kept = ended + more, page.before, kept + drop
            if before is None:
                break
        ended += await self._gatherings.delete(
            lambda each: (
                each.key.system_id == system_id
                and is_source(request, each.key.source)
                and _is_to(session, request, each.key.destination)
                and all(_is_of(s.traits.service_type, service_type) for s in each.segments.values())
            )
        )
        return ended, kept

    async def _end(
        self, found: Sequence[Found], wanted: Callable[[Message], bool]
    ) -> tuple[int, list[Attempt]]:
        """End WAITING messages; return how many, and those that providers keep until their time.

        Those of other bridges are left to them.  Nothing is awaited before the messages are
        claimed: afterwards they may be on their way.
        """
        stoppable = [each for each in found if each.ours and wanted(each.attempt.message)]
        waiting = [each.attempt for each in stoppable if each.stage is Stage.WAITING]
        now = self._clock.wall()
        kept = [
            each.attempt
            for each in stoppable
            if each.stage is Stage.SUBMITTED and self._is_kept(each.attempt, now)
        ]
        if not waiting:
            return 0, kept
        fates = [Fate(each, MessageState.DELETED, stage=Stage.WAITING) for each in waiting]
        ended = await self._ends.settle_own(fates)
        if ended is None:
            raise StoreFailure("the end of cancelled messages was not written")
        return len(ended), kept

    def _is_kept(self, attempt: Attempt, now: float) -> bool:
        """Return whether a provider keeps a message until its time, and can be told to drop it."""
        lane, due = self._lanes.by_name.get(attempt.provider), attempt.message.traits.scheduled
        known = attempt.provider_message_id is not None and not attempt.parts
        return lane is not None and lane.provider.abilities.cancels and known and (due or 0.0) > now

    # -- messages that providers keep -----------------------------------------------------------

    def _ask(self, asked: _WaitingCancel) -> None:
        """Have providers drop the next messages; the answer waits for all of them."""
        kept, asked.others = asked.others[:AT_ONCE], asked.others[AT_ONCE:]
        asked.left = len(kept)
        by_provider: dict[str, list[Attempt]] = {}
        for attempt in kept:
            by_provider.setdefault(attempt.provider, []).append(attempt)
        for name, attempts in by_provider.items():
            lane = self._lanes.by_name.get(name)
            if lane is None:  # removed while others were dropped
                self._count(asked, len(attempts))
                continue
            self._carrier.carry(
                name,
                attempts,
                partial(_dropping, lane.provider),
                partial(self._dropped, asked, name, self._clock.monotonic()),
            )

    def _dropped(
        self, asked: _WaitingCancel, name: str, asked_at: float, found: Conclusions
    ) -> None:
        took = self._clock.monotonic() - asked_at
        for _, dropped in found:
            outcome = "dropped" if dropped is True else "kept" if dropped is False else "failed"
            self._meters.asked(name, "cancel", outcome, [took])
        dropped_ = [attempt for attempt, dropped in found if dropped is True]
        self._count(asked, len(found) - len(dropped_))
        if dropped_:
            self._spawn(self._end_dropped(asked, dropped_))

    async def _end_dropped(self, asked: _WaitingCancel, attempts: Sequence[Attempt]) -> None:
        """End messages that their provider has dropped, also after the deadline of the answer."""
        ended = await self._ends.settle_own([Fate(a, MessageState.DELETED) for a in attempts])
        if ended:
            asked.status = 0
        elif ended is None and asked.status:
            asked.status = int(Status.ESME_RSYSERR)
            asked.why = Reason.STORE_FAILED
        self._count(asked, len(attempts))

    def _count(self, asked: _WaitingCancel, answers: int) -> None:
        """Count answers of providers; ask about the next messages, or answer."""
        asked.left -= answers
        if asked.left <= 0 and answers:
            if asked.others:
                self._ask(asked)
            else:
                self._conclude(asked)

    def _conclude(self, asked: _WaitingCancel) -> None:
        if asked in self._asked:
            del self._asked[asked]
            self._answer(asked.session, asked.request, asked.status, asked.why)

    def _answer(
        self, session: NamingSession, request: CancelSm, status: int, why: Reason, detail: str = ""
    ) -> None:
        """Answer a cancel_sm; *why* holds unless the status is ESME_ROK."""
        response = CancelSmResp(int(status), request.sequence_number)
        self._replies.give(session, response, why if status else None, detail)
        session.flush()


def _dropping(provider: Provider, attempt: Attempt) -> Exchange[bool]:
    return provider.cancel(attempt.message, attempt.provider_message_id or "")


def _destination(request: CancelSm) -> Address:
    try:
        addr = request.destination_addr.decode("ascii")
    except UnicodeDecodeError as error:
        raise Refusal(Status.ESME_RINVDSTADR, Reason.BAD_NUMBER, "not ASCII") from error
    return Address(addr, request.dest_addr_ton, request.dest_addr_npi)


def _is_to(session: NamingSession, request: CancelSm, destination: Address) -> bool:
    """Return whether a request has a destination, or none (SMPP 3.4, 4.9.1)."""
    if not request.destination_addr:
        return True
    number = session.rights.reader.number
    try:
        return number(_destination(request)) == number(destination)
    except Refusal:
        return False


def _is_addressed(session: NamingSession, request: CancelSm, message: Message) -> bool:
    return _is_of(message.traits.service_type, request.service_type) and _is_to(
        session, request, message.destination
    )


def _is_of(service_type: str, wanted: bytes) -> bool:
    return not wanted or service_type == wanted[:LONGEST_SERVICE_TYPE].decode("latin-1")
