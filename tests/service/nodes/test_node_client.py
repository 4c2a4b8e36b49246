"""The requests of a node to others, with libcurl's client played by the test."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from smppbridge.net.http_client import Connection
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer, NotSent
from smppbridge.relay.ussd.passing import NO_ANSWER, NOT_SENT
from smppbridge.relay.ussd.words import ASK, LEAVE, SHOW
from smppbridge.service.nodes import client as module
from smppbridge.service.nodes.client import NodeClient
from smppbridge.settings.node import NodeSection
from smppbridge.store.postgres.observed import NodeRow
from smppbridge.web.nodes import authorization_of

ADDRESSES = {1: "http://10.0.0.1:8777", 2: "https://10.0.0.2:8777", 3: ""}
NODES = [NodeRow(slot, f"n{slot}", 1, 1, False, None, at) for slot, at in ADDRESSES.items()]


class Http:
    """Notes what it is given."""

    made: list[Http]

    def __init__(self, _call: object, answered: Any, slots: int) -> None:
        Http.made.append(self)
        self.answered, self.started, self.stopped = answered, False, False
        self.ways: dict[str, Connection] = {}
        self.sent: list[tuple[str, Any, HttpRequest]] = []

    def start(self) -> None:
        self.started = True

    def stop(self, seconds: float) -> None:
        self.stopped = True

    def change(self, connections: dict[str, Connection]) -> None:
        self.ways = dict(connections)

    def send(self, provider: str, asks: list[tuple[Any, HttpRequest]]) -> None:
        assert self.started
        assert provider in self.ways
        self.sent += [(provider, about, request) for about, request in asks]


class Us:
    def __init__(self, key: str | None = "geheim") -> None:
        self.reactor: Any = Clock()
        setattr(self.reactor, "callFromThread", None)  # noqa: B010
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.client = NodeClient(
            NodeSection(key=key),
            lambda: NODES,
            self.reactor,
            lambda event, /, **fields: self.events.append((event, fields)),
        )

    def ask(self, slot: int, path: str = ASK) -> None:
        self.client.ask(slot, path, b"{}", lambda *answer: self.answers.append(answer))

    def answer(self, *answers: Any) -> None:
        [http] = Http.made
        sent, http.sent = http.sent, []
        http.answered([(each[1], a) for each, a in zip(sent, answers, strict=True)])


@pytest.fixture(autouse=True)
def http(monkeypatch: pytest.MonkeyPatch) -> None:
    Http.made = []
    monkeypatch.setattr(module, "HttpClient", Http)


def test_nothing_is_made_without_a_request() -> None:
    us = Us()
    us.client.answered_within(9.5)
    us.client.stop()
    assert Http.made == []


def test_a_request_and_its_answer() -> None:
    us = Us()
    us.client.answered_within(9.5)
    us.ask(1)
    [http] = Http.made
    [(way, _, request)] = http.sent
    assert (request.method, request.url, request.body) == (
        "POST",
        "http://10.0.0.1:8777/ussd/ask",
        b"{}",
    )
    assert dict(request.headers)["Authorization"] == authorization_of("geheim")
    assert (http.ways[way].timeout, http.ways[way].connect_timeout) == (9.5, 1.0)
    us.answer(HttpResponse(200, b"screen"))
    assert us.answers == [(200, b"screen")]
    us.client.stop()
    assert http.stopped


def test_screens_do_not_wait_for_phones() -> None:
    us = Us()
    for path in (ASK, SHOW, LEAVE):
        us.ask(2, path)
    ways = [way for way, *_ in Http.made[0].sent]
    assert ways[0] != ways[1] == ways[2]
    assert {*ways} == {*Http.made[0].ways}


def test_new_deadlines_are_for_new_requests() -> None:
    us = Us()
    us.ask(1)
    us.client.answered_within(2.5)
    us.ask(1)
    assert {each.timeout for each in Http.made[0].ways.values()} == {2.5}


@pytest.mark.parametrize("slot", [3, 4])
def test_a_node_without_an_address(slot: int) -> None:
    us = Us()
    us.ask(slot)
    assert us.answers == []  # later, never within the request
    us.reactor.advance(0)
    assert (us.answers, Http.made) == ([(NOT_SENT, b"")], [])
    assert [event for event, _ in us.events] == ["node_unreachable"]


def test_who_is_reached() -> None:
    assert {*Us().client.reachable()} == {1, 2}
    assert {*Us(key=None).client.reachable()} == set()


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (NotSent("connection refused"), NOT_SENT),
        (NoAnswer("cut off"), NO_ANSWER),
        (HttpResponse(401), NOT_SENT),
        (HttpResponse(404), NOT_SENT),
        (HttpResponse(409), 409),
        (HttpResponse(500), 500),
    ],
)
def test_what_an_answer_means(answer: Any, wanted: int) -> None:
    us = Us()
    us.ask(1)
    us.answer(answer)
    assert us.answers == [(wanted, b"")]
    assert bool(us.events) == (wanted <= 0)


def test_a_silent_node_is_logged_once_until_it_answers() -> None:
    us = Us()
    for answer in (NotSent("refused"), NoAnswer("x"), HttpResponse(409), NotSent("again")):
        us.ask(2)
        us.answer(answer)
    assert us.events == [
        ("node_unreachable", {"node": "n2", "reason": "refused"}),
        ("node_unreachable", {"node": "n2", "reason": "again"}),
    ]


def test_one_phone_that_fails_takes_no_other_along() -> None:
    us, seen = Us(), list[Any]()
    observe: Any = seen.append

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    us.client.ask(1, ASK, b"{}", fail)
    us.ask(1)
    globalLogPublisher.addObserver(observe)
    try:
        us.answer(HttpResponse(200), HttpResponse(200, b"screen"))
    finally:
        globalLogPublisher.removeObserver(observe)
    assert us.answers == [(200, b"screen")]
    assert [each["log_failure"].type for each in seen] == [ZeroDivisionError]
