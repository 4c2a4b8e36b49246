from __future__ import annotations

import socket
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from smppbridge.model.account import Account, Secret
from smppbridge.net.proxied import DEADLINE, ProxiedConnection, ProxiedFactory
from smppbridge.net.room import Limits
from smppbridge.net.tls_listener import ServedCertificate, ServerFiles, TlsFactory, load
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BindTransceiver, Pdu
from tests.net.certificates import certify
from tests.net.house import House
from tests.net.test_proxy_header import INET, INET6, binary, inet
from tests.net.test_tls_listener import is_closed, silent, until
from tests.net.wires import Wire, pdus
from tests.patience import PATIENCE

# Twisted's own way with certificates
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

BALANCERS = (ip_network("10.0.0.5/32"), ip_network("2001:db8:b::/64"))
CLIENT = b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775\r\n"
BIND = BindTransceiver(0, 1, b"bank", b"secret").encode()


class Balanced:
    """A house behind balancers."""

    def __init__(self, most: int = 100, limits: Limits | None = None) -> None:
        self.house = House(limits)
        self.factory = ProxiedFactory(
            BALANCERS, self.house.smsc, self.house.clock, self.house._failed, most
        )

    def connect(self, host: str = "10.0.0.5") -> Wire | None:
        kind = IPv6Address if ":" in host else IPv4Address
        made: Any = self.factory.buildProtocol(kind("TCP", host, 1))
        if made is None:
            return None
        wire: Any = Wire()
        wire.protocol = made
        made.makeConnection(wire)
        return wire

    def said(self, *octets: bytes, host: str = "10.0.0.5") -> list[Pdu]:
        """Return the answers to octets, on a connection of their own."""
        wire: Any = self.connect(host)
        for each in octets:
            wire.protocol.dataReceived(each)
        return pdus(wire.value())

    @property
    def hosts(self) -> list[str]:
        return sorted(session.host for session in self.house.smsc.sessions)


