"""Acts in turn, on a connection that is made anew."""

from __future__ import annotations

import queue
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres import share
from smppbridge.store.postgres.in_turn import InTurn
from tests.patience import PATIENCE
from tests.store.postgres.nodes import Node, connected


def first_row(statement: str, db: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return db.execute(statement.encode()).fetchone()


def test_acts_go_on_after_a_lost_connection(dsn: str) -> None:
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    acts = InTurn(lambda: connected(dsn), lambda *call: calls.put(call))
    acts.start()
    came: list[Any] = []
    for statement in (
        "select 1",
        "select",  # a fault of a statement costs its answer alone
        "syntax",
        "select pg_terminate_backend(pg_backend_pid())",
        "select 2",
    ):
        asked = acts.ask(partial(first_row, statement))
        asked.addCallbacks(came.append, lambda failure: came.append(failure.type))
        answer, result = calls.get(timeout=PATIENCE)
        answer(result)
    acts.stop(PATIENCE)
    assert came == [(1,), (), StoreFailure, StoreFailure, (2,)]


def test_nodes_see_what_living_nodes_say(start: Callable[..., Node]) -> None:
    a, b = start("a"), start("b")
    assert share.exchange(a.db, a.slot, '{"rate/one": [1, 2.5]}') == {1: '{"rate/one": [1, 2.5]}'}
    assert share.exchange(b.db, b.slot, None) == {1: '{"rate/one": [1, 2.5]}'}
    assert share.exchange(b.db, b.slot, "{}").keys() == {1, 2}
    a.db.execute("update node set ended = true where slot = 1")
    assert share.exchange(b.db, b.slot, '{"x": [0, 1]}') == {2: '{"x": [0, 1]}'}
