"""A Session on a connection: octets across, one timer, back-pressure, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol as Typing
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.smpp.events import Answered, Event, Happening
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.smpp.session import Session

LINGER = 0.25  # seconds between a last PDU and the close: an immediate one can lose it
LAST_WRITE = 5.0  # seconds for what is still to be written


class Owner(Typing):
    """Who goes by what a session says.  All calls are made in the order of the PDUs."""

    def submitted(self, requests: list[SubmitSm]) -> None:
        """Take the submit_sm that came together."""

    def answered(self, answers: list[Answered]) -> None:
        """Take the answers to our requests that came together."""

    def happened(self, event: Happening) -> None:
        """Take anything else."""

    def writable(self) -> None:
        """Note that the peer reads again, or that its requests are heard again."""

    def ended(self, unanswered: list[object]) -> None:
        """Note that the connection is gone; our requests about these were not answered."""


@implementer(IPushProducer)
class SmppProtocol(Protocol):
    """Carries one session.

    Reading pauses while the session is held (its window is full, a bind is judged) and while the
    peer does not read what we write.
    """

    transport: Connection
    owner: Owner

    def __init__(self, session: Session, clock: IReactorTime) -> None:
        self.session, self.clock = session, clock
        self.choked = False
        self._timer: IDelayedCall | None = None
        self._silent = self._taking = self._closing = False

    # -- Twisted --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Start the session's timers."""
        if hasattr(self.transport, "setTcpNoDelay"):  # not so on a unix: endpoint
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self, True)
        self._arm()

    def dataReceived(self, data: bytes) -> None:
        """Take what the peer sent."""
        now = self.clock.seconds()
        self._take(self.session.receive(data, now))
        self.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the owner what remains unanswered."""
        self._disarm()
        self._closing = True
        self.owner.ended(self.session.lost())

    def pauseProducing(self) -> None:
        """Stop: the peer does not read."""
        self.choked = True
        self._hush()

    def resumeProducing(self) -> None:
        """Go on: the peer reads again."""
        self.choked = False
        self.flush()
        self.owner.writable()

    def stopProducing(self) -> None:
        """Nothing: connectionLost follows."""

    # -- the owner ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is in line; go on reading if there is room again; close if it is over."""
        self._write()
        if not self._taking:
            self._hear()
            self._arm()

    def close(self) -> None:
        """Cut the connection at once: the peer does not answer."""
        self.transport.abortConnection()

    # -- inside ---------------------------------------------------------------------------------

    def _take(self, events: Iterator[Event]) -> None:
        submitted: list[SubmitSm] = []
        answered: list[Answered] = []
        self._taking = True
        for event in events:
            kind = type(event)
            if kind is SubmitSm:
                submitted.append(cast(SubmitSm, event))
            elif kind is Answered:
                answered.append(cast(Answered, event))
            else:
                self.owner.happened(cast(Happening, event))
        if self.session.held:  # before they are handed on: they may be refused at once
            self._hush()
        if submitted:
            self.owner.submitted(submitted)
        if answered:
            self.owner.answered(answered)
        self._taking = False

    def _write(self) -> None:
        octets = self.session.octets_to_send()
        if octets:
            self.transport.write(octets)
        if self.session.state is State.CLOSED:
            self._close()

    def _hush(self) -> None:
        if not self._silent and not self._closing:
            self._silent = True
            self.transport.pauseProducing()

    def _hear(self) -> None:
        while self._silent and not self.session.held and not self.choked and not self._closing:
            self._silent = False
            self._take(self.session.resume(self.clock.seconds()))
            self._write()
            if not self._silent and not self._closing:
                self.transport.resumeProducing()
                return

    def _arm(self) -> None:
        deadline = self.session.deadline()
        if deadline is None or self._closing:
            return
        if self._timer is not None:
            if self._timer.getTime() <= deadline:
                return
            self._timer.cancel()
        delay = max(0.0, deadline - self.clock.seconds())
        self._timer = self.clock.callLater(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        self._take(self.session.tick(self.clock.seconds()))
        self.flush()

    def _disarm(self) -> None:
        if self._timer is not None:
            if self._timer.active():  # the last one may have rung: the peer read nothing any more
                self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._disarm()
        self._timer = self.clock.callLater(LINGER, self._lose)
        if self._silent:  # a close over octets that nobody has read can lose our last PDU
            self.transport.resumeProducing()

    def _lose(self) -> None:
        self._timer = self.clock.callLater(LAST_WRITE, self.close)
        self.transport.unregisterProducer()
        self.transport.loseConnection()
