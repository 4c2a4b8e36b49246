from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import pycurl
import pytest

from smppbridge.net.http_client import Connection, HttpAnswer
from smppbridge.net.http_connection import CurlSlot
from smppbridge.net.http_idle import IdleTimes
from smppbridge.net.http_sockets import Sockets
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer, NotSent
from tests.net.fault_server import (
    JSON,
    LONG,
    OK,
    OVER,
    SECRET,
    Asked,
    Behaviour,
    Client,
    Wire,
    get,
    post,
    say,
    until,
)


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", b"", None),
        ("GET", b'{"token":1}', "11"),
        ("POST", b"x" * 1_100_000, "1100000"),
        ("POST", b"", "0"),
        ("PUT", b"abc", "3"),
        ("PUT", b"", "0"),
        ("DELETE", b"", None),
        ("DELETE", b"abc", "3"),
    ],
)
def test_method_and_body_arrive_on_a_handle_used_before(
    serve: Any, connect: Any, method: str, body: bytes, length: str | None
) -> None:
    server, client = serve(), connect(slots=1)
    for before in (get(server.url), post(server.url), HttpRequest("DELETE", server.url, JSON)):
        client.ask(before)
        client.ask(HttpRequest(method, server.url + "/path?a=b", JSON, body))
        asked = server.seen[-1]
        assert (asked.method, asked.target, asked.body) == (method, "/path?a=b", body)
        assert asked.headers.get("content-length") == length
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["user-agent"].startswith("smppbridge/")
        assert "expect" not in asked.headers
        assert len(server.wires) == 1


def test_query_is_added_to_the_url(serve: Any, connect: Any) -> None:
    server, client = serve(), connect(slots=1)
    for url, target in (("/a", "/a?to=%2B243+9"), ("/a?b=1", "/a?b=1&to=%2B243+9"), ("/a", "/a")):
        query = {"to": "+243 9"} if target != "/a" else {}
        client.ask(HttpRequest("GET", server.url + url, query=query))
        assert server.seen[-1].target == target


@pytest.mark.parametrize(
    ("octets", "status", "body", "fields"),
    [
        (OK, 200, b"ok", {"content-length": "2"}),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", {}),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
            302,
            b"",
            {"location": "/other", "content-length": "0"},
        ),
        (
            b"HTTP/1.1 429 Slow\r\nRetry-AFTER:  7 \r\nX-Empty:\r\nContent-Length: 1\r\n\r\nx",
            429,
            b"x",
            {"retry-after": "7", "x-empty": "", "content-length": "1"},
        ),
        (
            b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" + OK,
            200,
            b"ok",
            {"content-length": "2"},
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            200,
            b"abc",
            {"transfer-encoding": "chunked"},
        ),
    ],
)
def test_answer_is_read(
    serve: Any, connect: Any, octets: bytes, status: int, body: bytes, fields: dict[str, str]
) -> None:
    server, client = serve(say(octets)), connect()
    for _ in range(2):
        answer = client.ask(post(server.url))
        assert (answer.status, answer.body, dict(answer.headers)) == (status, body, fields)
        assert len(answer.headers) == len(fields)
    assert len(server.seen) == 2


UNANSWERED: dict[str, tuple[Behaviour, str]] = {
    "reset after reading": (lambda wire, _: wire.reset(), "lost"),
    "closed after reading": (lambda wire, _: wire.close(), "lost"),
    "reset in the head": (say(b"HTTP/1.1 200 OK\r\nContent-Le", Wire.reset), "lost"),
    "reset in the body": (say(LONG, Wire.reset), "lost"),
    "cut off": (say(LONG, Wire.close), "lost"),
    "chunks cut off": (
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Wire.close),
        "lost",
    ),
    "garbage": (say(b"\x16\x03\x01 what?\r\n\r\n", Wire.close), "not HTTP"),
    "as of HTTP/0.9": (say(b"<html>ok</html>", Wire.close), "not HTTP"),
    "silence": (lambda wire, _: wire.hang(), "timed out"),
    "silence in the body": (say(LONG, Wire.hang), "timed out"),
    "over the bound": (say(OVER + b"x" * 1_200_000, Wire.hang), "response over 1048576 octets"),
    "over the bound, endless": (
        say(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_200_000, Wire.hang),
        "response over 1048576 octets",
    ),
    "endless head": (say(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 60_000, Wire.hang), ""),
}


