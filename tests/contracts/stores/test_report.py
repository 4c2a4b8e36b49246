"""The contract of a store: reports, early ones and those of parts too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import (
    Stage,
)
from smppbridge.model.parts import Part
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import (
    EarlyReport,
    PartEnd,
    StoreFailure,
)
from tests.contracts.conftest import BY_MESSAGE
from tests.contracts.stores.asked import found, owed
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    again,
    in_parts,
    message,
    taken,
    told,
    tried,
)


def test_a_state_that_is_not_final_leaves_the_message_open(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(registered_delivery=0x11)], begun=True)
    opened.wait(opened.store.record([taken(attempt, "X")]))
    opened.wait(opened.store.settle([told(attempt, State.ENROUTE)]))
    opened.reopen()
    assert found(opened).stage is Stage.SUBMITTED
    assert found(opened).attempt.state == State.ENROUTE
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED)]))
    assert found(opened).stage is Stage.FINISHED
    assert owed(opened) == [(1, State.ENROUTE), (1, State.DELIVERED)]


def test_a_final_state_never_changes(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.settle([told(attempt, State.DELIVERED)]))
    final = found(opened)
    for call in (
        opened.store.settle([told(attempt, State.UNDELIVERABLE, deliveries=[])]),
        opened.store.settle([told(attempt, State.ENROUTE, deliveries=[])]),
        opened.store.begin([tried(attempt.message, "d7", 2)]),
        opened.store.record([again(attempt, NOW)]),
        opened.store.record([taken(attempt, "Y")]),
        opened.store.revisit([(1, NOW)]),
    ):
        opened.wait(call)
        assert found(opened) == final
    assert (final.stage, final.attempt.state) == (Stage.FINISHED, State.DELIVERED)
    restored = opened.reopen()
    assert (restored.waiting, restored.interrupted, restored.owed) == ([], [], {"bank": 1})


@pytest.mark.parametrize(
    ("names", "asked", "answer"),
    [
        (["abc"], "abc", 1),
        (["aBc"], "AbC", 1),
        (["0012"], "12", 1),
        (["12"], "000012", 1),
        (["12"], "120", None),
        (["12"], "1", None),
        (["abc", "ABC"], "ABC", 2),
        (["abc", "ABC"], "Abc", None),
        (["12", "012"], "012", 2),
        (["12", "012"], "0012", None),
        (["same", "same"], "same", 1),
        (["É"], "É", 1),
        (["É"], "é", None),
        (["000"], "0", 1),
        (["%_"], "%_", 1),
        (["abc"], "a_c", None),
    ],
)
def test_a_provider_message_id_is_matched_tolerantly_and_never_ambiguously(
    opened: Opened, names: list[str], asked: str, answer: int | None
) -> None:
    attempts = accept(opened, [message(i + 1) for i in range(len(names))], begun=True)
    verdicts = [taken(attempt, name) for attempt, name in zip(attempts, names, strict=True)]
    opened.wait(opened.store.record(verdicts))
    keys: list[tuple[str, str] | int] = [("keccel", asked), ("d7", asked), 1, 99]
    answers = opened.wait(opened.store.find(keys, {"keccel": "zeros"}))
    expected = {1: 1} | ({("keccel", asked): answer} if answer else {})
    assert {k: f.attempt.message.message_id for k, f in answers.items()} == expected


def parts_of(opened: Opened, message_id: int = 1) -> list[tuple[str, int, int]]:
    parts = found(opened, message_id).attempt.parts
    return [(part.provider_message_id, part.state, part.error) for part in parts]


def test_a_message_is_found_by_the_id_of_any_of_its_parts(opened: Opened) -> None:
    one, several, finished = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    verdicts = [in_parts(several, "a", "B", "c", by="last"), taken(one, "one")]
    opened.wait(opened.store.record([*verdicts, in_parts(finished, "x", "y")]))
    opened.wait(opened.store.settle([told(finished, State.REJECTED)]))
    names = ["no", "one", "a", "B", "c", "x", "y", "nobody"]
    keys: list[tuple[str, str] | int] = [("keccel", name) for name in names]
    expected = dict(zip(names, (None, 1, 2, 2, 2, 3, 3, None), strict=True))
    for _ in range(2):
        answers = opened.wait(opened.store.find([*keys, ("d7", "c")]))
        ids = {key[1]: message.attempt.message.message_id for key, message in answers.items()}
        assert ids == {name: each for name, each in expected.items() if each}
        assert answers["keccel", "y"].stage is Stage.FINISHED
        assert answers["keccel", "one"].attempt.parts == ()
        attempt = answers["keccel", "c"].attempt
        assert (attempt.provider_message_id, attempt.provider) == ("a", "keccel")
        assert attempt.parts == (Part("a", False), Part("B", False), Part("c"))
        opened.reopen()


def test_parts_end_once_and_all_parts_of_their_messages_are_the_answer(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    names = (["a", "b"], ["c", "d", "e"], ["f"])
    verdicts = [in_parts(a, *n) for a, n in zip(attempts, names, strict=True)]
    opened.wait(opened.store.record(verdicts))
    ended = [PartEnd(2, 3, State.EXPIRED, 7), PartEnd(1, 1, State.DELIVERED, 0)]
    nobody = [PartEnd(3, 1, State.DELIVERED, 0), PartEnd(99, 1, 2, 0), PartEnd(1, 9, 2, 0)]
    answer = opened.wait(opened.store.end_parts([nobody[0], *ended, *nobody[1:]]))
    assert answer == {
        1: (Part("a", state=State.DELIVERED), Part("b")),
        2: (Part("c"), Part("d"), Part("e", state=State.EXPIRED, error=7)),
    }
    opened.reopen()
    changed = [PartEnd(2, 3, State.DELIVERED, 0), PartEnd(2, 1, State.REJECTED, 1)]
    assert opened.wait(opened.store.end_parts(changed)) == {
        2: (
            Part("c", state=State.REJECTED, error=1),
            Part("d"),
            Part("e", state=State.EXPIRED, error=7),
        )
    }
    assert found(opened).attempt.parts == answer[1]
    assert found(opened).stage is Stage.SUBMITTED
    assert opened.wait(opened.store.end_parts([])) == {}


def test_two_who_end_parts_at_once_see_each_other(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([in_parts(attempt, "a", "b")]))
    ends = [PartEnd(1, n, State.DELIVERED, 0) for n in (1, 2)]
    calls = [opened.store.end_parts([end]) for end in ends]
    answers: list[Any] = []
    for call in calls:
        call.addCallback(answers.append)
    opened.wait(*calls)
    assert any(all(part.state for part in answer[1]) for answer in answers)


def test_parts_that_end_in_the_transaction_that_names_them_have_ended(opened: Opened) -> None:
    attempts = accept(opened, [message()], begun=True)
    opened.reopen(started=False)
    recorded = opened.store.record([in_parts(attempts[0], "a", "b")])
    ended = opened.store.end_parts([PartEnd(1, 2, State.DELIVERED, 0)])
    opened.start()
    answer = opened.wait(recorded, ended)
    assert answer == {1: (Part("a"), Part("b", state=State.DELIVERED))}


def test_the_ends_of_parts_are_not_written_where_the_store_fails(opened: Opened) -> None:
    (attempt,) = accept(opened, [message()], begun=True)
    opened.wait(opened.store.record([in_parts(attempt, "a", "b")]))
    opened.fail(True)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.end_parts([PartEnd(1, 1, State.DELIVERED, 0)]))
    opened.fail(False)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.end_parts([PartEnd(1, 1, 2**64, 0)]))
    assert parts_of(opened) == [("a", 0, 0), ("b", 0, 0)]


def test_parts_come_with_a_message_that_is_due(opened: Opened) -> None:
    first, last = accept(opened, [message(n) for n in (1, 2)], begun=True)
    opened.wait(opened.store.record([in_parts(first, "a", "b"), taken(last, "c")]))
    opened.wait(opened.store.end_parts([PartEnd(1, 2, State.DELIVERED, 0)]))
    due = opened.wait(opened.store.due(Stage.SUBMITTED, "keccel", NOW + 60, 10))
    parts = (Part("a"), Part("b", state=State.DELIVERED))
    assert [attempt.parts for attempt in due] == [parts, ()]


@pytest.mark.parametrize("opened", BY_MESSAGE, indirect=True)
def test_parts_are_forgotten_with_their_message(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2)], begun=True)
    verdicts = [in_parts(a, f"a{n}", f"b{n}") for n, a in enumerate(attempts, 1)]
    opened.wait(opened.store.record(verdicts))
    opened.wait(opened.store.settle([told(attempts[0], State.DELIVERED)]))
    assert opened.wait(opened.store.forget(NOW + 100, 10)) == 1
    answers = opened.wait(opened.store.find([("keccel", "b1"), ("keccel", "b2")]))
    assert list(answers) == [("keccel", "b2")]
    accept(opened, [message()], begun=True)
    assert found(opened).attempt.parts == ()
    opened.wait(opened.store.record([taken(attempts[0], "again")]))
    assert found(opened).attempt.parts == ()


def early(name: str = "X", **changes: Any) -> EarlyReport:
    return replace(EarlyReport("keccel", name, State.DELIVERED, 0, NOW), **changes)


def test_early_reports_are_kept_until_dropped_or_used_up(opened: Opened) -> None:
    kept = [early("a", at=NOW + 3), early("b", at=NOW + 1), early("c"), early("d", provider="d7")]
    opened.wait(opened.store.keep_early(kept))
    opened.wait(opened.store.keep_early([early("a", state=State.REJECTED, error=5, at=NOW + 4)]))
    opened.wait(
        opened.store.drop_early(
            [("keccel", "c", NOW + 9), ("keccel", "d", NOW + 9), ("no", "b", NOW + 9)]
        )
    )
    expected = [kept[3], kept[1], early("a", state=State.REJECTED, error=5, at=NOW + 4)]
    assert opened.reopen().early == expected

    (attempt,) = accept(opened, [message()], begun=True)
    ended = told(attempt, State.REJECTED)
    opened.wait(opened.store.settle([ended], [("keccel", "a", NOW + 4)]))
    assert opened.reopen().early == expected[:2]


def test_an_early_report_is_kept_as_it_was(opened: Opened) -> None:
    kept = early("a", state=State.REJECTED, error=5, renamed="b", done_at=NOW - 40.5)
    opened.wait(opened.store.keep_early([kept]))
    assert opened.reopen().early == [kept]


@pytest.mark.parametrize("verb", ["drop_early", "settle"])
@pytest.mark.parametrize("later", [True, False])
def test_a_report_that_comes_while_the_one_before_it_is_deleted_stays(
    opened: Opened, verb: str, later: bool
) -> None:
    store = opened.store
    used = [early("a", at=NOW + 1).key, early("b", at=NOW + 1).key]
    opened.wait(store.keep_early([early("a", at=NOW + 1), early("b")]))
    opened.reopen(started=False)  # so that both calls land in one transaction
    store = opened.store
    new = early("a", state=State.REJECTED, at=NOW + 2)
    calls = [store.drop_early(used) if verb == "drop_early" else store.settle([], used)]
    calls.insert(1 if later else 0, store.keep_early([new]))
    opened.start()
    opened.wait(*calls)
    assert opened.reopen().early == [new]


def accepted(opened: Opened, *names: str) -> None:
    """Accept messages 1, 2, ... by *names*, one a second."""
    for n, name in enumerate(names, 1):
        (attempt,) = accept(opened, [message(n)], begun=True)
        opened.wait(opened.store.record([replace(taken(attempt, name), at=NOW + n)]))


def ended(opened: Opened, *message_ids: int) -> None:
    settlements = [told(tried(message(n)), State.DELIVERED) for n in message_ids]
    opened.wait(opened.store.settle(settlements))


def who(opened: Opened, name: str, tolerance: Tolerance = "exact") -> int | None:
    answer = opened.wait(opened.store.find([("keccel", name)], {"keccel": tolerance}))
    return next((f.attempt.message.message_id for f in answer.values()), None)


def test_of_messages_with_one_id_the_oldest_open_one_is_found_and_else_the_newest(
    opened: Opened,
) -> None:
    accepted(opened, *["X"] * 5)
    ended(opened, 1, 3)
    assert who(opened, "X") == 2
    ended(opened, 2)
    assert who(opened, "X") == 4
    ended(opened, 4)
    assert who(opened, "X") == 5
    ended(opened, 5)
    assert who(opened, "X") == 5


def test_the_message_that_was_accepted_first_is_the_oldest(opened: Opened) -> None:
    first, second = accept(opened, [message(1), message(2)], begun=True)
    opened.wait(opened.store.record([taken(second, "X"), replace(taken(first, "X"), at=NOW + 2)]))
    assert who(opened, "X") == 2


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        (["aB"], "Ab", {"case": 1, "zeros": 1}),
        (["12"], "012", {"zeros": 1}),
        (["aB", "Ab"], "Ab", {"exact": 2, "case": 2, "zeros": 2}),
        (["aB", "Ab"], "AB", {}),
        (["aB", "0Ab"], "AB", {"case": 1}),
        (["aB", "aB"], "AB", {"case": 1, "zeros": 1}),
    ],
)
def test_an_id_in_another_spelling_is_found_as_far_as_is_tolerated(
    opened: Opened, names: list[str], asked: str, found: dict[str, int]
) -> None:
    accepted(opened, *names)
    tolerances: list[Tolerance] = ["exact", "case", "zeros"]
    assert {t: n for t in tolerances if (n := who(opened, asked, t))} == found
    ended(opened, 1)
    if len(set(names)) == len(names):
        assert {t: n for t in tolerances if (n := who(opened, asked, t))} == found


def test_the_ids_of_open_messages_are_restored(opened: Opened) -> None:
    accepted(opened, "X", "Y", "Z")
    ended(opened, 2)
    stored = opened.reopen().stored_ids
    assert [("keccel", name) in stored for name in "XYZ"] == [True, False, True]
    assert ("d7", "X") not in stored
