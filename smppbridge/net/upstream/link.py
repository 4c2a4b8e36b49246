"""One session with an upstream SMSC: its bind, its submit_sm and their responses, its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IReactorTime, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.net.smpp_protocol import SmppProtocol
from smppbridge.providers.exchange import NoAnswer, NoAnswerYet
from smppbridge.providers.smpp.binding import Binding
from smppbridge.providers.smpp.deliver import Delivered
from smppbridge.smpp.constants import RESPONSE, Tag
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import Answered, FaultyPdu, Happening, LateResponse, Unanswered
from smppbridge.smpp.matrix import SUBMITS, Role, State
from smppbridge.smpp.pdus import (
    BY_COMMAND_ID,
    AlertNotification,
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    Pdu,
    SubmitSm,
    refusal,
)
from smppbridge.smpp.session import Session, Timers
from smppbridge.smpp.tlvs import find

NAMES = {
    BindTransceiver: "transceiver",
    BindTransmitter: "transmitter",
    BindReceiver: "receiver",
}
KINDS: dict[str, tuple[type[Bind], ...]] = {
    "trx": (BindTransceiver,),
    "tx+rx": (BindTransmitter, BindReceiver),
}
MOST_UNANSWERED = 3  # submit_sm in a row without an answer end the session
_BIND = object()
_CONTENTS = (Tag.MESSAGE_PAYLOAD, Tag.RECEIPTED_MESSAGE_ID)  # a data_sm must have one of these


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended, and why.

    *refused* is the command_status of the response to its bind (0: none, or accepted), *lasted* the
    seconds that the session was bound, 0 if it never was.
    """

    reason: str
    refused: int = 0
    lasted: float = 0.0


class SessionOwner(Protocol):
    """The upstream that a session belongs to, as far as the session calls it."""

    def connected(self, session: UpstreamSession) -> None:
        """Count a session in: its connection is there, its bind is on the way."""

    def bound(self, session: UpstreamSession) -> None:
        """Use the window of a session that is bound."""

    def answered(self, session: UpstreamSession, answers: list[tuple[Any, Pdu]]) -> None:
        """Hand on the responses to submit_sm."""

    def unanswered(self, answers: list[tuple[Any, NoAnswer]]) -> None:
        """Conclude submit_sm that left and have no response: NoAnswerYet if one may come late."""

    def late(self, answers: list[tuple[Any, Pdu]]) -> None:
        """Hand on the responses to submit_sm that were concluded as unanswered."""

    def delivered(self, session: UpstreamSession, request: Delivered) -> None:
        """Record the report or MO message in a deliver_sm, and answer the deliver_sm by `reply`."""

    def alerted(self, request: AlertNotification) -> None:
        """Pass an alert_notification on."""

    def writable(self) -> None:
        """Use the room that a session may have again."""

    def faulty(self, session: UpstreamSession, fault: FaultyPdu) -> None:
        """Log a PDU that the session refused."""

    def ended(self, session: UpstreamSession) -> None:
        """Count a session out: its connection is gone."""

    def pausing(self, kind: type[Bind], end: SessionEnd, seconds: float) -> None:
        """Log the end of a session and the pause before the next bind."""


