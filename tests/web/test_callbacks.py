from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.store.port import StoreFailure
from smppbridge.web.callbacks import LOGGED_AGAIN_AFTER, CallbacksResource, Caller
from smppbridge.web.connection import MAX_PIECES
from smppbridge.web.site import callbacks_site
from tests.web.rooms import room


class Connection:
    """One provider's connection, and what the bridge made of what it said."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, HttpRequest]] = []
        self.stored: list[Deferred[None]] = []
        self.counted: list[tuple[str, str]] = []
        self.faults: list[Exception] = []
        self.clock = Clock()
        self.logged: list[dict[str, Any]] = []
        self.callbacks = CallbacksResource(
            self.read, self.receive, self.clock, self.count, self.log
        )
        self.callbacks.admit(
            [
                Caller(provider="keccel", key=b"k3y", most=64_000),
                Caller(provider="d7", key=b"0ther", answer=b"ACK", most=64_000),
            ]
        )
        self.channel: Any = callbacks_site(self.callbacks, Clock(), room()).buildProtocol(
            IPv4Address("TCP", "192.168.1.1", 1)
        )
        self.transport = StringTransport()
        self.channel.makeConnection(self.transport)

    def count(self, provider: str, result: str, count: int) -> None:
        self.counted += [(provider, result)] * count

    def log(self, event: str, /, **fields: Any) -> None:
        self.logged.append({"event": event, **fields})

    def read(self, provider: str, request: HttpRequest) -> tuple[()]:
        self.heard.append((provider, request))
        if self.faults:
            raise self.faults.pop(0)
        return ()

    async def receive(self, provider: str, received: list[Received]) -> None:
        self.stored.append(Deferred())
        await self.stored[-1]

    def says(self, request: bytes) -> None:
        self.channel.dataReceived(request)
        self.clock.advance(0)

    def store(self, number: int, error: Exception | None = None) -> None:
        """Let a commit succeed or fail; the provider's next request is read then."""
        if error is None:
            self.stored[number].callback(None)
        else:
            self.stored[number].errback(error)
        self.clock.advance(0)

    def answers(self) -> list[bytes]:
        """The status lines so far."""
        return re.findall(rb"HTTP/1\.1 (.*)\r\n", self.transport.value())


@pytest.fixture
def errors() -> Iterator[list[LogEvent]]:
    """What Twisted logs of failures meanwhile."""
    seen: list[LogEvent] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if "log_failure" in event:
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def get(path: bytes, method: bytes = b"GET") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def test_the_answer_waits_for_the_disk() -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y?messageID=7&status=DELIVERED&status=no&x=%C3%A9"))
    assert connection.answers() == []
    ((provider, request),) = connection.heard
    assert provider == "keccel"
    assert (request.method, request.operation, request.body) == ("GET", "callback", b"")
    assert request.query == {"messageID": "7", "status": "DELIVERED", "x": "é"}
    assert request.headers == (("host", "x"),)
    assert "k3y" not in request.url + repr(request)
    connection.store(0)
    assert connection.answers() == [b"200 OK"]
    assert b"Content-Length: 0\r\n" in connection.transport.value()
    assert connection.counted == [("keccel", "ok")]


def test_a_provider_gets_the_answer_it_wants_and_may_post() -> None:
    connection = Connection()
    connection.says(
        b"POST /callbacks/d7/0ther HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 8\r\n\r\n{"a": 1}'
    )
    assert connection.heard[0][1].body == b'{"a": 1}'
    assert ("content-type", "application/json") in connection.heard[0][1].headers
    connection.store(0)
    assert connection.transport.value().endswith(b"\r\n\r\nACK")
    assert b"Content-Length: 3\r\n" in connection.transport.value()


def test_a_header_has_its_first_value() -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y")[:-2] + b"X-Sign: a\r\nX-SIGN: b\r\nX: c\r\n\r\n")
    assert connection.heard[0][1].headers == (("host", "x"), ("x-sign", "a"), ("x", "c"))


def test_a_form_is_read_as_a_query() -> None:
    connection = Connection()
    connection.says(
        b"POST /callbacks/d7/0ther HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2"
    )
    assert connection.heard[0][1].query == {"a": "1", "b": "2"}
    assert connection.heard[0][1].body == b"a=1&b=2"


