from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smppbridge.cli.blocking import BlockingClient, NotHttp
from smppbridge.providers.exchange import NOW, HttpRequest, HttpResponse, NoAnswer, NotSent, Once
from smppbridge.settings.provider import section_for
from tests.net.conftest import authority, serve
from tests.net.fault_server import (
    JSON,
    LONG,
    OK,
    OKAY,
    OVER,
    SECRET,
    Asked,
    Authority,
    Behaviour,
    FaultServer,
    FaultServerThatHangsUp,
    Wire,
    get,
    post,
    say,
)

__all__ = ["authority", "serve"]

LANE = section_for("keccel")(type="keccel", token="t").lane  # type: ignore[call-arg]
NOBODY = "http://127.0.0.1:1"

Serve = Callable[..., FaultServer]
Connect = Callable[..., BlockingClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    callers: list[BlockingClient] = []

    def make(**settings: Any) -> BlockingClient:
        callers.append(BlockingClient(replace(LANE, **{"timeout": 5.0, **settings})))
        return callers[-1]

    yield make
    for caller in callers:
        caller.close()


def failed(caller: BlockingClient, request: HttpRequest) -> Exception:
    """Make a request that fails; what is raised must not lead to what the URL holds."""
    with pytest.raises((NotSent, NoAnswer)) as failure:
        caller.ask(request)
    shown = "".join(traceback.format_exception(failure.value))
    assert SECRET not in shown
    assert failure.value.__context__ is None
    assert caller.left == isinstance(failure.value, NoAnswer)
    assert caller.status == 0
    return failure.value


# -- exchanges ----------------------------------------------------------------------------------


def test_an_exchange_is_carried_to_its_end(serve: Serve, connect: Connect) -> None:
    server, caller = serve(), connect()

    def inner() -> Any:
        answer = yield get(server.url + "/inner")
        return answer.body

    def exchange() -> Any:
        now = yield NOW
        shared = yield Once("login", inner)
        answer = yield post(server.url + "/outer", b"[]")
        return now > 1e9, shared, answer.status

    assert caller.carry(exchange()) == (True, b"ok", 200)
    assert [(a.method, a.target, a.body) for a in server.seen] == [
        ("GET", "/inner", b""),
        ("POST", "/outer", b"[]"),
    ]
    assert len(server.wires) == 1


def test_what_fails_is_thrown_into_the_exchange(serve: Serve, connect: Connect) -> None:
    server = serve(lambda wire, _: wire.reset())

    def exchange() -> Any:
        raised = []
        for url in (NOBODY, server.url):
            try:
                yield post(url)
            except (NotSent, NoAnswer) as error:
                raised.append(type(error))
        return raised

    assert connect().carry(exchange()) == [NotSent, NoAnswer]


def test_an_exchange_that_wants_no_http_is_told_apart(connect: Connect) -> None:
    def exchange() -> Any:
        yield "submit_sm"

    with pytest.raises(NotHttp):
        connect().carry(exchange())


# -- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", b"", None), ("GET", b"{}", "2"), ("POST", b"", "0"), ("DELETE", b"abc", "3")],
)
def test_method_path_headers_and_body_arrive(
    serve: Serve, connect: Connect, method: str, body: bytes, length: str | None
) -> None:
    server = serve()
    path = "/a%20b/c%2Fd=%C3%A9?x=1"
    answer = connect().ask(HttpRequest(method, server.url + path, JSON, body, {"to": "+243"}))
    assert answer == HttpResponse(200, b"ok", {"content-length": "2"})
    (asked,) = server.seen
    assert (asked.method, asked.target, asked.body) == (method, path + "&to=%2B243", body)
    assert asked.headers.get("content-length") == length
    assert (asked.headers["content-type"], asked.headers["x-key"]) == ("application/json", SECRET)
    assert asked.headers["user-agent"].startswith("smppbridge/")
    assert asked.headers["accept-encoding"] == "identity"


def test_a_redirect_is_an_answer_and_not_followed(serve: Serve, connect: Connect) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nSet-Cookie: a=b\r\n"
    server, caller = serve(say(head + b"Content-Length: 0\r\n\r\n")), connect()
    for _ in range(2):
        assert caller.ask(get(server.url)).headers["location"] == "/other"
        assert caller.status == 302
    assert [asked.target for asked in server.seen] == ["/", "/"]
    assert "cookie" not in server.seen[1].headers


