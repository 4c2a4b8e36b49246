from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread

from smppbridge.model.reasons import Reason
from smppbridge.net.room import Limits, Room
from smppbridge.net.tls import BadCertificates
from smppbridge.net.tls_listener import (
    HANDSHAKE,
    ServedCertificate,
    ServerFiles,
    TlsFactory,
    load,
    reason_of,
)
from smppbridge.web.site import Site, web_pages
from tests.net.certificates import certify, locked_key
from tests.patience import PATIENCE

# Twisted's own way with certificates
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


USUAL = Limits()


class Greeting(Protocol):
    """Greets, and is a guest of its factory's room."""

    host, busy = "127.0.0.1", False
    transport: Any
    since = 0.0

    def connectionMade(self) -> None:
        self.since = time.monotonic()
        self.transport.write(b"hello")

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.room.leave(self)  # type: ignore[attr-defined, union-attr]

    def give_way(self) -> None:
        self.transport.abortConnection()


class Greetings(Factory[Greeting]):
    protocol = Greeting

    def __init__(self, limits: Limits) -> None:
        self.room = Room(limits, lambda *of: None)

    def buildProtocol(self, addr: Any) -> Greeting | None:
        made: Any = super().buildProtocol(addr)
        return made if self.room.admit(made) else None


class Door:
    """A listener with TLS on loopback, or on nothing but a clock."""

    def __init__(self, folder: Path, limits: Limits = USUAL) -> None:
        self.folder, self.failed = folder, []
        key, certificate = certify(folder)
        self.files = ServerFiles(str(key), str(certificate))
        self.served = ServedCertificate(load(self.files))
        self.greetings = Greetings(limits)

    def factory(self, clock: Any) -> TlsFactory:
        return TlsFactory(self.served, self.greetings, clock, self._note)

    def _note(self, host: str, reason: str, why: str = "") -> None:
        self.failed.append((host, reason))

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.files.certificate)


@pytest_twisted.async_yield_fixture
async def listen(tmp_path: Path) -> Any:
    ports: list[Any] = []

    listen_tcp: Any = reactor.listenTCP

    def make(limits: Limits = USUAL, site: Any = None) -> tuple[Door, int]:
        door = Door(tmp_path, limits)
        door.greetings = site or door.greetings
        ports.append(listen_tcp(0, door.factory(reactor), interface="127.0.0.1"))
        return door, ports[-1].getHost().port

    yield make
    for port in ports:
        await port.stopListening()


async def until(condition: Callable[[], bool]) -> None:
    """Let the reactor run until a condition is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await deferLater(reactor, 0.005)


def greeted(port: int, trust: ssl.SSLContext, request: bytes = b"") -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as raw,
        trust.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(request)
        return wrapped.recv(99)


def silent(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def is_closed(raw: socket.socket) -> bool:
    try:
        return raw.recv(1) == b""
    except ConnectionError:
        return True


@pytest_twisted.ensureDeferred
async def test_silent_connections_give_way_before_any_handshake(listen: Any) -> None:
    """200 silent ones were all held: a factory's None was never closed below TLS."""
    door, port = listen(Limits(connections=20, idle=10, idle_per_address=5))
    held = [await deferToThread(silent, port) for _ in range(200)]
    await until(lambda: len(door.greetings.room) == 5)
    assert all([await deferToThread(is_closed, raw) for raw in held[:195]])
    assert await deferToThread(greeted, port, door.trust()) == b"hello"
    for raw in held:
        raw.close()
    await until(lambda: len(door.greetings.room) == 0)


@pytest_twisted.ensureDeferred
async def test_a_site_with_tls_has_room_beside_silent_connections(listen: Any) -> None:
    room = Room(Limits(connections=20, idle=10, idle_per_address=5), lambda *of: None)
    site = Site(web_pages(dict, lambda: b""), reactor, room)  # type: ignore[arg-type]
    door, port = listen(site=site)
    held = [await deferToThread(silent, port) for _ in range(40)]
    await until(lambda: len(room) == 5)
    assert all([await deferToThread(is_closed, raw) for raw in held[:35]])
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await deferToThread(greeted, port, door.trust(), request)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    for raw in held:
        raw.close()
    await until(lambda: len(room) == 0)


