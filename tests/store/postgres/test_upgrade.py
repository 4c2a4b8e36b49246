"""An upgrade node by node: what is added harms no old node, and leads to what a new store has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from smppbridge.model.message import Stage
from smppbridge.store.postgres import migrate, partitions
from tests.store.opened import accept, message, taken
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.server import NOW, server
from tests.store.postgres.written import written

KNOWN = migrate.migrations()
LAST = KNOWN[-1].number
COLUMNS = ("node", "message", "waiting", "out", "named", "fate", "segment", "delivery", "gathering")
PRE = migrate.Migration(
    LAST + 1,
    False,
    "create table hint (message_id bigint primary key, words text);"
    + "".join(f"alter table {table} add column hint text;" for table in COLUMNS)
    + "create index waiting_hint on waiting (hint) where hint is not null;",
)
POST = migrate.Migration(LAST + 2, True, "drop index waiting_hint; drop table hint")


class New(OpenedPostgres):
    """A node of the next version, beside the old one."""

    slot = 2


def schema_of(dsn: str) -> str:
    """Return the schema of a database as statements; each dump has a key of its own in it."""
    dumped = subprocess.run(
        [server().programs / "pg_dump", "-s", "--no-owner", "-d", dsn],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    return "\n".join(line for line in dumped.stdout.split("\n") if "restrict" not in line)


def test_an_old_and_a_new_node_go_on_together(
    days: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = OpenedPostgres(tmp_path, dsn=days)
    accept(old, [message(101)])  # its statements are planned before
    with psycopg.connect(days, autocommit=True) as db:
        db.execute("update node set schema = %s where slot = 1", (LAST,))
        monkeypatch.setattr(migrate, "migrations", lambda: [*KNOWN, PRE, POST])
        assert migrate.migrate(days, NOW) == [PRE.number]
        new = New(tmp_path, dsn=days)
        db.execute("update node set schema = %s where slot = 2", (POST.number,))
        [attempt] = accept(new, [message(102)], begun=True)
        written(old)
        with pytest.raises(migrate.OldNode):
            migrate.migrate(days, NOW, post=True)
        old.close()
        db.execute("update node set ended = true, adopter = 2 where slot = 1")
        assert migrate.migrate(days, NOW, post=True) == [POST.number]
    new.wait(new.store.record([taken(attempt, "X")]))
    new.wait(new.store.adopt([1]))
    assert new.wait(new.store.find([101]))[101].stage is Stage.WAITING
    new.close()


def test_a_migrated_schema_is_that_of_a_new_store(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = empty
    server().execute("create database migrated")
    migrated = server().dsn("migrated")
    try:
        for known in ([KNOWN[0]], KNOWN, [*KNOWN, PRE], [*KNOWN, PRE, POST]):
            monkeypatch.setattr(migrate, "migrations", lambda known=known: known)
            migrate.migrate(migrated, NOW, post=True)
        migrate.migrate(fresh, NOW, post=True)
        assert schema_of(migrated) == schema_of(fresh)
        assert "waiting_hint" not in schema_of(fresh)
        with psycopg.connect(fresh) as db:
            assert partitions.ahead(db, NOW) == partitions.AHEAD
    finally:
        server().execute("drop database migrated")
