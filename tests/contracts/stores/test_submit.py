"""The contract of a store: attempts begin, wait and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.message import (
    Attempt,
    Stage,
)
from smppbridge.model.outcome import Refused
from smppbridge.relay.report.receipts import settlement
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import (
    Entry,
    LineQuery,
    Verdict,
    Waiting,
)
from tests.contracts.stores.asked import found, ids, owed
from tests.store.opened import (
    KEEP,
    NOW,
    Opened,
    accept,
    again,
    first_attempt,
    message,
    taken,
    told,
    unknown,
)


def test_an_attempt_that_was_out_is_known_to_be_interrupted(opened: Opened) -> None:
    first, second = accept(opened, [message(1), message(2)])
    out = replace(second, provider="d7", hop=1, number=3, begun_at=NOW + 5)
    opened.wait(opened.store.move([out]))
    opened.wait(opened.store.begin([out]))
    restored = opened.reopen()
    (interrupted,) = restored.interrupted
    assert interrupted == replace(out, message=replace(out.message, due=interrupted.message.due))
    assert restored.waiting == [Waiting("keccel", "bank", 0, 1)]
    assert opened.wait(opened.store.due(Stage.SUBMITTING, "d7", NOW + 999, 9)) == []
    assert found(opened, first.message.message_id).stage is Stage.WAITING


def test_begin_returns_the_attempts_that_began(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in range(1, 6)])
    ended, sent, *free = attempts
    assert opened.wait(opened.store.begin([ended, sent])) == [ended, sent]
    opened.wait(opened.store.record([taken(sent, "X")]))
    opened.wait(opened.store.settle([told(ended, State.DELIVERED)]))
    assert opened.wait(opened.store.begin([ended, free[0], sent])) == [free[0]]
    together = opened.store.begin([free[1]]), opened.store.begin([sent, free[2], ended])
    assert opened.wait(*together) == [free[2]]
    assert [found(opened, a.message.message_id).stage for a in (ended, sent)] == [
        Stage.FINISHED,
        Stage.SUBMITTED,
    ]
    assert ids(opened.reopen().interrupted) == [3, 4, 5]


@pytest.mark.parametrize("with_message", [True, False])
def test_an_attempt_that_was_begun_and_did_not_leave_is_undone(
    opened: Opened, with_message: bool
) -> None:
    (attempt,) = accept(opened, [message(due=NOW - 3)], begun=with_message)
    if not with_message:
        attempt = replace(attempt, batch="key/1", begun_at=NOW + 5)
        opened.wait(opened.store.begin([attempt]))
    opened.wait(opened.store.recall([attempt]))
    restored = opened.reopen()
    assert (restored.interrupted, restored.waiting) == ([], [Waiting("keccel", "bank", 0, 1)])
    again_ = found(opened).attempt
    assert (found(opened).stage, again_.number, again_.batch) == (Stage.WAITING, 0, None)
    lines = [LineQuery("bank", 0, ())]
    assert opened.wait(opened.store.batches(["key/1"])) == {"key/1": []}
    assert ids(opened.wait(opened.store.waiting("keccel", lines, NOW - 3, 9))[0]) == [1]
    assert opened.wait(opened.store.waiting("keccel", lines, NOW - 4, 9)) == [[]]


def test_what_is_undone_is_due_no_later_than_it_was_begun(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(due=NOW + 600)])  # of a message that somebody sent again
    attempt = replace(attempt, begun_at=NOW + 5)
    opened.wait(opened.store.begin([attempt]))
    opened.wait(opened.store.recall([attempt]))
    lines = [LineQuery("bank", 0, ())]
    assert ids(opened.wait(opened.store.waiting("keccel", lines, NOW + 5, 9))[0]) == [1]


def test_only_what_is_begun_is_undone(opened: Opened) -> None:
    ended, held, sent = accept(opened, [message(1), message(2), message(3)], begun=True)
    opened.wait(
        opened.store.settle([told(ended, State.DELIVERED)]),
        opened.store.record([again(held, NOW + 60), taken(sent, "X")]),
    )
    opened.wait(opened.store.recall([ended, held, sent]))
    stages = [found(opened, n).stage for n in (1, 2, 3)]
    assert stages == [Stage.FINISHED, Stage.WAITING, Stage.SUBMITTED]
    assert found(opened, 2).attempt.number == 1


def put_off(opened: Opened, dues: dict[int, float], **about: Any) -> None:
    """Accept messages a second apart, and let their first tries put them off."""
    whole = [message(n, accepted_at=NOW + n, **about) for n in dues]
    tries = accept(opened, whole, begun=True)
    verdicts = [again(a, NOW + dues[a.message.message_id], "keccel") for a in tries]
    opened.wait(opened.store.record(verdicts))


def test_what_was_put_off_can_be_made_due_in_order_of_its_acceptance(opened: Opened) -> None:
    put_off(opened, {1: 400.0, 2: 90.0, 3: 60.0, 4: 5.0})
    put_off(opened, {5: 300.0}, system_id="shop")
    put_off(opened, {6: 300.0}, priority=2)
    accept(opened, [message(7, due=NOW + 50, accepted_at=NOW)])  # scheduled, and never tried
    store, lines = opened.store, [LineQuery("bank", 0, ())]

    def hasten(*named: tuple[str, int], limit: int = 9) -> int:
        made: int = opened.wait(store.hasten("keccel", named, NOW + 10, limit))
        return made

    def due() -> list[int]:
        return ids(opened.wait(store.waiting("keccel", lines, NOW + 10, 9))[0])

    assert due() == [4]
    assert hasten(("bank", 0), limit=2) == 2
    assert due() == [1, 2, 4]  # the longest put off first
    assert hasten(("bank", 0)) == 1
    assert due() == [1, 2, 3, 4]
    assert hasten(("shop", 0), ("bank", 2), limit=1) == 1
    assert hasten(("shop", 0), ("bank", 2)) == 1
    assert hasten(("shop", 0), ("bank", 2), ("bank", 0)) == 0
    assert opened.wait(store.hasten("d7", [("bank", 0)], NOW, 9)) == 0


def refused(attempt: Attempt) -> Verdict:
    return Verdict(attempt, Refused("credit"), Stage.SUBMITTING, NOW + 1, NOW + 1)


@pytest.mark.parametrize(
    ("verdict", "stage", "due", "provider", "hop", "name"),
    [
        (lambda a: taken(a, "X1", NOW + 60), Stage.SUBMITTED, NOW + 60, "keccel", 0, "X1"),
        (lambda a: again(a, NOW + 2), Stage.WAITING, NOW + 2, "keccel", 0, None),
        (lambda a: again(a, NOW + 2, "d7", 1), Stage.WAITING, NOW + 2, "d7", 1, None),
        (lambda a: unknown(a, NOW + 600), Stage.SUBMITTING, NOW + 600, "keccel", 0, None),
        (refused, Stage.SUBMITTING, NOW + 1, "keccel", 0, None),
    ],
)
def test_a_verdict_says_where_the_message_is(
    opened: Opened,
    verdict: Callable[[Attempt], Verdict],
    stage: Stage,
    due: float,
    provider: str,
    hop: int,
    name: str | None,
) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([verdict(attempt)]))
    assert opened.reopen().interrupted == []
    after = found(opened)
    assert (after.stage, after.attempt.provider, after.attempt.hop) == (stage, provider, hop)
    assert (after.attempt.provider_message_id, after.attempt.answered_at) == (name, NOW + 1)
    assert looked_at(opened, stage, provider, due) == [1]
    assert looked_at(opened, stage, provider, due - 0.001) == []


def looked_at(opened: Opened, stage: Stage, provider: str, now: float) -> list[int]:
    """Return what is due in a stage."""
    if stage is Stage.WAITING:
        return waiting(opened, now, 9, LineQuery("bank", 0, ()), provider=provider)[0]
    return ids(opened.wait(opened.store.due(stage, provider, now, 9)))


def test_a_verdict_and_the_fate_it_decides_are_written_together(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([refused(attempt)], [told(attempt, State.REJECTED)]))
    assert (found(opened).stage, found(opened).attempt.state) == (Stage.FINISHED, State.REJECTED)
    assert owed(opened) == [(1, State.REJECTED)]


def test_an_uncertain_attempt_that_is_repeated_is_out_again(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    opened.wait(opened.store.record([unknown(a, NOW + 5) for a in attempts]))
    repeated = [replace(a, number=2, batch="key/2") for a in (attempts[0], attempts[2])]
    opened.wait(opened.store.begin(repeated))
    assert looked_at(opened, Stage.SUBMITTING, "keccel", NOW + 9) == [2]
    assert [found(opened, n).stage for n in (1, 2, 3)] == [Stage.SUBMITTING] * 3
    assert ids(opened.reopen().interrupted) == [1, 3]
    opened.wait(opened.store.record([unknown(repeated[1], NOW + 7)]))
    assert looked_at(opened, Stage.SUBMITTING, "keccel", NOW + 9) == [2, 3]


def test_an_attempt_that_is_out_is_due_by_its_outcome_alone(opened: Opened) -> None:
    waits, out, last = accept(opened, [message(n, due=NOW + 600) for n in (1, 2, 3)])
    opened.wait(opened.store.begin([out, last]))
    opened.wait(opened.store.revisit([(2, NOW + 1), (1, NOW + 2), (3, NOW + 1)]))
    assert opened.wait(opened.store.hasten("keccel", [("bank", 0)], NOW, 9)) == 0  # untried
    for stage in (Stage.WAITING, Stage.SUBMITTING):
        expected = [waits.message.message_id] if stage is Stage.WAITING else []
        assert looked_at(opened, stage, "keccel", NOW + 999) == expected
    restored = opened.reopen()
    assert ids(restored.interrupted) == [2, 3]
    assert restored.waiting == [Waiting("keccel", "bank", 0, 1)]
    assert ids(opened.wait(opened.store.expired("keccel", NOW + 999, 9))) == [1]


def test_revisit_says_when_to_look_again(opened: Opened) -> None:
    attempts = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]))
    opened.wait(opened.store.revisit([(1, NOW + 90), (2, NOW + 80)]))
    assert ids(opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 99, 9))) == [2, 1]
    assert ids(opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 85, 9))) == [2]


def waiting(
    opened: Opened, now: float, limit: int, *lines: LineQuery, provider: str = "keccel"
) -> list[list[int]]:
    """Return the ids of what waits, line by line."""
    return [ids(some) for some in opened.wait(opened.store.waiting(provider, lines, now, limit))]


def test_what_waits_is_given_line_by_line_the_longest_due_first(opened: Opened) -> None:
    dues = {1: NOW + 3, 2: NOW + 1, 3: NOW + 1, 4: NOW + 2, 5: NOW + 9}
    accept(opened, [message(i, due=due) for i, due in dues.items()])
    accept(opened, [message(6, route=("d7",))])
    accept(opened, [message(7)], begun=True)
    accept(opened, [message(8, priority=3), message(9, system_id="shop")])

    def due(now: float, limit: int, *skip: int) -> list[int]:
        [found] = waiting(opened, now, limit, LineQuery("bank", 0, {*skip}))
        return found

    assert due(NOW + 5, 9) == [2, 3, 4, 1]
    assert due(NOW + 2, 9) == [2, 3, 4]
    assert due(NOW + 5, 2) == [2, 3]
    assert due(NOW + 5, 2, 2, 4) == [3, 1]
    assert due(NOW + 5, 9, 1, 2, 3, 4) == []
    others = [LineQuery("shop", 0, ()), LineQuery("bank", 3, ()), LineQuery("bank", 2, ())]
    assert waiting(opened, NOW + 9, 9, *others) == [[9], [8], []]


def test_a_message_moves_to_another_provider_while_it_waits(opened: Opened) -> None:
    attempts = accept(opened, [message(1, route=("keccel", "d7"))])
    attempts += accept(opened, [message(2, route=("keccel", "d7"))], begun=True)
    for attempt in attempts:
        attempt.provider, attempt.hop = "d7", 1
    opened.wait(opened.store.move(attempts))
    line = LineQuery("bank", 0, ())
    assert waiting(opened, NOW + 9, 9, line) == [[]]
    assert waiting(opened, NOW + 9, 9, line, provider="d7") == [[1]]
    assert (found(opened, 1).attempt.hop, found(opened, 2).attempt.provider) == (1, "keccel")


def test_a_message_can_begin_further_along_its_route(opened: Opened) -> None:
    begun, waiting = (message(n, route=("keccel", "d7")) for n in (2, 1))
    entries = [
        Entry(waiting, attempt=first_attempt(waiting, False, hop=1)),
        Entry(begun, attempt=first_attempt(begun, hop=1)),
    ]
    opened.wait(opened.store.accept(entries))
    for n in (1, 2):
        assert (found(opened, n).attempt.provider, found(opened, n).attempt.hop) == ("d7", 1)


def test_what_shared_a_request_is_found_by_its_key_whatever_became_of_it(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (3, 1, 2)])
    for attempt in attempts:
        attempt.number, attempt.batch = 1, "key" if attempt.message.message_id < 3 else "other"
    opened.wait(opened.store.begin(attempts))
    opened.wait(opened.store.settle([told(attempts[1], State.DELIVERED)]))
    opened.reopen()
    batches = opened.wait(opened.store.batches(["key", "none"]))
    assert [(f.attempt.message.message_id, f.stage) for f in batches["key"]] == [
        (1, Stage.FINISHED),
        (2, Stage.SUBMITTING),
    ]
    assert batches["key"][1].attempt.batch == "key"
    assert batches["none"] == []


@pytest.mark.parametrize("final", [True, False])
def test_a_receipt_is_read_back_as_final_as_it_was(opened: Opened, final: bool) -> None:
    attempts = accept(opened, [message(1, registered_delivery=0x11)], begun=True)
    made = settlement(attempts[0], State.ACCEPTED, 0, NOW, source="own", keep=KEEP, final=final)
    opened.wait(opened.store.settle([made]))
    assert opened.wait(opened.store.owed("bank", NOW + 9, 9)) == made.deliveries
    assert [d.final for d in made.deliveries] == [final]


def test_a_report_can_give_the_message_another_name(opened: Opened) -> None:
    attempts = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]))
    news = [told(attempts[0], State.ENROUTE, final=False), told(attempts[1], State.DELIVERED)]
    for each in news:
        each.renamed = f"Y{each.attempt.message.message_id}"
    opened.wait(opened.store.settle(news))
    assert set(opened.wait(opened.store.find([("keccel", "Y1"), ("keccel", "Y2")]))) == {
        ("keccel", "Y1"),
        ("keccel", "Y2"),
    }
    former = [("keccel", "X1"), ("keccel", "X2")]
    assert opened.wait(opened.store.find(former, {"keccel": "zeros"})) == {}


def test_expired_are_waiting_messages_past_their_deadline(opened: Opened) -> None:
    accept(opened, [message(i, expires_at=NOW + i, due=NOW + 100) for i in range(1, 5)])
    accept(opened, [message(5, expires_at=NOW)], begun=True)
    accept(opened, [message(6, expires_at=NOW, route=("d7",))])
    assert sorted(ids(opened.wait(opened.store.expired("keccel", NOW + 3, 9)))) == [1, 2, 3]
    assert len(opened.wait(opened.store.expired("keccel", NOW + 3, 2))) == 2
    assert opened.wait(opened.store.expired("keccel", NOW, 9)) == []
