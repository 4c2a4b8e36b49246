"""The commands that look into a store, at a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.backup import backup
from smppbridge.cli.messages import messages
from smppbridge.cli.optouts import optouts
from smppbridge.cli.restore import restore
from tests.store.opened import Opened
from tests.store.postgres.mirrored import mirror
from tests.store.postgres.server import drop_database, made_database
from tests.store.postgres.written import written

Both = tuple[str, str]
Run = Callable[..., tuple[Result, Result]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Return a store's file, and the URL of a database with the same in it."""
    opened = Opened(tmp_path_factory.mktemp("sqlite"))
    written(opened)
    opened.store.stop()
    dsn = made_database()
    mirror(opened.path, dsn)
    with psycopg.connect(dsn) as db:
        url = f"postgresql:///{db.info.dbname}?host={db.info.host}&user=bridge&password=SECRET"
    yield str(opened.path), url
    drop_database(dsn)


@pytest.fixture
def run(both: Both) -> Run:
    def run(command: click.Command, *words: str) -> tuple[Result, Result]:
        on_file, on_base = (
            CliRunner().invoke(command, ["--store", store, *words]) for store in both
        )
        assert "SECRET" not in on_base.output
        return on_file, on_base

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("--json",),
        ("--uncertain",),
        ("--id", "10"),
        ("--state", "delivered"),
        ("refused",),
        ("unmatched",),
        ("resend", "22", "--yes"),
        ("fail", "21", "--yes"),
        ("resend", "--all", "--provider", "keccel", "--yes"),
    ],
)
def test_a_database_is_looked_into_like_a_file(run: Run, words: tuple[str, ...]) -> None:
    on_file, on_base = run(messages, *words)
    assert (on_base.stdout, on_base.exit_code) == (on_file.stdout, on_file.exit_code)
    assert on_base.stdout or on_base.stderr


def test_opt_outs_are_ended_in_a_database(run: Run) -> None:
    for words in (("list",), ("remove", "1"), ("list",)):
        on_file, on_base = run(optouts, *words)
        assert (on_base.stdout, on_base.exit_code) == (on_file.stdout, 0)


def test_acts_in_a_database_are_written_down(both: Both, run: Run) -> None:
    run(messages, "fail", "21", "--yes")
    with psycopg.connect(both[1]) as db:
        row = db.execute("select via, action from audit order by id desc limit 1").fetchone()
    assert row == ("store", "decide_uncertain")


@pytest.mark.parametrize("command", [backup, restore])
def test_a_database_is_not_a_file_to_be_copied(
    both: Both, command: click.Command, tmp_path: Path
) -> None:
    result = CliRunner().invoke(command, ["--store", both[1], str(tmp_path / "x")])
    assert (result.exit_code, "pg_basebackup" in result.stderr) == (1, True)
    assert "SECRET" not in result.output


def test_a_database_that_is_not_there_is_named() -> None:
    url = "postgresql://bridge:SECRET@127.0.0.1:1/bridge"
    result = CliRunner().invoke(messages, ["--store", url])
    assert (result.exit_code, "no database" in result.stderr) == (1, True)
    assert "SECRET" not in result.output
