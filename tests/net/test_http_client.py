from __future__ import annotations

import os
import queue
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pycurl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smppbridge.net.http_client import Connection, HttpAnswer, HttpClient
from smppbridge.net.http_connection import CurlSlot
from smppbridge.net.http_idle import IdleTimes
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer, NotSent
from tests.patience import PATIENCE

SECRET = "hunter2"
JSON = (("Content-Type", "application/json"), ("X-Key", SECRET))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """One connection at the server, and what a behaviour may do to it."""

    sock: socket.socket
    number: int
    requests: int = 0

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def hang(self) -> None:
        self.sock.recv(1)
        self.close()

    def read(self) -> Asked | None:
        octets = b""
        while b"\r\n\r\n" not in octets:
            more = self.sock.recv(65536)
            if not more:
                return None
            octets += more
        head, _, body = octets.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in rest)
        }
        while len(body) < int(headers.get("content-length", "0")):
            more = self.sock.recv(65536)
            if not more:
                return None
            body += more
        self.requests += 1
        method, target, _ = first.split(" ")
        return Asked(method, target, headers, body)


Behaviour = Callable[[Wire, Asked], None]


@dataclass
class FaultServer:
    """A thread a connection; each request read is written down, then *behave* does as it likes."""

    behave: Behaviour
    tls: ssl.SSLContext | None = None
    seen: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        self.wires: list[Wire] = []
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(5)
                self.wires.append(Wire(sock, len(self.wires)))
                self.threads.append(threading.Thread(target=self._serve, args=(self.wires[-1],)))
                self.threads[-1].start()

    def _serve(self, wire: Wire) -> None:
        with suppress(OSError):
            if self.tls:
                wire.sock = self.tls.wrap_socket(wire.sock, server_side=True)
            while asked := wire.read():
                self.seen.append(asked)
                self.behave(wire, asked)
        wire.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()
        for wire in self.wires:
            wire.close()
        for thread in self.threads:
            thread.join()


@dataclass
class Reactor:
    """Runs in the test's own thread what the client wants run in the reactor's."""

    calls: queue.SimpleQueue[tuple[Any, ...]] = field(default_factory=queue.SimpleQueue)
    answers: dict[Any, HttpAnswer] = field(default_factory=dict)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.calls.put((function, *arguments))

    def answered(self, answers: list[tuple[Any, HttpAnswer]]) -> None:
        for about, answer in answers:
            assert about not in self.answers
            self.answers[about] = answer

    def until(self, count: int) -> dict[Any, HttpAnswer]:
        while len(self.answers) < count:
            function, *arguments = self.calls.get(timeout=PATIENCE)
            function(*arguments)
        return self.answers


class Client(HttpClient):
    def __init__(self, slots: int = 256, **connections: Connection) -> None:
        self.reactor = Reactor()
        super().__init__(self.reactor.call, self.reactor.answered, slots)
        self.change(connections or {"p": Connection(timeout=PATIENCE)})

    def ask(self, request: HttpRequest, provider: str = "p") -> HttpAnswer:
        about = object()
        self.send(provider, [(about, request)])
        while about not in self.reactor.answers:
            self.reactor.until(len(self.reactor.answers) + 1)
        return self.reactor.answers[about]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url)


def post(url: str, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest("POST", url, JSON, body)


def say(octets: bytes, then: Callable[[Wire], None] = lambda wire: None) -> Behaviour:
    def behave(wire: Wire, asked: Asked) -> None:
        wire.send(octets)
        then(wire)

    return behave


OKAY = say(OK)


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    servers: list[FaultServer] = []

    def make(behave: Behaviour = OKAY, tls: ssl.SSLContext | None = None) -> FaultServer:
        servers.append(FaultServer(behave, tls))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(**arguments: Any) -> Client:
        clients.append(Client(**arguments))
        clients[-1].start()
        return clients[-1]

    yield make
    for client in clients:
        client.stop(5)


@dataclass
class Authority:
    ca_file: str
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("ca")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "ca.pem", folder / "key.pem"
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    return Authority(str(ca_file), context)


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


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000
OVER = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"
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


class FaultServerThatHangsUp:
    """Reads a TLS greeting and closes."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        with self.listener, self.listener.accept()[0] as sock:
            sock.recv(65536)

    def join(self) -> None:
        self.thread.join()


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


def test_what_was_sent_before_on_a_handle_does_not_make_the_next_request_sent(
    serve: Any, connect: Any
) -> None:
    server, client = serve(lambda wire, _: wire.reset()), connect(slots=1)
    assert isinstance(client.ask(post(server.url)), NoAnswer)
    assert isinstance(client.ask(post("http://127.0.0.1:1/")), NotSent)


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
    CurlSlot(Connection(connect_timeout=2.0, timeout=7.5), lambda: None, IdleTimes(None))
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
    slot = CurlSlot(Connection(), lambda: None, times)
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
    slot = CurlSlot(Connection(max_response=100_000), lambda: None, IdleTimes(None))
    slot.load(None, post("https://a.test/"))
    for _ in range(100_000):
        assert slot._take(b"x") is None
    assert sys.getsizeof(slot._body) < 150_000
    assert slot._take(b"x") == 0
