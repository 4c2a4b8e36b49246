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