HEADERS = [
    (CLIENT, "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::7 ::1 4660 2775\r\n", "2001:db8::7"),
    (binary(1, INET | 1, inet("192.0.2.7") + b"\x04\0\1x"), "192.0.2.7"),
    (binary(1, INET6 | 1, inet("2001:db8::7")), "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "10.0.0.5"),
    (binary(0, 0), "10.0.0.5"),
    (binary(1, 0x31, bytes(216)), "10.0.0.5"),
]


@pytest.mark.parametrize(("header", "host"), HEADERS)
@pytest.mark.parametrize("cut", [False, True])
def test_a_session_goes_by_the_address_in_the_header(header: bytes, host: str, cut: bool) -> None:
    balanced = Balanced()
    whole = header + BIND
    octets = [bytes((octet,)) for octet in whole] if cut else [whole]
    assert [pdu.command_status for pdu in balanced.said(*octets)] == [Status.ESME_ROK]
    assert balanced.hosts == [host]
    assert balanced.house.events[0][1]["address"] == host
    assert not balanced.factory.waiting


def test_the_account_and_its_penalties_go_by_the_client_and_not_by_the_balancer() -> None:
    balanced = Balanced()
    net = (ip_network("192.0.2.0/24"),)
    balanced.house.use(Account(system_id="bank", password=Secret("secret"), allow_from=net))
    (good,) = balanced.said(CLIENT + BIND)
    assert good.command_status == Status.ESME_ROK
    (bad,) = balanced.said(CLIENT.replace(b"192.0.2.7", b"192.1.2.7") + BIND)
    assert bad.command_status == Status.ESME_RINVPASWD
    (own,) = balanced.said(binary(0, 0) + BIND)
    assert own.command_status == Status.ESME_RINVPASWD
    penalties = balanced.house.smsc.binds.penalties
    assert [penalties.guessed(host, 0.0) for host in ("192.1.2.7", "10.0.0.5", "192.0.2.7")] == [
        True,
        True,
        False,
    ]


def test_the_limit_of_an_address_is_the_clients() -> None:
    balanced = Balanced(limits=Limits(connections=9, idle=9, idle_per_address=2))
    for client in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.3"):
        for _ in range(3):
            balanced.said(CLIENT.replace(b"192.0.2.7", client))
    assert balanced.house.failed == [(f"192.0.2.{n}", "gave_way") for n in (1, 2, 3)]


@pytest.mark.parametrize("header", [CLIENT, binary(1, INET | 1, inet("192.0.2.7"))])
@pytest.mark.parametrize("host", ["10.0.0.6", "192.0.2.9", "2001:db8:c::1"])
def test_from_anybody_else_a_header_is_malformed_smpp(header: bytes, host: str) -> None:
    balanced = Balanced()
    wire: Any = balanced.connect(host)
    wire.protocol.dataReceived(header + BIND)
    assert all(pdu.command_status for pdu in pdus(wire.value()))
    balanced.house.clock.advance(1.0)
    assert wire.disconnecting
    assert not [event for event, _ in balanced.house.events if event == "session_bound"]
    (fresh,) = balanced.said(BIND, host=host)  # and without one nothing is changed
    assert fresh.command_status == Status.ESME_ROK


@pytest.mark.parametrize("host", ["10.0.0.5", "::ffff:10.0.0.5", "2001:db8:b::77"])
@pytest.mark.parametrize("octets", [BIND, b"\x16\x03\x01\x02", b"PROXY TCP4 nobody\r\n"])
def test_a_balancer_that_sends_something_else_is_cut_off(octets: bytes, host: str) -> None:
    balanced = Balanced()
    wire: Any = balanced.connect(host)
    wire.protocol.dataReceived(octets)
    assert wire.aborted
    wire.protocol.dataReceived(CLIENT)  # was in the socket already
    wire.protocol.connectionLost()
    assert balanced.house.failed == [(host, "bad_proxy_header")]
    assert (balanced.hosts, wire.value()) == ([], b"")
    assert not balanced.factory.waiting


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 192.0.2.7"])
def test_a_header_has_five_seconds(sent: bytes) -> None:
    assert DEADLINE == 5.0
    balanced = Balanced()
    wire: Any = balanced.connect()
    clock = balanced.house.clock
    for octet in sent:
        wire.protocol.dataReceived(bytes((octet,)))
        clock.advance(DEADLINE / 40)
    clock.advance(DEADLINE / 2 - 0.1)
    assert not wire.aborted
    clock.advance(DEADLINE / 2 + 0.1)
    assert wire.aborted
    wire.protocol.connectionLost()
    assert balanced.house.failed == [("10.0.0.5", "no_proxy_header")]


def test_a_knock_is_no_failure_and_half_a_header_is() -> None:
    balanced = Balanced()
    wire: Any = balanced.connect()
    wire.protocol.connectionLost()
    assert balanced.house.failed == []
    wire = balanced.connect()
    wire.protocol.dataReceived(CLIENT[:9])
    wire.protocol.connectionLost()
    assert balanced.house.failed == [("10.0.0.5", "no_proxy_header")]
    assert not balanced.factory.waiting
    assert not balanced.house.clock.getDelayedCalls()


def test_few_may_wait_for_a_header_and_a_full_room_closes() -> None:
    balanced = Balanced(most=2, limits=Limits(connections=1))
    first, second = balanced.connect(), balanced.connect()
    assert balanced.connect() is None
    assert balanced.house.failed == [("10.0.0.5", "no_room")]
    first.protocol.dataReceived(CLIENT + BIND)
    second.protocol.dataReceived(CLIENT + BIND)
    assert second.aborted
    assert balanced.house.failed[1:] == [("192.0.2.7", "no_room")]
    assert balanced.connect() is not None


class Telling(Protocol):
    """Tells its client the address that it goes by, and what it sends."""

    def __init__(self, host: str) -> None:
        self.host = host

    def connectionMade(self) -> None:
        self.transport.write(self.host.encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())


class Tellings(Factory[Telling]):
    def buildProtocol(self, addr: Any) -> Telling:
        return Telling(addr.host)


@pytest_twisted.async_yield_fixture
async def port(tmp_path: Path) -> Any:
    """Listen with TLS behind balancers, of which this machine is one."""
    key, certificate = certify(tmp_path)
    served = ServedCertificate(load(ServerFiles(str(key), str(certificate))))
    failed: list[tuple[str, str]] = []

    def note(host: str, reason: str, why: str = "") -> None:
        failed.append((host, reason))

    within = TlsFactory(served, Tellings(), reactor, note)
    here = (ip_network("127.0.0.1/32"),)
    listen_tcp: Any = reactor.listenTCP
    factory = ProxiedFactory(here, within, reactor, note, 10)
    port = listen_tcp(0, factory, interface="127.0.0.1")
    yield port.getHost().port, failed, ssl.create_default_context(cafile=str(certificate)), factory
    await port.stopListening()


def through(port: int, header: bytes, trust: ssl.SSLContext) -> bytes:
    with silent(port) as raw:
        raw.sendall(header)
        with trust.wrap_socket(raw, server_hostname="localhost") as wrapped:
            host = wrapped.recv(99)
            wrapped.sendall(b"x" * 40_000)
            echoed = b""
            while len(echoed) < 40_000:
                echoed += wrapped.recv(65_536)
    assert echoed == b"X" * 40_000
    return host


@pytest.mark.parametrize(("header", "host"), HEADERS)
@pytest_twisted.ensureDeferred
async def test_tls_begins_behind_the_header(port: Any, header: bytes, host: str) -> None:
    number, failed, trust, factory = port
    said = await deferToThread(through, number, header, trust)
    assert said == host.replace("10.0.0.5", "127.0.0.1").encode() + b"\n"
    assert failed == []
    assert not factory.waiting


@pytest_twisted.ensureDeferred
async def test_a_failed_handshake_is_the_clients(port: Any) -> None:
    number, failed, _, factory = port

    def speak(*octets: bytes) -> bool:
        with socket.create_connection(("127.0.0.1", number), PATIENCE) as raw:
            for each in octets:
                raw.sendall(each)
            while not is_closed(raw):
                pass
            return True

    assert await deferToThread(speak, CLIENT, BIND)
    await until(lambda: failed == [("192.0.2.7", "not_tls")])
    assert await deferToThread(speak, b"\x16\x03\x01\x02\x00")  # TLS without a header
    await until(lambda: failed[1:] == [("127.0.0.1", "bad_proxy_header")])
    assert not factory.waiting


def test_a_factory_that_is_behind_balancers_is_started_and_stopped() -> None:
    wrapped = Tellings()
    factory = ProxiedFactory(BALANCERS, wrapped, Clock(), lambda *of: None, 1)
    factory.doStart()
    assert wrapped.numPorts == 1
    factory.doStop()
    assert wrapped.numPorts == 0
    made = factory.buildProtocol(IPv4Address("TCP", "10.0.0.5", 1))
    assert isinstance(made, ProxiedConnection)
    assert isinstance(factory.buildProtocol(IPv4Address("TCP", "10.0.0.4", 1)), Telling)
