"""A COMMIT whose answer never came: nobody is answered before it is known what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from twisted.internet.defer import Deferred

from smppbridge.store.port import Entry, StoreFailure
from smppbridge.store.postgres import writer
from tests.patience import PATIENCE
from tests.store.opened import NOW, accept, first_attempt, message
from tests.store.postgres.opened import OpenedPostgres, contents
from tests.store.postgres.proxy import Proxy
from tests.store.postgres.server import drop_database, made_database, server


class Behind(OpenedPostgres):
    """A store whose way to its database can be cut; *direct* is the other way."""

    def __init__(self, folder: Path) -> None:
        self.direct = made_database()
        self.proxy = Proxy(folder)
        super().__init__(folder, dsn=self.proxy.dsn(self.direct))

    def close(self) -> None:
        super().close()
        self.proxy.stop()
        drop_database(self.direct)

    def wait_for(self, table: str, rows: int) -> None:
        """Wait until a table has so many rows, whoever was told."""
        until = time.monotonic() + PATIENCE
        while len(contents(self.direct)[table]) != rows:
            assert time.monotonic() < until

    def play(self, until: str | bool) -> None:
        """Play the reactor until the store says *until*."""
        while until not in self.told.all:
            self.turn()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, short_folder: Path) -> Iterator[Behind]:
    monkeypatch.setattr(writer, "TRIED_EVERY", 0.01)
    opened = Behind(short_folder)
    yield opened
    opened.close()


def until(found: Callable[[], Any]) -> Any:
    """Ask until something is found; return it."""
    end = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < end
    return answer


def answers_of(*calls: Deferred[Any]) -> list[Any]:
    answers: list[Any] = []
    for call in calls:
        call.addBoth(answers.append)
    return answers


def test_an_answer_that_was_lost_is_found_out(opened: Behind) -> None:
    opened.proxy.answers = False
    whole = message(1)
    call = opened.store.accept([Entry(whole, attempt=first_attempt(whole))])
    answers = answers_of(call)
    opened.wait_for("message", 1)
    opened.proxy.answers = True
    opened.proxy.cut()
    opened.play(until=True)
    assert opened.told.all == ["lost", True]
    opened.wait(opened.store.find([1]))
    assert answers == [None]
    assert len(contents(opened.direct)["message"]) == 1
    opened.wait(opened.store.keep_optouts([("d7", "1", NOW)]))  # and on it goes, in a new epoch
    assert opened.store.tenure.epoch == 2


def test_what_never_came_through_is_a_failure(opened: Behind) -> None:
    opened.proxy.cut()
    call = opened.store.accept([Entry(message(1))])
    with pytest.raises(StoreFailure, match="lost"):
        opened.wait(call)
    assert opened.told.all == ["lost", False]
    assert contents(opened.direct)["message"] == []
    opened.wait(opened.store.accept([Entry(message(1))]))
    assert len(contents(opened.direct)["message"]) == 1


def test_attempts_whose_beginning_was_not_answered_began_all_the_same(opened: Behind) -> None:
    attempts = accept(opened, [message(n) for n in range(1, 5)])
    opened.wait(opened.store.begin([attempts[0]]))
    opened.reopen(started=False)
    calls = [
        opened.store.begin([attempts[0], attempts[1]]),  # the first is out already
        opened.store.keep_optouts([("d7", "1", NOW)]),
        opened.store.begin([attempts[3]]),
    ]
    answers = answers_of(*calls)
    opened.proxy.answers = False
    opened.start()
    opened.wait_for("optout", 1)
    opened.proxy.answers = True
    opened.proxy.cut()
    opened.play(until=True)
    opened.wait(opened.store.find([1]))
    assert answers == [[attempts[1]], None, [attempts[3]]]


def test_what_was_written_with_a_question_is_asked_again(
    opened: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def question(db: psycopg.Connection[Any]) -> Any:
        asked.append(1)
        if len(asked) < 3:
            opened.proxy.cut()
        return db.execute("select count(*) from message").fetchone()

    accept(opened, [message(1)])
    call = opened.store._writer.write([], question)
    assert opened.wait(call) == (1,)
    assert len(asked) == 3


def test_a_question_whose_connection_is_lost_fails(opened: Behind) -> None:
    def question(db: psycopg.Connection[Any]) -> Any:
        opened.proxy.cut()
        return db.execute("select 1").fetchone()

    with pytest.raises(StoreFailure):
        opened.wait(opened.store._query(question))
    assert opened.told.all == ["lost", None]
    assert opened.wait(opened.store.find([1])) == {}


def test_an_act_whose_commit_was_not_answered_is_known(opened: Behind) -> None:
    def act(db: Any) -> str:
        db.execute("insert into paused values (?, ?, ?)", ("d7", NOW, "me"))
        opened.proxy.answers = False
        return "done"

    answers = answers_of(opened.store.by_hand(act))
    opened.wait_for("paused", 1)
    opened.proxy.answers = True
    opened.proxy.cut()
    opened.play(until=True)
    opened.wait(opened.store.find([1]))
    assert answers == ["done"]


def test_calls_that_were_not_sent_fail_at_once_while_there_is_no_connection(
    opened: Behind,
) -> None:
    opened.proxy.answers = False
    unknown = answers_of(opened.store.accept([Entry(message(1))]))
    opened.wait_for("message", 1)
    opened.proxy.refuses = True
    opened.proxy.cut()
    opened.play(until="lost")
    for call in (opened.store.accept([Entry(message(2))]), opened.store.find([1])):
        with pytest.raises(StoreFailure, match="cannot be reached"):
            opened.wait(call)
    assert unknown == []  # nobody knows yet
    opened.proxy.answers, opened.proxy.refuses = True, False
    opened.play(until=True)
    opened.wait(opened.store.find([1]))
    assert unknown == [None]
    assert len(contents(opened.direct)["message"]) == 1


def test_a_store_is_stopped_while_there_is_no_connection(opened: Behind) -> None:
    opened.proxy.refuses = True
    opened.proxy.cut()
    answers = answers_of(opened.store.accept([Entry(message(1))]))
    opened.play(until="lost")
    opened.store.stop()
    assert not opened.store.alive
    assert answers == []


def test_a_bridge_that_was_taken_over_while_it_had_no_connection_is_fenced(opened: Behind) -> None:
    opened.proxy.answers = False
    answers = answers_of(opened.store.accept([Entry(message(1))]))
    opened.wait_for("message", 1)
    opened.proxy.refuses = True
    opened.proxy.cut()
    with psycopg.connect(opened.direct, autocommit=True) as db:
        db.execute("update node set epoch = epoch + 1, ended = true, adopter = 2 where slot = 1")
    opened.proxy.answers, opened.proxy.refuses = True, False
    opened.play(until="fenced")
    assert (opened.told.all, answers) == (["lost", "fenced"], [])


def test_a_shard_that_was_taken_over_and_not_read_yet_is_still_to_be_adopted(
    opened: Behind,
) -> None:
    """Else nobody ever reads what is in it: its messages would wait for the next start."""
    take_over = "update node set ended = true, adopter = 1 where slot = any(%s)"
    with psycopg.connect(opened.direct, autocommit=True) as db:
        db.execute(take_over, ([2],))
        opened.wait(opened.store.adopt([2]))
        db.execute(take_over, ([3],))
    opened.proxy.cut()
    opened.store.beat().addErrback(lambda _: None)
    opened.play(until=False)
    assert opened.store.tenure.shards == (1, 2)
    opened.wait(opened.store.adopt([3]))
    assert opened.store.tenure.shards == (1, 2, 3)


@contextmanager
def no_standby() -> Iterator[None]:
    """Let every commit wait for a standby that there is not."""
    server().execute("alter system set synchronous_standby_names = 'nobody'")
    server().execute("select pg_reload_conf()")
    until(lambda: server().execute("show synchronous_standby_names") == [("nobody",)])
    server().execute("checkpoint")  # by the process that lets commits wait, once it knows of it too
    yield
    with psycopg.connect(server().dsn(), autocommit=True) as db:
        db.execute("set synchronous_commit = local")
        db.execute("alter system reset synchronous_standby_names")
        db.execute("select pg_reload_conf()")


_PIDS = "select pid from pg_stat_activity where"
_WAITS = f"{_PIDS} wait_event = 'SyncRep'"


def test_a_commit_with_a_warning_is_unknown_until_a_standby_has_it(opened: Behind) -> None:
    whole = message(1)
    with no_standby():
        call = opened.store.accept([Entry(whole, attempt=first_attempt(whole))])
        answers = answers_of(call)
        for _ in range(2):  # the commit, and that of the new epoch
            [[pid], *_] = until(lambda: server().execute(_WAITS))
            server().execute(f"select pg_cancel_backend({pid})")
            own = f"{_WAITS} and pid = {pid}"
            until(partial(lambda query: not server().execute(query), own))
        assert len(contents(opened.direct)["message"]) == 1
        assert answers == []
    opened.play(until=True)
    opened.wait(opened.store.find([1]))
    assert answers == [None]


def test_the_reactor_goes_on_while_the_store_thread_waits(opened: Behind) -> None:
    """psycopg's get_result keeps the interpreter while it waits: the lock would never be let go."""
    with psycopg.connect(opened.direct, autocommit=True) as other:
        other.execute("begin")
        other.execute("update node set name = name where slot = 1")
        call = opened.store.keep_optouts([("d7", "1", NOW)])
        until(lambda: server().execute(f"{_PIDS} wait_event_type = 'Lock'"))
        other.execute("commit")
    opened.wait(call)
