"""The machine's clock was set back while a store was closed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.identifiers import Identifiers
from smppbridge.store.port import Entry
from tests.store.opened import NOW, Opened, accept, again, key, message, segment, taken, told, tried

HOUR = 3_600.0


def written_at(opened: Opened, at: float) -> None:
    """Let the file look written at a time (the disk's own clock stands for the machine's)."""
    opened.store.stop()
    for path in (opened.path, Path(f"{opened.path}-wal")):
        if path.exists():
            os.utime(path, (at, at))


def dues(opened: Opened, sql: str = "select message_id, due from message") -> dict[int, Any]:
    with closing(sqlite3.connect(opened.path)) as db:
        return dict(db.execute(f"{sql} order by 1"))


def test_a_retry_a_poll_and_a_deadline_come_as_soon_as_they_would_have(opened: Opened) -> None:
    postponed, submitted, untried = tried(message(1)), tried(message(2)), message(3)
    later = message(4, accepted_at=NOW - HOUR, due=NOW + 9 * HOUR)
    accept(opened, [postponed.message, submitted.message, untried, later])
    opened.wait(opened.store.begin([postponed, submitted]))
    verdicts = [again(postponed, NOW + 30), taken(submitted, "S1", NOW + 60)]
    opened.wait(opened.store.record(verdicts))
    written_at(opened, NOW + 2)
    opened.open(now=NOW - HOUR)
    moved = {k: round(v - (NOW - HOUR)) for k, v in dues(opened).items()}
    assert moved == {1: 29, 2: 59, 3: 0, 4: 10 * HOUR}  # answered at NOW + 1


@pytest.mark.parametrize("now", [NOW + 2, NOW + HOUR])
def test_nothing_is_moved_where_the_clock_went_on(opened: Opened, now: float) -> None:
    submitted = tried(message(2))
    accept(opened, [message(1), submitted.message])
    opened.wait(opened.store.begin([submitted]), opened.store.record([taken(submitted, "S1")]))
    written_at(opened, NOW + 2)
    opened.open(now=now)
    assert dues(opened) == {1: NOW, 2: NOW + 60}


@pytest.mark.parametrize(("now", "due"), [(NOW - 0.9, NOW + 60), (NOW - HOUR, NOW - HOUR + 59)])
def test_the_newest_message_id_tells_where_a_file_was_copied_without_its_time(
    opened: Opened, now: float, due: float
) -> None:
    message_id = Identifiers(0, NOW).take()
    submitted = tried(message(message_id))
    accept(opened, [submitted.message])
    opened.wait(opened.store.begin([submitted]))
    opened.wait(opened.store.record([taken(submitted, "S1", NOW + 60)]))
    written_at(opened, NOW - HOUR)
    opened.open(now=now)
    assert dues(opened) == {message_id: pytest.approx(due, abs=0.01)}


def test_a_scheduled_message_keeps_its_time(opened: Opened) -> None:
    accept(opened, [message(1, due=NOW + HOUR)])
    written_at(opened, NOW)
    opened.open(now=NOW - HOUR)
    assert dues(opened) == {1: NOW + HOUR}


def test_the_latest_message_id_tells_the_time_too(opened: Opened) -> None:
    accept(opened, [message(int(NOW * 1e6))])
    written_at(opened, NOW - 2 * HOUR)
    opened.open(now=NOW - HOUR)
    assert list(dues(opened).values()) == [NOW - HOUR]


def test_segments_and_deliveries_do_not_wait_for_the_clock(opened: Opened) -> None:
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=segment(2, 1))]))
    attempt = tried(message(5, registered_delivery=1))
    accept(opened, [attempt.message])
    opened.wait(opened.store.begin([attempt]), opened.store.record([taken(attempt, "S5")]))
    opened.wait(opened.store.settle([told(attempt, 2)]))
    with closing(sqlite3.connect(opened.path)) as db:
        db.execute("update delivery set due = ?", (NOW + 60,))
        db.commit()
    written_at(opened, NOW + 2)
    opened.open(now=NOW - HOUR)
    assert dues(opened, "select message_id, due from delivery") == {5: NOW - HOUR}
    assert [received.received_at for _, received in opened.restored.segments] == [NOW - HOUR]
