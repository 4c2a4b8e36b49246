from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from typing import Any

import pytest

from smppbridge.bench.sink import Sink
from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted
from smppbridge.providers.exchange import HttpRequest, HttpResponse, alone
from smppbridge.providers.registry import provider_type
from smppbridge.smpp.constants import MessageState
from tests.patience import PATIENCE

REQUEST = (
    b"POST /sms/v2/message.asp HTTP/1.1\r\nHost: here\r\ncontent-length: %d\r\n\r\n"
    b'{"to":"243%09d","message":"Hello"}'
)
BODY = len(b'{"to":"243000000000","message":"Hello"}')
KEY = "0b0e9d3a-54a0-4d3b-9a64-3a3f0f6b7c01"


@contextmanager
def running(**options) -> Iterator[Sink]:
    provider = Sink(**options)
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
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
        connection.makefile("rb") as coming,
    ):
        for piece in octets:
            connection.sendall(piece)
        return [read_answer(coming) for _ in range(count)]


def read_answer(coming: BufferedReader) -> dict[str, str]:
    assert coming.readline() == b"HTTP/1.1 200 OK\r\n"
    headers = http.client.parse_headers(coming)
    return json.loads(coming.read(int(headers["Content-Length"])))


def counts(provider: Sink) -> dict[str, int]:
    return json.loads(made(provider, HttpRequest("GET", "http://host/counts")).body)


def made(provider: Sink, request: HttpRequest) -> HttpResponse:
    path = request.url.removeprefix("http://host")
    with closing(
        http.client.HTTPConnection("127.0.0.1", provider.port, timeout=PATIENCE)
    ) as connection:
        connection.request(request.method, path, request.body, dict(request.headers))
        response = connection.getresponse()
        return HttpResponse(response.status, response.read())


def carried(provider: Sink, exchange):
    """Carry an exchange out with *provider*; its time stands still."""
    exchange, answer = alone(exchange, lambda: 1_000.0), None
    while True:
        try:
            request = exchange.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = made(provider, request)


def message(number: int, text: str = "Hello") -> Message:
    digits = f"2547{number:08d}"
    return Message(
        number,
        "bank",
        Address("INFO", 5, 0),
        Address(digits, 1, 1),
        digits,
        text,
        0,
        0,
        0,
        ("a",),
        1_000.0,
        2_000.0,
        1_000.0,
    )


def built(name: str, **settings):
    base = {"keccel": "/sms/v2", "mspace_v2": "/smsapi/v2"}.get(name, "")
    make: Any = provider_type(name)
    return make(base_url=f"http://host{base}", **settings)


PROVIDERS = [
    ("keccel", {"token": "t"}),
    ("smscx", {"api_key": "k"}),
    ("d7", {"username": "u", "password": "p"}),
    ("mspace_v2", {"username": "u", "apikey": "k"}),
]
IN_BATCHES = [
    ("smscx", {"api_key": "k"}),
    ("d7", {"username": "u", "password": "p", "batch": "on", "callback_url": "http://us/"}),
    ("mspace_v2", {"username": "u", "apikey": "k", "batch": 10}),
]


@pytest.mark.parametrize(("name", "settings"), PROVIDERS)
def test_each_provider_reads_that_its_message_is_taken(name, settings):
    with running() as stand_in:
        provider = built(name, **settings)
        outcomes = [carried(stand_in, provider.submit(message(n))) for n in (1, 2)]
        told = counts(stand_in)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len({outcome.provider_message_id for outcome in outcomes}) == 2
    assert (told["requests"], told["distinct"], told["doubled"]) == (2, 2, 0)


@pytest.mark.parametrize(("name", "settings"), IN_BATCHES)
def test_each_provider_reads_that_all_messages_of_a_batch_are_taken(name, settings):
    with running() as stand_in:
        provider = built(name, **settings)
        several = [message(n) for n in range(5)]
        outcomes = carried(stand_in, provider.submit_batch(several, KEY))
        told = counts(stand_in)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len({outcome.provider_message_id for outcome in outcomes}) == 5
    assert (told["requests"], told["opening"], told["distinct"]) == (1, 5, 5)


def test_a_question_is_kept_with_its_time_and_answered_that_the_message_is_on_its_way():
    with running() as stand_in:
        mspace = built("mspace_v2", username="u", apikey="k")
        report = carried(stand_in, mspace.query(message(1), "0000000000049032"))
        polls = json.loads(made(stand_in, HttpRequest("GET", "http://host/polls")).body)
    assert (report.provider_message_id, report.state) == (
        "0000000000049032",
        MessageState.ENROUTE,
    )
    [(asked, at)] = polls
    assert asked == "0000000000049032"
    assert at <= time.time()


def test_a_text_that_says_since_when_it_is_on_its_way_is_timed():
    with running() as stand_in:
        keccel = built("keccel", token="t")
        begun = time.monotonic()
        text = f"tk1 at {begun:015.6f}. Hello"
        for number, each in enumerate((text, "Hello")):
            carried(stand_in, keccel.submit(message(number, each)))
        waits = json.loads(made(stand_in, HttpRequest("GET", "http://host/waits")).body)
    [wait] = waits
    assert 0 <= wait <= time.monotonic() - begun


def test_a_slow_provider_answers_in_order_and_later_than_it_counts():
    octets = b"".join(REQUEST % (BODY, n) for n in range(3))
    with running(delay=0.05) as provider:
        begun = time.monotonic()
        found = answers(provider.port, [octets], 3)
        assert time.monotonic() - begun >= 0.05
    assert found == sorted(found, key=lambda answer: answer["messageID"])


def test_who_does_not_wait_for_a_slow_answer_is_not_missed():
    with running(delay=0.05) as provider:
        answers(provider.port, [REQUEST % (BODY, 1)], 0)
        [answer] = answers(provider.port, [REQUEST % (BODY, 2)], 1)
    assert answer["status"] == "SENT"


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


@pytest.mark.parametrize(
    ("path", "body"), [("elsewhere", b'"254700000001"'), ("sms", b"{}"), ("sms", b"")]
)
def test_what_is_no_message_is_refused(path, body):
    with running() as provider:
        assert made(provider, HttpRequest("POST", f"http://host/{path}", (), body)).status == 400


class Callbacks(ThreadingHTTPServer):
    """Hears reports; refuses the first *faults* of them."""

    daemon_threads = True

    def __init__(self, faults: int, wanted: int) -> None:
        super().__init__(("127.0.0.1", 0), Received)
        self.faults, self.wanted = faults, wanted
        self.paths: list[str] = []
        self.enough = threading.Event()
        self.answering = threading.Event()
        self.answering.set()
        self.lock = threading.Lock()


class Received(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.lock:
            self.server.paths.append(self.path)
            refused = len(self.server.paths) <= self.server.faults
            if len(self.server.paths) == self.server.wanted:
                self.server.enough.set()
        self.server.answering.wait(PATIENCE)
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
        assert server.enough.wait(PATIENCE)
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
        assert server.enough.wait(PATIENCE)


def test_every_message_is_reported_once_also_with_more_messages_than_callers():
    given, called = reported(20)
    path = "/callbacks/keccel/50%25?messageID={}&status=DELIVERED"
    assert sorted(called) == [path.format(each) for each in given]


def test_a_refused_report_is_made_again():
    given, called = reported(5, faults=3)
    assert len(called) == 8
    assert len(set(called)) == len(given)