@pytest.mark.parametrize("name", UNANSWERED)
def test_no_complete_answer(serve: Any, connect: Any, name: str) -> None:
    behave, reason = UNANSWERED[name]
    server = serve(behave)
    timeout = 0.2 if reason == "timed out" else 5.0
    client = connect(p=Connection(timeout=timeout))
    answer = client.ask(post(f"{server.url}/{SECRET}"))
    assert isinstance(answer, NoAnswer)
    assert reason in str(answer)
    assert SECRET not in repr(answer)
    assert len(server.seen) == 1


def sized(wire: Wire, asked: Asked) -> None:
    """Answer with as many octets as the path says."""
    length = int(asked.target[1:])
    wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + b"x" * length)


def test_the_size_of_an_answer_counts_for_that_answer_alone(serve: Any, connect: Any) -> None:
    server = serve(sized)
    client = connect(slots=1, p=Connection(timeout=5, max_response=1_000))
    for length in (1_000, 600, 1_000, 0, 999):
        answer = client.ask(get(f"{server.url}/{length}"))
        assert isinstance(answer, HttpResponse)
        assert (answer.body, answer.headers["content-length"]) == (b"x" * length, str(length))
    assert len(server.wires) == 1


@pytest.mark.parametrize("lengths", [(1_001, 600, 700), (600, 700, 1_001)])
def test_an_answer_that_is_too_long_spoils_no_other(
    serve: Any, connect: Any, lengths: tuple[int, ...]
) -> None:
    server = serve(sized)
    client = connect(slots=1, p=Connection(timeout=5, max_response=1_000))
    client.send("p", [(length, get(f"{server.url}/{length}")) for length in lengths])
    answers = client.reactor.until(3)
    assert isinstance(answers[1_001], NoAnswer)
    assert str(answers[1_001]) == "response over 1000 octets"
    assert [answers[length].body for length in (600, 700)] == [b"x" * 600, b"x" * 700]


def test_an_answer_that_drips_is_cut_at_the_time_out(serve: Any, connect: Any) -> None:
    def drip(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        wire.sock.settimeout(0.02)
        while True:
            wire.send(b"x")
            with suppress(TimeoutError):
                wire.sock.recv(1)

    answer = connect(p=Connection(timeout=0.2)).ask(post(serve(drip).url))
    assert isinstance(answer, NoAnswer)


@pytest.mark.parametrize(
    ("url", "headers", "reason"),
    [
        (f"http://{'x' * 70}.invalid/{SECRET}", JSON, "host name unknown"),
        (f"ftp://127.0.0.1/{SECRET}", JSON, "not HTTP"),
        (f"file:///{SECRET}", JSON, "not HTTP"),
        (f"http://127.0.0.1:99999/{SECRET}", JSON, "malformed"),
        (f"http://127.0.0.1/{SECRET}\r\nX-A: b", JSON, "malformed"),
        (f"http://127.0.0.1/{SECRET}é", JSON, "malformed"),
        ("http://127.0.0.1/", (("X-A", f"b\r\n\r\n{SECRET}"),), "malformed"),
        ("http://127.0.0.1/", (("X-A", f"é{SECRET}"),), "malformed"),
    ],
)
def test_what_cannot_be_asked_is_not_sent(
    connect: Any, url: str, headers: Any, reason: str
) -> None:
    answer = connect().ask(HttpRequest("POST", url, headers))
    assert isinstance(answer, NotSent)
    assert reason in str(answer)
    assert SECRET not in repr(answer)


def test_refused_is_not_sent(connect: Any, serve: Any) -> None:
    client = connect()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        answer = client.ask(post(f"http://127.0.0.1:{bound.getsockname()[1]}/"))
    assert isinstance(answer, NotSent)
    assert "refused" in str(answer)
    assert isinstance(client.ask(post(serve().url)), HttpResponse)


def test_asked_before_the_start_and_after_the_end(serve: Any) -> None:
    server = serve()
    client = Client()
    client.send("p", [(1, post(server.url))])
    assert client.queued == 1
    client.start()
    assert isinstance(client.reactor.until(1)[1], HttpResponse)
    client.stop(5)
    client.stop(5)
    client.change({})
    assert isinstance(client.ask(post(server.url)), NotSent)
    never = Client()
    never.send("p", [(2, post(server.url))])
    never.stop(5)
    assert isinstance(never.reactor.answers[2], NotSent)
    assert len(server.seen) == 1


def test_configured_anew_while_running(serve: Any, connect: Any) -> None:
    release = threading.Event()

    def wait(wire: Wire, asked: Asked) -> None:
        release.wait(5)
        wire.send(OK)

    server, proxy = serve(wait), serve()
    client = connect(slots=1, p=Connection(), gone=Connection())
    for provider in ("p", "gone"):
        client.send(provider, [((provider, number), post(server.url)) for number in range(2)])
    until(lambda: len(server.seen) == 2)
    client.change({"p": Connection(proxy=f"http://127.0.0.1:{proxy.port}"), "new": Connection()})
    assert isinstance(client.ask(post(server.url), "gone"), NotSent)
    until(lambda: proxy.seen)
    release.set()
    assert isinstance(client.ask(post(server.url), "new"), HttpResponse)
    kinds = {about: type(answer) for about, answer in client.reactor.until(6).items()}
    assert kinds[("gone", 1)] is NotSent
    assert {kinds[key] for key in (("p", 0), ("p", 1), ("gone", 0))} == {HttpResponse}
    assert (len(server.seen), len(proxy.seen)) == (3, 1)


def test_answers_wait_for_the_reactor_in_one_call(serve: Any, connect: Any) -> None:
    server, client = serve(), connect()
    client.send("p", [(number, post(server.url)) for number in range(20)])
    until(lambda: len(server.seen) == 20 and not client.in_flight)
    client.stop(5)
    assert client.reactor.calls.qsize() == 1
    assert len(client.reactor.answers) == 20


def answering(size: int) -> Behaviour:
    return say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)


