"""The connections of the HTTP client: TLS, proxies, what is kept, and what is sent twice."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Barrier
from typing import Any

import pycurl
import pytest

from smppbridge.net.http_client import Connection
from smppbridge.net.http_connection import CurlSlot
from smppbridge.net.http_idle import IdleTimes
from smppbridge.net.http_sockets import Sockets
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer, NotSent
from tests.net.fault_server import (
    JSON,
    OK,
    SECRET,
    Asked,
    Authority,
    Behaviour,
    FaultServerThatHangsUp,
    Wire,
    get,
    post,
    say,
    until,
)
from tests.patience import PATIENCE


def test_certificate_is_verified(serve: Any, connect: Any, authority: Authority) -> None:
    server = serve(tls=authority.server)
    client = connect(
        own=Connection(ca_file=authority.ca_file),
        default=Connection(),
        missing=Connection(ca_file="/nonexistent/ca.pem"),
    )
    answer = client.ask(post(server.url), "own")
    assert isinstance(answer, HttpResponse)
    assert isinstance(client.ask(post(server.url), "own"), HttpResponse)
    for provider in ("default", "missing"):
        assert isinstance(client.ask(post(server.url), provider), NotSent)
    other_name = server.url.replace("127.0.0.1", "localhost")
    assert isinstance(client.ask(post(other_name), "own"), NotSent)
    assert len(server.seen) == 2


def test_reset_over_tls_after_reading_is_no_answer(
    serve: Any, connect: Any, authority: Authority
) -> None:
    server = serve(lambda wire, _: wire.reset(), authority.server)
    client = connect(p=Connection(ca_file=authority.ca_file))
    assert isinstance(client.ask(post(server.url)), NoAnswer)
    assert len(server.seen) == 1


def test_handshake_that_fails_or_hangs_is_not_sent(serve: Any, connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        answer = connect(p=Connection(connect_timeout=0.2)).ask(post(url))
    assert isinstance(answer, NotSent)
    assert "timed out" in str(answer)
    plain = FaultServerThatHangsUp()
    answer = connect().ask(post(plain.url))
    plain.join()
    assert isinstance(answer, NotSent)


@pytest.mark.parametrize(
    "behave",
    [
        say(b"HTTP/1.1 407 Who?\r\nContent-Length: 5\r\n\r\nwhat?", Wire.close),
        say(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"),
        say(b"garbage", Wire.close),
        say(b"HTTP/1.1 200 Connected\r\n\r\n", Wire.reset),
        lambda wire, _: wire.reset(),
        lambda wire, _: wire.hang(),
    ],
)
def test_what_ends_at_the_proxy_is_not_sent(serve: Any, connect: Any, behave: Behaviour) -> None:
    proxy = serve(behave)
    way = Connection(proxy=f"http://me:{SECRET}@127.0.0.1:{proxy.port}", connect_timeout=0.3)
    answer = connect(p=way).ask(post("https://127.0.0.1:1/"))
    assert isinstance(answer, NotSent)
    assert SECRET not in repr(answer)
    assert SECRET not in repr(way)
    assert [asked.method for asked in proxy.seen] == ["CONNECT"]


def test_through_a_proxy(serve: Any, connect: Any, authority: Authority) -> None:
    def tunnel(wire: Wire, asked: Asked) -> None:
        if asked.method == "CONNECT":
            wire.send(b"HTTP/1.1 200 Connected\r\nX-Proxy: 1\r\n\r\n")
            wire.sock = authority.server.wrap_socket(wire.sock, server_side=True)
        elif asked.body == b"reset":
            wire.reset()
        else:
            wire.send(OK)

    proxy = serve(tunnel)
    way = Connection(ca_file=authority.ca_file, proxy=f"http://127.0.0.1:{proxy.port}")
    client = connect(p=way)
    answer = client.ask(post("https://127.0.0.1:1/"))
    assert answer == HttpResponse(200, b"ok", {"content-length": "2"})
    assert isinstance(client.ask(post("https://127.0.0.1:1/", b"reset")), NoAnswer)
    assert [asked.body for asked in proxy.seen if asked.method == "POST"] == [b"{}", b"reset"]


def test_proxy_of_the_environment_is_not_heeded(
    serve: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert isinstance(connect().ask(post(serve().url)), HttpResponse)


def reset_every_50th(wire: Wire, asked: Asked) -> None:
    if int(asked.body) % 50 == 0:
        wire.reset()
    else:
        wire.send(OK)


def hang_up_after_ten(wire: Wire, asked: Asked) -> None:
    wire.send(OK)
    if wire.requests == 10:
        wire.close()


@pytest.mark.parametrize(
    ("behave", "unanswered"),
    [(reset_every_50th, range(40, 41)), (hang_up_after_ten, range(200))],
)
def test_nothing_is_sent_twice(
    serve: Any, connect: Any, behave: Behaviour, unanswered: range
) -> None:
    server, client = serve(behave), connect(slots=32)
    asks = [(number, post(server.url, b"%d" % number)) for number in range(2000)]
    client.send("p", asks[:1000])
    client.send("p", asks[1000:])
    answers = client.reactor.until(2000)
    seen = Counter(int(asked.body) for asked in server.seen)
    for number, answer in answers.items():
        assert seen[number] <= (0 if isinstance(answer, NotSent) else 1)
    assert sum(isinstance(answer, NoAnswer) for answer in answers.values()) in unanswered
    assert not any(isinstance(answer, NotSent) for answer in answers.values())
    assert (client.in_flight, client.queued) == (0, 0)


def test_a_provider_that_hangs_holds_up_no_other_and_is_given_up_at_the_end(
    serve: Any, connect: Any
) -> None:
    hanging, server = serve(lambda wire, _: wire.hang()), serve()
    client = connect(slots=2, slow=Connection(), fast=Connection())
    client.send("slow", [(number, post(hanging.url)) for number in range(8)])
    for _ in range(5):
        assert isinstance(client.ask(post(server.url), "fast"), HttpResponse)
    until(lambda: len(hanging.seen) == 2)
    assert (client.in_flight, client.queued) == (2, 6)
    client.stop(5)
    kinds = [type(client.reactor.answers[number]) for number in range(8)]
    assert kinds == [NoAnswer] * 2 + [NotSent] * 6
    assert (client.in_flight, client.queued, len(hanging.seen)) == (0, 0, 2)


def test_closed_sockets_leave_the_epoll(serve: Any, connect: Any) -> None:
    bye = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    server, client = serve(say(bye, Wire.close)), connect()
    for _ in range(30):
        assert isinstance(client.ask(post(server.url)), HttpResponse)
    assert len(server.wires) == 30
    watched = Path(f"/proc/self/fdinfo/{client._transfers._pools['p'].fileno()}")
    until(lambda: "tfd:" not in watched.read_text())


def test_the_socket_of_a_kept_connection_is_in_the_epoll(serve: Any, connect: Any) -> None:
    server, client = serve(), connect()
    assert isinstance(client.ask(post(server.url)), HttpResponse)
    watched = Path(f"/proc/self/fdinfo/{client._transfers._pools['p'].fileno()}")
    assert watched.read_text().count("tfd:") == 1


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("then", [Wire.close, Wire.reset])
def test_a_connection_that_its_server_closed_while_it_was_idle_is_not_used_again(
    serve: Any, connect: Any, authority: Authority, then: Callable[[Wire], None], tls: bool
) -> None:
    idle: SimpleQueue[None] = SimpleQueue()

    def answer_and_go(wire: Wire, _: Asked) -> None:
        wire.send(OK)
        idle.get(timeout=PATIENCE)
        then(wire)

    server = serve(answer_and_go, authority.server if tls else None)
    client = connect(p=Connection(ca_file=authority.ca_file, timeout=PATIENCE))
    for number in range(1, 4):
        assert isinstance(client.ask(post(server.url)), HttpResponse)
        gone = {server.wires[-1].sock.getpeername()}
        idle.put(None)
        until(partial(gone.issubset, client._transfers._pools["p"]._sockets.closed))
        assert (len(server.wires), len(server.seen)) == (number, number)


def test_a_connection_that_took_the_place_of_a_closed_one_is_kept(serve: Any, connect: Any) -> None:
    server, client = serve(), connect()
    assert isinstance(client.ask(post(server.url)), HttpResponse)
    gone = {server.wires[0].sock.getpeername()}
    server.wires[0].close()
    until(partial(gone.issubset, client._transfers._pools["p"]._sockets.closed))
    for _ in range(3):
        assert isinstance(client.ask(post(server.url)), HttpResponse)
    assert [wire.requests for wire in server.wires] == [1, 3]


def test_all_idle_connections_of_a_server_that_goes_may_be_closed(serve: Any, connect: Any) -> None:
    together = Barrier(8)
    server = serve(lambda wire, _: (together.wait(PATIENCE), wire.send(OK)))
    client = connect()
    for round_ in range(3):
        client.send("p", [((round_, n), post(server.url)) for n in range(8)])
        client.reactor.until(8 * (round_ + 1))
        left = server.wires[8 * round_ :]
        gone = {wire.sock.getpeername() for wire in left}
        for wire in left:
            wire.close()
        until(partial(gone.issubset, client._transfers._pools["p"]._sockets.closed))
    assert all(isinstance(each, HttpResponse) for each in client.reactor.answers.values())
    assert (len(server.wires), len(server.seen)) == (24, 24)


def test_that_a_connection_is_closed_says_nothing_of_a_later_one_with_its_descriptor() -> None:
    sockets = Sockets()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        number = near.detach()
        sockets.watch(number)
        listener.accept()[0].close()
        sockets.look()
        assert len(sockets.closed) == 1
        with socket.create_connection(listener.getsockname()) as later:
            os.dup2(later.fileno(), number)  # closes the first one
            sockets.watch(number)
            sockets.look()
            assert not sockets.closed
        os.close(number)
    sockets.close()


def test_without_a_descriptor_left_a_closed_connection_is_not_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    sockets = Sockets()
    near, far = socket.socketpair()
    sockets.watch(near.fileno())
    far.close()
    monkeypatch.setattr(os, "dup", none_left)
    sockets.look()
    near.close()
    assert not sockets.closed
    sockets.close()


def test_no_other_program_inherits_a_connection(serve: Any, connect: Any) -> None:
    def inherited() -> set[int]:
        found = map(int, os.listdir("/proc/self/fd"))
        return {fd for fd in found if os.path.exists(f"/proc/self/fd/{fd}") and inherits(fd)}

    def inherits(fd: int) -> bool:
        flags = Path(f"/proc/self/fdinfo/{fd}").read_text().split("\n")[1].split()[1]
        return not int(flags, 8) & os.O_CLOEXEC

    before, server, client = inherited(), serve(), connect()
    assert isinstance(client.ask(post(server.url)), HttpResponse)
    assert inherited() == before


def test_a_handle_keeps_no_body_for_the_next_request_of_its_method(
    serve: Any, connect: Any
) -> None:
    server, client = serve(), connect(slots=1)
    for method in ("GET", "DELETE"):
        for body in (b"abc", b"", b"abc", b""):
            client.ask(HttpRequest(method, server.url, JSON, body))
            asked = server.seen[-1]
            assert (asked.method, asked.body) == (method, body)
            assert asked.headers.get("content-length") == ("3" if body else None)


def test_a_handle_keeps_nothing_of_the_answers_before(serve: Any, connect: Any) -> None:
    server, client = serve(), connect(slots=1)
    sizes = {len(client.ask(get(server.url)).headers._head) for _ in range(3)}
    assert len(sizes) == 1


def test_a_pool_that_is_not_used_any_more_is_closed(serve: Any, connect: Any) -> None:
    server, client = serve(), connect()
    for number in range(30):
        client.change({"p": Connection(timeout=20.0 + number)})
        assert isinstance(client.ask(post(server.url)), HttpResponse)
    watched = Path(f"/proc/self/fdinfo/{client._transfers._epoll.fileno()}")
    until(lambda: watched.read_text().count("tfd:") == 2)  # the bell, and the pool that is left


def test_what_was_sent_before_on_a_handle_does_not_make_the_next_request_sent(
    serve: Any, connect: Any
) -> None:
    server, client = serve(lambda wire, _: wire.reset()), connect(slots=1)
    assert isinstance(client.ask(post(server.url)), NoAnswer)
    assert isinstance(client.ask(post("http://127.0.0.1:1/")), NotSent)


def test_a_provider_that_dies_with_a_request_was_reached(serve: Any, connect: Any) -> None:
    def die(wire: Wire, _: Asked) -> None:
        if wire.requests == 1:
            wire.send(OK)
        else:
            server.refuse()  # libcurl repeats by itself what went over a kept connection
            wire.close()

    server, client = serve(die), connect(slots=1)
    assert isinstance(client.ask(post(server.url)), HttpResponse)
    lost, refused = client.ask(post(server.url)), client.ask(post(server.url))
    assert (type(lost), type(refused)) == (NoAnswer, NotSent)
    assert str(lost) == "the connection was lost before the answer was complete"
    assert str(refused) == "connection refused or unreachable"
    assert [wire.requests for wire in server.wires] == [2]


def kept(header: bytes) -> Behaviour:
    return say(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize(
    ("header", "most", "connections"),
    [
        (b"X-None: 1", None, 1),
        (b"Keep-Alive: timeout=5, max=100", None, 1),
        (b"Keep-Alive: timeout=3", None, 1),
        (b"Keep-Alive: timeout=2", None, 3),  # within a second it may be closing already
        (b"keep-alive: max=7, TIMEOUT=1", None, 3),
        (b"Keep-Alive: timeout=0", None, 3),
        (b"Keep-Alive: timeout=5", 1.9, 3),
        (b"Keep-Alive: timeout=5", 2.0, 1),
        (b"Keep-Alive: later", None, 1),
    ],
)
def test_a_connection_that_its_server_is_about_to_close_is_not_used_again(
    serve: Any, connect: Any, header: bytes, most: float | None, connections: int
) -> None:
    server, client = serve(kept(header)), connect(p=Connection(idle=most))
    for _ in range(3):
        assert client.ask(post(server.url)).body == b"ok"
    assert len(server.wires) == connections


def test_each_server_of_a_provider_says_how_long_for_itself(serve: Any, connect: Any) -> None:
    short, other, client = serve(kept(b"Keep-Alive: timeout=1")), serve(), connect(slots=1)
    for _ in range(3):
        client.ask(post(f"{short.url}/token?x=1"))
        client.ask(post(f"{other.url}/send"))
    assert (len(short.wires), len(other.wires)) == (3, 1)


def test_a_server_that_says_so_no_more_is_kept_again(serve: Any, connect: Any) -> None:
    says = [b"Keep-Alive: timeout=1", b"X-None: 1", b"X-None: 1", b"X-None: 1"]
    server = serve(lambda wire, _: kept(says.pop(0))(wire, _))
    client = connect()
    for _ in range(4):
        client.ask(post(server.url))
    assert len(server.wires) == 2


@pytest.mark.parametrize(
    ("most", "header", "seconds"),
    [
        (None, "", 4),
        (None, "timeout=5", 4),
        (None, "timeout=60", 30),
        (None, "timeout=20, max=1000", 19),
        (None, 'max=5; timeout = "15"', 14),
        (None, "timeout=999999999999", 30),
        (None, "xtimeout=9", 4),
        (10.0, "", 10),
        (10.0, "timeout=60", 10),
        (10.0, "timeout=5", 4),
        (3600.0, "", 30),
        (0.5, "timeout=60", 0),
    ],
)
def test_how_long_a_connection_may_be_idle(most: float | None, header: str, seconds: int) -> None:
    times = IdleTimes(most)
    times.learn("https://a.test", header)
    assert times.seconds("https://a.test") == seconds
    assert times.seconds("https://b.test") == times.unsaid


def test_libcurl_is_told_a_second_less_and_only_what_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, Any]] = []

    class Handle:
        def setopt(self, option: int, value: Any) -> None:
            told.append((option, value))

    monkeypatch.setattr(pycurl, "Curl", Handle)
    times = IdleTimes(None)
    slot = CurlSlot(Connection(), Sockets(), times)
    idle = (pycurl.MAXAGE_CONN, pycurl.FRESH_CONNECT, pycurl.FORBID_REUSE)

    def loaded() -> list[tuple[int, Any]]:
        told.clear()
        slot.load(None, post("https://a.test:8443/send"))
        return [(option, value) for option, value in told if option in idle]

    assert loaded() == []
    times.learn("https://a.test:8443", "timeout=10")
    reused = [(pycurl.FRESH_CONNECT, False), (pycurl.FORBID_REUSE, False)]
    assert loaded() == [(pycurl.MAXAGE_CONN, 8), *reused]
    assert loaded() == []
    times.learn("https://a.test:8443", "timeout=1")
    assert loaded() == [(pycurl.FRESH_CONNECT, True), (pycurl.FORBID_REUSE, True)]


def test_an_answer_in_pieces_of_one_octet_takes_no_more_room_than_a_whole_one() -> None:
    slot = CurlSlot(Connection(max_response=100_000), Sockets(), IdleTimes(None))
    slot.load(None, post("https://a.test/"))
    for _ in range(100_000):
        assert slot._take(b"x") is None
    assert sys.getsizeof(slot._body) < 150_000
    assert slot._take(b"x") == 0