def test_octets_of_a_query_that_are_no_utf_8_are_there_as_they_came() -> None:
    connection = Connection()
    connection.says(b"GET /callbacks/d7/0ther?coding=%F1&to=3377 HTTP/1.1\r\nHost: x\r\n\r\n")
    ((_, request),) = connection.heard
    assert request.query == {"coding": "\ufffd", "to": "3377"}
    assert request.url == "/callbacks/d7?coding=%F1&to=3377"


def test_a_stranger_is_turned_away_before_its_body_comes() -> None:
    connection = Connection()
    connection.says(
        b"POST /callbacks/keccel/wrong HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
    )
    assert connection.answers() == [b"404 Not Found"]
    assert connection.transport.disconnecting
    assert connection.counted == [("", "unknown")]
    connection.says(b"--x\r\n" * 1_000)
    assert (connection.heard, len(connection.answers())) == ([], 1)


@pytest.mark.parametrize(
    "head", [b"Transfer-Encoding: chunked", b"Content-Length: 64001", b"Content-Length: 5"]
)
def test_a_body_is_bounded_by_its_provider(head: bytes) -> None:
    connection = Connection()
    connection.says(b"POST /callbacks/keccel/k3y HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % head)
    connection.says({b"T": b"fa01\r\n" + b"x" * 64_001, b"C": b"12345"}[head[:1]])
    fits = head.endswith(b" 5")
    assert [answer[:3] for answer in connection.answers()] == ([] if fits else [b"413"])
    assert len(connection.heard) == fits
    assert connection.counted == []


def test_a_body_in_crumbs_is_refused() -> None:
    connection = Connection()
    connection.says(
        b"POST /callbacks/keccel/k3y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    connection.says(b"1\r\nx\r\n" * (MAX_PIECES + 1) + b"0\r\n\r\n")
    assert [answer[:3] for answer in connection.answers()] == [b"413"]
    assert connection.heard == []


@pytest.mark.parametrize("path", [b"/callbacks/keccel/k3y", b"/callbacks/keccel/wrong"])
def test_a_query_of_separators_is_not_read(path: bytes) -> None:
    connection = Connection()
    connection.says(get(path + b"?" + b"&" * 1_000))
    stranger = path.endswith(b"wrong")
    assert connection.answers() == [b"404 Not Found" if stranger else b"400 Bad Request"]
    assert connection.heard == []


def test_a_form_of_separators_is_not_understood() -> None:
    connection = Connection()
    connection.says(
        b"POST /callbacks/keccel/k3y HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + b"&" * 1_000
    )
    assert connection.answers() == [b"400 Bad Request"]
    assert connection.counted == [("keccel", "bad_request")]


def test_the_first_wrong_callback_of_each_kind_is_logged() -> None:
    connection = Connection()
    for _ in range(2):
        for path in (b"/callbacks/keccel/secret", b"/callbacks/nobody/secret", b"/secret"):
            connection.says(get(path))
        connection.says(get(b"/callbacks/keccel/k3y", b"PUT"))
        connection.faults.append(BadReply("no messageID"))
        connection.says(get(b"/callbacks/keccel/k3y?secret"))
    said = {"event": "callback_refused", "address": "192.168.1.1"}
    assert connection.logged == [
        {**said, "provider": "keccel", "reason": "wrong_key"},
        {**said, "provider": "", "reason": "wrong_path"},
        {**said, "provider": "keccel", "reason": "method"},
        {**said, "provider": "keccel", "reason": "not_understood", "why": "no messageID"},
    ]
    assert "secret" not in str(connection.logged)
    connection.clock.advance(LOGGED_AGAIN_AFTER)
    connection.says(get(b"/callbacks/keccel/wrong"))
    assert len(connection.logged) == 5


STRANGERS = [
    b"/",
    b"/nothing",
    b"/healthz",
    b"/callbacks",
    b"/callbacks/",
    b"/callbacks/keccel",
    b"/callbacks/keccel/",
    b"/callbacks/keccel/wrong",
    b"/callbacks/keccel/0ther",
    b"/callbacks/keccel/k3y/",
    b"/callbacks/keccel/k3y/x",
    b"/callbacks/nobody/k3y",
    b"/callbacks/nobody/" + b"%00" * 32,
    b"/callbacks//k3y",
    b"/callbacks/%ff/%ff",
    b"/Callbacks/keccel/k3y",
    b"//callbacks/keccel/k3y",
]


def without_date(octets: bytes) -> bytes:
    return b"\r\n".join(line for line in octets.split(b"\r\n") if not line.startswith(b"Date:"))


def test_whoever_has_no_key_sees_the_same_of_every_path() -> None:
    seen = set()
    for path in STRANGERS:
        for method in (b"GET", b"POST", b"PUT"):
            connection = Connection()
            connection.says(get(path, method))
            assert connection.heard == []
            assert connection.counted == [("", "unknown")]
            seen.add(without_date(connection.transport.value()))
    assert len(seen) == 1
    assert seen.pop().startswith(b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize(
    ("error", "status", "result"),
    [
        (StoreFailure("disk full"), b"503 Service Unavailable", "failed"),
        (OSError(28, "No space left on device"), b"503 Service Unavailable", "failed"),
    ],
)
def test_what_was_not_stored_is_not_acknowledged(
    error: Exception, status: bytes, result: str, errors: list[LogEvent]
) -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y"))
    connection.store(0, error)
    assert connection.answers() == [status]
    assert connection.counted == [("keccel", result)]
    assert str(error).encode() not in connection.transport.value()
    assert len(errors) == isinstance(error, OSError)  # a StoreFailure the store has logged


def test_other_methods_are_not_allowed() -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y", b"PUT"))
    assert connection.answers() == [b"405 Method Not Allowed"]
    assert b"Allow: GET, POST\r\n" in connection.transport.value()
    assert connection.counted == [("keccel", "bad_request")]


def test_what_a_provider_said_counts_though_it_has_gone(errors: list[LogEvent]) -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y"))
    connection.channel.connectionLost(Failure(ConnectionError()))
    connection.store(0)
    assert connection.counted == [("keccel", "ok")]
    assert connection.answers() == []
    gc.collect()  # a Deferred tells of an error that nobody took when it goes
    assert errors == []


def test_requests_sent_ahead_are_answered_in_order() -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y?n=1") + get(b"/callbacks/d7/0ther?n=2"))
    assert [provider for provider, _ in connection.heard] == ["keccel"]
    connection.store(0)
    connection.store(1)
    assert connection.answers() == [b"200 OK", b"200 OK"]
    assert connection.transport.value().endswith(b"ACK")


def test_a_callback_that_cannot_be_read_is_told_so() -> None:
    connection = Connection()
    connection.faults = [BadReply("status?")]
    connection.says(get(b"/callbacks/keccel/k3y"))
    assert connection.answers() == [b"400 Bad Request"]
    assert connection.counted == [("keccel", "bad_request")]
    assert b"status?" not in connection.transport.value()
    assert connection.stored == []


def test_a_fault_of_a_provider_is_not_acknowledged(errors: list[LogEvent]) -> None:
    connection = Connection()
    connection.faults = [ZeroDivisionError("ours")]
    connection.says(get(b"/callbacks/keccel/k3y"))
    assert connection.answers() == [b"503 Service Unavailable"]
    assert connection.counted == [("keccel", "failed")]
    assert len(errors) == 1


@pytest.mark.parametrize("odd", [0, 1])
def test_an_odd_request_takes_no_other_with_it(odd: int) -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y?n=0") + get(b"/callbacks/keccel/k3y?n=1"))
    for number in (0, 1):
        assert connection.heard[number][1].query == {"n": f"{number}"}
        connection.store(number, StoreFailure("disk full") if number == odd else None)
    failed = b"503 Service Unavailable"
    assert connection.answers() == [failed if number == odd else b"200 OK" for number in (0, 1)]


def test_a_reload_takes_callers_away_and_adds_others() -> None:
    connection = Connection()
    connection.callbacks.admit([Caller(provider="keccel", key=b"new")])
    for path in (b"/callbacks/keccel/k3y", b"/callbacks/d7/0ther", b"/callbacks/keccel/new"):
        connection.says(get(path))
    assert connection.counted == [("", "unknown"), ("", "unknown")]
    assert [provider for provider, _ in connection.heard] == ["keccel"]


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="empty"):
        Connection().callbacks.admit([Caller(provider="keccel", key=b"")])


def test_a_key_is_not_shown() -> None:
    assert "k3y" not in repr(Caller(provider="keccel", key=b"k3y"))
