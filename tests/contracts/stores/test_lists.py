"""The contract of a store: lists, transactions, and messages that are forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import (
    Stage,
)
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import (
    Entry,
    StoreFailure,
    Waiting,
)
from tests.contracts.conftest import BY_MESSAGE
from tests.contracts.stores.asked import found, owed
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    again,
    key,
    message,
    segment,
    taken,
    told,
    tried,
)


def finished(opened: Opened, message_id: int, done_at: float) -> None:
    """Put in a finished message of two segments, with an attempt and receipts."""
    parts = segment(message_id, 1), segment(message_id + 1, 2)
    whole = message(message_id, segments=parts)
    opened.wait(
        opened.store.accept([Entry(None, key=key(message_id), segment=part) for part in parts])
    )
    opened.wait(opened.store.accept([Entry(whole)]))
    opened.wait(opened.store.record([again(tried(whole), NOW)]))
    second = tried(whole, number=2)
    opened.wait(opened.store.begin([second]))
    opened.wait(opened.store.record([taken(second, f"X{message_id}")]))
    opened.wait(opened.store.settle([told(tried(whole), State.DELIVERED, done_at)]))


@pytest.mark.parametrize("opened", BY_MESSAGE, indirect=True)
def test_what_is_old_and_finished_is_forgotten_and_nothing_else(opened: Opened) -> None:
    for message_id, done_at in ((10, NOW), (20, NOW + 5), (30, NOW + 10)):
        finished(opened, message_id, done_at)
    accept(opened, [message(1)])
    opened.wait(opened.store.accept([Entry(None, key=key(), segment=segment(2, 1))]))
    assert opened.wait(opened.store.forget(NOW, 9)) == 0
    assert opened.wait(opened.store.forget(NOW + 10, 1)) == 1
    assert sorted(opened.wait(opened.store.find([1, 10, 20, 30]))) == [1, 20, 30]
    assert opened.wait(opened.store.forget(NOW + 10, 9)) == 1
    assert opened.wait(opened.store.forget(NOW + 10, 9)) == 0
    assert sorted(opened.wait(opened.store.find([1, 10, 20, 30, ("keccel", "X10")]))) == [1, 30]
    restored = opened.reopen()
    assert (restored.owed, restored.waiting, len(restored.segments)) == (
        {"bank": 2},
        [Waiting("keccel", "bank", 0, 1)],
        1,
    )
    assert owed(opened, NOW + 99) == [(30, State.DELIVERED), (31, State.DELIVERED)]


def test_a_list_with_a_value_that_cannot_be_kept_fails_alone(opened: Opened) -> None:
    good, bad = message(1), message(2, priority=2**64)
    poisoned = opened.store.accept([Entry(bad), Entry(message(3))])
    same = opened.store.accept([Entry(good)])
    opened.wait(same)
    with pytest.raises(StoreFailure):
        opened.wait(poisoned)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.accept([Entry(message(1))]))
    assert list(opened.wait(opened.store.find([1, 2, 3]))) == [1]


@pytest.mark.parametrize("asked", [2**64, ("keccel", "\ud800")])
def test_a_question_that_cannot_be_asked_fails_alone(
    opened: Opened, asked: int | tuple[str, str]
) -> None:
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.find([asked]))
    accept(opened, [message()])
    assert found(opened).stage is Stage.WAITING


def test_questions_see_what_was_told_before_them(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()])
    calls: list[Any] = [
        opened.store.begin([attempt]),
        opened.store.record([taken(attempt, "X")]),
        opened.store.settle([told(attempt, State.DELIVERED)]),
    ]
    answer = opened.wait(*calls, opened.store.find([("keccel", "X")]))
    assert answer["keccel", "X"].stage is Stage.FINISHED


def test_the_calls_of_one_transaction_are_carried_out_in_the_order_of_a_message(
    opened: Opened,
) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.reopen(started=False)
    calls = [
        opened.store.settle([told(attempt, State.DELIVERED)]),
        opened.store.record([taken(attempt, "X")]),
    ]
    opened.start()
    opened.wait(*calls)
    assert (found(opened).stage, found(opened).attempt.state) == (Stage.FINISHED, State.DELIVERED)
    assert found(opened).attempt.provider_message_id == "X"


def test_empty_lists_are_answered_too(opened: Opened) -> None:
    store = opened.store
    for call in (
        store.accept([]),
        store.recall([]),
        store.record([]),
        store.revisit([]),
        store.settle([]),
        store.keep_early([]),
        store.drop_early([]),
        store.finish([], NOW),
        store.postpone([]),
        store.keep_optouts([]),
    ):
        assert opened.wait(call) is None
    assert opened.wait(store.begin([])) == []
    assert opened.wait(store.find([])) == {}
    assert opened.wait(store.hasten("keccel", [], NOW, 9)) == 0
    assert opened.wait(store.keep_mos([])) == set()
