"""The credit at a provider over 30 days."""

from __future__ import annotations

from smppbridge.store.credit import HOUR, KEPT, Credit, keep
from tests.store.opened import NOW, Opened
from tests.web.desk import Desk


def test_the_course_ends_with_the_balance_of_now(desk: Desk, opened: Opened) -> None:
    told = [Credit("keccel", NOW - hours * HOUR, hours, "USD") for hours in (800, 100, 2)]
    told.append(Credit("d7", NOW - HOUR, 5.0, "EUR"))
    opened.wait(opened.store.by_hand(lambda db: keep(db, told, NOW - KEPT)))
    items = desk.call("GET", "/providers/keccel/credit", role="viewer").body["items"]
    assert [(each["amount"], each["unit"]) for each in items] == [
        (100.0, "USD"),
        (2.0, "USD"),
        (12.5, "USD"),
    ]
    assert items[-1]["at"] == "2027-01-15T07:59:00.000Z"
    assert len(desk.call("GET", "/providers/d7/credit").body["items"]) == 1


def test_a_provider_without_a_course_and_one_that_is_not_there(desk: Desk, opened: Opened) -> None:
    assert desk.call("GET", "/providers/d7/credit").body == {"items": []}
    assert desk.call("GET", "/providers/nobody/credit").status == 404
    assert desk.call("GET", "/providers/d7/credit", role="billing").status == 403
