from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest

from smppbridge.bench import stored
from smppbridge.store import queries


@pytest.fixture(autouse=True)
def _small_transactions(monkeypatch):
    monkeypatch.setattr(stored, "_ROWS", 100)


def filled(path, finished):
    stored.fill(path, 250, finished=finished)
    return closing(sqlite3.connect(path))


def test_a_backlog_waits_and_is_due(tmp_path):
    with filled(tmp_path / "s.db", finished=False) as db:
        assert queries.restore(db).waiting == {"keccel": 250}
        due = db.execute(
            "select count(distinct body) from message where stage = 1 and due <= ?", (time.time(),)
        )
        assert due.fetchone() == (250,)


def test_a_past_is_finished_and_not_old_enough_to_be_forgotten(tmp_path):
    with filled(tmp_path / "s.db", finished=True) as db:
        assert not queries.open_messages(db, "keccel")
        told = db.execute("select stage, state, count(*) from message group by 1, 2").fetchall()
        assert queries.forget(db, time.time() - 7_200, 1_000) == 0
        message_id, known = db.execute(
            "select message_id, provider_message_id from message order by 1 limit 1"
        ).fetchone()
        assert queries.find(db, [("keccel", known)])[("keccel", known)].attempt.message.message_id
    assert told == [(4, 2, 250)]
    assert message_id < time.time() * 1_000_000
