from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.store.port import StoreFailure
from smppbridge.web.callbacks import CallbacksResource, Caller
from smppbridge.web.site import callbacks_site


class Connection:
    """One provider's connection, and what the bridge made of what it said."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, HttpRequest]] = []
        self.stored: list[Deferred[None]] = []
        self.counted: list[tuple[str, str]] = []
        self.callbacks = CallbacksResource(self.told, lambda *result: self.counted.append(result))
        self.callbacks.admit({"keccel": Caller(b"k3y"), "d7": Caller(b"0ther", b"ACK")})
        self.channel: Any = callbacks_site(self.callbacks, Clock()).buildProtocol(None)
        self.transport = StringTransport()
        self.channel.makeConnection(self.transport)

    def told(self, provider: str, request: HttpRequest) -> Deferred[None]:
        self.heard.append((provider, request))
        self.stored.append(Deferred())
        return self.stored[-1]

    def says(self, request: bytes) -> None:
        self.channel.dataReceived(request)

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
    connection.stored[0].callback(None)
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
    connection.stored[0].callback(None)
    assert connection.transport.value().endswith(b"\r\n\r\nACK")
    assert b"Content-Length: 3\r\n" in connection.transport.value()


def test_a_form_is_read_as_a_query() -> None:
    connection = Connection()
    connection.says(
        b"POST /callbacks/d7/0ther HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2"
    )
    assert connection.heard[0][1].query == {"a": "1", "b": "2"}
    assert connection.heard[0][1].body == b"a=1&b=2"


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
        (BadReply("status?"), b"400 Bad Request", "bad_request"),
        (StoreFailure("disk full"), b"503 Service Unavailable", "failed"),
        (OSError(28, "No space left on device"), b"503 Service Unavailable", "failed"),
    ],
)
def test_what_was_not_stored_is_not_acknowledged(
    error: Exception, status: bytes, result: str, errors: list[LogEvent]
) -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y"))
    connection.stored[0].errback(error)
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
    connection.stored[0].callback(None)
    assert connection.counted == [("keccel", "ok")]
    assert connection.answers() == []
    gc.collect()  # a Deferred tells of an error that nobody took when it goes
    assert errors == []


def test_requests_sent_ahead_are_answered_in_order() -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y?n=1") + get(b"/callbacks/d7/0ther?n=2"))
    assert [provider for provider, _ in connection.heard] == ["keccel"]
    connection.stored[0].callback(None)
    connection.stored[1].callback(None)
    assert connection.answers() == [b"200 OK", b"200 OK"]
    assert connection.transport.value().endswith(b"ACK")


@pytest.mark.parametrize("error", [BadReply("status?"), StoreFailure("disk full")])
@pytest.mark.parametrize("odd", [0, 1])
def test_an_odd_request_takes_no_other_with_it(odd: int, error: Exception) -> None:
    connection = Connection()
    connection.says(get(b"/callbacks/keccel/k3y?n=0") + get(b"/callbacks/keccel/k3y?n=1"))
    for number in (0, 1):
        assert connection.heard[number][1].query == {"n": f"{number}"}
        connection.stored[number].callback(None if number != odd else Failure(error))
    failed = b"400 Bad Request" if isinstance(error, BadReply) else b"503 Service Unavailable"
    assert connection.answers() == [failed if number == odd else b"200 OK" for number in (0, 1)]


def test_a_reload_takes_callers_away_and_adds_others() -> None:
    connection = Connection()
    connection.callbacks.admit({"keccel": Caller(b"new")})
    for path in (b"/callbacks/keccel/k3y", b"/callbacks/d7/0ther", b"/callbacks/keccel/new"):
        connection.says(get(path))
    assert connection.counted == [("", "unknown"), ("", "unknown")]
    assert [provider for provider, _ in connection.heard] == ["keccel"]


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="empty"):
        Connection().callbacks.admit({"keccel": Caller(b"")})


def test_a_key_is_not_shown() -> None:
    assert "k3y" not in repr(Caller(b"k3y"))
