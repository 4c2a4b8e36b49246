from __future__ import annotations

import pytest

from tests.store.opened import Opened, accept, message
from tests.web.desk import Desk

NUMBER = "243810000001"


@pytest.fixture
def stored(opened: Opened) -> Opened:
    accept(opened, [message(1001), message(1002, text="", binary=b"\x00\xff")])
    return opened


def test_an_operator_sees_the_number_and_it_is_written_down(desk: Desk, stored: Opened) -> None:
    body = {"what": ["number"], "reason": "a complaint"}
    reply = desk.call("POST", "/messages/1001/reveal", role="operator", body=body)
    shown = {"source": "BANK", "number": NUMBER}
    assert reply.body == {"message_id": "1001", **shown, "text": None, "octets": None}
    assert desk.noted == [("operator", "reveal_message", "1001", body)]


def test_a_text_is_for_admins(desk: Desk, stored: Opened) -> None:
    for what in (["text"], ["number", "text"], ["text", "number"]):
        body = {"what": what}
        reply = desk.call("POST", "/messages/1001/reveal", role="operator", body=body)
        assert (reply.status, desk.noted) == (403, [])
    reply = desk.call("POST", "/messages/1001/reveal", body={"what": ["text"]})
    assert (reply.body["text"], reply.body["number"]) == ("Bonjour", None)
    reply = desk.call("POST", "/messages/1002/reveal", body={"what": ["text", "number"]})
    assert (reply.body["octets"], reply.body["number"]) == ("00ff", NUMBER)
    assert [each[3]["what"] for each in desk.noted] == [["text"], ["text", "number"]]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/messages/77/reveal", {"what": ["number"]}, 404),
        ("/messages/x/reveal", {"what": ["number"]}, 404),
        ("/messages/1001/reveal", {"what": []}, 422),
        ("/messages/1001/reveal", {"what": ["number", "password"]}, 422),
        ("/messages/1001/reveal", {"what": ["number"], "reason": "x" * 201}, 422),
        ("/messages/1001/reveal", {}, 422),
    ],
)
def test_odd_requests_reveal_nothing(
    desk: Desk, stored: Opened, path: str, body: object, status: int
) -> None:
    assert desk.call("POST", path, body=body).status == status
    assert desk.noted == []


def test_nothing_is_revealed_that_cannot_be_written_down(desk: Desk, stored: Opened) -> None:
    desk.failing = True
    reply = desk.call("POST", "/messages/1001/reveal", body={"what": ["number"]})
    assert reply.status == 503
    assert NUMBER not in str(reply.body)


def test_numbers_of_a_page_are_shown_at_once_and_written_down_once(
    desk: Desk, stored: Opened
) -> None:
    body = {"message_ids": ["77", "1002", "1001", "1002"], "reason": "a complaint"}
    reply = desk.call("POST", "/messages/reveal", role="operator", body=body)
    shown = {"number": NUMBER, "source": "BANK"}
    assert reply.body["items"] == [{"message_id": "1002", **shown}, {"message_id": "1001", **shown}]
    kept = {"message_ids": ["1002", "1001"], "reason": "a complaint"}
    assert desk.noted == [("operator", "reveal_messages", "", kept)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"message_ids": ["77"], "reason": "r"}, 404),
        ({"message_ids": ["1001"], "reason": ""}, 422),
        ({"message_ids": ["1001"], "reason": " \t"}, 422),
        ({"message_ids": ["1001"], "reason": "x" * 201}, 422),
        ({"message_ids": ["1001"]}, 422),
        ({"message_ids": [], "reason": "r"}, 422),
        ({"message_ids": ["1001", "x"], "reason": "r"}, 422),
        ({"message_ids": ["1"] * 501, "reason": "r"}, 422),
    ],
)
def test_odd_pages_reveal_nothing(desk: Desk, stored: Opened, body: object, status: int) -> None:
    assert desk.call("POST", "/messages/reveal", body=body).status == status
    assert desk.noted == []


def test_no_page_is_revealed_that_cannot_be_written_down(desk: Desk, stored: Opened) -> None:
    desk.failing = True
    body = {"message_ids": ["1001"], "reason": "r"}
    reply = desk.call("POST", "/messages/reveal", body=body)
    assert (reply.status, NUMBER in str(reply.body)) == (503, False)


def test_a_viewer_is_shown_no_page(desk: Desk, stored: Opened) -> None:
    body = {"message_ids": ["1001"], "reason": "r"}
    assert desk.call("POST", "/messages/reveal", role="viewer", body=body).status == 403
