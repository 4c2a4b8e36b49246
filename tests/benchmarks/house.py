"""The whole bridge in one thread, but for its store's: no socket, no clock, no libcurl.

Octets go in and come out where the reactor would carry them, so that CPU time is the bridge's own
and each round does the same work.
"""

from __future__ import annotations

import queue
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import yaml
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from smppbridge.net.http_client import HttpClient
from smppbridge.observe.lines import Lines
from smppbridge.observe.log import EventLog
from smppbridge.observe.notify import from_environment
from smppbridge.providers.exchange import HttpResponse
from smppbridge.service.bridge import Bridge
from smppbridge.settings.configuration import load

SESSIONS, WINDOW, CALLERS = 4, 50, 16
MESSAGES = SESSIONS * WINDOW
_PATIENCE = 30.0
_FLUSHED = 0.05  # seconds after which acknowledged receipts are written down
_KEY = "k" * 20
_SMPP, _CALLBACKS = 2775, 8776
_BIND = b"bank\0secret\0\0\x34\0\0\0"
_SUBMIT_SM = (
    b"\0\5\0INFO\0\1\x012438%08d\0\0\0\0\0\0\1\0\0\0%cYour one time code is %06d, do not share it"
)
_TEXT_LENGTH = len(b"Your one time code is 000000, do not share it")
_TAKEN = b'{"status":"SENT","messageID":"%016d","description":"Message submitted to the network"}'
_REPORT = (
    b"GET /callbacks/keccel/%b?messageID=%016d&status=DELIVERED HTTP/1.1\r\nHost: here\r\n\r\n"
)


class _Reactor(MemoryReactorClock):
    """Time stands still unless it is advanced; calls of other threads wait until they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.called: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    def getThreadPool(self) -> SimpleNamespace:
        return SimpleNamespace()

    def callFromThread(self, function: Any, *args: Any, **kwargs: Any) -> None:
        self.called.put(lambda: function(*args, **kwargs))


class House:
    """A running bridge; `accept`, `relay` and `receipt` take the same messages along, in turn.

    Each yields between its parts, for whoever measures.
    """

    def __init__(self, bridge: Bridge, reactor: _Reactor, wire: _Wire) -> None:
        self._bridge, self._reactor, self._wire = bridge, reactor, wire
        self._sessions = [self._bound() for _ in range(SESSIONS)]
        self._callers = [self._connected(_CALLBACKS) for _ in range(CALLERS)]
        self._number = self._named = 0

    def accept(self) -> Iterator[None]:
        """Submit a window full in each session, and see that all is answered."""
        for protocol, transport in self._sessions:
            transport.clear()
            protocol.dataReceived(b"".join(self._submit_sm() for _ in range(WINDOW)))
            self._await_store()
            self._check(sum(head[0] == 0x8000_0004 for head in _heads(transport.value())) == WINDOW)
            yield

    def relay(self) -> Iterator[None]:
        """Answer requests as they come, until all outcomes are recorded."""
        first = self._named
        while self._named < first + MESSAGES:
            asked, self._wire.asked = self._wire.asked, []
            self._check(bool(asked))
            named = enumerate(asked, self._named)
            self._named += len(asked)
            answers = [(ask[0], HttpResponse(200, _TAKEN % number)) for number, ask in named]
            self._wire.answered(answers)
            self._await_store()
            self._await_store()  # what was begun upon that
            yield

    def receipt(self) -> Iterator[None]:
        """Report all DELIVERED, acknowledge the receipts, until deliveries are finished."""
        for _, transport in self._sessions:
            transport.clear()
        for at in range(self._named - MESSAGES, self._named, CALLERS):
            some = list(zip(self._callers, range(at, self._named), strict=False))
            for (protocol, transport), number in some:
                transport.clear()
                protocol.dataReceived(_REPORT % (_KEY.encode(), number))
            self._reactor.advance(0)
            self._await_store()
            answers = [transport.value() for (_, transport), _ in some]
            self._check(all(answer.startswith(b"HTTP/1.1 200") for answer in answers))
            self._acknowledge(len(some))
            yield
        self._reactor.advance(_FLUSHED)
        self._await_store()

    # -- inside ---------------------------------------------------------------------------------

    def _acknowledge(self, count: int) -> None:
        for protocol, transport in self._sessions:
            while octets := transport.value():
                transport.clear()
                numbers = [number for command_id, number in _heads(octets) if command_id == 5]
                count -= len(numbers)
                protocol.dataReceived(b"".join(_pdu(0x8000_0005, n, b"\0") for n in numbers))
        self._check(count == 0)

    def _await_store(self) -> None:
        """Let the store do all that it was told, and the bridge hear of it."""
        last = self._bridge.store.open_messages("")
        while not last.called:
            self._reactor.called.get(timeout=_PATIENCE)()

    def _submit_sm(self) -> bytes:
        number = self._number = (self._number + 1) % 100_000_000
        body = _SUBMIT_SM % (number, _TEXT_LENGTH, number % 1_000_000)
        return _pdu(4, number + 1, body)

    def _bound(self) -> tuple[Any, StringTransport]:
        protocol, transport = self._connected(_SMPP)
        protocol.dataReceived(_pdu(9, 1, _BIND))
        self._check(transport.value()[4:12] == b"\x80\0\0\x09\0\0\0\0")
        return protocol, transport

    def _connected(self, port: int) -> tuple[Any, StringTransport]:
        """Connect to who listens on a port."""
        factory = next(server[1] for server in self._reactor.tcpServers if server[0] == port)
        peer = IPv4Address("TCP", "127.0.0.1", 40_000)
        protocol, transport = factory.buildProtocol(peer), _Transport(peerAddress=peer)
        protocol.makeConnection(transport)
        return protocol, transport

    @staticmethod
    def _check(true: bool) -> None:
        if not true:
            raise AssertionError("the bridge did not do its part")


class _Transport(StringTransport):
    """A transport with what a TCP socket has besides."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass


