"""``smppbridge migrate`` and ``smppbridge store copy``: what they say, and how they end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.main import main
from smppbridge.store.locked import lock
from smppbridge.store.postgres import migrate as migrations
from smppbridge.store.postgres.migrate import Migration
from tests.store.opened import Opened
from tests.store.postgres.server import drop_database, server
from tests.store.postgres.written import written


def url_of(name: str) -> str:
    return f"postgresql:///{name}?host={server().folder}&user=bridge&password=SECRET"


@pytest.fixture
def empty() -> Iterator[str]:
    server().execute("create database unmade")
    yield url_of("unmade")
    drop_database(server().dsn("unmade"))


@pytest.fixture
def url() -> Iterator[str]:
    server().execute("create database made")
    migrations.migrate(server().dsn("made"), time.time())
    yield url_of("made")
    drop_database(server().dsn("made"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    opened = Opened(tmp_path)
    written(opened)
    opened.store.stop()
    return opened.path


def run(*words: str) -> Result:
    result = CliRunner().invoke(main, words)
    assert "SECRET" not in result.output
    return result


def test_tables_are_made_once(empty: str) -> None:
    result = run("migrate", "--store", empty)
    assert (result.exit_code, "made schema 1, 2" in result.output) == (0, True)
    result = run("migrate", "--store", empty)
    assert (result.exit_code, "nothing to do" in result.output) == (0, True)
    with psycopg.connect(empty) as db:
        migrations.check(db)


def test_the_configuration_says_where_and_for_how_many_days(empty: str, tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text(f"store: {{url: '{empty}', partitions_ahead: 3}}\n")
    assert run("migrate", "--config", str(config)).exit_code == 0
    with psycopg.connect(empty) as db:
        row = db.execute("select count(*) from pg_inherits where inhparent = 'message'::regclass")
        assert row.fetchone() == (5,)  # all before, today, three


@pytest.mark.parametrize(
    ("statement", "status", "words"),
    [
        ("insert into schema (number) values (999)", 78, "999"),
        ("drop table decision", 78, "another program"),
        ("revoke usage on schema public from public; drop table schema", 78, "another program"),
    ],
)
def test_a_database_that_cannot_be_migrated(
    url: str, statement: str, status: int, words: str
) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        for each in statement.split("; "):
            db.execute(each.encode())
    result = run("migrate", "--store", url)
    assert (result.exit_code, words in result.stderr) == (status, True)


def test_a_database_that_is_away_is_for_later() -> None:
    result = run("migrate", "--store", "postgresql://bridge:SECRET@127.0.0.1:1/bridge")
    assert (result.exit_code, "the store: " in result.stderr) == (75, True)


def test_what_takes_away_waits_for_old_nodes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations.migrations()
    last = Migration(known[-1].number + 1, True, "create table taken (number int)")
    monkeypatch.setattr(migrations, "migrations", lambda: [*known, last])
    with psycopg.connect(url, autocommit=True) as db:
        old = (
            "update node set ended = false, name = 'old', version = '1', schema = 2 where slot = 1"
        )
        db.execute(old.encode())
        result = run("migrate", "--store", url)
        assert (result.exit_code, "waits for --post" in result.stdout) == (0, True)
        result = run("migrate", "--store", url, "--post")
        assert (result.exit_code, "'old' runs 1" in result.stderr) == (75, True)
        db.execute("update node set schema = %s where slot = 1", (last.number,))
        result = run("migrate", "--store", url, "--post")
        assert (result.exit_code, f"made schema {last.number}" in result.stdout) == (0, True)


def test_a_file_is_not_migrated_by_hand(tmp_path: Path) -> None:
    result = run("migrate", "--store", str(tmp_path / "bridge.db"))
    assert (result.exit_code, "at its start" in result.stderr) == (1, True)


def test_a_store_is_copied(file: Path, url: str) -> None:
    result = run("store", "copy", f"sqlite:{file}", url)
    assert result.exit_code == 0, result.output
    assert "messages" in result.stdout
    with psycopg.connect(url) as db:
        assert db.execute("select count(*) > 5 from message").fetchone() == (True,)
    result = run("store", "copy", f"sqlite:{file}", url)
    assert (result.exit_code, "a node already" in result.stderr) == (1, True)


def test_the_store_of_a_running_bridge_is_not_copied(file: Path, url: str) -> None:
    descriptor = lock(str(file))
    try:
        result = run("store", "copy", f"sqlite:{file}", url)
    finally:
        os.close(descriptor)
    assert (result.exit_code, "stop the bridge" in result.stderr) == (1, True)


def test_only_from_a_file_to_a_database(file: Path, url: str, empty: str) -> None:
    for source, target, words in (
        (url, url, "the source has to be sqlite:"),
        (f"sqlite:{file}", f"sqlite:{file}2", "the target has to be postgresql:"),
        (f"sqlite:{file}2", url, "there is no store"),
        (f"sqlite:{file}", empty, "smppbridge migrate"),
        (f"sqlite:{file}", "postgresql://bridge:SECRET@127.0.0.1:1/x", "the database: "),
    ):
        result = run("store", "copy", source, target)
        assert (result.exit_code, words in result.stderr) == (1, True), result.output
    assert not Path(f"{file}2-lock").exists()
