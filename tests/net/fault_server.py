"""A server that does what a test says, and a client without a reactor."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from smppbridge.net.http_client import Connection, HttpAnswer, HttpClient
from smppbridge.providers.exchange import HttpRequest
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

    def refuse(self) -> None:
        """Take no connection any more."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.refuse()
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


@dataclass
class Authority:
    ca_file: str
    server: ssl.SSLContext


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000

OVER = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"


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
