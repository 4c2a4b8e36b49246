"""MO messages and USSD dialogues."""

from __future__ import annotations

import pytest

from smppbridge.relay.ussd.pdus import DialogueFacts
from smppbridge.store.port import MoEntry
from tests.store.opened import NOW, Opened, mo_entry
from tests.web.desk import Desk


def kept(opened: Opened, entry: MoEntry) -> None:
    opened.wait(opened.store.keep_mos([entry]))


@pytest.fixture
def received(opened: Opened) -> Opened:
    """An MO message of one deliver_sm, one of three, and one that is acknowledged."""
    kept(opened, mo_entry(10, "X"))
    kept(opened, mo_entry(20, "Y", 3, at=NOW + 5))
    done = mo_entry(30, "Z", at=NOW + 9, provider="d7", system_id="shop")
    kept(opened, done)
    opened.wait(opened.store.finish([(done.deliveries[0], 0x64)], NOW + 10))
    return opened


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["30", "20", "10"]),
        ("account=bank", ["20", "10"]),
        ("provider=d7", ["30"]),
        ("number=243990000007&limit=2", ["30", "20"]),
        ("number=12345", ["30", "20", "10"]),
        ("number=%2B243+990-000-007", ["30", "20", "10"]),
        ("number=4420", []),
        ("since=2027-01-15T08:00:05Z&until=2027-01-15T08:00:09Z", ["20"]),
    ],
)
def test_mo_messages_are_found(desk: Desk, received: Opened, query: str, ids: list[str]) -> None:
    items = desk.call("GET", f"/mo?{query}", role="viewer").body["items"]
    assert [item["message_id"] for item in items] == ids


def test_an_mo_message_is_shown_without_text_and_whole_number(desk: Desk, received: Opened) -> None:
    last, long, _ = desk.call("GET", "/mo").body["items"]
    assert (long["segments"], long["owed"], long["finished_at"]) == (3, 3, None)
    assert (long["source"], long["destination"]) == ("2439*****007", "***45")
    assert (last["owed"], last["refused"]) == (0, "ESME_RX_T_APPN")
    assert last["finished_at"] == "2027-01-15T08:00:10.000Z"


def test_pages_follow_each_other(desk: Desk, received: Opened) -> None:
    page = desk.call("GET", "/mo?limit=2").body
    last = desk.call("GET", f"/mo?limit=2&cursor={page['next']}").body
    assert [item["message_id"] for item in last["items"]] == ["10"]
    assert last["next"] is None


def test_dialogues_are_listed(desk: Desk) -> None:
    now = desk.clock.seconds()
    for waits in (True, False, True):
        phone = "254722000014"
        desk.played.dialogues.open.append(
            DialogueFacts("*384*77#", phone, "bank", 3, waits, now - 2.0, now + 6.0)
        )
    shown = desk.call("GET", "/ussd?limit=2", role="viewer").body
    assert shown["open"] == {"bank": 3}
    first, second = shown["items"]
    assert (first["phone"], first["requests"], first["waits_for"]) == ("2547*****014", 3, "account")
    assert (second["waits_for"], second["waiting_seconds"], second["left_seconds"]) == (
        "phone",
        2.0,
        6.0,
    )
    assert desk.call("GET", "/ussd?limit=0").status == 422


def test_mo_messages_are_counted_by_the_hour(desk: Desk, received: Opened) -> None:
    kept(received, mo_entry(40, "A", at=NOW - 24 * 3_600))  # before the first hour
    kept(received, mo_entry(50, "B", 2, at=NOW - 23 * 3_600))
    kept(received, mo_entry(60, "C", at=NOW - 1))
    found = desk.call("GET", "/mo/hours", role="viewer").body
    assert (found["t0"], found["step"]) == ("2027-01-14T09:00:00.000Z", 3_600)
    assert found["messages"] == [1, *[0] * 21, 1, 3]


def test_no_mo_message_is_a_zero_for_each_hour(desk: Desk, opened: Opened) -> None:
    assert desk.call("GET", "/mo/hours").body["messages"] == [0] * 24