def test_each_answer_of_a_handle_is_measured_alone(serve: Any, connect: Any) -> None:
    server, client = serve(answering(60)), connect(slots=1, p=Connection(max_response=100))
    for _ in range(3):
        answer = client.ask(post(server.url))
        assert (answer.status, answer.body) == (200, b"x" * 60)


@pytest.mark.parametrize(("size", "kind"), [(100, HttpResponse), (101, NoAnswer)])
def test_the_longest_answer_is_taken_and_no_longer_one(
    serve: Any, connect: Any, size: int, kind: type[HttpAnswer]
) -> None:
    client = connect(slots=1, p=Connection(max_response=100))
    assert isinstance(client.ask(post(serve(answering(size)).url)), kind)
    # and the next answer on this handle has nothing of it
    assert client.ask(post(serve().url)) == HttpResponse(200, b"ok", {"content-length": "2"})


def test_a_provider_has_ten_seconds_to_connect_thirty_to_answer_and_a_mebibyte() -> None:
    way = Connection()
    assert (way.connect_timeout, way.timeout, way.max_response) == (10.0, 30.0, 1024 * 1024)
    assert (way.ca_file, way.proxy, way.idle) == (None, None, None)


def test_an_answer_cut_off_at_the_bound_was_not_too_long(serve: Any, connect: Any) -> None:
    cut = say(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 100, Wire.close)
    answer = connect(p=Connection(max_response=100)).ask(post(serve(cut).url))
    assert isinstance(answer, NoAnswer)
    assert "lost" in str(answer)


def test_a_path_of_dots_is_asked_for_as_it_is(serve: Any, connect: Any) -> None:
    server = serve()
    connect().ask(get(server.url + "/a/../b/./c"))
    assert server.seen[-1].target == "/a/../b/./c"


def test_what_no_answer_shows_is_asked_of_libcurl_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[int, Any] = {}

    class Handle:
        def setopt(self, option: int, value: Any) -> None:
            asked[option] = value

    monkeypatch.setattr(pycurl, "Curl", Handle)
    CurlSlot(Connection(connect_timeout=2.0, timeout=7.5), Sockets(), IdleTimes(None))
    expected = {
        pycurl.NOSIGNAL: 1,  # a resolver's alarm must not reach the reactor's thread
        pycurl.SSL_VERIFYPEER: 1,
        pycurl.SSL_VERIFYHOST: 2,
        pycurl.PATH_AS_IS: 1,
        pycurl.FOLLOWLOCATION: 0,
        pycurl.HTTP09_ALLOWED: 0,
        pycurl.CONNECTTIMEOUT_MS: 2_000,
        pycurl.TIMEOUT_MS: 7_500,
        pycurl.MAXAGE_CONN: 3,
        pycurl.FRESH_CONNECT: False,
        pycurl.FORBID_REUSE: False,
    }
    assert {option: asked[option] for option in expected} == expected