def test_the_environment_is_not_heeded(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve()
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, NOBODY)
    connect().ask(get(server.url))
    assert "authorization" not in server.seen[0].headers


# -- what goes wrong ----------------------------------------------------------------------------


UNANSWERED: dict[str, tuple[Behaviour, str]] = {
    "reset after reading": (lambda wire, _: wire.reset(), "lost"),
    "closed after reading": (lambda wire, _: wire.close(), "lost"),
    "reset in the head": (say(b"HTTP/1.1 200 OK\r\nContent-Le", Wire.reset), "lost"),
    "cut off": (say(LONG, Wire.close), "lost"),
    "chunks cut off": (
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Wire.close),
        "lost",
    ),
    "garbage": (say(b"\x16\x03\x01 what?\r\n\r\n", Wire.close), "lost"),
    "silence": (lambda wire, _: wire.hang(), "timed out"),
    "silence in the body": (say(LONG, Wire.hang), "timed out"),
    "over the bound": (say(OVER + b"x" * 1_200_000, Wire.hang), "response over 1048576 octets"),
    "over the bound, redirected": (
        say(b"HTTP/1.1 302 No\r\nLocation: /\r\n\r\n" + b"x" * 1_200_000, Wire.hang),
        "response over 1048576 octets",
    ),
    "endless head": (say(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 60_000, Wire.hang), "lost"),
}


@pytest.mark.parametrize("name", UNANSWERED)
def test_no_complete_answer(serve: Serve, connect: Connect, name: str) -> None:
    behave, reason = UNANSWERED[name]
    server = serve(behave)
    caller = connect(timeout=0.2 if reason == "timed out" else 5.0)
    failure = failed(caller, post(f"{server.url}/{SECRET}"))
    assert isinstance(failure, NoAnswer)
    assert reason in str(failure)
    assert len(server.seen) == 1


