from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smppbridge.store import checkpoints
from smppbridge.store.checkpoints import LIMIT, LONGEST, Checkpoints, checkpoint
from smppbridge.store.writer import connect
from tests.patience import PATIENCE
from tests.store.opened import Opened, accept, message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(connect(str(tmp_path / "a.db"))) as db:
        db.execute("create table t (x)")
    return tmp_path / "a.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(str(path))) as db:
        yield db


def write(db: sqlite3.Connection, pages: int) -> None:
    db.executemany("insert into t values (zeroblob(?))", [(4_000,)] * pages)


def test_a_checkpoint_writes_the_log_into_the_file(db: sqlite3.Connection, path: Path) -> None:
    write(db, 50)
    before = path.stat().st_size
    assert checkpoint(db) == 0
    assert path.stat().st_size >= before + 50 * 4_000


def test_a_log_that_a_reader_holds_up_is_as_long_as_it_is(
    db: sqlite3.Connection, path: Path
) -> None:
    write(db, 5)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from t").fetchone()
        write(db, 50)
        assert checkpoint(db) > 50
    assert checkpoint(db) == 0


def test_a_checkpoint_that_fails_is_made_another_time(db: sqlite3.Connection, path: Path) -> None:
    write(db, 5)
    db.close()
    assert checkpoint(db) == 0


def test_the_log_keeps_less_than_its_limit() -> None:
    assert LIMIT * 0.95 < LONGEST * (4_096 + 24) < LIMIT


def test_the_thread_checkpoints_beside_the_writer(
    db: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, waits = threading.Event(), []

    def marked(other: sqlite3.Connection) -> int:
        checkpoint(other)
        made.set()
        return checkpoints._LONG

    thread = Checkpoints(str(path))
    ends, wait = thread._ending, thread._ending.wait
    monkeypatch.setattr(checkpoints, "checkpoint", marked)
    monkeypatch.setattr(ends, "wait", lambda pause: waits.append(pause) or wait(0.001))
    write(db, 50)
    thread.start()
    assert made.wait(PATIENCE)
    thread.stop(PATIENCE)
    thread.stop(PATIENCE)
    assert path.stat().st_size >= 50 * 4_000
    assert waits[:2] == [checkpoints._PAUSE, checkpoints._CLOSE_BEHIND][: len(waits)]


def test_a_store_that_is_stopped_leaves_one_file(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    accept(opened, [message(n) for n in range(1, 99)])
    opened.store.stop()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bridge.db", "bridge.db-lock"]
