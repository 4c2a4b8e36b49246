"""A bridge that another one has replaced writes nothing, whatever it was about to write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import SLOTS
from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.gathered import digest_of
from smppbridge.store.port import EarlyReport, Entry, PartEnd
from smppbridge.store.postgres.connection import Pipeline
from smppbridge.store.postgres.jobs import ToldBalance
from tests.contracts.test_store_faults import GOOD, OF_NUMBERS, OUT, SOON, VERBS, WAITS, Verb, fill
from tests.store.opened import NOW, accept, in_parts, key, message, segment, taken, told, tried
from tests.store.postgres.nodes import connected
from tests.store.postgres.opened import OTHER, OpenedPostgres, contents


def noted(store: Any, _: Any) -> Deferred[None]:
    done: Deferred[None] = store.keep_noted(
        [Note(1, NOW, "odd")],
        [RefusedSubmission(NOW, "bank", "a", "b", 1, "rate")],
        [Unmatched(NOW, "report", "keccel", "X", "unknown_id")],
    )
    return done


def told_on(store: Any, _: Any) -> Deferred[None]:
    def tell(found: Any) -> Deferred[None]:
        report = EarlyReport("keccel", "T", State.DELIVERED, 0, NOW)
        done: Deferred[None] = store.between.tell_on([(found[62], report)], "push")
        return done

    finding: Deferred[Any] = store.find([62])
    return finding.addCallback(tell)


BETWEEN: dict[str, Verb] = {
    "tell_on": told_on,
    "tell_named": lambda store, _: store.between.tell_named(
        [EarlyReport("keccel", "theirs", State.DELIVERED, 0, NOW)], "push"
    ),
    "drop_told": lambda store, _: store.between.drop_told([1]),
    "receive_for": lambda store, _: store.between.receive_for("bank", True),
    "receive_for, no more": lambda store, _: store.between.receive_for("shop", False),
    "receive_none": lambda store, _: store.between.receive_none(),
    "hand_on": lambda store, _: store.between.hand_on("shop", frozenset(), 3),
    "give_back": lambda store, _: store.give_back(OTHER),
    "take jobs": lambda store, _: store.jobs.take(["pull:d7"]),
    "keep_balance": lambda store, _: store.jobs.keep_balance(
        ToldBalance("d7", 1.0, "USD", NOW), False
    ),
    "bring_near": lambda store, _: Deferred.fromCoroutine(
        store.dues.bring_near(NOW - 5_000, [1, OTHER])
    ),
}
"""Verbs that bridges have of each other's rows, and for each other."""
MORE: dict[str, Verb] = {
    "rewrite": lambda store, _: store.rewrite([tried(message(WAITS + 1, text="new"))]),
    "renamed": lambda store, _: store.settle(
        [replace(told(tried(message(OUT + 1)), State.ENROUTE), renamed="Y")]
    ),
    "end_parts": lambda store, _: store.end_parts([PartEnd(60, 1, State.DELIVERED, 0)]),
    "keep_noted": noted,
    "hasten": lambda store, _: store.hasten("keccel", [("bank", 0)], NOW, 9),
    "lapse": lambda store, _: store.lapse(NOW + 5_000, 9),
    "owed": lambda store, _: store.owed("bank", NOW + 5_000, 9),
    "decisions": lambda store, _: store.decisions(),
    "forget_noted": lambda store, _: store.forget_noted(NOW + 5_000, 9),
    "by_hand": lambda store, _: store.by_hand(
        lambda db: db.execute("insert into paused values (?, ?, ?)", ("d7", NOW, "me"))
    ),
    "beat": lambda store, _: store.beat(),
    **BETWEEN,
    "homes.announce": lambda store, _: store.homes.announce([key(9)]),
    "homes.hand_over": lambda store, _: store.homes.hand_over({key(8): [71]}),
    "homes.end": lambda store, _: store.homes.end([digest_of(key(7))]),
}
FUTURE = int((NOW + 9) * 1e6) * SLOTS
"""An id that a bridge gave whose clock was ahead."""
READS = ("forget_noted", "beat")
"""Verbs that may write nothing in these stores."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenedPostgres]:
    opened = OpenedPostgres(tmp_path)
    fill(opened)
    attempts = accept(opened, [message(60), message(61)], begun=True)
    opened.wait(
        opened.store.record([in_parts(attempts[0], "a", "b")]),
        opened.store.by_hand(lambda db: db.execute("insert into decision values (61, 'fail')")),
        opened.store.accept([Entry(None, key(8), segment(71, 1))]),
        opened.store.homes.announce([key(7)]),
    )
    opened.store.holders["shop"] = 1
    ended = accept(opened, [message(63, system_id="shop")], begun=True)
    opened.wait(opened.store.settle([told(ended[0], State.DELIVERED)]))
    accept(opened, [message(62), message(FUTURE)])
    theirs = accept(opened, [message(64)], begun=True)
    opened.wait(opened.store.record([taken(theirs[0], "theirs")]))
    opened.lose([62, 64])
    with psycopg.connect(opened.dsn, autocommit=True) as db:
        db.execute("insert into receiving values (1, 'shop')")
        db.execute(
            "insert into told (shard, message_id, provider, name, state, error, at, source)"
            " values (1, 1, 'keccel', 'X', 2, 0, 0, 'push')"
        )
    with connected(opened.dsn) as db:
        db.execute("insert into gathering values (%s, 2)", (digest_of(key(8)),))
    yield opened
    opened.close()


def fenced(opened: OpenedPostgres, *calls: Deferred[Any]) -> None:
    """Play the reactor until the store says that it was fenced; nobody was answered."""
    answers: list[Any] = []
    for call in calls:
        call.addBoth(answers.append)
    while not opened.told.all:
        opened.turn()
    assert (opened.told.all, answers) == (["fenced"], [])


@pytest.mark.parametrize("name", [*VERBS, *OF_NUMBERS, *MORE])
def test_a_bridge_that_was_replaced_writes_nothing(opened: OpenedPostgres, name: str) -> None:
    verb = {**VERBS, **OF_NUMBERS, **MORE}[name]
    opened.replace()
    before = contents(opened.dsn)
    fenced(opened, verb(opened.store, GOOD))
    assert contents(opened.dsn) == before
    assert not opened.store.idle  # nobody will ever know what became of the call


@pytest.mark.parametrize("name", [*VERBS, *OF_NUMBERS, *MORE])
def test_these_verbs_write(opened: OpenedPostgres, name: str) -> None:
    before = contents(opened.dsn)
    opened.wait({**VERBS, **OF_NUMBERS, **MORE}[name](opened.store, GOOD))
    assert (contents(opened.dsn) == before) == (name in READS)


def test_nothing_is_answered_any_more_once_another_bridge_has_the_slot(
    opened: OpenedPostgres,
) -> None:
    opened.replace()
    fenced(opened, opened.store.keep_optouts([("d7", "1", NOW)]))
    calls = opened.store.find([1]), opened.store.keep_optouts([("d7", "2", NOW)])
    answers: list[Any] = []
    for call in calls:
        call.addBoth(answers.append)
    opened.store.stop()
    while not opened._calls.empty():
        opened.turn()
    assert (opened.told.all, answers) == (["fenced"], [])


@pytest.mark.parametrize("first", [0, 1, 2])
def test_what_is_written_part_by_part_is_behind_the_fence_too(
    opened: OpenedPostgres, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    opened.reopen(started=False)
    calls = [
        opened.store.accept([Entry(message(SOON + 1))]),  # it is there already
        opened.store.keep_optouts([("d7", "1", NOW)]),
        opened.store.keep_optouts([("d7", "2", NOW)]),
    ]
    sent: list[Any] = []
    whole = Pipeline.transaction

    def transaction(self: Pipeline, *args: Any) -> Any:
        if len(sent) == first + 1:  # the first is all of it
            opened.replace()
        sent.append(args)
        return whole(self, *args)

    monkeypatch.setattr(Pipeline, "transaction", transaction)
    answers: list[Any] = []
    for call in calls:
        call.addBoth(lambda _: answers.append(1))
    opened.start()
    while not opened.told.all:
        opened.turn()
    while not opened._calls.empty():
        opened.turn()
    assert opened.told.all == ["fenced"]
    assert len(contents(opened.dsn)["optout"]) == max(0, first - 1)
    assert len(sent) == first + 2
