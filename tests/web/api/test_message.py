"""One message: the verdict on it and what it waits for, by the store and the running bridge."""

from __future__ import annotations

import pytest

from smppbridge.model.notes import Note
from smppbridge.model.verdict_facts import BridgeFacts
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Entry
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    key,
    message,
    segment,
    taken,
    told,
    tried,
    unknown,
)
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


def _segments(desk: Desk, message_id: int) -> list[tuple[str, int, str | None]]:
    shown = desk.call("GET", f"/messages/{message_id}").body["segments_received"]
    return [(each["message_id"], each["number"], each["receipt"]) for each in shown]


def test_segments_that_have_come_and_those_that_are_missing(desk: Desk, opened: Opened) -> None:
    third, first, second = segment(1003, 3), segment(1004, 1), segment(1005, 2)
    entries = [Entry(None, key(total=3), each) for each in (third, first)]
    opened.wait(opened.store.accept([Entry(None, key(9), segment(1001, 1)), *entries]))
    shown = desk.call("GET", "/messages/1003", role="viewer").body
    assert (shown["segments"], shown["segments_missing"]) == (3, [2])
    assert (shown["alphabet"], shown["characters"]) == (None, None)  # the whole text decides
    assert _segments(desk, 1004) == [("1004", 1, None), ("1003", 3, None)]
    assert desk.call("GET", "/messages/1001").body["segments_missing"] == [2]

    whole = message(1003, segments=(third, first, second), registered_delivery=1)
    opened.wait(opened.store.accept([Entry(whole, key(total=3), second)]))
    attempt = tried(whole)
    opened.wait(opened.store.record([taken(attempt, "A")]))
    opened.wait(opened.store.settle([told(attempt, MessageState.DELIVERED)]))
    assert desk.call("GET", "/messages/1004").body["segments_missing"] == []
    assert _segments(desk, 1005) == [("1004", 1, "owed"), ("1005", 2, "owed"), ("1003", 3, "owed")]


def test_an_expired_message_keeps_the_numbers_that_did_not_come(desk: Desk, opened: Opened) -> None:
    accept(opened, [message(1001), message(1002)])
    facts = {"why": "segments_missing", "missing": [1, 3], "total": 3}
    opened.wait(opened.store.keep_noted([Note(1002, NOW, "expired", facts)], [], []))
    found = [desk.call("GET", f"/messages/{n}").body["segments_missing"] for n in (1001, 1002)]
    assert found == [[], [1, 3]]


@pytest.mark.parametrize(
    ("given", "alphabet", "characters"),
    [
        ({"text": "abc"}, "gsm7", 3),
        ({"text": "\u4f60!"}, "ucs2", 2),
        ({"text": "", "binary": b"\0\1"}, "octets", None),
    ],
)
def test_what_the_text_is_without_the_text(
    desk: Desk, opened: Opened, given: dict[str, object], alphabet: str, characters: int
) -> None:
    accept(opened, [message(1001, priority=2, **given)])
    shown = desk.call("GET", "/messages/1001", role="viewer").body
    assert (shown["alphabet"], shown["characters"], shown["priority"]) == (alphabet, characters, 2)
    assert (shown["segments_received"], shown["segments_missing"]) == ([], [])