@pytest_twisted.ensureDeferred
async def test_a_connection_without_room_is_closed_at_once(listen: Any) -> None:
    door, port = listen(Limits(connections=1))
    first = await deferToThread(silent, port)
    await until(lambda: len(door.greetings.room) == 1)
    door.greetings.room.settle(next(iter(door.greetings.room._loose["127.0.0.1"])))
    assert door.factory(Clock()).buildProtocol(None) is None  # no handshake, no ten seconds
    for _ in range(3):
        with await deferToThread(silent, port) as raw:
            assert await deferToThread(is_closed, raw)
    first.close()
    await until(lambda: len(door.greetings.room) == 0)


@pytest_twisted.ensureDeferred
async def test_a_renewed_certificate_is_served_to_new_connections(
    listen: Any, tmp_path: Path
) -> None:
    door, port = listen()
    old = door.trust()
    assert await deferToThread(greeted, port, old) == b"hello"
    certify(tmp_path)
    door.served.use(load(door.files))
    assert await deferToThread(greeted, port, door.trust()) == b"hello"
    with pytest.raises(ssl.SSLError):
        await deferToThread(greeted, port, old)
    await until(lambda: door.failed == [("127.0.0.1", "certificate_refused")])


@pytest.mark.parametrize("spoken", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_connection_that_is_half_closed_is_closed(listen: Any, spoken: bool) -> None:
    door, port = listen()

    def half_close() -> bool:
        with silent(port) as raw:
            if not spoken:
                raw.shutdown(socket.SHUT_WR)
                return is_closed(raw)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            wrapped = door.trust().wrap_bio(incoming, outgoing, server_hostname="localhost")
            step(wrapped.do_handshake, raw, incoming, outgoing)
            with suppress(ssl.SSLWantReadError):
                wrapped.unwrap()
            raw.sendall(outgoing.read())  # close_notify, and the connection stays open
            while raw.recv(4_096):
                pass
            return True

    assert await deferToThread(half_close)
    await until(lambda: len(door.greetings.room) == 0)


def step(
    call: Callable[[], None], raw: socket.socket, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
) -> None:
    """Carry octets until a call of TLS is done."""
    while True:
        try:
            call()
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(4_096))
        else:
            raw.sendall(outgoing.read())
            return


