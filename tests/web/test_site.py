from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from smppbridge.web.site import TIMEOUT, Admission, BoundedChannel, BoundedSite, web_site

READY = {"store": True, "listening": True, "accepting": True}


def site(**ready: bool) -> BoundedSite:
    return web_site(lambda: READY | ready, lambda: b"smppbridge_ready 1.0\n", Clock())


def connected(to: BoundedSite) -> tuple[BoundedChannel, StringTransport]:
    channel: Any = to.buildProtocol(None)
    transport = StringTransport()
    channel.makeConnection(transport)
    return channel, transport


def asked(to: BoundedSite, request: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
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

    status, headers, body = asked(web_site(lambda: READY, broken, Clock()), get(b"/metrics"))
    assert (status, body) == (b"HTTP/1.1 500 Internal Server Error", b"internal error\n")
    assert b"server" not in headers


MOST = 1 << 20


class Echo(Resource):
    isLeaf = True

    def judge(self, request: Any) -> Admission:
        return Admission(most=MOST)

    def render(self, request: Any) -> bytes:
        body: bytes = request.content.read()
        return b"%d" % len(body)


LENGTH = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "answered"),
    [
        (LENGTH % MOST + b"x" * MOST, b"200"),
        (LENGTH % (MOST + 1), b"413"),
        (LENGTH % (MOST + 1) + b"x" * (MOST + 1), b"413"),
        (LENGTH % 10**30, b"413"),
        (CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (MOST, b"x" * MOST), b"200"),
        (CHUNKED + b"1\r\nx\r\n%x\r\n%s\r\n0\r\n\r\n" % (MOST, b"x" * MOST), b"413"),
        (CHUNKED + b"1000\r\n%s\r\n" % (b"x" * 4096) * 300, b"413"),
        (b"GET /" + b"x" * 20_000, b""),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 510, b"400"),
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 17_000 + b"\r\n", b""),
        (b"\x16\x03\x01 hello\r\n", b"400"),
    ],
)
def test_what_is_too_long_is_refused_and_the_connection_closed(
    octets: bytes, answered: bytes
) -> None:
    channel, transport = connected(BoundedSite(Echo(), Clock()))
    for start in range(0, len(octets), 10_000):
        if not transport.disconnecting:
            channel.dataReceived(octets[start : start + 10_000])
    answers = [line[9:12] for line in transport.value().split(b"\r\n") if line[:5] == b"HTTP/"]
    assert b"".join(answers) == answered
    assert transport.disconnecting == (answered != b"200")


def test_connections_are_bounded() -> None:
    bounded = BoundedSite(Echo(), Clock(), connections=2)
    (first, _), (_, second) = connected(bounded), connected(bounded)
    assert not second.disconnected
    third, refused = connected(bounded)
    assert refused.disconnected
    third.connectionLost(Failure(ConnectionError()))
    assert connected(bounded)[1].disconnected
    first.connectionLost(Failure(ConnectionError()))
    assert not connected(bounded)[1].disconnected


def test_a_request_that_trickles_in_has_no_more_time_than_another() -> None:
    clock = Clock()
    channel, transport = connected(BoundedSite(Echo(), clock))
    clock.advance(TIMEOUT - 1)
    for octet in b"GET / HTTP/1.1\r\n":
        channel.dataReceived(bytes((octet,)))
        clock.advance(TIMEOUT / 17)
    assert not transport.disconnecting
    channel.dataReceived(b"Host: ")
    clock.advance(TIMEOUT / 8)
    assert transport.disconnecting


def test_an_idle_connection_is_closed_and_a_busy_one_kept() -> None:
    clock = Clock()
    channel, transport = connected(BoundedSite(Echo(), clock))
    for _ in range(5):
        clock.advance(TIMEOUT - 1)
        channel.dataReceived(get(b"/"))
    assert transport.value().count(b"200 OK") == 5
    clock.advance(TIMEOUT - 1)
    channel.dataReceived(get(b"/")[:5])
    clock.advance(TIMEOUT - 1)
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
