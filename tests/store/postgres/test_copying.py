"""A copied store of SQLite: the same rows as by hand, all or none, and a node goes on with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smppbridge.store.lookup import NotAStore
from smppbridge.store.migrate import UnfitStore
from smppbridge.store.postgres import copying, partitions
from smppbridge.store.postgres.claim import NodeIdentity, claim
from smppbridge.store.postgres.copying import COPIES, Miscounted, NotEmpty, copy, rows_in
from tests.store.opened import NOW, Opened
from tests.store.postgres.mirrored import SLOT, mirror
from tests.store.postgres.server import drop_database, made_database
from tests.store.postgres.written import written

ANOTHER_SLOT = {"shard", "by_slot", "by_epoch"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = Opened(tmp_path_factory.mktemp("sqlite"))
    written(opened)
    opened.store.stop()
    return opened.path


@pytest.fixture(scope="module")
def mirrored(path: Path) -> Iterator[str]:
    """Return a database in which the rows of the file were written one by one."""
    made = made_database()
    mirror(path, made)
    yield made
    drop_database(made)


def rows_of(dsn: str, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as db:
        rows = db.execute(f"select * from {table}".encode()).fetchall()
    kept = [{k: v for k, v in row.items() if k not in ANOTHER_SLOT} for row in rows]
    return sorted(kept, key=repr)


def test_every_row_is_there(path: Path, mirrored: str, days: str) -> None:
    told: list[tuple[str, int]] = []
    counts = copy(path, days, NOW, lambda table, rows: told.append((table, rows)))
    for table in counts:
        assert rows_of(days, table) == rows_of(mirrored, table)
        assert sum(rows for each, rows in told if each == table) == counts[table]
    assert rows_in(path) == sum(counts.values())
    filled = {"message", "waiting", "out", "fate", "named", "part", "attempt", "segment"}
    assert filled <= {table for table, rows in counts.items() if rows}


def test_every_table_of_the_file_is_copied(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        tables = {name for (name,) in db.execute("select name from sqlite_schema")}
        tables = {each for each in tables if not each.startswith("sqlite_")}
        columns = {table: db.execute(f"pragma table_info({table})").fetchall() for table in tables}
    sources = " ".join(each.source for each in COPIES)
    del columns["figures"]  # a node counts its own, by its name
    for table in (name for name, found in columns.items() if found):
        assert f"from {table}" in sources
        assert all(column[1] in sources for column in columns[table])


def test_a_node_goes_on_with_the_copy(path: Path, days: str) -> None:
    counts = copy(path, days, NOW)
    with psycopg.connect(days, autocommit=True) as db:
        shards = {
            row[0] for row in db.execute("select shard from waiting union select shard from out")
        }
        assert shards == {copying.SLOT}
        claimed = claim(db, NodeIdentity(name="a"), 2.0, wait=lambda _: None, monotonic=lambda: 0.0)
        row = db.execute("select adopter, ended from node where slot = 1").fetchone()
        # a free slot is preferred: the copied one is then taken over by whoever watches
        assert claimed.slot == 1 or row == (1, True)
        for table in ("refused", "unmatched", "audit"):
            highest = db.execute(f"select max(id) from {table}".encode()).fetchone()
            name = f"pg_get_serial_sequence('{table}', 'id')"
            following = db.execute(f"select nextval({name})".encode()).fetchone()
            assert highest is not None
            assert following is not None
            assert following[0] == (highest[0] or 0) + 1
    assert counts["message"]


def test_a_database_with_anything_in_it_is_refused(path: Path, days: str) -> None:
    copy(path, days, NOW)
    with pytest.raises(NotEmpty, match="a node already"):
        copy(path, days, NOW)
    with psycopg.connect(days, autocommit=True) as db:
        db.execute("update node set adopter = null")
        with pytest.raises(NotEmpty, match="rows in message"):
            copy(path, days, NOW)
        for table in ("message", *(each.table for each in COPIES)):
            db.execute(f"delete from {table}".encode())
        db.execute("insert into paused values ('d7', 1, 'ada')")
        with pytest.raises(NotEmpty, match="rows in paused"):
            copy(path, days, NOW)
        db.execute("delete from paused")
        db.execute("update node set ended = false, name = 'b' where slot = 2")
        with pytest.raises(NotEmpty, match="b"):
            copy(path, days, NOW)


def test_a_database_that_was_not_migrated_is_refused(path: Path, empty: str) -> None:
    with pytest.raises(UnfitStore, match="smppbridge migrate"):
        copy(path, empty, NOW)


@pytest.mark.parametrize("table", ["message", "fate", "note"])
def test_all_or_nothing(path: Path, days: str, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row less of any table, and the database is as it was."""
    fewer = [
        each._replace(source=f"{each.source} limit 0") if each.table == table else each
        for each in COPIES
    ]
    real = copying._written

    def written_less(*args: Any) -> None:
        real(args[0], args[1], next(e for e in fewer if e.table == args[2].table), args[3])

    monkeypatch.setattr(copying, "_written", written_less)
    with pytest.raises(Miscounted, match=f"{table} has 0 rows"):
        copy(path, days, NOW)
    with psycopg.connect(days) as db:
        copying.refuse_filled(db)


def test_a_file_that_is_no_store(tmp_path: Path, days: str) -> None:
    with pytest.raises(NotAStore):
        copy(tmp_path / "none", days, NOW)
    (tmp_path / "text").write_text("no store " * 200)
    with pytest.raises(NotAStore):
        copy(tmp_path / "text", days, NOW)


def test_ids_of_any_age_have_a_partition(path: Path, days: str) -> None:
    """Days in which no bridge ran are made, and what is older than all has a place too."""
    later = NOW + 40 * 86_400
    copy(path, days, later)
    with psycopg.connect(days, autocommit=True) as db:
        row = db.execute("select count(*) from message_old").fetchone()
        assert row is not None
        assert row[0] > 0
        assert partitions.ahead(db, NOW) == 40 + partitions.AHEAD


@pytest.fixture
def odd(path: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that returns the file after a statement."""

    def changed(statement: str) -> Path:
        target = tmp_path / "odd.db"
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as db:
            source.backup(db)
            db.execute(statement)
            db.commit()
        return target

    return changed


def test_a_nul_has_no_place_in_a_text(odd: Callable[[str], Path], days: str) -> None:
    copy(odd("update message set source = 'A' || char(0) || 'B'"), days, NOW)
    assert {row["source"] for row in rows_of(days, "message")} == {"A\ufffdB"}


def test_a_column_that_fits_no_type_leaves_nothing_behind(
    odd: Callable[[str], Path], days: str
) -> None:
    broken = odd("update message set priority = 'high' where message_id = 10")
    with pytest.raises(psycopg.DataError):
        copy(broken, days, NOW)
    with psycopg.connect(days) as db:
        copying.refuse_filled(db)


assert SLOT != copying.SLOT, "the two have different slots: that is why slots are not compared"