CLEAR = [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x2f\0\0\0\x09" + b"\0" * 39, b"\x80" * 50]


@pytest.mark.parametrize("octets", CLEAR)
@pytest_twisted.ensureDeferred
async def test_a_failed_handshake_leaves_a_trace(listen: Any, octets: bytes) -> None:
    door, port = listen()

    def speak() -> bool:
        with silent(port) as raw:
            raw.sendall(octets)
            while not is_closed(raw):
                pass
            return True

    assert await deferToThread(speak)
    await until(lambda: len(door.greetings.room) == 0)
    assert door.failed == [("127.0.0.1", "not_tls")]


@pytest_twisted.ensureDeferred
async def test_a_client_of_another_version_and_one_that_leaves_are_told_apart(listen: Any) -> None:
    door, port = listen()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(door.files.certificate)
    old.set_ciphers("AES128-SHA256:@SECLEVEL=0")  # no key of ours can do with it
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        await deferToThread(greeted, port, old)
    await until(lambda: len(door.failed) == 1)

    def leave() -> None:
        with silent(port) as raw:
            raw.sendall(b"\x16\x03\x01\x02\x00")

    await deferToThread(leave)
    await until(lambda: len(door.failed) == 2)
    (await deferToThread(silent, port)).close()  # as health probes do
    assert await deferToThread(greeted, port, door.trust()) == b"hello"
    await until(lambda: len(door.greetings.room) == 0)
    assert [reason for _, reason in door.failed] == ["no_common_version", "closed_in_handshake"]


@pytest.mark.parametrize("octets", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_has_ten_seconds(tmp_path: Path, octets: bytes) -> None:
    assert HANDSHAKE == 10.0
    door, clock = Door(tmp_path), Clock()
    connection: Any = door.factory(clock).buildProtocol(None)
    wire = StringTransport()
    wire.abortConnection = lambda: setattr(wire, "aborted", True)  # type: ignore[method-assign]
    connection.makeConnection(wire)
    for octet in octets:
        connection.dataReceived(bytes((octet,)))
        clock.advance(HANDSHAKE / 20)
    clock.advance(HANDSHAKE / 2)
    assert wire.disconnected is wire.disconnecting is False
    assert not door.failed
    clock.advance(HANDSHAKE / 2)
    assert wire.aborted  # type: ignore[attr-defined]
    assert [reason for _, reason in door.failed] == ["handshake_too_slow"]
    connection.connectionLost()
    assert len(door.failed) == 1
    assert len(door.greetings.room) == 0


def test_a_certificate_says_from_when_to_when(tmp_path: Path) -> None:
    key, certificate = certify(tmp_path, begins=-3, ends=7)
    found = load(ServerFiles(str(key), str(certificate)))
    days = [round((each - time.time()) / 86_400) for each in (found.valid_from, found.expires)]
    assert (days, found.file) == ([-3, 7], str(certificate))


def test_a_chain_in_the_file_of_the_certificate_is_served(tmp_path: Path) -> None:
    """The fullchain.pem of every ACME client: only its first certificate was served."""
    (root := tmp_path / "root").mkdir()
    _, authority = certify(root, name="authority")
    key, certificate = certify(tmp_path)
    both = tmp_path / "fullchain.pem"
    both.write_bytes(certificate.read_bytes() + authority.read_bytes())
    served = ServedCertificate(load(ServerFiles(str(key), str(both))))
    door = Door(tmp_path)
    door.served = served
    connection: Any = door.factory(Clock()).buildProtocol(None)
    connection.makeConnection(StringTransport())
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2  # its certificates are in clear
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    speaking = client.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        speaking.do_handshake()
    connection.dataReceived(outgoing.read())
    der = ssl.PEM_cert_to_DER_cert(authority.read_text())
    assert der in connection.transport.value()
    connection.connectionLost()


def test_files_that_cannot_be_served_are_named(tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    key, certificate = map(str, certify(tmp_path))
    strange, _ = map(str, certify(other))
    locked, empty = str(locked_key(tmp_path)), str(tmp_path / "empty.pem")
    Path(empty).write_text("nothing")
    for files, named in (
        (ServerFiles("none.pem", certificate), "none.pem cannot be read"),
        (ServerFiles(key, "none.pem"), "none.pem cannot be read"),
        (ServerFiles(empty, certificate), f"{empty} holds no private key"),
        (ServerFiles(key, empty), f"{empty} holds no certificate"),
        (ServerFiles(locked, certificate), f"the key in {locked} has a password"),
        (ServerFiles(strange, certificate), f"cannot be served with the key in {strange}"),
        (ServerFiles(key, certificate, chain=empty), f"{empty} holds no certificate"),
        (ServerFiles(key, certificate, dh_parameters=empty), "cannot be served"),
        (ServerFiles(key, certificate, method="NONE_METHOD"), "NONE_METHOD"),
    ):
        with pytest.raises(BadCertificates, match=named):
            load(files)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SSL.Error([("SSL routines", "", "bad record type")]), Reason.HANDSHAKE_FAILED),
        (SSL.Error([("SSL routines", "", "http request")]), Reason.NOT_TLS),
        (SSL.Error(), Reason.CLOSED_IN_HANDSHAKE),
        (None, Reason.CLOSED_IN_HANDSHAKE),
    ],
)
def test_a_failure_has_a_word_of_the_list(error: BaseException | None, reason: Reason) -> None:
    assert reason_of(error)[0] == reason
