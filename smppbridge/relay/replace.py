"""replace: a replace_sm gives a message that still waits another text, times and receipts.

received -> named -> judge as at accept -> out of line -> rewrite .disk. -> in line -> answer

While a message is out of its line no request takes it along; whoever ends the message meanwhile
finds its row as before, and the message does not come into line again.  Replacements that are
received while the store is asked are the next list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from smppbridge.model.identifiers import read_id
from smppbridge.model.message import PLAIN, Attempt, Message, Stage
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.as_sent import asking
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Observed
from smppbridge.relay.lanes.failover import first_open
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.named import NamedStore, NamingSession, Replies, names
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.submit.redirect import AttemptLines
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import EsmClass
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import ReplaceSm, ReplaceSmResp, SubmitSm
from smppbridge.store.port import Found, Named, StoreFailure

_FAILED = Status.ESME_RREPLACEFAIL
_UNWRITTEN = Refusal(Status.ESME_RSYSERR, Reason.STORE_FAILED)
_ALONE = "a part of a text, or octets with a header"


class Router(Protocol):
    """Gives messages their routes."""

    def route(self, message: Message) -> None:
        """Give a message its route; raises Refusal if it has none."""

    def count_odd(self, odd: Oddity, about: Message, session: Observed | None) -> None:
        """Count an oddity of a message's user data."""


@dataclass(slots=True, eq=False)
class _WaitingReplace:
    """A replace_sm, and the attempts whose messages it changes: as they were, and as they are."""

    session: NamingSession
    request: ReplaceSm
    message_id: int
    changes: list[tuple[Attempt, Attempt]] = field(default_factory=list)


