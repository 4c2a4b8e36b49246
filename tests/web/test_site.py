from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smppbridge.net.room import Limits
from smppbridge.web.connection import CLOSED_WITHIN, HEADERS_WITHIN, TIMEOUT, HttpConnection
from smppbridge.web.request import Admission
from smppbridge.web.site import Site, web_pages
from tests.web.rooms import room

READY = {"store": True, "listening": True, "accepting": True}


def site(**ready: bool) -> Site:
    pages = web_pages(lambda: READY | ready, lambda: b"smppbridge_ready 1.0\n")
    return Site(pages, Clock(), room())


def connected(to: Site) -> tuple[HttpConnection, StringTransport]:
    channel: Any = to.buildProtocol(None)
    transport = StringTransport()
    channel.makeConnection(transport)
    return channel, transport


def asked(to: Site, request: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Return the status line, the headers and the body that answer *request*."""
    channel, transport = connected(to)
    channel.dataReceived(request)
    head, _, body = transport.value().partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, dict(line.lower().split(b": ", 1) for line in lines), body


def get(path: bytes, method: bytes = b"GET") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("request_line", "status", "content_type", "body"),
    [
        (get(b"/healthz"), b"200 OK", b"text/plain; charset=utf-8", b"ok\n"),
        (get(b"/healthz?x=1"), b"200 OK", b"text/plain; charset=utf-8", b"ok\n"),
        (get(b"/healthz", b"HEAD"), b"200 OK", b"text/plain; charset=utf-8", b""),
        (
            get(b"/metrics"),
            b"200 OK",
            b"text/plain; version=0.0.4; charset=utf-8",
            b"smppbridge_ready 1.0\n",
        ),
        (get(b"/"), b"404 Not Found", b"text/plain; charset=utf-8", b"not found\n"),
        (get(b"/metrics/x"), b"404 Not Found", b"text/plain; charset=utf-8", b"not found\n"),
        (get(b"/x", b"POST"), b"404 Not Found", b"text/plain; charset=utf-8", b"not found\n"),
        (
            get(b"/metrics", b"POST"),
            b"405 Method Not Allowed",
            b"text/plain; charset=utf-8",
            b"method not allowed\n",
        ),
    ],
)
def test_each_path_has_its_answer(
    request_line: bytes, status: bytes, content_type: bytes, body: bytes
) -> None:
    got_status, headers, got_body = asked(site(), request_line)
    assert (got_status, headers[b"content-type"], got_body) == (
        b"HTTP/1.1 " + status,
        content_type,
        body,
    )
    assert b"server" not in headers
    assert headers[b"content-length"].isdigit()


@pytest.mark.parametrize("down", ["", "store", "listening", "accepting"])
def test_ready_means_that_everything_is(down: str) -> None:
    changed = {down: False} if down else {}
    status, headers, body = asked(site(**changed), get(b"/readyz"))
    assert status == (b"HTTP/1.1 503 Service Unavailable" if down else b"HTTP/1.1 200 OK")
    assert headers[b"content-type"] == b"application/json"
    assert json.loads(body) == {"ready": not down, "checks": READY | changed}


def test_an_error_of_ours_tells_the_peer_nothing() -> None:
    def broken() -> NoReturn:
        raise ValueError("secret")

    status, headers, body = asked(
        Site(web_pages(lambda: READY, broken), Clock(), room()), get(b"/metrics")
    )
    assert (status, body) == (b"HTTP/1.1 500 Internal Server Error", b"internal error\n")
    assert b"server" not in headers


MOST = 1 << 20


class Echo:
    def judge(self, request: Any) -> Admission:
        return Admission(most=MOST)

    def render(self, request: Any) -> None:
        request.answer(200, b"%d" % len(request.body))


class Waiting(Echo):
    """Never answers."""

    def render(self, request: Any) -> Any:
        return None


LENGTH = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "answered"),
    [
        (LENGTH % MOST + b"x" * MOST, b"200"),
        (LENGTH % (MOST + 1), b"413"),
        (LENGTH % (MOST + 1) + b"x" * (MOST + 1), b"413"),
        (LENGTH % 10**30, b"400"),
        (LENGTH % 10**15, b"413"),
        (CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (MOST, b"x" * MOST), b"200"),
        (CHUNKED + b"1\r\nx\r\n%x\r\n%s\r\n0\r\n\r\n" % (MOST, b"x" * MOST), b"413"),
        (CHUNKED + b"1000\r\n%s\r\n" % (b"x" * 4096) * 300, b"413"),
        (b"GET /" + b"x" * 20_000, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 510 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 17_000 + b"\r\n", b"431"),
        (b"\x16\x03\x01 hello\r\n", b"400"),
    ],
)
def test_what_is_too_long_is_refused_and_the_connection_closed(
    octets: bytes, answered: bytes
) -> None:
    channel, transport = connected(Site(Echo(), Clock(), room()))
    for start in range(0, len(octets), 10_000):
        if not transport.disconnecting:
            channel.dataReceived(octets[start : start + 10_000])
    answers = [line[9:12] for line in transport.value().split(b"\r\n") if line[:5] == b"HTTP/"]
    assert b"".join(answers) == answered
    assert transport.disconnecting == (answered != b"200")


def test_connections_are_bounded_and_the_longest_idle_gives_way() -> None:
    bounded = Site(Waiting(), Clock(), room(Limits(connections=2)))
    (busy, held), (idle, cut) = connected(bounded), connected(bounded)
    busy.dataReceived(get(b"/"))
    third, last = connected(bounded)
    assert (held.disconnected, cut.disconnected, last.disconnected) == (False, True, False)
    idle.connectionLost(Failure(ConnectionError()))
    third.dataReceived(get(b"/"))
    assert bounded.buildProtocol(None) is None  # no idle one: at once, TLS or not
    third.connectionLost(Failure(ConnectionError()))
    assert not connected(bounded)[1].disconnected


def test_an_answered_request_leaves_its_connection_idle_again() -> None:
    clock = Clock()
    bounded = Site(Echo(), clock, room(Limits(connections=2)))
    (first, older), (_, newer) = connected(bounded), connected(bounded)
    clock.advance(1)
    first.dataReceived(get(b"/"))
    connected(bounded)
    assert (older.disconnected, newer.disconnected) == (False, True)  # first was of use since


def test_a_request_that_trickles_in_has_no_more_time_than_another() -> None:
    clock = Clock()
    channel, transport = connected(Site(Echo(), clock, room()))
    for octet in b"GET / HTTP/1.1\r\n":
        channel.dataReceived(bytes((octet,)))
        clock.advance(HEADERS_WITHIN / 17)
    assert not transport.disconnecting
    clock.advance(HEADERS_WITHIN / 16)
    assert transport.disconnecting


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("sent", [b"", b"G", get(b"/")[:-2]])
def test_headers_have_ten_seconds(before: int, sent: bytes) -> None:
    """The first request's from the connection on, a later one's from its first octet on."""
    clock = Clock()
    channel, transport = connected(Site(Echo(), clock, room()))
    for _ in range(before):
        channel.dataReceived(get(b"/"))
        clock.advance(HEADERS_WITHIN * 2)
    if sent:
        channel.dataReceived(sent)
    clock.advance(HEADERS_WITHIN - 0.1)
    assert not transport.disconnecting
    clock.advance(0.2)
    assert transport.disconnecting == (bool(sent) or not before)


def test_a_body_has_its_own_time() -> None:
    clock = Clock()
    channel, transport = connected(Site(Echo(), clock, room()))
    channel.dataReceived(LENGTH % 30)
    for _ in range(29):
        channel.dataReceived(b"x")
        clock.advance(TIMEOUT / 30)
    assert not transport.disconnecting
    clock.advance(TIMEOUT / 30)
    assert transport.disconnecting


def test_a_peer_that_does_not_let_its_connection_close_is_cut_off() -> None:
    clock = Clock()
    channel, transport = connected(Site(Echo(), clock, room()))
    channel.dataReceived(LENGTH % (MOST + 1))
    assert transport.disconnecting
    channel.dataReceived(b"x" * (MOST + 1))
    clock.advance(CLOSED_WITHIN)
    assert transport.disconnected


def test_an_idle_connection_is_closed_and_a_busy_one_kept() -> None:
    clock = Clock()
    channel, transport = connected(Site(Echo(), clock, room()))
    for _ in range(5):
        channel.dataReceived(get(b"/"))
        clock.advance(TIMEOUT - 1)
    assert transport.value().count(b"200 OK") == 5
    channel.dataReceived(get(b"/")[:5])
    clock.advance(HEADERS_WITHIN - 1)
    channel.dataReceived(get(b"/")[5:])
    assert transport.value().count(b"200 OK") == 6
    clock.advance(TIMEOUT + 1)
    assert transport.disconnecting
    channel.connectionLost(Failure(ConnectionError()))
    assert not clock.getDelayedCalls()


def test_http_2_is_not_offered_and_urls_are_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    bounded = site()
    assert bounded.acceptableProtocols() == [b"http/1.1"]
    bounded.doStart()
    asked(bounded, get(b"/healthz?key=hunter2"))
    bounded.doStop()
    assert capfd.readouterr() == ("", "")


def answers(octets: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d+)", octets)


@pytest.mark.parametrize(
    ("octets", "answered", "closes"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", [b"200"], True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [b"200"], False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [b"200"], True),
        (LENGTH[:-4] % 2 + b"\r\nExpect: 100-continue\r\n\r\n", [b"100"], False),
        (LENGTH[:-4] % 2 + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [b"400"], True),
        (LENGTH[:-4] % 2 + b"\r\nContent-Length: 3\r\n\r\nabc", [b"400"], True),
        (CHUNKED + b"zz\r\n", [b"400"], True),
        (UPGRADE, [b"200"], False),
        (UPGRADE * 2 + get(b"/"), [b"200"] * 3, False),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", [b"200"], False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [b"400"], True),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", [b"400"], True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\r\n\r\n", [b"400"], True),
        (b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", [b"200"], False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3, [b"200"] * 3, False),
        (b"GET / HTTP/1.0\r\n\r\n" * 2, [b"200"], True),
    ],
)
@pytest.mark.parametrize("piece", [1, 100_000])
def test_requests_of_all_kinds(
    octets: bytes, answered: list[bytes], closes: bool, piece: int
) -> None:
    channel, transport = connected(Site(Echo(), Clock(), room()))
    for start in range(0, len(octets), piece):
        if not transport.disconnecting:
            channel.dataReceived(octets[start : start + piece])
    assert (answers(transport.value()), transport.disconnecting) == (answered, closes)


def test_requests_ahead_of_the_answer_stop_the_reading() -> None:
    held: list[Any] = []

    class Held(Echo):
        def render(self, request: Any) -> None:
            held.append(request)

    channel, transport = connected(Site(Held(), Clock(), room()))
    channel.dataReceived(get(b"/1"))
    assert transport.producerState == "producing"
    channel.dataReceived(get(b"/2") * 2_000)
    assert (len(held), transport.producerState) == (1, "paused")
    while held:
        held.pop().answer(200)
    assert transport.producerState == "producing"
    assert answers(transport.value()) == [b"200"] * 2_001
    assert not channel.busy


def test_many_requests_that_are_answered_at_once_take_no_stack() -> None:
    channel, transport = connected(Site(Echo(), Clock(), room()))
    channel.dataReceived(get(b"/") * 3_000)
    assert answers(transport.value()) == [b"200"] * 3_000


class Writes(StringTransport):
    """Notes what is written together."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[list[bytes]] = []

    def write(self, data: bytes) -> None:
        assert not self.disconnecting  # over TLS it would not leave
        self.writes.append(answers(data))
        super().write(data)


@pytest.mark.parametrize(
    ("octets", "closes"),
    [
        (get(b"/") + LENGTH[:-4] % 2 + b"\r\nExpect: 100-continue\r\n\r\n", False),
        (get(b"/") * 2, False),
        (get(b"/") + b"GET / HTTP/1.0\r\n\r\n", True),
        (get(b"/") + b"rubbish\r\n", True),
        (get(b"/") + LENGTH % (MOST + 1), True),
    ],
)
def test_answers_to_what_came_together_leave_together(octets: bytes, closes: bool) -> None:
    channel: Any = Site(Echo(), Clock(), room()).buildProtocol(None)
    wire = Writes()
    channel.makeConnection(wire)
    channel.dataReceived(octets)
    assert [len(written) for written in wire.writes] == [2]
    assert wire.writes[0][0] == b"200"
    assert wire.disconnecting == closes


def test_an_answer_leaves_with_those_that_waited_for_it() -> None:
    held: list[Any] = []

    class HeldFirst(Echo):
        def render(self, request: Any) -> None:
            super().render(request) if held else held.append(request)

    channel: Any = Site(HeldFirst(), Clock(), room()).buildProtocol(None)
    wire = Writes()
    channel.makeConnection(wire)
    channel.dataReceived(get(b"/") * 3)
    assert wire.writes == []
    held[0].answer(204)
    assert wire.writes == [[b"204", b"200", b"200"]]


def test_whoever_has_gone_gets_no_answer() -> None:
    held: list[Any] = []

    class Held(Echo):
        def render(self, request: Any) -> None:
            held.append(request)
            request.gone = lambda: held.append("gone")

    channel, transport = connected(Site(Held(), Clock(), room()))
    channel.dataReceived(get(b"/1") + get(b"/2"))
    channel.connectionLost(Failure(ConnectionError()))
    request, gone = held
    assert gone == "gone"
    request.answer(200, b"late")
    assert (transport.value(), request.host) == (b"", "")


def test_a_fault_in_judging_is_no_fault_of_the_peer() -> None:
    class Broken(Echo):
        def judge(self, request: Any) -> Admission:
            raise ValueError("secret")

    channel, transport = connected(Site(Broken(), Clock(), room()))
    channel.dataReceived(get(b"/"))
    assert answers(transport.value()) == [b"500"]
    assert (b"secret" in transport.value(), transport.disconnecting) == (False, True)


def test_nothing_is_written_before_the_answer_that_is_awaited() -> None:
    channel, transport = connected(Site(Waiting(), Clock(), room()))
    channel.dataReceived(get(b"/") + LENGTH[:-4] % 2 + b"\r\nExpect: 100-continue\r\n\r\n")
    assert transport.value() == b""
