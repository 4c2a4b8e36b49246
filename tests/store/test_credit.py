"""The credit at providers in the store: an amount an hour, for a month."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from smppbridge.store.credit import HOUR, KEPT, Credit, keep, kept
from smppbridge.store.lookup import open_store
from smppbridge.store.migrate import migrate
from tests.store.opened import NOW, Opened


def write(opened: Opened, now: float, *told: Credit) -> None:
    opened.wait(opened.store.by_hand(lambda db: keep(db, told, now)))


def read(opened: Opened, provider: str, since: float = 0.0) -> list[Credit]:
    with closing(open_store(opened.path)) as db:
        return kept(db, provider, since)


def test_amounts_are_read_oldest_first_over_a_restart(opened: Opened) -> None:
    odd, good = Credit("<b>", NOW, -0.5, ""), Credit("keccel", NOW, 100.0, "SMS")
    later = Credit("keccel", NOW + 2 * HOUR, 90.25, "SMS")
    write(opened, NOW, odd, good)
    write(opened, NOW + 2 * HOUR, later)
    opened.reopen()
    assert read(opened, "keccel") == [good, later]
    assert read(opened, "keccel", NOW + HOUR) == [later]
    assert read(opened, "<b>") == [odd]
    assert read(opened, "nobody") == []


def test_an_hour_has_one_amount_the_last(opened: Opened) -> None:
    start = NOW // HOUR * HOUR
    write(opened, NOW, Credit("keccel", start, 100.0, "SMS"))
    last = Credit("keccel", start + HOUR - 1.0, 80.0, "SMS")
    write(opened, NOW, last)
    assert read(opened, "keccel") == [last]


def test_what_is_older_than_a_month_is_deleted(opened: Opened) -> None:
    old = Credit("gone", NOW, 1.0, "EUR")
    for hour in range(3):
        write(opened, NOW, Credit("keccel", NOW + hour * HOUR, hour, "SMS"), old)
    write(opened, NOW + KEPT + HOUR, Credit("keccel", NOW + KEPT, 7.0, "SMS"))
    assert [each.amount for each in read(opened, "keccel")] == [1.0, 2.0, 7.0]
    assert read(opened, "gone") == []  # also of a provider that is not there any more


def test_nothing_scans_the_table() -> None:
    """The deletion of each hour and the answer go by an index."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrate(db)
        for statement in (
            "delete from credit where hour < 1",
            "select at from credit where provider = 'a' and hour >= 1 order by hour",
        ):
            plan = db.execute(f"explain query plan {statement}").fetchall()
            assert all(row[3].startswith("SEARCH") for row in plan), plan
