from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smppbridge.model.message import Stage
from smppbridge.store import migrate as module
from smppbridge.store import queries
from smppbridge.store.migrate import NotOurs, TooNew, migrate, migrations, refuse_foreign


def schema(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute(
        "select type, name, tbl_name, sql from sqlite_schema order by 1, 2"
    ).fetchall()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as db:
        yield db


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    numbers = [number for number, _ in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_migrated_schema_equals_a_fresh_one(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [*migrations(), (len(migrations()) + 1, "alter table early add column more text;")]
    for known in (migrations()[:1], migrations(), later):
        monkeypatch.setattr(module, "migrations", lambda known=known: known)
        assert migrate(db) == known[-1][0]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        assert schema(db) == schema(fresh)


def test_a_migration_is_applied_once(db: sqlite3.Connection) -> None:
    number = migrate(db)
    db.execute("insert into decision values (1, 'fail')")
    assert migrate(db) == number
    assert db.execute("select count(*) from decision").fetchone() == (1,)


def test_a_migration_that_fails_changes_nothing(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(db)
    before = schema(db)
    broken = [*migrations(), (99, "create table half (x);\nnonsense;")]
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db)
    db.close()
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        assert schema(db) == before


def test_a_newer_schema_is_left_alone(db: sqlite3.Connection) -> None:
    db.execute("pragma user_version = 999")
    with pytest.raises(TooNew, match="schema 999"):
        migrate(db)
    assert schema(db) == []


def test_the_file_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database, and long enough to be none" * 10)
    with pytest.raises(NotOurs, match="is no SQLite database"):
        refuse_foreign(str(path))
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table message (id)")
    before = path.read_bytes()
    with pytest.raises(NotOurs, match="is a database of another program"):
        refuse_foreign(str(path))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["a.db"]


def test_an_empty_file_a_new_one_and_ours_are_no_others(tmp_path: Path) -> None:
    refuse_foreign(str(tmp_path / "none.db"))
    (tmp_path / "empty.db").touch()
    refuse_foreign(str(tmp_path / "empty.db"))
    with closing(sqlite3.connect(tmp_path / "ours.db", isolation_level=None)) as db:
        migrate(db)
        refuse_foreign(str(tmp_path / "ours.db"))


OLD_MESSAGE = (
    "insert into message (message_id, system_id, stage, due, expires_at, provider, attempts, "
    "route, source, source_plan, destination_plan, number, data_coding, priority, "
    "registered_delivery, accepted_at, batch) "
    "values (?, 'bank', ?, ?, 9, 'd7', 1, 'd7', '', 0, 0, '1', 0, 0, 1, 1, ?)"
)


def test_messages_of_an_older_schema_are_where_they_were(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(module, "migrations", lambda: migrations()[:6])
        migrate(db)
    rows = [(1, 2, None, "k/1"), (2, 1, 4.0, None), (3, 2, 5.0, None), (4, 3, 6.0, None)]
    db.executemany(OLD_MESSAGE, [*rows, (5, 4, None, None), (6, 2, None, None)])
    migrate(db)
    restored = queries.restore(db)
    assert [a.message.message_id for a in restored.interrupted] == [1, 6]
    assert restored.waiting == [("d7", "bank", 0, 1)]
    dues = [queries.due(db, stage, "d7", 9.0, 9) for stage in (Stage.SUBMITTING, Stage.SUBMITTED)]
    assert [[a.message.message_id for a in found] for found in dues] == [[3], [4]]
    stages = [found.stage for found in queries.find(db, [1, 2, 3, 4, 5, 6]).values()]
    assert stages == [2, 1, 2, 3, 4, 2]
