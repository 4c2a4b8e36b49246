from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.address import Address
from smppbridge.model.message import Traits
from smppbridge.smpp.constants import MessageState
from tests.store.opened import NOW, Opened, accept, message, taken, told, tried, unknown
from tests.web.desk import Desk

NUMBERS = ("243810000001", "243820000002", "4420")


@pytest.fixture
def stored(opened: Opened) -> Opened:
    """Four messages: waiting, submitted and delivered, Uncertain twice."""
    accept(opened, [message(1001, number=NUMBERS[0])])
    accept(opened, [message(1002, number=NUMBERS[1], accepted_at=NOW + 5)], begun=True)
    attempt = tried(message(1002))
    opened.wait(opened.store.record([taken(attempt, "K-7")]))
    opened.wait(opened.store.settle([told(attempt, MessageState.DELIVERED)]))
    for number in (1003, 1004):
        accept(opened, [message(number, number=NUMBERS[2], accepted_at=NOW + 9)], begun=True)
        opened.wait(opened.store.record([unknown(tried(message(number)))]))
    return opened


def found(desk: Desk, query: str) -> list[str]:
    reply = desk.call("GET", f"/messages?{query}", role="viewer")
    assert reply.status == 200, reply.body
    return [item["message_id"] for item in reply.body["items"]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["1004", "1003", "1002", "1001"]),
        ("number=243810000001", ["1001"]),
        ("number=%2B243+810-000-001", ["1001"]),
        ("number=00243810000001", ["1001"]),
        ("number=0810000001&account=bank", ["1001"]),
        ("number=0810000001&country=CD", ["1001"]),
        ("number=4420", ["1004", "1003"]),
        ("prefix=24381", ["1001"]),
        ("prefix=24383", []),
        ("sender=BANK&limit=1", ["1004"]),
        ("sender=bank", []),
        ("id=K-7", ["1002"]),
        ("id=3ea", ["1002"]),  # hexadecimal
        ("id=k-7", ["1002"]),
        ("id=1003", ["1003"]),
        ("id=nothing", []),
        ("state=DELIVERED", ["1002"]),
        ("state=EXPIRED", []),
        ("stage=waiting", ["1001"]),
        ("uncertain=true", ["1004", "1003"]),
        ("account=bank&provider=keccel&limit=2", ["1004", "1003"]),
        ("account=other", []),
        ("since=2027-01-15T08:00:05Z&until=2027-01-15T08:00:06Z", ["1002"]),
        ("since=0001-01-01T00:00:00Z&until=9999-12-31T00:00:00Z", ["1004", "1003", "1002", "1001"]),
    ],
)
def test_messages_are_found(desk: Desk, stored: Opened, query: str, ids: list[str]) -> None:
    assert found(desk, query) == ids


@pytest.mark.parametrize(
    "query",
    [
        "number=x",
        "number=%27",
        "number=%D9%A1%D9%A2%D9%A3",
        "state=delivered",
        "stage=gathering",
        "uncertain=perhaps",
        "since=2027-01-15",
        "since=0.5",
        "since=1800000000",
        "since=2027-01-15T08:00:05",
        "account=",
        "account=a%00",
        "prefix=%2B243",
        "sender=",
        "country=cd",
        "limit=501",
        "limit=x",
        "more=1",
    ],
)
def test_odd_filters_are_refused(desk: Desk, stored: Opened, query: str) -> None:
    assert desk.call("GET", f"/messages?{query}").status == 422


