from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest

from smppbridge.bench import stored
from smppbridge.model.identifiers import given_at
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.store import queries
from smppbridge.store.walks import Walks


@pytest.fixture(autouse=True)
def _small_transactions(monkeypatch):
    monkeypatch.setattr(stored, "_ROWS", 100)


def opened(path):
    return closing(sqlite3.connect(path))


def test_a_backlog_waits_and_is_due(tmp_path):
    stored.fill_waiting(tmp_path / "s.db", 250, "keccel")
    with opened(tmp_path / "s.db") as db:
        assert queries.restore(db).waiting == [("keccel", "keccel", 0, 250)]
        due = db.execute(
            "select count(distinct body) from message where stage = 1 and due <= ?", (time.time(),)
        )
        assert due.fetchone() == (250,)


def test_a_backlog_of_one_text_has_a_number_each(tmp_path):
    stored.fill_waiting(tmp_path / "s.db", 250, "smscx", one_text=True)
    with opened(tmp_path / "s.db") as db:
        found = db.execute("select count(distinct body), count(distinct number) from message")
        assert found.fetchone() == (1, 250)


def test_what_is_submitted_is_due_as_its_schedule_says_and_not_before_now(tmp_path):
    rules = PollRules(polls=True)
    begun = time.time()
    dues = stored.fill_submitted(tmp_path / "s.db", 250, "mspace", rules)
    with opened(tmp_path / "s.db") as db:
        rows = db.execute(
            "select provider_message_id, due, answered_at from message where stage = 3"
        ).fetchall()
    assert dues == {name: (due, answered) for name, due, answered in rows}
    assert len(dues) == 250
    pauses = [10.0 * 2**n for n in range(7)]
    for due, answered in dues.values():
        assert begun < due <= time.time() + rules.longest
        waited = due - answered
        steps = [abs(waited - each) for each in (*pauses, *range(640, 4_800, 600))]
        assert min(steps) < 0.001


def test_a_past_is_finished_and_not_old_enough_to_be_forgotten(tmp_path):
    stored.fill_finished(tmp_path / "s.db", 250, "keccel")
    with opened(tmp_path / "s.db") as db:
        assert not queries.open_messages(db, "keccel")
        told = db.execute("select stage, state, count(*) from message group by 1, 2").fetchall()
        assert Walks().forget(db, time.time() - 7_200, 1_000) == 0
        message_id, known = db.execute(
            "select message_id, provider_message_id from message order by 1 limit 1"
        ).fetchone()
        assert queries.find(db, [("keccel", known)])[("keccel", known)].attempt.message.message_id
    assert told == [(4, 2, 250)]
    assert given_at(message_id) < time.time()