class Replace:
    """Carries out replace_sm.  Only Replace writes the replacements that wait for the store."""

    def __init__(
        self,
        store: NamedStore,
        router: Router,
        lanes: Lanes,
        lines: AttemptLines,
        around: Around,
        log: Journal | None = None,
    ) -> None:
        self._store, self._router, self._lanes, self._lines = store, router, lanes, lines
        self._clock, self._log = around.clock, log
        self._replies = Replies("replace", "replace_refused", around, log)
        self._unread: list[_WaitingReplace] = []
        self._reading = 0

    @property
    def waiting(self) -> int:
        """Return how many replace_sm are not answered yet."""
        return len(self._unread) + self._reading

    async def take(self, session: NamingSession, request: ReplaceSm) -> None:
        """Replace the message that a session names, and answer."""
        message_id = read_id(request.message_id, session.rights.account)
        try:
            if not session.rights.throughput.take(self._clock.monotonic()):
                raise Refusal(Status.ESME_RTHROTTLED, Reason.THROTTLED)
            if message_id is None:
                raise Refusal(_FAILED, Reason.UNKNOWN_MESSAGE)
            if request.sm_default_msg_id and not request.short_message:
                raise Refusal(Status.ESME_RINVDFTMSGID, Reason.BAD_FLAG, "sm_default_msg_id")
        except Refusal as refusal:
            why, detail = refusal.reason, refusal.detail
            self._replies.refuse(session, request, refusal.status, why, detail)
            session.flush()
            return
        self._unread.append(_WaitingReplace(session, request, message_id))
        if not self._reading:
            await self._read()

    async def _read(self) -> None:
        """Replace the messages of replace_sm, again and again until none waits.

        Two replacements of one message are not in one list: the second is of the first's message.
        """
        while self._unread:
            asked: dict[int, _WaitingReplace] = {}
            for each in self._unread:
                asked.setdefault(each.message_id, each)
            self._unread = [each for each in self._unread if asked[each.message_id] is not each]
            self._reading = len(asked)
            try:
                await self._replace(list(asked.values()))
            finally:
                self._reading = 0

    async def _replace(self, asked: Sequence[_WaitingReplace]) -> None:
        try:
            known = await self._store.named([each.message_id for each in asked])
        except StoreFailure:
            return self._answer([(each, _UNWRITTEN) for each in asked])
        judged = [(each, self._judge(each, known)) for each in asked]
        new = [after for each, refused in judged if not refused for _, after in each.changes]
        if not new:
            return self._answer(judged)
        try:
            await self._store.rewrite(new)
        except StoreFailure:
            self._come_again(asked, changed=False)
            return self._answer([(each, refused or _UNWRITTEN) for each, refused in judged])
        self._come_again(asked, changed=True)
        return self._answer(judged)

    def _come_again(self, asked: Sequence[_WaitingReplace], *, changed: bool) -> None:
        for each in asked:
            for before, after in each.changes:
                self._lines.come_again(after if changed else before, before.provider)

    def _answer(self, judged: Sequence[tuple[_WaitingReplace, Refusal | None]]) -> None:
        for each, refused in judged:
            response = ReplaceSmResp(0, each.request.sequence_number)
            if refused is None:
                self._replies.give(each.session, response)
            else:
                response.command_status = int(refused.status)
                self._replies.give(each.session, response, refused.reason, refused.detail)
            if refused is None and self._log is not None:
                system_id = each.session.rights.account.system_id
                self._log("message_replaced", message_id=each.message_id, system_id=system_id)
        for session in dict.fromkeys(each.session for each, _ in judged):
            session.flush()

    # -- one replacement --------------------------------------------------------------------------

    def _judge(
        self, asked: _WaitingReplace, known: Mapping[int, tuple[Named, ...]]
    ) -> Refusal | None:
        """Take the messages of a replacement out of line, revised; return why that cannot be."""
        system_id = asked.session.rights.account.system_id
        named = [
            each
            for each in known.get(asked.message_id, ())
            if names(asked.request, system_id, each)
        ]
        if not named:
            return Refusal(_FAILED, Reason.UNKNOWN_MESSAGE)
        waiting = [
            each.attempt
            for each in named
            if isinstance(each, Found) and each.ours and each.stage is Stage.WAITING
        ]
        try:
            revised = [(attempt, self._revised(asked, attempt)) for attempt in waiting]
        except Refusal as refusal:
            return refusal
        asked.changes = [each for each in revised if self._lanes.withdraw(each[0])]
        return None if asked.changes else Refusal(_FAILED, Reason.NOT_REPLACEABLE)

    def _revised(self, asked: _WaitingReplace, attempt: Attempt) -> Attempt:
        """Return an attempt with the message as it is to be; raises Refusal."""
        old, now = attempt.message, self._clock.wall()
        if old.segments or old.traits.esm_class & EsmClass.UDHI:
            raise Refusal(_FAILED, Reason.NOT_REPLACEABLE, _ALONE)
        if attempt.hop >= len(old.route):
            raise Refusal(_FAILED, Reason.NOT_REPLACEABLE, "its provider may have it")
        message = self._reread(asked, old, now)
        self._router.route(message)
        if message.due > now and (asked.request.schedule_delivery_time or old.traits.scheduled):
            self._lanes.schedule(message)
        if message.traits == PLAIN:
            message.traits = PLAIN
        if message.route == old.route:
            return replace(attempt, message=message)
        hop = first_open(self._lanes.by_name, message.route, self._clock.monotonic())
        return replace(attempt, message=message, provider=message.route[hop], hop=hop)

    def _reread(self, asked: _WaitingReplace, old: Message, now: float) -> Message:
        """Return a message with the text, times and receipts of a replacement; raises Refusal."""
        request, rights = asked.request, asked.session.rights
        pdu = SubmitSm(
            data_coding=old.data_coding,
            schedule_delivery_time=request.schedule_delivery_time,
            validity_period=request.validity_period,
            registered_delivery=request.registered_delivery,
            short_message=request.short_message,
        )
        content = rights.reader.content(pdu)
        if content.position is not None or content.udh:  # found where the account has it looked for
            raise Refusal(_FAILED, Reason.NOT_REPLACEABLE, _ALONE)
        times = rights.reader.lifetime(pdu, now)
        wanted = 0 if old.traits.datagram else pdu.registered_delivery
        traits = replace(
            old.traits,
            sender="",
            scheduled=None,
            transliterate=False,
            quiet="",
            limited=old.traits.limited or times[2],
        )
        receipts = rights.reader.wanted(wanted, asked.session.interface_version)
        traits = asking(traits, request.registered_delivery, receipts, old.data_coding)
        message = replace(old, text="", binary=None, registered_delivery=receipts, traits=traits)
        message.due, message.expires_at = times_of(pdu, old, times, rights.account.validity)
        odd = rights.reader.read(message, content.octets)
        if odd is not None:
            self._router.count_odd(odd, message, asked.session)
        return message


def times_of(
    pdu: SubmitSm, old: Message, asked: tuple[float, float, bool], validity: float
) -> tuple[float, float]:
    """Return when a replaced message is due and expires; a time that is not given stays.

    *asked* are these times as a submit_sm would have them.  An expiry that no validity_period has
    set stays *validity* seconds behind the schedule.  Raises Refusal (ESME_RINVEXPIRY).
    """
    before = old.due if old.traits.scheduled is None else old.traits.scheduled
    due, expires_at = before, old.expires_at
    if pdu.schedule_delivery_time:
        due = asked[0]
        if not old.traits.limited:
            expires_at = due + validity
    if pdu.validity_period:
        expires_at = asked[1]
    if expires_at <= due:
        raise Refusal(Status.ESME_RINVEXPIRY, Reason.BAD_VALIDITY, "before its schedule")
    return due, expires_at
