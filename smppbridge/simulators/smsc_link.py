"""One ESME's connection to the simulated SMSC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.events import Answered, Event, Unanswered
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.pdus import Bind, DeliverSm, Pdu, SubmitSm, refusal
from smppbridge.smpp.session import Session

_LINGER = 0.05  # seconds between a last PDU and the close


class LinkOwner(Protocol):
    """The SMSC that owns a link."""

    def judge(self, request: Bind) -> int:
        """Return the command_status of a bind's response."""

    def bound(self, link: SimulatedLink) -> None:
        """Receive the event that a link is bound."""

    def submit(self, link: SimulatedLink, request: SubmitSm) -> None:
        """Receive a submit_sm."""

    def answered(self, owed: Any, status: int) -> None:
        """Receive the response to a deliver_sm."""

    def ended(self, link: SimulatedLink, unanswered: list[Any]) -> None:
        """Receive the event that a link is gone."""


class SimulatedLink(TwistedProtocol):
    """Carries one session in the role of the SMSC."""

    transport: Any

    def __init__(self, side: LinkOwner, clock: Any) -> None:
        self.session = Session(Role.SMSC, clock.seconds(), receive_window=10_000)
        self._side, self._clock = side, clock
        self._timer: Any = None
        self._closing = False

    @property
    def system_id(self) -> str:
        """Return the ESME's system_id; "" before the bind."""
        return self.session.system_id

    def room(self) -> int:
        """Return the number of deliver_sm that fit into the window."""
        return self.session.room()

    def answer(self, response: Pdu) -> None:
        """Put a response in line."""
        self.session.answer(response)

    def answer_later(self, response: Pdu) -> None:
        """Answer out of turn, without effect once the session is over."""
        self.session.answer(response)
        self._flush()

    def deliver(self, request: DeliverSm, owed: Any) -> None:
        """Send a deliver_sm; the owner gets *owed* back with the response."""
        self.session.ask(request, owed, self._clock.seconds())
        self._flush()

    def unbind(self) -> None:
        """Send an unbind to the ESME."""
        self.session.unbind(self._clock.seconds(), "maintenance")
        self._flush()

    def close(self) -> None:
        """Abort the connection."""
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """Start the session's timers."""
        self._arm()

    def dataReceived(self, data: bytes) -> None:
        """Receive octets from the ESME."""
        self._take(self.session.receive(data, self._clock.seconds()))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Return unanswered deliver_sm to the owner."""
        self._closing = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._side.ended(self, self.session.lost())

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Answered):
                self._side.answered(event.about, event.response.command_status)
            elif isinstance(event, Unanswered):
                self._side.answered(event.about, CommandStatus.ESME_RX_T_APPN)
            elif isinstance(event, Bind):
                self._judge(event)
            elif isinstance(event, SubmitSm):
                self._side.submit(self, event)
            elif isinstance(event, Pdu):
                self.session.answer(refusal(event, CommandStatus.ESME_RSYSERR))
        self._flush()

    def _judge(self, request: Bind) -> None:
        status = self._side.judge(request)
        if status:
            self.session.refuse_bind(request, status)
        else:
            self.session.accept_bind(request, b"SIMULATOR", self._clock.seconds())
            self._side.bound(self)

    def _flush(self) -> None:
        if self._closing:
            return
        octets = self.session.octets_to_send()
        if octets:
            self.transport.write(octets)
        if self.session.state is State.CLOSED:
            self._closing = True
            if self._timer is not None and self._timer.active():
                self._timer.cancel()
            self._timer = self._clock.callLater(_LINGER, self.transport.loseConnection)
        else:
            self._arm()

    def _arm(self) -> None:
        deadline = self.session.deadline()
        if self._timer is not None and self._timer.active():
            if deadline is None or self._timer.getTime() <= deadline:
                return
            self._timer.cancel()
        if deadline is not None:
            delay = max(0.0, deadline - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._due)

    def _due(self) -> None:
        self._take(self.session.tick(self._clock.seconds()))