def test_pages_follow_each_other(desk: Desk, stored: Opened) -> None:
    ids: list[str] = []
    query = "limit=1"
    for _ in range(10):
        page = desk.call("GET", f"/messages?{query}").body
        ids += [item["message_id"] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"limit=1&cursor={page['next']}"
    assert ids == ["1004", "1003", "1002", "1001"]


def test_a_message_is_shown_without_text_and_whole_number(desk: Desk, stored: Opened) -> None:
    reply = desk.call("GET", "/messages/1002", role="viewer")
    assert reply.status == 200
    assert "243820000002" not in str(reply.body)
    assert "Bonjour" not in str(reply.body)
    wanted: dict[str, Any] = {
        "message_id": "1002",
        "destination": "2438*****002",
        "stage": "finished",
        "state": "DELIVERED",
        "uncertain": False,
        "provider_message_id": "K-7",
        "route": ["keccel", "d7"],
        "accepted_at": "2027-01-15T08:00:05.000Z",
        "answered_id": None,
        "source": "BANK",
        "registered_delivery": 1,
        "data_coding": 0,
        "esm_class": 0,
    }
    assert {key: reply.body[key] for key in wanted} == wanted
    assert desk.call("GET", "/messages/999").status == 404


def test_the_timeline_is_in_order(desk: Desk, stored: Opened) -> None:
    steps = desk.call("GET", "/messages/1002/timeline").body["items"]
    times = [step["at"] for step in steps if step["at"]]
    assert {step["code"] for step in steps} >= {
        "received",
        "routed",
        "attempt_accepted",
        "state_final",
    }
    assert times == sorted(times)
    assert all(time.endswith("Z") for time in times)
    assert desk.call("GET", "/messages/999/timeline").status == 404


def test_numbers_are_masked_wherever_they_stand(desk: Desk, opened: Opened) -> None:
    multi = Traits(multi=7)
    begun = [message(7, traits=multi, source=Address("243820000009", 1))]
    accept(opened, begun, begun=True)
    why = "no credit for 243810000001"
    opened.wait(opened.store.record([unknown(tried(begun[0]), reason=why)]))
    found = desk.call("GET", "/messages/7").body
    assert (found["source"], found["answered_id"]) == ("2438*****009", "7")
    (attempt,) = (
        step
        for step in desk.call("GET", "/messages/7/timeline").body["items"]
        if step["code"] == "attempt_uncertain"
    )
    assert attempt["facts"]["reason"] == "no credit for 2438*****001"
    assert attempt["text"].endswith(": no credit for 2438*****001.")


def test_uncertain_messages_are_listed(desk: Desk, stored: Opened) -> None:
    page = desk.call("GET", "/uncertain?limit=1").body
    assert [item["message_id"] for item in page["items"]] == ["1004"]
    last = desk.call("GET", f"/uncertain?cursor={page['next']}").body
    assert [item["message_id"] for item in last["items"]] == ["1003"]


def decided(opened: Opened) -> list[tuple[int, str]]:
    return [
        (found.attempt.message.message_id, verb)
        for found, verb in opened.wait(opened.store.decisions())
    ]


@pytest.mark.parametrize("ids", [["1002", "1003"], ["1003", "1002"], ["1003", "77", "1003"]])
def test_only_uncertain_ones_are_decided(desk: Desk, stored: Opened, ids: list[str]) -> None:
    body = {"verb": "fail", "message_ids": ids}
    reply = desk.call("POST", "/uncertain/decisions", role="operator", body=body)
    assert reply.body["decided"] == ["1003"]
    assert len(reply.body["not_uncertain"]) == 1
    assert decided(stored) == [(1003, "fail")]
    assert desk.noted == [("operator", "decide_uncertain", "", body)]


def test_a_filter_decides_if_its_count_is_right(desk: Desk, stored: Opened) -> None:
    body = {"verb": "resend", "filter": {"provider": "keccel"}, "expect": 1}
    refused = desk.call("POST", "/uncertain/decisions", body=body)
    assert (refused.status, refused.body["type"]) == (409, "urn:smppbridge:problem:wrong-state")
    assert decided(stored) == []
    reply = desk.call("POST", "/uncertain/decisions", body=body | {"expect": 2})
    assert sorted(reply.body["decided"]) == ["1003", "1004"]
    assert sorted(decided(stored)) == [(1003, "resend"), (1004, "resend")]


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "fail"},
        {"verb": "burn", "message_ids": ["1"]},
        {"verb": "fail", "message_ids": []},
        {"verb": "fail", "message_ids": ["x"]},
        {"verb": "fail", "message_ids": [1003]},
        {"verb": "fail", "message_ids": ["1"] * 501},
        {"verb": "fail", "message_ids": ["1"], "filter": {}, "expect": 1},
        {"verb": "fail", "filter": {}},
        {"verb": "fail", "message_ids": ["1"], "expect": 1},
        {"verb": "fail", "filter": {"expect": 1}, "expect": 1},
        [],
        None,
    ],
)
def test_odd_decisions_are_refused(desk: Desk, stored: Opened, body: object) -> None:
    octets = b"null" if body is None else body
    assert desk.call("POST", "/uncertain/decisions", body=octets).status == 422
    assert decided(stored) == []


def test_a_decision_that_cannot_be_written_is_refused(desk: Desk, stored: Opened) -> None:
    desk.failing = True
    body = {"verb": "fail", "message_ids": ["1003"]}
    assert desk.call("POST", "/uncertain/decisions", body=body).status == 503
