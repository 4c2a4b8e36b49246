"""Only the owner of a message writes about it: what other bridges of a store may do is nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.message import Attempt, Stage
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import Found, LineQuery, PartEnd
from tests.store.opened import NOW, Opened, accept, again, in_parts, message, taken, told, unknown

Verb = Callable[[Any, Sequence[Attempt]], Any]


def rewritten(attempt: Attempt) -> Attempt:
    return replace(attempt, message=replace(attempt.message, text="otherwise"))


VERBS: dict[str, tuple[Stage, Verb]] = {
    "begin": (Stage.WAITING, lambda store, them: store.begin(them)),
    "recall": (Stage.SUBMITTING, lambda store, them: store.recall(them)),
    "record accepted": (
        Stage.SUBMITTING,
        lambda store, them: store.record([taken(a, f"n{a.message.message_id}") for a in them]),
    ),
    "record parts": (
        Stage.SUBMITTING,
        lambda store, them: store.record(
            [in_parts(a, *(f"{part}{a.message.message_id}" for part in "ab")) for a in them]
        ),
    ),
    "record again": (
        Stage.SUBMITTING,
        lambda store, them: store.record([again(a, NOW + 30) for a in them]),
    ),
    "record Uncertain": (
        Stage.SUBMITTING,
        lambda store, them: store.record([unknown(a) for a in them]),
    ),
    "record an end": (
        Stage.SUBMITTING,
        lambda store, them: store.record(
            [unknown(a) for a in them], [told(a, State.UNDELIVERABLE) for a in them]
        ),
    ),
    "move": (
        Stage.WAITING,
        lambda store, them: store.move([replace(a, provider="d7", hop=1) for a in them]),
    ),
    "rewrite": (Stage.WAITING, lambda store, them: store.rewrite(list(map(rewritten, them)))),
    "revisit": (
        Stage.SUBMITTED,
        lambda store, them: store.revisit([(a.message.message_id, NOW + 99) for a in them]),
    ),
    "settle": (
        Stage.SUBMITTED,
        lambda store, them: store.settle([told(a, State.DELIVERED) for a in them]),
    ),
    "settle what waits": (
        Stage.WAITING,
        lambda store, them: store.settle([told(a, State.EXPIRED) for a in them]),
    ),
    "settle a state that is none of the last": (
        Stage.SUBMITTED,
        lambda store, them: store.settle([told(a, State.ENROUTE, final=False) for a in them]),
    ),
}


def at(opened: Opened, stage: Stage) -> list[Attempt]:
    """Return the attempts of three messages that are at a stage."""
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=stage > Stage.WAITING)
    if stage is Stage.SUBMITTED:
        verdicts = [taken(a, f"n{a.message.message_id}") for a in attempts]
        opened.wait(opened.store.record(verdicts))
    return attempts


def found(opened: Opened) -> dict[int, Found]:
    result: dict[int, Found] = opened.wait(opened.store.find([1, 2, 3]))
    return result


def owed(opened: Opened) -> set[int]:
    deliveries = opened.wait(opened.store.owed("bank", NOW + 100, 10))
    return {delivery.parent for delivery in deliveries}


@pytest.mark.parametrize("theirs", [{1}, {3}, {1, 2, 3}])
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_writes_about_our_messages_alone(
    opened: Opened, name: str, theirs: set[int]
) -> None:
    stage, verb = VERBS[name]
    attempts = at(opened, stage)
    opened.lose(sorted(theirs))
    before = found(opened)
    result = opened.wait(verb(opened.store, attempts))
    after, ours = found(opened), {1, 2, 3} - theirs
    assert {n for n in before if after[n] != before[n]} == ours
    assert owed(opened) <= ours
    if name == "begin":
        assert [attempt.message.message_id for attempt in result] == sorted(ours)


@pytest.mark.parametrize("theirs", [1, 3])
def test_parts_of_the_messages_of_others_do_not_end(opened: Opened, theirs: int) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    verdicts = [in_parts(a, *(f"{part}{a.message.message_id}" for part in "ab")) for a in attempts]
    opened.wait(opened.store.record(verdicts))
    opened.lose([theirs])
    before = found(opened)
    ends = [PartEnd(n, 1, State.DELIVERED, 0) for n in (1, 2, 3)]
    opened.wait(opened.store.end_parts(ends))
    after = found(opened)
    assert {n for n in before if after[n] != before[n]} == {1, 2, 3} - {theirs}


@pytest.mark.parametrize("theirs", [1, 3])
def test_parts_of_the_messages_of_others_are_not_replaced(opened: Opened, theirs: int) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)

    def record(parts: str) -> None:
        verdicts = [in_parts(a, *(f"{p}{a.message.message_id}" for p in parts)) for a in attempts]
        opened.wait(opened.store.record(verdicts))

    record("ab")
    opened.lose([theirs])
    before = found(opened)
    record("cd")
    after = found(opened)
    changed = {n for n in before if after[n].attempt.parts != before[n].attempt.parts}
    assert changed == {1, 2, 3} - {theirs}


@pytest.mark.parametrize("theirs", [1, 3])
def test_the_messages_of_others_are_no_work_of_ours(opened: Opened, theirs: int) -> None:
    at(opened, Stage.WAITING)
    opened.lose([theirs])
    store, ours = opened.store, [n for n in (1, 2, 3) if n != theirs]
    lines = [LineQuery("bank", 0, ())]
    (waiting,) = opened.wait(store.waiting("keccel", lines, NOW + 1, 10))
    expired = opened.wait(store.expired("keccel", NOW + 1_000, 10))
    for attempts in (waiting, expired):
        assert [attempt.message.message_id for attempt in attempts] == ours
    assert [each.messages for each in opened.reopen().waiting] == [2]


@pytest.mark.parametrize("theirs", [1, 3])
def test_the_open_messages_of_others_are_not_due_to_us(opened: Opened, theirs: int) -> None:
    attempts = at(opened, Stage.SUBMITTED)
    opened.lose([theirs])
    ours = [a.message.message_id for a in attempts if a.message.message_id != theirs]
    due = opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 100, 10))
    assert [attempt.message.message_id for attempt in due] == ours


@pytest.mark.parametrize("theirs", [1, 3])
def test_attempts_of_others_that_are_out_are_not_restored(opened: Opened, theirs: int) -> None:
    at(opened, Stage.SUBMITTING)
    opened.lose([theirs])
    interrupted = opened.reopen().interrupted
    assert [a.message.message_id for a in interrupted] == [n for n in (1, 2, 3) if n != theirs]


@pytest.mark.parametrize("stage", [Stage.WAITING, Stage.SUBMITTING, Stage.SUBMITTED])
def test_whoever_finds_a_message_knows_whose_it_is(opened: Opened, stage: Stage) -> None:
    at(opened, stage)
    opened.lose([1])
    store, names = opened.store, [("keccel", f"n{n}") for n in (1, 2)]
    by_name = opened.wait(store.find([1, 2, *names])).values()
    by_id = [each for many in opened.wait(store.named([1, 2])).values() for each in many]
    assert by_name
    for each in (*by_name, *by_id):
        assert each.ours is (each.attempt.message.message_id != 1)
