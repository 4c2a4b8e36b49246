"""Octets that leave at once, over real sockets; a reactor that the test turns by hand."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.net.sending import send

BUFFER = 65_536  # twisted.internet.abstract.FileDescriptor.bufferSize
SMALL = 4_608  # about the least that Linux gives a socket


class Hand:
    """A reactor with one connection: `turn` sends what is in line, and runs what was put off."""

    def __init__(self) -> None:
        self.writing = False
        self.later: list[Callable[[], object]] = []
        self.ended: list[object] = []

    def addWriter(self, writer: object) -> None:
        self.writing = True

    def removeWriter(self, writer: object) -> None:
        self.writing = False

    def addReader(self, reader: object) -> None:
        pass

    def removeReader(self, reader: object) -> None:
        pass

    def callLater(self, delay: float, function: Callable[..., object], *args: object) -> None:
        self.later.append(lambda: function(*args))

    def turn(self, connection: tcp.Connection) -> None:
        """Let the connection write, and end it as Twisted's reactor does."""
        later, self.later = self.later, []
        for call in later:
            call()
        why = connection.doWrite() if self.writing else None
        if why is not None:
            connection.connectionLost(Failure(cast(Exception, why)))


@implementer(IPushProducer)
class Owner(Protocol):
    """A protocol that notes what Twisted calls."""

    def __init__(self) -> None:
        self.choked = False
        self.ends: list[object] = []

    def pauseProducing(self) -> None:
        self.choked = True

    def resumeProducing(self) -> None:
        self.choked = False

    def stopProducing(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ends.append(reason.type)


class End:
    """One end of a connection, Twisted's, and the peer's plain socket."""

    def __init__(self, kind: type[tcp.Connection], pair: tuple[socket.socket, socket.socket]):
        ours, self.peer = pair
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        self.peer.settimeout(0)
        self.reactor, self.owner = Hand(), Owner()
        reactor: Any = self.reactor
        if issubclass(kind, tcp.Server):
            self.connection = kind(ours, self.owner, ("local", 0), cast(Any, None), 0, reactor)
        else:
            self.connection = kind(ours, self.owner, reactor)
            self.connection.connected = True
        self.owner.makeConnection(self.connection)
        self.connection.registerProducer(self.owner, True)

    def read(self, most: int = 1 << 20) -> bytes:
        """Be the peer: read what is there."""
        octets = b""
        while len(octets) < most:
            try:
                piece = self.peer.recv(most - len(octets))
            except BlockingIOError:
                break
            if not piece:
                break
            octets += piece
        return octets

    def turn(self) -> None:
        self.reactor.turn(self.connection)

    def close(self) -> None:
        self.peer.close()
        if self.connection.connected:
            self.connection.connectionLost(Failure(ConnectionAborted()))


def over_tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        peer = socket.create_connection(listener.getsockname())
        return listener.accept()[0], peer


KINDS = [
    pytest.param((tcp.Server, over_tcp), id="tcp server"),
    pytest.param((tcp.Connection, over_tcp), id="tcp client"),
    pytest.param((unix.Server, socket.socketpair), id="unix server"),
]


@pytest.fixture(params=KINDS)
def end(request: pytest.FixtureRequest) -> Iterator[End]:
    kind, pair = request.param
    made = End(kind, pair())
    yield made
    made.close()


def test_octets_are_gone_before_the_reactor_turns(end: End) -> None:
    """Fails where a new Twisted names its line otherwise: octets go its own way then."""
    for octets in (b"a", b"bc", b"d"):
        send(end.connection, octets)
        assert (end.read(), end.reactor.writing) == (octets, False)


def test_octets_that_do_not_fit_keep_their_order(end: End) -> None:
    first, second = bytes(range(256)) * 1_001, b"the end"
    send(end.connection, first)
    assert end.reactor.writing
    send(end.connection, second)
    came = b""
    while end.reactor.writing:
        came += end.read()
        end.turn()
    assert came + end.read() == first + second
    send(end.connection, b"once more")
    assert (end.read(), end.reactor.writing) == (b"once more", False)


def test_a_peer_that_reads_nothing_pauses_the_producer(end: End) -> None:
    sent = 0
    while not end.owner.choked:
        send(end.connection, b"x" * 999)
        sent += 999
        assert sent < 8 << 20
    line = end.connection._tempDataLen + len(end.connection.dataBuffer)
    assert BUFFER < line <= BUFFER + 999
    read = 0
    while end.owner.choked:
        read += len(end.read())
        end.turn()
    assert (read + len(end.read()), end.reactor.writing) == (sent, False)


@pytest.mark.parametrize("reset", [False, True])
def test_the_end_of_a_connection_is_reported_in_a_later_turn(end: End, reset: bool) -> None:
    if reset:  # a close over octets that nobody has read
        send(end.connection, b"x")
    end.peer.close()
    for _ in range(2):
        send(end.connection, b"y")
        assert end.owner.ends == []
    send(end.connection, b"z")
    assert (end.owner.ends, end.reactor.writing) == ([], True)
    end.turn()
    assert len(end.owner.ends) == 1
    send(end.connection, b"to nobody")


def test_a_connection_that_is_aborted_sends_nothing_more(end: End) -> None:
    end.connection.abortConnection()
    send(end.connection, b"x")
    assert (end.read(), end.owner.ends) == (b"", [])
    end.turn()
    assert end.owner.ends == [ConnectionAborted]
    send(end.connection, b"x")


@pytest.mark.parametrize("size", [1, 300_001])
def test_a_connection_closes_behind_its_last_octet(end: End, size: int) -> None:
    end.connection.unregisterProducer()
    send(end.connection, b"x" * size)
    end.connection.loseConnection()
    send(end.connection, b"y")
    came = b""
    while not end.owner.ends:
        came += end.read()
        end.turn()
    came += end.read()
    assert (len(came), came[-1:]) == (size + 1, b"y")
    assert end.peer.recv(1) == b""
    send(end.connection, b"to nobody")


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([1, 2, 1_023, 4_096, 65_537])),
        st.tuples(st.just("read"), st.integers(1, 9_000)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


@given(ACTS)
def test_octets_arrive_once_and_in_order_however_the_peer_reads(acts: list[Any]) -> None:
    end = End(unix.Server, socket.socketpair())
    sent, came = bytearray(), bytearray()
    for act, size in acts:
        if act == "send":
            octets = bytes((len(sent) + n) % 251 for n in range(size))
            sent += octets
            send(end.connection, octets)
        elif act == "read":
            came += end.read(size)
        else:
            end.turn()
    while end.reactor.writing:
        came += end.read()
        end.turn()
    came += end.read()
    end.close()
    assert came == sent
    assert end.owner.choked is False


def test_tls_and_other_transports_go_their_own_way(end: End) -> None:
    written: list[bytes] = []
    end.connection.TLS = True
    end.connection.protocol = cast(Any, type("Tls", (), {"write": staticmethod(written.append)}))
    send(end.connection, b"x")
    end.connection.protocol, end.connection.TLS = end.owner, False
    assert (written, end.read()) == ([b"x"], b"")
    wire = StringTransport()
    send(wire, b"y")
    assert wire.value() == b"y"


def test_a_twisted_that_keeps_its_line_elsewhere_is_written_to(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    del end.connection._tempDataBuffer
    end.connection.write = written.append  # type: ignore[method-assign]
    send(end.connection, b"x")
    end.connection._tempDataBuffer = []
    assert written == [b"x"]
