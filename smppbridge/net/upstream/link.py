"""One connection to an upstream SMSC, from the ESME's end of it."""

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
from smppbridge.providers.smpp.deliver import Delivered
from smppbridge.providers.smpp.provider import Binding
from smppbridge.smpp.constants import RESPONSE, Tag
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import Answered, Faulty, Happening, Unanswered
from smppbridge.smpp.matrix import SUBMITS, Role, State
from smppbridge.smpp.pdus import BY_COMMAND_ID, Bind, DataSm, DeliverSm, Pdu, SubmitSm, refusal
from smppbridge.smpp.session import Session, Timers
from smppbridge.smpp.tlvs import find

MOST_UNANSWERED = 3  # submit_sm in a row without an answer end the session
_BIND = object()
_SAYING = (Tag.MESSAGE_PAYLOAD, Tag.RECEIPTED_MESSAGE_ID)  # what a data_sm must have one of


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended: the status its bind was *refused* with (0: none), or what it *lasted*.

    *lasted* is in seconds, 0 if it was never bound.
    """

    reason: str
    refused: int = 0
    lasted: float = 0.0


class Side(Protocol):
    """Who a link works for."""

    def bound(self, link: SmscLink) -> None:
        """Note that it is bound."""

    def answered(self, link: SmscLink, answers: list[tuple[Any, Pdu]]) -> None:
        """Take the answers to submit_sm."""

    def unanswered(self, link: SmscLink, abouts: list[Any], reason: str) -> None:
        """Take submit_sm that left and were not answered."""

    def delivered(self, link: SmscLink, request: Delivered) -> None:
        """Take what the SMSC delivers; it is to be answered by `reply`."""

    def writable(self) -> None:
        """Note that there may be room again."""

    def faulty(self, link: SmscLink, fault: Faulty) -> None:
        """Note a PDU that was refused."""


@implementer(IHandshakeListener)
class SmscLink(SmppProtocol):
    """Binds as soon as it is connected; `gone` fires with its End.

    *token* tells it from all other sessions, earlier ones too.
    """

    def __init__(
        self,
        side: Side,
        kind: type[Bind],
        binding: Binding,
        timers: Timers,
        clock: IReactorTime,
        token: str,
    ) -> None:
        session = Session(Role.ESME, clock.seconds(), timers=timers, window=binding.window)
        super().__init__(session, clock)
        self.owner, self.kind, self.token = self, kind, token
        self.gone: Deferred[End] = Deferred()
        self.out = 0
        self.faults = 0
        self._side, self._binding = side, binding
        self._bound_at: float | None = None
        self._refused = self._silences = 0
        self._leaving = ""

    # -- what is asked of it --------------------------------------------------------------------

    @property
    def submits(self) -> bool:
        """Tell whether submit_sm may be sent."""
        return self.session.state in SUBMITS and not self._leaving

    def room(self) -> int:
        """Return how many submit_sm fit into the window."""
        return 0 if self.choked or self._leaving else self.session.room()

    def submit(self, request: SubmitSm, about: Any) -> None:
        """Put a submit_sm in line.  Raises LocalError if it cannot be written."""
        self.session.ask(request, about, self.clock.seconds())
        self.out += 1

    def reply(self, request: Delivered, status: int) -> None:
        """Put the answer to what was delivered in line."""
        if status:
            self.session.answer(refusal(request, status))
        else:
            response = BY_COMMAND_ID[request.command_id | RESPONSE]
            self.session.answer(response(0, request.sequence_number))

    def leave(self, reason: str) -> None:
        """Send nothing more; part from the SMSC once it has answered everything."""
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
        """Bind, unless it has taken too long or we are leaving already."""
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
        """Tell what remains unanswered, and why it ended."""
        ours = self.session.end_reason
        said = "" if reason.check(ConnectionDone) else reason.getErrorMessage()[:200]
        lasted = 0.0 if self._bound_at is None else self.clock.seconds() - self._bound_at
        try:
            super().connectionLost(reason)
        finally:  # whoever was told of it may fail: the session is to be bound again all the same
            self.gone.callback(End(ours or said or "connection closed", self._refused, lasted))

    # -- what the session says ------------------------------------------------------------------

    def submitted(self, requests: list[SubmitSm]) -> None:
        """Nothing: an SMSC submits nothing, the session has refused it."""

    def answered(self, answers: list[Answered]) -> None:
        """Take the answer to the bind, or to submit_sm."""
        found = [(each.about, each.response) for each in answers if each.about is not _BIND]
        if len(found) < len(answers):
            self._bind_answered(next(a.response for a in answers if a.about is _BIND))
        if found:
            self._silences = 0
            self._closed_out(len(found))
            self._side.answered(self, found)

    def _bind_answered(self, response: Pdu) -> None:
        if self.session.bound:
            self._bound_at = self.clock.seconds()
            self._side.bound(self)
        else:
            self._refused = response.command_status

    def happened(self, event: Happening) -> None:
        """Go by anything else."""
        if isinstance(event, DeliverSm | DataSm):
            self._delivered(event)
        elif isinstance(event, Faulty):
            self.faults += 1
            self._side.faulty(self, event)
        elif isinstance(event, Unanswered) and event.about is not _BIND:
            self._silences += 1
            self._closed_out(1)
            self._side.unanswered(self, [event.about], "no answer in time")
            if self._silences >= MOST_UNANSWERED:
                self.session.unbind(self.clock.seconds(), "submit_sm unanswered")

    def _delivered(self, request: Delivered) -> None:
        if isinstance(request, DataSm) and not any(find(request.tlvs, t) for t in _SAYING):
            self.reply(request, Status.ESME_RMISSINGOPTPARAM)
        else:
            self._side.delivered(self, request)

    def writable(self) -> None:
        """Go on submitting."""
        self._side.writable()

    def ended(self, unanswered: list[object]) -> None:
        """Give up what the connection held."""
        lost = [about for about in cast(list[Any], unanswered) if about is not _BIND]
        self.out = 0
        if lost:
            self._side.unanswered(self, lost, "the session was lost")

    def _closed_out(self, count: int) -> None:
        self.out -= count
        if self._leaving and not self.out:
            self.session.unbind(self.clock.seconds(), self._leaving)
