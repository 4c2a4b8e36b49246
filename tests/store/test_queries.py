"""That what runs often is found by an index: a plan that scans a table is a fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.store import lookup, queries
from smppbridge.store.lookup import Query
from tests.store.opened import NOW, Opened, accept, message, taken, told

ASKED: dict[str, tuple[Callable[[sqlite3.Connection], Any], set[str]]] = {
    "due": (
        lambda db: queries.due(db, Stage.WAITING, "keccel", NOW + 9, 9, frozenset()),
        {"message_open", "rowid"},
    ),
    "expired": (
        lambda db: queries.expired(db, "keccel", NOW + 999, 9),
        {"message_open", "rowid"},
    ),
    "owed": (
        lambda db: queries.owed(db, "bank", NOW + 9, 9, frozenset()),
        {"delivery_owed", "delivery", "rowid"},
    ),
    "lapse": (lambda db: queries.lapse(db, NOW + 9_999, 9), {"delivery_lapsing", "delivery"}),
    "find": (
        lambda db: queries.find(db, [("keccel", "X2"), 1]),
        {"message_provider", "rowid"},
    ),
    "forget": (
        lambda db: queries.forget(db, NOW + 999, 9),
        {"message_done", "segment_parent", "delivery", "attempt", "rowid"},
    ),
    "open_messages": (lambda db: queries.open_messages(db, "keccel"), {"message_open"}),
    "decisions": (queries.take_decisions, set()),
    "lookup by id": (
        lambda db: lookup.named(db, "1"),
        {"message_provider", "rowid"},
    ),
    "lookup by number": (
        lambda db: lookup.search(db, Query(number="243810000001")),
        {"message_number", "rowid"},
    ),
    "lookup of Uncertain ones": (
        lambda db: lookup.search(db, Query(uncertain=True)),
        {"message_open", "rowid"},
    ),
    "lookup by stage": (
        lambda db: lookup.search(db, Query(stage=Stage.SUBMITTED)),
        {"message_open", "rowid"},
    ),
    "lookup by time": (
        lambda db: lookup.search(db, Query(since=NOW - 9, until=NOW + 9)),
        {"rowid"},
    ),
    "timeline": (
        lambda db: lookup.timeline(db, lookup.named(db, "2")[0]),
        {"message_provider", "segment_parent", "attempt", "delivery", "rowid"},
    ),
}


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    """Open a store with a few messages of each kind."""
    opened = Opened(tmp_path)
    accept(opened, [message(1)])
    attempts = accept(opened, [message(i) for i in (2, 3)], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]))
    opened.wait(opened.store.settle([told(attempts[1], 2)]))
    opened.store.stop()
    return sqlite3.connect(opened.path, isolation_level=None)


def plans(db: sqlite3.Connection, ask: Callable[[sqlite3.Connection], Any]) -> list[str]:
    """Return the steps by which SQLite does what *ask* asks for."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    ask(db)
    db.set_trace_callback(None)
    queries_ = [each for each in asked if each.startswith(("select", "with", "delete", "update"))]
    return [row[3] for each in queries_ for row in db.execute(f"explain query plan {each}")]


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
    assert scans == ([] if name not in SCANS else SCANS[name]), steps
    assert indexes(steps) == expected, steps


TABLES = ("message", "segment", "attempt", "delivery", "m")
SCANS: dict[str, list[str]] = {}


def test_restore_counts_within_indexes(db: sqlite3.Connection) -> None:
    steps = plans(db, queries.restore)
    whole = [s for s in steps if s.startswith("SCAN") and "INDEX" not in s]
    assert whole == ["SCAN early"], steps
    assert {"message_open", "delivery_owed", "segment_gathering"} <= indexes(steps)


def test_a_plan_that_scans_is_found(db: sqlite3.Connection) -> None:
    steps = plans(db, lambda db: db.execute("select * from message where system_id = 'x'"))
    assert steps == ["SCAN message"]
