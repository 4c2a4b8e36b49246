"""Since when deliveries are owed, by account."""

from __future__ import annotations

import sqlite3

from smppbridge.store.oldest import oldest_owed
from tests.store.opened import Opened


def owe(opened: Opened, system_id: str, done_at: float, due: float, finished: float | None) -> None:
    with sqlite3.connect(opened.path) as db:
        (number,) = db.execute("select count(*) + 1 from delivery").fetchone()
        db.execute(
            "insert into delivery (message_id, state, parent, system_id, error, done_at, due,"
            " expires_at, finished_at) values (?, 2, ?, ?, 0, ?, ?, 9e9, ?)",
            (number, number, system_id, done_at, due, finished),
        )
    db.close()


def test_the_oldest_of_each_account_also_if_it_was_put_off(opened: Opened) -> None:
    assert opened.wait(opened.store.oldest_owed()) == {}
    for system_id, done_at, due, finished in (
        ("bank", 100.0, 100.0, 101.0),  # acknowledged
        ("bank", 200.0, 900.0, None),
        ("bank", 300.0, 300.0, None),
        ("pbx", 50.0, 50.0, 60.0),
        ("shop", 400.0, 400.0, None),
    ):
        owe(opened, system_id, done_at, due, finished)
    assert opened.wait(opened.store.oldest_owed()) == {"bank": 200.0, "shop": 400.0}


def test_it_reads_the_index_and_not_the_table(opened: Opened) -> None:
    for number in range(1_000):
        owe(opened, "bank", 100.0 + number, 100.0 + number, None)
    db = sqlite3.connect(opened.path)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    db.set_progress_handler(count, 100)
    assert oldest_owed(db) == {"bank": 100.0}
    assert steps * 100 < 200 * 30
    db.close()