@implementer(IHandshakeListener)
class UpstreamSession(SmppProtocol):
    """One connection to an SMSC, which binds at once; `gone` fires with its SessionEnd.

    *token* is unlike that of any other session, earlier ones included.  Only the session writes its
    state; its owner reads `kind`, `token`, `out` and `faults`.
    """

    def __init__(
        self,
        owner: SessionOwner,
        kind: type[Bind],
        binding: Binding,
        *,
        timers: Timers,
        clock: IReactorTime,
        token: str,
    ) -> None:
        session = Session(Role.ESME, clock.seconds(), timers=timers, window=binding.window)
        super().__init__(session, clock)
        self.owner, self.kind, self.token = self, kind, token
        self.gone: Deferred[SessionEnd] = Deferred()
        self.out = 0  # submit_sm without a response
        self.faults = 0
        self._upstream, self._binding = owner, binding
        self._bound_at: float | None = None
        self._refused = self._silences = 0
        self._leaving = ""

    # -- for the upstream -----------------------------------------------------------------------

    @property
    def submits(self) -> bool:
        """Whether submit_sm may be sent."""
        return self.session.state in SUBMITS and not self._leaving

    def room(self) -> int:
        """Return how many submit_sm fit into the window."""
        return 0 if self.choked or self._leaving else self.session.room()

    def submit(self, request: SubmitSm, about: Any) -> None:
        """Put a submit_sm in line.  Raises LocalError for a PDU that cannot be written."""
        self.session.ask(request, about, self.clock.seconds())
        self.out += 1

    def reply(self, request: Delivered, status: int) -> None:
        """Put the response to a deliver_sm or data_sm in line."""
        if status:
            self.session.answer(refusal(request, status))
        else:
            response = BY_COMMAND_ID[request.command_id | RESPONSE]
            self.session.answer(response(0, request.sequence_number))

    def count_fault(self) -> None:
        """Count a PDU that was refused, or a deliver_sm that could not be read."""
        self.faults += 1

    def leave(self, reason: str) -> None:
        """Send nothing more; unbind once every submit_sm has its response."""
        self._leaving = self._leaving or reason
        if not self.out:
            self.session.unbind(self.clock.seconds(), reason)
            self.flush()

    # -- Twisted --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Bind; over TLS once the server has proved who it is.

        A producer would keep Twisted from closing a connection whose handshake failed.
        """
        if ISSLTransport.providedBy(self.transport):
            self._arm()
        else:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """Bind, unless the handshake took too long or the upstream is being left already."""
        if self.session.state is State.CLOSED:
            return
        super().connectionMade()
        binding = self._binding
        request = self.kind(
            system_id=binding.system_id.encode("ascii"),
            password=binding.password.encode("ascii"),
            system_type=binding.system_type.encode("ascii"),
        )
        self.session.ask(request, _BIND, self.clock.seconds())
        self.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Conclude the submit_sm without a response, then end the session with its reason."""
        ours = self.session.end_reason
        theirs = "" if reason.check(ConnectionDone) else reason.getErrorMessage()[:200]
        lasted = 0.0 if self._bound_at is None else self.clock.seconds() - self._bound_at
        end = SessionEnd(ours or theirs or "connection closed", self._refused, lasted)
        try:
            super().connectionLost(reason)
        finally:  # a fault of the owner's must not keep the session from being bound again
            self.gone.callback(end)

    # -- for the protocol -----------------------------------------------------------------------

    def submitted(self, requests: list[SubmitSm]) -> None:
        """Do nothing: an SMSC submits nothing, the session has refused the PDU."""

    def answered(self, answers: list[Answered]) -> None:
        """Note the response to the bind; hand on the responses to submit_sm."""
        found = [(each.about, each.response) for each in answers if each.about is not _BIND]
        if len(found) < len(answers):
            self._bind_answered(next(a.response for a in answers if a.about is _BIND))
        if found:
            self._silences = 0
            self._concluded(len(found))
            self._upstream.answered(self, found)

    def _bind_answered(self, response: Pdu) -> None:
        if self.session.bound:
            self._bound_at = self.clock.seconds()
            self._upstream.bound(self)
        else:
            self._refused = response.command_status

    def happened(self, event: Happening | LateResponse) -> None:
        """Go by any other event of the session."""
        if isinstance(event, DeliverSm | DataSm):
            self._delivered(event)
        elif isinstance(event, AlertNotification):
            self._upstream.alerted(event)
        elif isinstance(event, FaultyPdu):
            self.count_fault()
            self._upstream.faulty(self, event)
        elif isinstance(event, LateResponse):
            self._silences = 0
            self._upstream.late([(event.about, event.response)])
        elif isinstance(event, Unanswered) and event.about is not _BIND:
            self._silences += 1
            self._concluded(1)
            self._upstream.unanswered([(event.about, NoAnswerYet("no answer in time"))])
            if self._silences >= MOST_UNANSWERED:
                self.session.unbind(self.clock.seconds(), "submit_sm unanswered")

    def _delivered(self, request: Delivered) -> None:
        if isinstance(request, DataSm) and not any(find(request.tlvs, t) for t in _CONTENTS):
            self.reply(request, Status.ESME_RMISSINGOPTPARAM)
        else:
            self._upstream.delivered(self, request)

    def writable(self) -> None:
        """Go on submitting."""
        self._upstream.writable()

    def ended(self, unanswered: list[object]) -> None:
        """Conclude the submit_sm that the connection was lost under."""
        lost = [about for about in cast(list[Any], unanswered) if about is not _BIND]
        self.out = 0
        if lost:
            self._upstream.unanswered([(a, NoAnswer("the session was lost")) for a in lost])

    def _concluded(self, count: int) -> None:
        self.out -= count
        if self._leaving and not self.out:
            self.session.unbind(self.clock.seconds(), self._leaving)
