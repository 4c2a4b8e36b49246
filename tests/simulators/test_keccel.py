from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from smppbridge.simulators.keccel import KeccelSimulator

FIELDS = {"token": "any", "from": "ACME", "to": "243810000001", "message": "Hello"}
CALLBACK = "http://127.0.0.1:8776/callbacks/keccel/key"


class RecordingPusher:
    """Stands in for the pusher: records the callbacks; a test ends them."""

    def __init__(self):
        self.calls = []

    def push(self, method, url, *, after=0.0):
        self.calls.append((method, url, after, Deferred()))
        return self.calls[-1][3]


@pytest.fixture
def clock():
    return MemoryReactorClock()


@pytest.fixture
def simulator(clock):
    simulator = KeccelSimulator(clock, callback_url=CALLBACK, delay=2.0)
    simulator.pusher = RecordingPusher()
    return simulator


class KeccelRequest:
    """One request to the simulator, and the answer so far."""

    def __init__(self, simulator, method, page, body=b"", query=""):
        self.transport = StringTransport()
        self.channel = simulator.site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        head = f"{method} /sms/v2/{page}{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
        self.channel.dataReceived(head.encode() + b"\r\n\r\n" + body)

    @property
    def answered(self):
        return bool(self.transport.value())

    @property
    def status(self):
        return int(self.transport.value().split(b" ", 2)[1])

    @property
    def head(self):
        return self.transport.value().partition(b"\r\n\r\n")[0].lower()

    @property
    def json(self):
        return json.loads(self.transport.value().partition(b"\r\n\r\n")[2])


def send(simulator, **changed):
    body = json.dumps({**FIELDS, **changed}).encode()
    return KeccelRequest(simulator, "POST", "message.asp", body)


def status_of(simulator, identifier):
    query = f"?token=any&from=ACME&messageid={identifier}"
    return KeccelRequest(simulator, "GET", "delivery.asp", query=query).json["status"]


def reports(simulator):
    """Return (status, seconds after acceptance) of every report."""
    return [
        (parse_qs(urlsplit(url).query)["status"][0], after)
        for _, url, after, _ in simulator.pusher.calls
    ]


def test_a_message_is_taken_and_reported_after_the_delay(simulator, clock):
    answer = send(simulator).json
    assert answer["status"] == "SENT"
    assert len(answer["messageID"]) == 36
    ((method, url, after, _),) = simulator.pusher.calls
    assert (method, after) == ("GET", 2.0)
    assert url == f"{CALLBACK}?messageID={answer['messageID']}&status=DELIVERED"
    assert status_of(simulator, answer["messageID"]) == "SENT"
    clock.advance(2.0)
    assert status_of(simulator, answer["messageID"]) == "DELIVERED"


def test_a_callback_url_with_a_query_string_keeps_it(simulator):
    simulator.callback_url = f"{CALLBACK}?a=b"
    send(simulator)
    assert simulator.pusher.calls[0][1].startswith(f"{CALLBACK}?a=b&messageID=")


@pytest.mark.parametrize(
    ("ending", "pushed", "pulled"),
    [
        ("90", [("FAILED", 2.0)], "FAILED"),
        ("97", [("DELIVERED", 2.0)] * 2, "DELIVERED"),
        ("98", [], "SENT"),
        ("99", [("EXPIRED", 2.0)], "EXPIRED"),
    ],
)
def test_endings_that_are_taken(simulator, clock, ending, pushed, pulled):
    identifier = send(simulator, to=f"2438100000{ending}").json["messageID"]
    assert reports(simulator) == pushed
    clock.advance(2.0)
    assert status_of(simulator, identifier) == pulled


@pytest.mark.parametrize(
    ("changed", "description"),
    [
        ({"token": "wrong"}, "Invalid token"),
        ({"to": "243810000091"}, "Invalid number"),
        ({"to": "+243810000001"}, "Invalid number"),
        ({"from": ""}, "FROM parameter is empty"),
        ({"message": ""}, "MESSAGE parameter is empty"),
    ],
)
def test_what_is_rejected_is_never_reported(simulator, changed, description):
    rejected = {"status": "REJECTED", "messageID": "", "description": description}
    assert send(simulator, **changed).json == rejected
    assert not simulator.pusher.calls
    assert (simulator.requests, simulator.accepted) == (1, 0)


