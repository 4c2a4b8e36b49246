"""A Session on a connection: octets across, a timer, back-pressure, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol as Typing
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.net.sending import send
from smppbridge.smpp.events import Answered, Event, Happening
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.smpp.session import Session

LINGER = 0.25  # seconds between a last PDU and the close: an immediate one can lose it
LAST_WRITE = 5.0  # seconds for what is still to be written
_CLOSED = State.CLOSED  # members of an Enum are slow to load


class Tap(Typing):
    """Keeps the octets of a session for a trace."""

    def heard(self, octets: bytes) -> None:
        """Go by octets of the peer, before the session does."""

    def sent(self, octets: bytes) -> None:
        """Go by octets that leave."""

    def ended(self, reason: str) -> None:
        """Note the end of the session."""


class Owner(Typing):
    """The owner of a session, who goes by its events.  Calls are made in the order of the PDUs."""

    def submitted(self, requests: list[SubmitSm]) -> None:
        """Go by submit_sm that came together."""

    def answered(self, answers: list[Answered]) -> None:
        """Go by responses to our requests that came together."""

    def happened(self, event: Happening) -> None:
        """Go by any other event."""

    def writable(self) -> None:
        """Use the window: the peer reads again."""

    def ended(self, unanswered: list[object]) -> None:
        """Give up the session: its connection is gone, *unanswered* are requests of ours."""


@implementer(IPushProducer)
class SmppProtocol(Protocol):
    """Carries a session.

    Reading pauses while the session is held (its window is full, a bind is judged, the peer floods
    us) and while the peer does not read our octets.  Where requests are refused at once, the next
    ones are read in a later turn of the reactor, so that other sessions have theirs.  Only the
    protocol writes its state; `choked` is read by owners, and `frozen` while nothing is read since
    `freeze`; `tap` is written by a trace.
    """

    transport: Connection
    owner: Owner
    tap: Tap | None = None

    def __init__(self, session: Session, clock: IReactorTime) -> None:
        self.session, self.clock = session, clock
        self._life = session.life  # at hand: asked at every turn
        self.choked = False
        self._timer: IDelayedCall | None = None
        self._next_turn: IDelayedCall | None = None
        self._paused = self._in_turn = self._closing = self.frozen = False

    # -- Twisted --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Start the session's timers."""
        if hasattr(self.transport, "setTcpNoDelay"):  # not so on a unix: endpoint
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self, True)
        self._arm()

    def dataReceived(self, data: bytes) -> None:
        """Feed the peer's octets to the session; hand its events on."""
        session = self.session
        if self.tap is not None:
            self.tap.heard(data)
        self._turn(session.receive, data, self.clock.seconds())
        if session.out or self._life.sooner or self._paused or self._timer is None:
            self.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the session for its owner."""
        self._disarm()
        self._closing = True
        unanswered = self.session.lost()
        if self.tap is not None:
            self.tap.ended(self.session.end_reason)
        self.owner.ended(unanswered)

    def pauseProducing(self) -> None:
        """Stop: the peer does not read."""
        self.choked = True
        self._pause()

    def resumeProducing(self) -> None:
        """Go on: the peer reads again."""
        self.choked = False
        self.flush()
        self.owner.writable()

    def stopProducing(self) -> None:
        """Nothing: connectionLost follows."""

    # -- the owner ------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write the octets in line; go on reading if there is room; close an ended session."""
        if self.session.out or self._life.sooner:
            self._write()
        if self._in_turn:
            return
        if self._paused and self._next_turn is None:
            self._resume()
        if self._timer is None or self._life.sooner:
            self._arm()

    def freeze(self) -> None:
        """Read no more until `thaw`: another process may go on with the connection."""
        self.frozen = True
        self._pause()

    def thaw(self) -> None:
        """Go on reading."""
        self.frozen = False
        self.flush()

    def close(self) -> None:
        """Cut the connection at once: the peer does not answer."""
        self.transport.abortConnection()

    def over(self) -> None:
        """Nothing: called when the session is over, a moment before the connection is."""

    # -- inside ---------------------------------------------------------------------------------

    def _turn(self, source: Callable[..., Iterator[Event]], *about: object) -> None:
        submitted: list[SubmitSm] = []
        answered: list[Answered] = []
        self._in_turn = True
        for event in source(*about):
            kind = type(event)
            if kind is SubmitSm:
                submitted.append(cast(SubmitSm, event))
            elif kind is Answered:
                answered.append(cast(Answered, event))
            else:
                if submitted:  # a query or a cancellation is about what was submitted before it
                    self.owner.submitted(submitted)
                    submitted = []
                self.owner.happened(cast(Happening, event))
        if self.session.stopped:  # before they are handed on: they may be refused at once
            self._pause()
        if submitted:
            self.owner.submitted(submitted)
        if answered:
            self.owner.answered(answered)
        self._in_turn = False

    def _write(self) -> None:
        octets = self.session.octets_to_send()
        if octets:
            if self.tap is not None:
                self.tap.sent(octets)
            send(self.transport, octets)
        if self._life.state is _CLOSED:
            self._close()

    def _pause(self) -> None:
        if not self._paused and not self._closing:
            self._paused = True
            self.transport.pauseProducing()

    def _resume(self) -> None:
        if not self._may_read():
            return
        self._paused = False
        self._turn(self.session.resume, self.clock.seconds())
        self._write()
        if not self._paused and not self._closing:
            self.transport.resumeProducing()
        elif self._may_read():
            self._next_turn = self.clock.callLater(0, self._go_on)

    def _may_read(self) -> bool:
        return not (self.session.held or self.choked or self._closing or self.frozen)

    def _go_on(self) -> None:
        self._next_turn = None
        self.flush()

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
        self._turn(self.session.tick, self.clock.seconds())
        self.flush()

    def _disarm(self) -> None:
        if self._timer is not None:
            if self._timer.active():  # the last one may have rung: the peer read nothing any more
                self._timer.cancel()
            self._timer = None
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None

    def _close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self.over()
        self._disarm()
        self._timer = self.clock.callLater(LINGER, self._lose)
        if self._paused:  # a close over octets that nobody has read can lose our last PDU
            self.transport.resumeProducing()

    def _lose(self) -> None:
        self._timer = self.clock.callLater(LAST_WRITE, self.close)
        self.transport.unregisterProducer()
        self.transport.loseConnection()
