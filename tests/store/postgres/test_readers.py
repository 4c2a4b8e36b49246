"""Readers of a database: bounded in time, read-only, there again once the database is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
import pytest_twisted
from twisted.internet import reactor

from smppbridge.store import pages
from smppbridge.store.database import Database
from smppbridge.store.lookup import ListedMessage, MessageQuery, NotAStore, search
from smppbridge.store.pages import page
from smppbridge.store.postgres import readers as module
from smppbridge.store.postgres import reading
from smppbridge.store.postgres.readers import DatabaseReaders
from smppbridge.store.readers import Readers, TooSlow, readers_of
from tests.store.postgres.filled import fill
from tests.store.postgres.server import server

ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) select max(x) from n"
GONE = (
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s "
    "and datname = current_database()"
)


def url_of(dsn: str) -> str:
    fields = psycopg.conninfo.conninfo_to_dict(dsn)
    return f"postgresql:///{fields['dbname']}?host={fields['host']}&user={fields['user']}"


def count(db: Database) -> int:
    found: int = db.execute("select count(*) from message").fetchone()[0]
    return found


def end_connections(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        assert db.execute(GONE, ("smppbridge reader",)).fetchall()


@pytest.fixture
def readers(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    def soon(store: str) -> reading.PeoplesReading:
        return reading.opened(store, longest=0.2)

    monkeypatch.setattr(module, "opened", soon)
    readers = readers_of(url_of(dsn), reactor)
    readers.start()
    yield readers
    readers.stop()


@pytest_twisted.ensureDeferred
async def test_a_question_that_takes_too_long_is_stopped(readers: Readers) -> None:
    assert isinstance(readers, DatabaseReaders)
    with pytest.raises(TooSlow):
        await readers.read(lambda db: db.execute(ENDLESS).fetchone())
    assert await readers.read(count) == 0


@pytest_twisted.ensureDeferred
async def test_another_error_is_that_error_and_nothing_can_be_written(readers: Readers) -> None:
    with pytest.raises(NotAStore, match="read-only"):
        await readers.read(lambda db: db.execute("delete from decision"))
    with pytest.raises(NotAStore, match="NUL"):
        await readers.read(lambda db: db.execute("select 1 where 'x' = ?", ("\0",)))
    with pytest.raises(ZeroDivisionError):
        await readers.read(lambda db: 1 // 0)
    assert await readers.read(count) == 0


@pytest_twisted.ensureDeferred
async def test_a_lost_connection_is_made_anew(readers: Readers, dsn: str) -> None:
    for _ in range(2):
        assert await readers.read(count) == 0
        end_connections(dsn)
    assert await readers.read(count) == 0


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_away_is_said(
    readers: Readers, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await readers.read(count) == 0
    end_connections(dsn)
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    server().execute(f"alter database {name} allow_connections false")
    with pytest.raises(NotAStore, match="not currently accepting connections"):
        await readers.read(count)
    server().execute(f"alter database {name} allow_connections true")
    assert await readers.read(count) == 0


def test_an_interrupted_piece_costs_none_of_those_before(
    days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(days, 25)
    monkeypatch.setattr(pages, "FEWEST", 10)
    asked: list[MessageQuery] = []

    def interrupted(db: Database, query: MessageQuery) -> list[ListedMessage]:
        asked.append(query)
        if len(asked) > 1:
            db.execute("select pg_sleep(9)")
        return search(db, query)

    with closing(reading.opened(days, longest=0.2)) as db:
        whole: Any = page(db, MessageQuery(system_id="bank", limit=99), lambda: True)
        monkeypatch.setattr(pages, "search", interrupted)
        part = page(db, MessageQuery(system_id="bank", limit=99), lambda: True)
        assert part.messages == whole.messages[:10]
        assert (part.before, whole.before) == (part.messages[-1].message_id, None)
        monkeypatch.setattr(pages, "search", search)
        rest = page(db, MessageQuery(system_id="bank", before=part.before), lambda: True)
        assert part.messages + rest.messages == whole.messages
