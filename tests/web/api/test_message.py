"""One message: the verdict on it and what it waits for, by the store and the running bridge."""

from __future__ import annotations

import pytest

from smppbridge.model.verdict_facts import BridgeFacts
from tests.store.opened import NOW, Opened, accept, message, tried, unknown
from tests.web.desk import Desk


@pytest.fixture
def waiting(opened: Opened) -> Opened:
    """A message that waits, and one that is Uncertain."""
    accept(opened, [message(1001)])
    accept(opened, [message(1002)], begun=True)
    opened.wait(opened.store.record([unknown(tried(message(1002)))]))
    return opened


def test_the_verdict_is_that_of_this_moment(desk: Desk, waiting: Opened) -> None:
    shown = desk.call("GET", "/messages/1001", role="viewer").body
    assert (shown["verdict"]["code"], shown["waits"]["why"]) == ("waiting_in_line", "in_line")
    desk.live.meantime = BridgeFacts(shut="breaker_open", until=NOW + 30, before=4)
    shown = desk.call("GET", "/messages/1001", role="viewer").body
    assert shown["verdict"]["code"] == "waiting_breaker_open"
    assert shown["waits"] == {
        "awaited": "provider",
        "why": "breaker_open",
        "until": "2027-01-15T08:00:30.000Z",
        "before": 4,
        "text": "It waits for keccel until 2027-01-15 08:00:30Z.",
    }


def test_the_last_step_is_what_is_waited_for(desk: Desk, waiting: Opened) -> None:
    desk.live.meantime = BridgeFacts(limit="rate", before=4, speed=2.0)
    steps = desk.call("GET", "/messages/1001/timeline").body["items"]
    assert (steps[-1]["code"], steps[-1]["at"]) == ("now_waiting", None)
    assert steps[-1]["facts"] == {
        "awaited": "provider",
        "why": "rate",
        "until": "2027-01-15T08:00:02.000Z",
        "before": 4,
    }
    steps = desk.call("GET", "/messages/1002/timeline").body["items"]
    assert steps[-1]["facts"]["awaited"] == "decision"
    assert desk.call("GET", "/messages/1002").body["verdict"]["code"] == "uncertain"
