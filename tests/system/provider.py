"""Keccel's API in threads, with faults that a test can time; it counts what reached it."""

from __future__ import annotations

import json
import queue
import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.patience import PATIENCE


class Provider(ThreadingHTTPServer):
    """*taken* counts texts that reached it, *reset_every* resets each n-th request after reading.

    While it is `held`, requests wait for their answers.  *callback* is (port, path): it reports
    by itself; otherwise it has to be asked.  *state* is what it reports, *refusal* why it takes no
    message.  *latency* is how many seconds it takes for an answer.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512  # of five, connections that come together hang for seconds

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.taken: Counter[str] = Counter()
        self.ids: dict[str, str] = {}
        self.resets: list[str] = []
        self.reset_every = 0
        self.state = "DELIVERED"
        self.refusal = ""
        self.latency = 0.0
        self.callback: tuple[int, str] | None = None
        self.changed = threading.Condition()
        self._free = threading.Event()
        self._free.set()
        self._reports: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        threading.Thread(target=self._report, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/sms/v2"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Answer nothing meanwhile."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def await_taken(self, count: int) -> None:
        """Wait until so many messages have reached it."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.taken.total() >= count, PATIENCE)

    def take(self, text: str) -> str | None:
        """Take a message and return its id; None if the request is to be reset."""
        with self.changed:
            self.taken[text] += 1
            number = self.taken.total()
            self.changed.notify_all()
            if self.reset_every and number % self.reset_every == 0:
                self.resets.append(text)
                return None
            identifier = f"kc-{number}"
            self.ids[text] = identifier
        select.select([], [], [], self.latency)
        self._free.wait(PATIENCE)
        if self.callback and not self.refusal:
            self._reports.put(identifier)
        return identifier

    def state_of(self, identifier: str) -> str:
        """Return what it reports of a message."""
        return self.state

    def report(self, identifier: str, status: str = "DELIVERED") -> int:
        """Call back about a message; return the HTTP status."""
        assert self.callback
        return self.call(self.callback, identifier, status)

    def call(self, callback: tuple[int, str], identifier: str, status: str) -> int:
        """Call back at (port, path) about a message; return the HTTP status."""
        port, path = callback
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", f"{path}?messageID={identifier}&status={status}")
            return connection.getresponse().status
        finally:
            connection.close()

    def close(self) -> None:
        self._free.set()
        self._reports.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a daemon that is killed leaves its requests."""

    def _report(self) -> None:
        while (identifier := self._reports.get()) is not None:
            with suppress(OSError, HTTPException):
                self.report(identifier, self.state_of(identifier))


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        fields = self._fields()
        identifier = self.server.take(fields["message"])
        if identifier is None:
            hard = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
            self.close_connection = True
            self.connection.close()
            return
        if self.server.refusal:
            self._answer(status="FAILED", description=self.server.refusal)
        else:
            self._answer(status="SENT", messageID=identifier, description="ok")

    def do_GET(self) -> None:
        fields = self._fields()
        if "balance" in self.path:
            self._answer(balance="100", expiration="31-Dec-2037 06:46:17", status="active")
        else:
            identifier = fields["messageid"]
            self._answer(messageid=identifier, status=self.server.state_of(identifier))

    def _fields(self) -> dict[str, str]:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        return {k.lower(): v for k, v in (asked | (json.loads(body) if body else {})).items()}

    def _answer(self, **fields: str) -> None:
        body = json.dumps(fields).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write(head + body)

    def log_message(self, *_: Any) -> None:
        pass