def test_without_credit_nothing_is_taken(clock):
    simulator = KeccelSimulator(clock, credit=1)
    assert send(simulator).json["status"] == "SENT"
    assert send(simulator).json["description"] == "Insufficient credit"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 50_000])
def test_a_body_of_nonsense_is_rejected(simulator, body):
    assert KeccelRequest(simulator, "POST", "message.asp", body).json["status"] == "REJECTED"


def test_92_is_answered_after_five_seconds_and_reported_later(simulator, clock):
    asked = send(simulator, to="243810000092")
    clock.advance(4.9)
    assert not asked.answered
    clock.advance(0.1)
    assert asked.json["status"] == "SENT"
    assert reports(simulator) == [("DELIVERED", 7.0)]


def test_92_is_answered_in_vain_when_the_client_has_gone(simulator, clock):
    asked = send(simulator, to="243810000092")
    asked.channel.connectionLost(ConnectionError())
    clock.advance(5.0)
    assert not asked.answered


def test_93_is_a_server_error_in_html(simulator):
    asked = send(simulator, to="243810000093")
    assert asked.status == 500
    assert b"text/html" in asked.head
    assert simulator.accepted == 0


def test_94_is_throttled_twice_and_then_taken(simulator):
    for _ in range(2):
        asked = send(simulator, to="243810000094")
        assert asked.status == 429
        assert b"retry-after: 1" in asked.head
    assert send(simulator, to="243810000094").json["status"] == "SENT"
    assert send(simulator, to="243810000094", message="Another").status == 429


def test_95_never_answers(simulator, clock):
    asked = send(simulator, to="243810000095")
    clock.advance(3600.0)
    assert not asked.answered
    assert not simulator.pusher.calls


def test_96_is_answered_when_it_has_been_reported(simulator):
    asked = send(simulator, to="243810000096")
    assert reports(simulator) == [("DELIVERED", 0.0)]
    assert not asked.answered
    simulator.pusher.calls[0][3].callback(None)
    assert asked.json["messageID"] in simulator.pusher.calls[0][1]


def test_without_a_callback_url_it_is_only_there_to_be_asked(clock):
    simulator = KeccelSimulator(clock, delay=2.0)
    assert send(simulator, to="243810000096").json["status"] == "SENT"
    identifier = send(simulator).json["messageID"]
    clock.advance(2.0)
    assert status_of(simulator, identifier) == "DELIVERED"
    assert status_of(simulator, "4711") == "Error"


@pytest.mark.parametrize("page", ["balance.asp", "delivery.asp"])
def test_arguments_are_taken_from_query_string_get_body_and_post_body(simulator, page):
    wrong = b'{"token": "wrong"}'
    form = b"token=wrong"
    rejected = [
        KeccelRequest(simulator, "GET", page, query="?token=wrong"),
        KeccelRequest(simulator, "GET", page, wrong),
        KeccelRequest(simulator, "POST", page, wrong),
    ]
    assert {asked.json.get("description") for asked in rejected} == {"Invalid token"}
    assert "description" not in KeccelRequest(simulator, "GET", page, form).json


def test_the_balance_counts_down(simulator):
    def balance():
        return int(
            KeccelRequest(simulator, "GET", "balance.asp", query="?token=any").json["balance"]
        )

    before = balance()
    send(simulator)
    assert balance() == before - 1


def test_other_methods_and_paths_are_refused(simulator):
    assert KeccelRequest(simulator, "GET", "message.asp").status == 405
    assert KeccelRequest(simulator, "POST", "nothing.asp").status == 404


def test_what_was_taken_is_counted_by_destination_and_text(simulator):
    for message in ("one", "two", "two"):
        send(simulator, message=message)
    assert dict(simulator.taken) == {("243810000001", "one"): 1, ("243810000001", "two"): 2}
    assert (simulator.requests, simulator.accepted) == (3, 3)