class _Wire:
    """Stands in for libcurl: keeps what is asked until it is answered."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answered: Callable[[list[Any]], object] = list

    def send(self, provider: str, asks: list[Any]) -> None:
        self.asked += asks


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """Run a bridge whose store is in *folder*."""
    reactor, wire = _Reactor(), _Wire()

    def made(client: HttpClient, call: object, answered: Callable[[list[Any]], object]) -> None:
        wire.answered = answered

    def nothing(client: HttpClient, *_: object) -> None:
        pass

    replaced: dict[str, Any] = {"__init__": made, "send": staticmethod(wire.send)}
    replaced |= dict.fromkeys(("change", "start", "stop"), nothing)
    config = folder / "bridge.yaml"
    config.write_text(_configuration(folder))
    with (folder / "log").open("wb") as log, patch.multiple(HttpClient, **replaced):
        journal = EventLog(Lines(log.fileno()), form="json", level="info")
        bridge = Bridge(load(config), reactor, journal, from_environment())
        try:
            failures: list[Any] = []
            started = Deferred.fromCoroutine(bridge.start()).addErrback(failures.append)
            while not started.called:
                reactor.called.get(timeout=_PATIENCE)()
            if failures:
                failures[0].raiseException()
            yield House(bridge, reactor, wire)
        finally:
            bridge.store.stop()


def _configuration(folder: Path) -> str:
    keccel = {
        "type": "keccel",
        "token": "token",
        "callback_key": _KEY,
        "balance_every": "off",
    }
    account = {"system_id": "bank", "password": "secret", "window": WINDOW}
    return yaml.safe_dump(
        {
            "smpp": {"listen": f"tcp:{_SMPP}"},
            "callbacks": {"listen": f"tcp:{_CALLBACKS}"},
            "admin_socket": None,
            "store": f"sqlite:{folder}/bridge.db",
            "accounts": [{**account, "deliver_window": WINDOW}],
            "providers": {"keccel": keccel},
            "routes": [{"via": ["keccel"]}],
        }
    )


def _pdu(command_id: int, sequence_number: int, body: bytes) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, 0, sequence_number) + body


def _heads(octets: bytes) -> Iterator[tuple[int, int]]:
    """Yield command_id and sequence_number of PDUs."""
    at = 0
    while at < len(octets):
        length, command_id, _, sequence_number = struct.unpack_from(">IIII", octets, at)
        yield command_id, sequence_number
        at += length
