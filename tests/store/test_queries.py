"""That what runs often is found by an index: a plan that scans a table is a fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.store import lookup, parts, queries
from smppbridge.store.lookup import MessageQuery
from smppbridge.store.port import Entry, LineQuery
from smppbridge.store.timeline import timeline
from smppbridge.store.walks import Walks
from tests.store.opened import NOW, Opened, accept, key, message, segment, taken, told

TABLES = ("message", "segment", "attempt", "part", "delivery")
ASKED: dict[str, tuple[Callable[[sqlite3.Connection], Any], set[str]]] = {
    "waiting": (
        lambda db: queries.waiting(
            db, "keccel", [LineQuery("bank", 0, ()), LineQuery("bank", 3, ())], NOW + 9, 9
        ),
        {"message_waiting", "message_begun", "rowid"},
    ),
    "due": (
        lambda db: queries.due(db, Stage.SUBMITTED, "keccel", NOW + 9_999_999, 9),
        {"message_out", "message_begun", "rowid"},
    ),
    "batches": (lambda db: queries.batches(db, ["key"]), {"message_batch"}),
    "expired": (
        lambda db: Walks().expired(db, "keccel", NOW + 999, 9),
        {"message_waiting", "message_begun", "rowid"},
    ),
    "owed": (
        lambda db: queries.owed(db, "bank", NOW + 9, 9, frozenset()),
        {"delivery_owed", "delivery", "segment_parent", "rowid"},
    ),
    "lapse": (lambda db: Walks().lapse(db, NOW + 9_999, 9), {"delivery_owed", "delivery"}),
    "find": (
        lambda db: queries.find(db, [("keccel", "X2"), 1]),
        {"message_provider", "part_provider", "rowid"},
    ),
    "forget": (
        lambda db: Walks().forget(db, NOW + 999, 9),
        {"segment_parent", "delivery", "attempt", "part", "rowid"},
    ),
    "parts": (lambda db: parts.of_messages(db, [1, 2]), {"part"}),
    "open_messages": (
        lambda db: queries.open_messages(db, "nobody"),
        {"message_waiting", "message_begun", "message_out"},
    ),
    "decisions": (queries.take_decisions, set()),
    "lookup by id": (
        lambda db: lookup.named(db, "1"),
        {"message_provider", "part_provider", "rowid"},
    ),
    "lookup by number": (
        lambda db: lookup.search(db, MessageQuery(number="243810000001")),
        {"message_number", "rowid"},
    ),
    "made due": (
        lambda db: queries.hasten(db, "keccel", [("bank", 0)], NOW, 9),
        {"message_waiting", "rowid"},
    ),
    "lookup of Uncertain ones": (
        lambda db: lookup.search(db, MessageQuery(uncertain=True)),
        {"message_out"},  # there is none to read
    ),
    "lookup by stage": (
        lambda db: lookup.search(db, MessageQuery(stage=Stage.SUBMITTED)),
        {"message_out", "rowid"},
    ),
    "lookup by time": (
        lambda db: lookup.search(db, MessageQuery(since=NOW - 9, until=NOW + 9)),
        {"rowid"},
    ),
    "timeline": (
        lambda db: timeline(db, lookup.named(db, "2")[0]),
        {
            "message_provider",
            "part_provider",
            "segment_parent",
            "attempt",
            "part",
            "delivery",
            "note_message",
            "rowid",
        },
    ),
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store with a few messages of each kind."""
    opened = Opened(tmp_path)
    accept(opened, [message(1)])
    whole = segment(3, 1), segment(4, 2)
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=part) for part in whole]))
    attempts = accept(opened, [message(2), message(3, segments=whole)], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]))
    opened.wait(opened.store.settle([told(attempts[1], 2)]))
    opened.store.stop()
    db = sqlite3.connect(opened.path, isolation_level=None)
    yield db
    db.close()


def plans(db: sqlite3.Connection, ask: Callable[[sqlite3.Connection], Any]) -> list[str]:
    """Return the steps by which SQLite does what *ask* asks for."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    ask(db)
    db.set_trace_callback(None)
    read = [each for each in asked if each.startswith(("select", "with", "delete", "update"))]
    return [row[3] for each in read for row in db.execute(f"explain query plan {each}")]


def indexes(steps: list[str]) -> set[str]:
    found = set()
    for step in steps:
        if step.startswith(("SEARCH", "SCAN")):
            words = step.split()
            if "PRIMARY" in words:
                found.add("rowid" if "INTEGER" in words else words[1])
            elif "INDEX" in words:
                found.add(words[words.index("INDEX") + 1])
    return found


@pytest.mark.parametrize("name", ASKED)
def test_nothing_that_runs_often_reads_a_whole_table(db: sqlite3.Connection, name: str) -> None:
    ask, expected = ASKED[name]
    steps = plans(db, ask)
    scans = [s for s in steps if s.startswith("SCAN") and s.split()[1] in TABLES]
    assert scans == [], steps
    assert indexes(steps) == expected, steps


def test_restore_counts_within_indexes(db: sqlite3.Connection) -> None:
    steps = plans(db, queries.restore)
    whole = [s for s in steps if s.startswith("SCAN") and "INDEX" not in s]
    newest = ["SCAN segment", "SCAN s"]  # from the end, and no more than a limit
    assert sorted(whole) == sorted([*newest, "SCAN early", "SCAN optout"]), steps
    used = {"message_waiting", "message_out", "delivery_owed", "segment_gathering"}
    assert used <= indexes(steps)


def test_a_plan_that_scans_is_found(db: sqlite3.Connection) -> None:
    steps = plans(db, lambda db: db.execute("select * from message where system_id = 'x'"))
    assert steps == ["SCAN message"]


def test_nothing_is_left_of_what_is_forgotten(db: sqlite3.Connection) -> None:
    db.execute("insert into attempt values (3, 1, 'keccel', 0, 0, 'postponed', 'busy')")
    db.execute("insert into attempt values (2, 1, 'keccel', 0, 0, 'postponed', 'busy')")
    db.execute("insert into part values (3, 1, 'keccel', 'X3', 1, 0, 0)")
    db.execute("insert into part values (2, 1, 'keccel', 'X2', 1, 0, 0)")
    assert Walks().forget(db, NOW + 999, 9) == 1
    left = {
        table: [row[0] for row in db.execute(f"select message_id from {table}")] for table in TABLES
    }
    kept = {"message": [1, 2], "attempt": [2], "part": [2]}
    assert left == kept | {"segment": [], "delivery": []}
