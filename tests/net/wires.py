"""A transport that fills like Twisted's, an owner that notes what it is told, ESMEs on both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smppbridge.net.smpp_protocol import SmppProtocol
from smppbridge.smpp import codec
from smppbridge.smpp.events import Answered, Happening
from smppbridge.smpp.matrix import Role
from smppbridge.smpp.pdus import Bind, Pdu, SubmitSm, SubmitSmResp
from smppbridge.smpp.session import Session

BUFFER = 65_536  # twisted.internet.abstract.FileDescriptor.bufferSize


class Wire(StringTransport):
    """What the peer has not read lies in `io`; above BUFFER octets the producer is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.choked = self.aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def write(self, data: bytes) -> None:
        super().write(data)
        if not self.choked and self.producer and len(self.value()) > BUFFER:
            self.choked = True
            self.producer.pauseProducing()

    def read(self) -> bytes:
        """Be the peer: take all that was written."""
        octets = self.value()
        self.clear()
        if self.choked and self.producer:
            self.choked = False
            self.producer.resumeProducing()
        return octets

    def pauseProducing(self) -> None:
        self.reads = False

    def resumeProducing(self) -> None:
        assert not self.disconnecting
        self.reads = True

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True


def pdus(octets: bytes) -> list[Pdu]:
    """Cut octets into PDUs."""
    found = []
    while octets:
        length = int.from_bytes(octets[:4], "big")
        found.append(codec.decode(octets[:length]))
        octets = octets[length:]
    return found


def names(octets: bytes) -> list[str]:
    """Return what kinds of PDU these are."""
    return [type(pdu).__name__ for pdu in pdus(octets)]


def lose(protocol: Any) -> None:
    """End the connection of a protocol."""
    protocol.transport.disconnecting = True
    protocol.connectionLost(Failure(ConnectionDone()))


class Noting:
    """Lets everybody in, unless *judges* is off; answers submit_sm at once if *answers*."""

    def __init__(self, *, judges: bool = True, answers: bool = True) -> None:
        self.protocol: Any = None
        self.judges, self.answers = judges, answers
        self.told: list[object] = []
        self.binds: list[Bind] = []
        self.open: list[SubmitSm] = []
        self.lists: list[int] = []
        self.unanswered: list[object] | None = None
        self.writable_calls = 0

    def submitted(self, requests: list[SubmitSm]) -> None:
        self.told += requests
        self.lists.append(len(requests))
        self.open += requests
        if self.answers:
            self.answer()

    def answer(self, count: int | None = None) -> None:
        """Answer requests that are open."""
        now, self.open = self.open[:count], self.open[count:] if count else []
        for request in now:
            self.protocol.session.answer(SubmitSmResp(0, request.sequence_number, b"1"))

    def answered(self, answers: list[Answered]) -> None:
        self.told += [answer.about for answer in answers]

    def happened(self, event: Happening) -> None:
        self.told.append(event)
        if isinstance(event, Bind):
            self.binds.append(event)
            if self.judges:
                self.let_in()

    def let_in(self) -> None:
        """Accept the last bind."""
        session = self.protocol.session
        session.accept_bind(self.binds[-1], b"SMSC", self.protocol.clock.seconds())

    def writable(self) -> None:
        self.writable_calls += 1

    def ended(self, unanswered: list[object]) -> None:
        self.unanswered = unanswered


def connected(
    owner: Noting | None = None, clock: Clock | None = None, **settings: Any
) -> tuple[SmppProtocol, Wire, Noting]:
    """Return a protocol in the SMSC's role on a wire, and its owner."""
    owner, clock = owner or Noting(), clock or Clock()
    protocol = SmppProtocol(Session(Role.SMSC, clock.seconds(), **settings), clock)
    protocol.owner, owner.protocol = owner, protocol
    wire = Wire()
    protocol.makeConnection(wire)
    return protocol, wire, owner


def until(condition: Callable[[], object], clock: Clock, *, most: float = 100.0) -> float:
    """Let time pass in small steps until *condition* holds; return when that was."""
    while not condition():
        assert clock.seconds() < most, "it never happened"
        clock.advance(0.05)
    return clock.seconds()
