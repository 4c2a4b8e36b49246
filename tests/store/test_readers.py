from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from smppbridge.store import readers as module
from smppbridge.store.database import Database
from smppbridge.store.lookup import NotAStore
from smppbridge.store.readers import Readers, TooBusy, TooSlow
from tests.store.opened import Opened, accept, message

ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) select max(x) from n"


def count(db: Database) -> int:
    found: int = db.execute("select count(*) from message").fetchone()[0]
    return found


@pytest.fixture
def readers(opened: Opened) -> Iterator[Readers]:
    readers = Readers(str(opened.path), reactor, longest=0.05)
    readers.start()
    yield readers
    readers.stop()


@pytest_twisted.ensureDeferred
async def test_questions_are_answered_on_other_threads(readers: Readers, opened: Opened) -> None:
    accept(opened, [message(1)])
    assert await readers.read(count) == 1
    assert await readers.read(lambda db: threading.current_thread()) != threading.main_thread()


@pytest_twisted.ensureDeferred
async def test_a_question_that_takes_too_long_is_stopped(readers: Readers) -> None:
    with pytest.raises(TooSlow):
        await readers.read(lambda db: db.execute(ENDLESS).fetchone())
    assert await readers.read(count) == 0


@pytest_twisted.ensureDeferred
async def test_another_error_is_that_error_and_nothing_can_be_written(readers: Readers) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await readers.read(lambda db: db.execute("delete from message"))
    with pytest.raises(ZeroDivisionError):
        await readers.read(lambda db: 1 // 0)
    assert await readers.read(count) == 0


@pytest_twisted.ensureDeferred
async def test_not_too_many_wait(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    asked: list[Deferred[int]] = [readers.read(count) for _ in range(3)]
    with pytest.raises(TooBusy):
        readers.read(count)
    assert await gatherResults(asked) == [0, 0, 0]
    assert await readers.read(count) == 0


@pytest_twisted.ensureDeferred
async def test_no_store_is_said(tmp_path: Path) -> None:
    readers = Readers(str(tmp_path / "none.db"), reactor)
    readers.start()
    with pytest.raises(NotAStore):
        await readers.read(count)
    readers.stop()
