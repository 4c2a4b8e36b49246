"""Messages that wait, moved and given up through the API."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.relay.submit.redirect import Obstacle
from tests.store.opened import NOW, Opened, accept, message
from tests.web.desk import Desk

MOVE = {"to": "d7"}


@pytest.fixture
def stored(opened: Opened) -> Opened:
    """Three messages that wait for keccel, the last of another account, and one that has left."""
    accept(opened, [message(1001), message(1002, accepted_at=NOW + 5)])
    accept(opened, [message(1003, system_id="shop")])
    accept(opened, [message(1004)], begun=True)
    return opened


def test_listed_messages_are_moved_and_it_is_written_down(desk: Desk, stored: Opened) -> None:
    desk.played.redirect.obstacles = {1002: Obstacle.NOT_ON_ROUTE}
    body = MOVE | {"message_ids": ["1001", "1002", "1001"]}
    reply = desk.call("POST", "/waiting/moves", role="operator", body=body)
    assert reply.body["moved"] == ["1001"]
    (unmoved,) = reply.body["unmoved"]
    assert (unmoved["message_id"], unmoved["why"]) == ("1002", "not_on_route")
    assert "off_route" in unmoved["says"]
    assert desk.played.redirect.asked == [([1001, 1002], "d7", False)]
    assert desk.noted[0][:2] == ("operator", "move_waiting")
    assert desk.noted[0][3]["to"] == "d7"


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ({"provider": "keccel"}, [1001, 1002, 1003]),
        ({"provider": "keccel", "account": "shop"}, [1003]),
        ({"provider": "keccel", "before": "2027-01-15T08:00:05Z"}, [1001, 1003]),
    ],
)
def test_a_filter_names_messages_that_wait(
    desk: Desk, stored: Opened, filter: dict[str, str], ids: list[int]
) -> None:
    body = MOVE | {"filter": filter, "expect": 3, "off_route": True}
    assert desk.call("POST", "/waiting/moves", body=body).status == 200
    assert desk.played.redirect.asked == [(ids, "d7", True)]
    failed = desk.call("POST", "/waiting/failures", body={"filter": filter, "expect": 3})
    assert failed.body["failed"] == [str(each) for each in ids]
    assert not failed.body["not_waiting"]


def test_more_messages_than_expected_stay(desk: Desk, stored: Opened) -> None:
    body = {"filter": {"provider": "keccel"}, "expect": 2}
    for path, more in (("/waiting/moves", MOVE), ("/waiting/failures", {})):
        reply = desk.call("POST", path, body=body | more)
        assert (reply.status, reply.body["type"][-11:]) == (409, "wrong-state")
    assert desk.played.redirect.asked == []
    none = desk.call(
        "POST", "/waiting/moves", body=MOVE | {"filter": {"provider": "d7"}, "expect": 1}
    )
    assert none.body == {"moved": [], "unmoved": [], "silent": []}


@pytest.mark.parametrize("ids", [["77", "1001"], ["1001", "77"]])
def test_messages_are_given_up(desk: Desk, stored: Opened, ids: list[str]) -> None:
    desk.played.redirect.obstacles = {77: Obstacle.NOT_WAITING}
    reply = desk.call("POST", "/waiting/failures", role="operator", body={"message_ids": ids})
    rest = {"not_waiting": ["77"], "elsewhere": [], "silent": []}
    assert reply.body == {"failed": ["1001"]} | rest
    assert desk.noted == [("operator", "fail_waiting", "", {"message_ids": ids})]


def test_to_a_provider_that_is_not_there(desk: Desk, stored: Opened) -> None:
    body = {"to": "none", "message_ids": ["1001"]}
    assert desk.call("POST", "/waiting/moves", body=body).status == 404
    assert desk.played.redirect.asked == []


@pytest.mark.parametrize("path", ["/waiting/moves", "/waiting/failures"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"message_ids": []},
        {"message_ids": ["x"]},
        {"message_ids": ["1"] * 501},
        {"message_ids": ["1"], "expect": 1},
        {"filter": {}, "expect": 1},
        {"filter": {"provider": "keccel"}},
        {"filter": {"provider": "keccel"}, "expect": 0},
        {"filter": {"provider": "keccel"}, "expect": 10_001},
        {"filter": {"provider": "keccel", "state": "x"}, "expect": 1},
    ],
)
def test_odd_requests_are_refused(
    desk: Desk, stored: Opened, path: str, more: dict[str, Any]
) -> None:
    body = more | (MOVE if path.endswith("moves") else {})
    assert desk.call("POST", path, body=body).status == 422
    assert desk.played.redirect.asked == []


@pytest.mark.parametrize("path", ["/waiting/moves", "/waiting/failures"])
def test_what_the_store_fails_to_write_is_503(desk: Desk, stored: Opened, path: str) -> None:
    desk.played.redirect.failing = True
    body = {"message_ids": ["1001"]} | (MOVE if path.endswith("moves") else {})
    assert desk.call("POST", path, body=body).status == 503
    desk.failing = True
    assert desk.call("POST", path, body=body).status == 503


def test_a_node_that_has_not_answered_is_named(desk: Desk, stored: Opened) -> None:
    """Its messages neither wait nor have they ended, as far as anybody knows."""
    desk.played.redirect.obstacles = {1002: Obstacle.ELSEWHERE}
    desk.played.redirect.silent = ["b"]
    body = {"message_ids": ["1002", "1001"]}
    moved = desk.call("POST", "/waiting/moves", body=MOVE | body).body
    assert (moved["moved"], moved["silent"]) == (["1001"], ["b"])
    assert moved["unmoved"][0]["why"] == "elsewhere"
    failed = desk.call("POST", "/waiting/failures", body=body).body
    assert failed == {
        "failed": ["1001"],
        "not_waiting": [],
        "elsewhere": ["1002"],
        "silent": ["b"],
    }
