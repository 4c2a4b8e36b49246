from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader

import pytest

from smppbridge.simulators.swift import SwiftProvider

REQUEST = (
    b"POST /sms/v2/message.asp HTTP/1.1\r\nHost: here\r\ncontent-length: %d\r\n\r\n"
    b'{"to":"243","message":"tk%09d. Hello"}'
)
BODY = len(b'{"to":"243","message":"tk000000000. Hello"}')


@contextmanager
def running(**options) -> Iterator[SwiftProvider]:
    provider = SwiftProvider(**options)
    reading, writing = os.pipe()
    thread = threading.Thread(target=provider.run, args=(reading,))
    thread.start()
    try:
        yield provider
    finally:
        os.close(writing)
        thread.join(10)
        os.close(reading)
        provider.close()


def answers(port: int, octets: list[bytes], count: int) -> list[dict[str, str]]:
    """Send pieces over one connection, return the JSON of so many answers."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        connection.makefile("rb") as coming,
    ):
        for piece in octets:
            connection.sendall(piece)
        return [read_answer(coming) for _ in range(count)]


def read_answer(coming: BufferedReader) -> dict[str, str]:
    assert coming.readline() == b"HTTP/1.1 200 OK\r\n"
    headers = http.client.parse_headers(coming)
    return json.loads(coming.read(int(headers["Content-Length"])))


def counts(provider: SwiftProvider) -> dict[str, int]:
    with closing(http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)) as connection:
        connection.request("GET", "/counts")
        return json.loads(connection.getresponse().read())


def test_a_message_is_answered_as_keccel_does():
    with running() as provider:
        [answer] = answers(provider.port, [REQUEST % (BODY, 1)], 1)
    assert answer["status"] == "SENT"
    assert answer["messageID"].isdecimal()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_requests_are_found_wherever_the_stream_is_cut(size):
    octets = b"".join(REQUEST % (BODY, n) for n in (1, 2, 1, 3))
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    with running() as provider:
        found = answers(provider.port, pieces, 4)
        told = counts(provider)
    assert len({answer["messageID"] for answer in found}) == 4
    assert (told["requests"], told["distinct"], told["doubled"]) == (4, 3, 1)


def test_what_is_no_message_is_refused():
    with (
        running() as provider,
        closing(http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)) as connection,
    ):
        connection.request("GET", "/elsewhere")
        assert connection.getresponse().status == 400


class Callbacks(ThreadingHTTPServer):
    """Hears reports; refuses the first *faults* of them."""

    daemon_threads = True

    def __init__(self, faults: int, wanted: int) -> None:
        super().__init__(("127.0.0.1", 0), Heard)
        self.faults, self.wanted = faults, wanted
        self.paths: list[str] = []
        self.enough = threading.Event()
        self.answering = threading.Event()
        self.answering.set()
        self.lock = threading.Lock()


class Heard(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.lock:
            self.server.paths.append(self.path)
            refused = len(self.server.paths) <= self.server.faults
            if len(self.server.paths) == self.server.wanted:
                self.server.enough.set()
        self.server.answering.wait(10)
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def hearing(faults: int, wanted: int) -> Iterator[tuple[Callbacks, str]]:
    with Callbacks(faults, wanted) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server, f"http://127.0.0.1:{server.server_port}/callbacks/keccel/50%25"
        finally:
            server.answering.set()
            server.shutdown()


def reported(messages: int, faults: int = 0) -> tuple[list[str], list[str]]:
    """Return the ids given and the paths called."""
    octets = b"".join(REQUEST % (BODY, n) for n in range(messages))
    with (
        hearing(faults, messages + faults) as (server, where),
        running(report_to=where, callers=2) as provider,
    ):
        given = answers(provider.port, [octets], messages)
        assert server.enough.wait(10)
        return [answer["messageID"] for answer in given], server.paths


def test_a_message_that_comes_while_every_caller_waits_is_reported_too():
    with (
        hearing(0, 2) as (server, where),
        running(report_to=where, callers=1) as provider,
    ):
        server.answering.clear()
        for number in range(2):
            answers(provider.port, [REQUEST % (BODY, number)], 1)
        server.answering.set()
        assert server.enough.wait(10)


def test_every_message_is_reported_once_also_with_more_messages_than_callers():
    given, called = reported(20)
    path = "/callbacks/keccel/50%25?messageID={}&status=DELIVERED"
    assert sorted(called) == [path.format(each) for each in given]


def test_a_refused_report_is_made_again():
    given, called = reported(5, faults=3)
    assert len(called) == 8
    assert len(set(called)) == len(given)
