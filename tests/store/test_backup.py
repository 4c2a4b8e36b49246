"""Backups: whole or not at all, of one moment; and restored so that nothing is sent twice."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.relay.accept.series import lifetime_of
from smppbridge.store import gathered
from smppbridge.store.backup import RestoredCounts, StoreThere, backup, restore
from smppbridge.store.lookup import NotAStore
from smppbridge.store.migrate import NotOurs, TooNew, migrations
from smppbridge.store.port import Entry
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    again,
    key,
    message,
    mo_entry,
    segment,
    taken,
    told,
    unknown,
)

FAST = 1e12
THEN = NOW + 9_000.0  # when it is restored


@pytest.fixture
def full(opened: Opened) -> Opened:
    """Return a store with a message at every place."""
    accept(opened, [message(1), message(2, accepted_at=NOW + 10)])  # WAITING
    out, late = accept(opened, [message(3), message(4, accepted_at=NOW + 10)], begun=True)
    uncertain, submitted, done = accept(opened, [message(i) for i in (5, 6, 7)], begun=True)
    (postponed,) = accept(opened, [message(8)], begun=True)
    verdicts = [unknown(uncertain), taken(submitted, "X6"), taken(done, "X7")]
    opened.wait(opened.store.record([*verdicts, again(postponed, NOW + 60)]))
    opened.wait(opened.store.settle([told(done, 2)]))
    opened.wait(opened.store.accept([Entry(None, key(), segment(9, 1))]))
    opened.wait(opened.store.keep_mos([mo_entry(20)]))
    out.batch = late.batch = "key"
    opened.wait(opened.store.begin([out, late]))
    return opened


@pytest.fixture
def copy(full: Opened, tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    backup(full.path, path, FAST)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new" / "bridge.db"


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


STAGES = "select message_id, case begun when 1 then 2 else stage end from message"


def test_a_backup_is_the_whole_store_in_one_private_file(full: Opened, copy: Path) -> None:
    assert rows(copy, "select * from message") == rows(full.path, "select * from message")
    assert rows(copy, "pragma integrity_check") == [("ok",)]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in copy.parent.iterdir() if "copy" in p.name] == ["copy.db"]


def test_a_backup_is_of_the_moment_at_which_it_begins(opened: Opened, tmp_path: Path) -> None:
    accept(opened, [message(i, text="x" * 3_000) for i in range(1, 600)])
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:  # the bridge goes on: a copy that began again would never end
            accept(opened, [message(10_000, text="later")])

    octets = backup(opened.path, tmp_path / "copy.db", 1_048_576.0, pause)
    assert rows(tmp_path / "copy.db", "select count(*), max(message_id) from message") == [
        (599, 599)
    ]
    assert len(pauses) == -(-octets // 1_048_576)  # a step, a pause
    assert pauses == [1.0] * len(pauses)


def test_a_backup_that_is_killed_leaves_the_one_before(
    full: Opened, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copy.read_bytes()
    accept(full, [message(99)])

    def die(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(full.path, copy, FAST, die)
    assert copy.read_bytes() == before
    backup(full.path, copy, FAST)
    assert (99,) in rows(copy, "select message_id from message")


def test_a_stopped_store_is_copied_too(full: Opened, tmp_path: Path) -> None:
    full.store.stop()
    backup(full.path, tmp_path / "copy.db", FAST)
    assert rows(tmp_path / "copy.db", STAGES) == rows(full.path, STAGES)


def test_no_store_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotAStore):
        backup(tmp_path / "none.db", tmp_path / "copy.db", FAST)
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_sent_is_uncertain_and_nothing_is_due_to_leave(
    copy: Path, place: Path
) -> None:
    assert restore(copy, place, THEN) == RestoredCounts(0, 6, 0)
    stages = dict(rows(place, STAGES))
    assert {i for i, stage in stages.items() if stage == Stage.SUBMITTING} == {1, 2, 3, 4, 5, 8}
    assert (stages[6], stages[7]) == (Stage.SUBMITTED, Stage.FINISHED)
    assert rows(place, "select count(*) from message where begun or batch is not null") == [(0,)]
    held = "select distinct due, begun_at from message where stage = 2"
    assert rows(place, held) == [(THEN, THEN)]
    reasons = "select message_id, number, outcome from attempt where reason like 'restored%'"
    assert rows(place, f"{reasons} order by 1") == [
        (1, 1, "uncertain"),
        (2, 1, "uncertain"),
        (3, 1, "uncertain"),
        (4, 1, "uncertain"),
        (8, 2, "uncertain"),
    ]
    assert place.stat().st_mode & 0o777 == 0o600


def test_the_bridge_goes_on_with_it(copy: Path, place: Path) -> None:
    restore(copy, place, THEN)
    opened = Opened(place.parent)
    try:
        assert opened.restored.waiting == []
        assert opened.restored.interrupted == []
        assert opened.restored.owed == {"bank": 2}
        due = opened.wait(opened.store.due(Stage.SUBMITTING, "keccel", THEN, 9))
        assert {a.message.message_id for a in due} == {1, 2, 3, 4, 5, 8}
        assert {a.batch for a in due} == {None}
    finally:
        opened.store.stop()


def test_messages_accepted_since_are_sent(copy: Path, place: Path) -> None:
    assert restore(copy, place, THEN, since=NOW + 10) == RestoredCounts(2, 4, 0)
    stages = dict(rows(place, STAGES))
    assert stages[2] == Stage.WAITING
    assert rows(place, "select begun, batch from message where message_id = 4") == [(1, "key")]


@pytest.mark.parametrize(("since", "passed"), [(None, [8, 9]), (NOW + 5, [9]), (NOW, [])])
def test_segments_wait_no_longer_for_the_rest_of_their_message(
    opened: Opened, tmp_path: Path, place: Path, since: float | None, passed: list[int]
) -> None:
    late = segment(8, 1, received_at=NOW + 5)
    opened.wait(opened.store.accept([Entry(None, key(8), late), Entry(None, key(), segment(9, 1))]))
    backup(opened.path, tmp_path / "copy.db", FAST)
    restore(tmp_path / "copy.db", place, THEN, since=since)
    with closing(sqlite3.connect(place)) as db:
        waiting = {s.message_id: lifetime_of([s])[1] for _, s in gathered.waiting(db)}
    assert sorted(waiting) == [8, 9]
    assert [n for n, expires_at in sorted(waiting.items()) if expires_at == THEN] == passed


def test_the_others_end_by_the_bridge(copy: Path, place: Path) -> None:
    restore(copy, place, THEN, since=NOW + 10, others="fail")
    assert rows(place, "select message_id, verb from decision order by 1") == [
        (i, "fail") for i in (1, 3, 5, 8)
    ]


def test_a_decision_before_the_backup_holds_no_more(full: Opened, place: Path) -> None:
    with closing(sqlite3.connect(full.path)) as db:
        db.execute("insert into decision values (5, 'resend')")
        db.commit()
    copy = place.parent / "copy.db"
    backup(full.path, copy, FAST)
    restore(copy, place, THEN)
    assert rows(place, "select * from decision") == []


def test_receipts_can_be_dropped_and_messages_from_phones_cannot(copy: Path, place: Path) -> None:
    assert restore(copy, place, THEN, receipts=False) == RestoredCounts(0, 6, 1)
    owed = "select message_id, state from delivery where finished_at is null"
    assert rows(place, owed) == [(20, 0)]


def test_a_store_that_is_there_is_kept(full: Opened, copy: Path) -> None:
    accept(full, [message(99)])
    with pytest.raises(StoreThere, match=r"bridge\.db"):
        restore(copy, full.path, THEN)
    with pytest.raises(StoreThere, match="no backup"):
        restore(full.path, full.path, THEN, replace=True)
    full.store.stop()
    counts = restore(copy, full.path, THEN, replace=True)
    assert counts.aside == f"{full.path}.replaced-20270115T103000"
    assert (99,) in rows(Path(counts.aside), "select message_id from message")
    assert (99,) not in rows(full.path, "select message_id from message")


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_log_that_was_left_does_not_get_into_the_restored_store(
    ending: str, copy: Path, place: Path
) -> None:
    log = Path(f"{place}{ending}")
    log.write_bytes(b"of another store")
    with pytest.raises(StoreThere):
        restore(copy, place, THEN)
    restore(copy, place, THEN, replace=True)
    assert not log.exists()


def test_a_restore_that_fails_changes_nothing(
    copy: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        restore(tmp_path / "none.db", place, THEN)
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(NotOurs):
        restore(tmp_path / "text.db", place, THEN)
    (tmp_path / "empty.db").touch()
    with pytest.raises(NotAStore):
        restore(tmp_path / "empty.db", place, THEN)
    with closing(sqlite3.connect(copy)) as db:
        db.execute(f"pragma user_version = {migrations()[-1][0] + 1}")
    with pytest.raises(TooNew):
        restore(copy, place, THEN)
    assert not place.exists()


def test_the_store_and_its_lock_belong_to_the_owner_of_their_folder(
    copy: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, int]] = []

    def chown(path: Path, uid: int, gid: int) -> None:
        given.append((path.name, uid))
        raise PermissionError  # as for a user who is not root: it is that user's anyway

    monkeypatch.setattr(os, "chown", chown)
    restore(copy, place, THEN)
    owner = place.parent.stat().st_uid
    assert given == [(".bridge.db.part", owner), ("bridge.db-lock", owner)]
    assert place.exists()
