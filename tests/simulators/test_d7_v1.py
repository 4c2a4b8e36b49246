from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from smppbridge.simulators.d7.v1 import D7V1Simulator

CALLBACK = "http://127.0.0.1:8776/callbacks/d7/key"


class RecordingPusher:
    """Stands in for the pusher: records the callbacks; a test ends them."""

    def __init__(self):
        self.calls = []

    def push(self, method, url, *, headers, body, after):
        assert (method, headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")
        self.calls.append((url, dict(parse_qsl(body.decode())), after, Deferred()))
        return self.calls[-1][3]


@pytest.fixture
def clock():
    return MemoryReactorClock()


@pytest.fixture
def simulator(clock):
    simulator = D7V1Simulator(clock, callback_url=CALLBACK, delay=2.0)
    simulator.pusher = RecordingPusher()
    return simulator


class D7V1Request:
    """One request to the simulator, and the answer so far."""

    def __init__(self, simulator, method, path, body=b"", token="any"):
        self.transport = StringTransport()
        self.channel = simulator.site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.channel.dataReceived(head.encode() + body)

    @property
    def answered(self):
        return bool(self.transport.value())

    @property
    def status(self):
        return int(self.transport.value().split(b" ", 2)[1])

    @property
    def json(self):
        return json.loads(self.transport.value().partition(b"\r\n\r\n")[2])


def document(*recipients, content="Hello", **common):
    message = {
        "channel": "sms",
        "recipients": list(recipients),
        "content": content,
        "msg_type": "text",
        "data_coding": "auto",
    }
    return {"messages": [message], "message_globals": {"originator": "ACME"} | common}


def send(simulator, *recipients, token="any", **more):
    body = json.dumps(document(*recipients, **more)).encode()
    return D7V1Request(simulator, "POST", "/messages/v1/send", body, token)


def log_of(simulator, identifier, token="any"):
    return D7V1Request(simulator, "GET", f"/report/v1/message-log/{identifier}", token=token)


def statuses(simulator, identifier):
    return [each["status"] for each in log_of(simulator, identifier).json["messages"]]


def test_a_request_is_taken_logged_and_reported_for_each_recipient(simulator, clock):
    answer = send(simulator, "243810000001", "+243810000090").json
    identifier = answer["request_id"]
    assert answer["status"] == "accepted"
    assert simulator.accepted == 2
    assert statuses(simulator, identifier) == ["sent", "sent"]
    clock.advance(2.0)
    assert statuses(simulator, identifier) == ["delivered", "un_delivered"]
    entries = log_of(simulator, identifier).json["messages"]
    for (url, form, after, _), entry in zip(simulator.pusher.calls, entries, strict=True):
        assert (url, after) == (CALLBACK, 2.0)
        assert form == {
            "request_id": identifier,
            "msg_id": entry["msg_id"],
            "recipient": entry["recipient"],
            "originator": "ACME",
            "status": entry["status"],
        }


def test_a_report_goes_where_the_request_says(simulator):
    send(simulator, "243810000001", report_url="http://127.0.0.1:1/there")
    assert simulator.pusher.calls[0][0] == "http://127.0.0.1:1/there"


@pytest.mark.parametrize(
    ("ending", "reported"),
    [
        ("97", ["delivered", "delivered"]),
        ("98", []),
        ("99", ["not_reachable"]),
    ],
)
def test_endings_that_are_taken(simulator, ending, reported):
    assert send(simulator, f"2438100000{ending}").status == 200
    assert [form["status"] for _, form, _, _ in simulator.pusher.calls] == reported


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [("91", 400, "INVALID_RECIPIENT"), ("93", 500, "INTERNAL_ERROR")],
)
def test_endings_that_are_not(simulator, ending, status, code):
    asked = send(simulator, f"2438100000{ending}")
    assert (asked.status, asked.json["detail"]["code"]) == (status, code)
    assert not simulator.pusher.calls


def test_94_is_throttled_twice(simulator):
    assert [send(simulator, "243810000094").status for _ in range(3)] == [429, 429, 200]


def test_92_95_and_96_answer_late_never_and_after_the_report(simulator, clock):
    late, never = send(simulator, "243810000092"), send(simulator, "243810000095")
    early = send(simulator, "243810000096")
    assert not any(asked.answered for asked in (late, never, early))
    simulator.pusher.calls[-1][3].callback(None)
    assert early.json["request_id"] == simulator.pusher.calls[-1][1]["request_id"]
    clock.advance(5.0)
    assert late.status == 200
    assert not never.answered


def test_without_credit_nothing_is_taken(clock):
    simulator = D7V1Simulator(clock, credit=1)
    assert send(simulator, "243810000001", "243810000002").status == 402
    assert send(simulator, "243810000001").status == 200
    balance = D7V1Request(simulator, "GET", "/messages/v1/balance")
    assert balance.json == {"balance": 0}


@pytest.mark.parametrize("token", ["wrong", ""])
def test_a_wrong_token_opens_nothing(simulator, token):
    asked = [
        send(simulator, "243810000001", token=token),
        log_of(simulator, "7", token),
        D7V1Request(simulator, "GET", "/messages/v1/balance", token=token),
    ]
    assert [each.status for each in asked] == [401] * 3
    assert simulator.accepted == 0


def test_an_unknown_request_has_no_log(simulator):
    asked = log_of(simulator, "4711")
    assert (asked.status, asked.json["detail"]["code"]) == (404, "MESSAGE_LOG_NOT_EXISTS")


def broken(**changed):
    whole = document("243810000001")
    whole["messages"][0] |= changed
    return whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 5_000,
        {"messages": []},
        {**document("243810000001"), "message_globals": {"originator": None}},
        {**document("243810000001"), "messages": []},
        {**document("243810000001"), "messages": ["x"]},
        broken(content=""),
        broken(content=None),
        broken(channel="pigeon"),
        broken(data_coding="binary"),
        broken(recipients=[]),
        broken(recipients="243810000001"),
        broken(recipients=[243810000001]),
        broken(recipients=["somebody"]),
    ],
)
def test_what_is_no_request_is_said_to_be_none(simulator, body):
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = D7V1Request(simulator, "POST", "/messages/v1/send", octets)
    assert asked.status == 422
    assert asked.json["detail"][0]["loc"][0] == "body"
    assert simulator.accepted == 0