def test_an_answer_that_drips_is_cut_at_the_time_out(serve: Serve, connect: Connect) -> None:
    def drip(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        wire.sock.settimeout(0.02)
        for _ in range(100):  # 2 s, if nobody hangs up
            wire.send(b"x")
            with suppress(TimeoutError):
                wire.sock.recv(1)

    assert str(failed(connect(timeout=0.2), post(serve(drip).url))) == "timed out"


@pytest.mark.parametrize("octets", [b"X: y\r\n", b"a", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_headers_that_drip_are_cut_at_the_time_out(
    serve: Serve, connect: Connect, octets: bytes
) -> None:
    def drip(wire: Wire, asked: Asked) -> None:
        wire.send(b"" if octets.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\nX: ")
        wire.sock.settimeout(0.02)
        for _ in range(100):
            wire.send(octets)
            with suppress(TimeoutError):
                wire.sock.recv(1)
        wire.send(b"\r\n\r\n")

    assert str(failed(connect(timeout=0.2), post(serve(drip).url))) == "timed out"


def test_an_answer_without_length_is_not_taken_for_whole_when_it_was_cut(
    serve: Serve, connect: Connect
) -> None:
    def half(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n[1, 2")
        wire.sock.recv(1)

    assert str(failed(connect(timeout=0.2), post(serve(half).url))) == "timed out"


@pytest.mark.parametrize(
    ("url", "headers", "reason"),
    [
        (f"http://{'x' * 60}.invalid/{SECRET}", JSON, "host name unknown"),
        (f"ftp://127.0.0.1/{SECRET}", JSON, "malformed"),
        (f"127.0.0.1/{SECRET}", JSON, "malformed"),
        (f"http://127.0.0.1:99999/{SECRET}", JSON, "malformed"),
        (NOBODY, (("X-A", f"b\r\n\r\n{SECRET}"),), "malformed"),
        (NOBODY, (("X-A", f"\u20ac{SECRET}"),), "malformed"),
        (f"{NOBODY}/{SECRET}", JSON, "refused"),
    ],
)
def test_what_cannot_be_asked_is_not_sent(
    connect: Connect, url: str, headers: Any, reason: str
) -> None:
    failure = failed(connect(), HttpRequest("POST", url, headers))
    assert isinstance(failure, NotSent)
    assert reason in str(failure)


def test_certificate_is_verified(serve: Serve, connect: Connect, authority: Authority) -> None:
    server = serve(tls=authority.server)
    own = connect(ca_file=authority.ca_file)
    assert own.ask(post(server.url)).status == 200
    by_another_name = post(server.url.replace("127.0.0.1", "localhost"))
    for caller, request in ((connect(), post(server.url)), (own, by_another_name)):
        assert isinstance(failure := failed(caller, request), NotSent)
        assert "certificate" in str(failure)
    assert len(server.seen) == 1


def test_reset_over_tls_after_reading_is_no_answer(
    serve: Serve, connect: Connect, authority: Authority
) -> None:
    server = serve(lambda wire, _: wire.reset(), authority.server)
    assert isinstance(failed(connect(ca_file=authority.ca_file), post(server.url)), NoAnswer)


def test_handshake_that_fails_or_hangs_is_not_sent(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        failure = failed(connect(connect_timeout=0.2), post(url))
    assert isinstance(failure, NotSent)
    assert str(failure) == "timed out"
    plain = FaultServerThatHangsUp()
    failure = failed(connect(), post(plain.url))
    plain.join()
    assert isinstance(failure, NotSent)


@pytest.mark.parametrize(
    "behave",
    [
        say(b"HTTP/1.1 407 Who?\r\nContent-Length: 5\r\n\r\nwhat?", Wire.close),
        say(b"garbage", Wire.close),
        say(b"HTTP/1.1 200 Connected\r\n\r\n", Wire.close),
        lambda wire, _: wire.reset(),
        lambda wire, _: wire.hang(),
    ],
)
def test_what_ends_at_the_proxy_is_not_sent(
    serve: Serve, connect: Connect, behave: Behaviour
) -> None:
    proxy = serve(behave)
    caller = connect(proxy=f"http://me:{SECRET}@127.0.0.1:{proxy.port}", connect_timeout=0.3)
    assert isinstance(failed(caller, post(f"https://127.0.0.1:1/{SECRET}")), NotSent)
    assert [asked.method for asked in proxy.seen] == ["CONNECT"]


def test_through_a_proxy(serve: Serve, connect: Connect, authority: Authority) -> None:
    def tunnel(wire: Wire, asked: Asked) -> None:
        if asked.method == "CONNECT":
            wire.send(b"HTTP/1.1 200 Connected\r\nX-Proxy: 1\r\n\r\n")
            wire.sock = authority.server.wrap_socket(wire.sock, server_side=True)
        elif asked.body == b"reset":
            wire.reset()
        else:
            wire.send(OK)

    proxy = serve(tunnel)
    caller = connect(ca_file=authority.ca_file, proxy=f"http://127.0.0.1:{proxy.port}")
    assert caller.ask(post("https://127.0.0.1:1/")).body == b"ok"
    assert caller.ask(post("http://127.0.0.1:1/")).body == b"ok"
    assert isinstance(failed(caller, post("https://127.0.0.1:1/", b"reset")), NoAnswer)
    assert isinstance(failed(caller, post("http://127.0.0.1:1/", b"reset")), NoAnswer)
    asked = [asked.target for asked in proxy.seen if asked.method == "POST"]
    assert asked == ["/", "http://127.0.0.1:1/", "/", "http://127.0.0.1:1/"]


def test_a_socks_proxy_that_is_not_there(serve: Serve, connect: Connect) -> None:
    server = serve()
    caller = connect(proxy=f"socks5h://me:{SECRET}@127.0.0.1:1")
    assert isinstance(failed(caller, post(server.url)), NotSent)
    assert server.seen == []


def test_a_kept_connection_that_died_is_not_used_twice(serve: Serve, connect: Connect) -> None:
    def once(wire: Wire, asked: Asked) -> None:
        if wire.requests == 1:
            OKAY(wire, asked)
        else:
            wire.reset()

    server, caller = serve(once), connect()
    caller.ask(post(server.url))
    assert isinstance(failed(caller, post(server.url)), NoAnswer)
    assert len(server.seen) == 2
