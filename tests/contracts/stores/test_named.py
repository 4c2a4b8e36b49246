"""The contract of a store: messages that an ESME names: query, cancel, replace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.message import (
    PLAIN,
    Attempt,
    KnownState,
    Stage,
    Traits,
)
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.named import PAGE
from smppbridge.store.port import (
    Entry,
    Found,
    LineQuery,
    StoreFailure,
)
from tests.contracts.conftest import BY_MESSAGE
from tests.contracts.stores.asked import found, ids
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    first_attempt,
    key,
    message,
    segment,
    taken,
    told,
    tried,
)


def states(opened: Opened, *message_ids: int) -> dict[int, list[tuple[int, int]]]:
    known = opened.wait(opened.store.states(message_ids))
    return {each: [(s.stage, s.state) for s in found] for each, found in known.items()}


def named(opened: Opened, *message_ids: int) -> dict[int, list[Any]]:
    known = opened.wait(opened.store.named(message_ids))
    return {
        each: [n.attempt.message.message_id if isinstance(n, Found) else n for n in found]
        for each, found in known.items()
    }


def test_the_state_of_a_message_is_known_at_every_stage(opened: Opened) -> None:
    assert states(opened, 1, 2**63 - 1) == {}
    accept(opened, [message(1), message(3)])
    (begun,) = accept(opened, [message(2)], begun=True)
    opened.wait(opened.store.record([taken(begun, "X")]))
    opened.wait(opened.store.begin([tried(message(3))]))
    assert states(opened, 9, 1, 2, 3) == {1: [(1, 0)], 2: [(3, 0)], 3: [(2, 0)]}
    opened.wait(opened.store.settle([told(begun, State.ENROUTE)]))
    assert states(opened, 2) == {2: [(3, 1)]}
    opened.wait(opened.store.settle([replace(told(begun, State.UNDELIVERABLE), error=7)]))
    (state,) = opened.wait(opened.store.states([2]))[2]
    assert state == KnownState("bank", "BANK", 5 << 8, Stage.FINISHED, 5, 7, NOW + 2)
    opened.reopen()
    assert states(opened, 2, 9) == {2: [(4, 5)]}


@pytest.mark.parametrize("opened", BY_MESSAGE, indirect=True)
def test_a_message_that_is_forgotten_has_no_state(opened: Opened) -> None:
    (begun,) = accept(opened, [message(2)], begun=True)
    opened.wait(opened.store.settle([told(begun, State.DELIVERED)]))
    opened.wait(opened.store.forget(NOW + 3, 10))
    assert (states(opened, 2), named(opened, 2)) == ({}, {})


def test_a_segment_names_its_message_and_before_that_the_gathering(opened: Opened) -> None:
    first, second = segment(1, 1), segment(2, 2)
    opened.wait(opened.store.accept([Entry(None, key(), first)]))
    assert states(opened, 1, 2) == {1: [(Stage.GATHERING, 0)]}
    assert named(opened, 1) == {1: [key()]}
    (state,) = opened.wait(opened.store.states([1]))[1]
    assert state[:3] == ("bank", "BANK", 5 << 8)
    whole = message(1, segments=(first, second))
    opened.wait(opened.store.accept([Entry(whole, key(), second, first_attempt(whole, False))]))
    assert states(opened, 2, 1) == {1: [(1, 0)], 2: [(1, 0)]}
    assert named(opened, 2, 1, 3) == {1: [1], 2: [1]}


def test_the_id_of_a_submit_multi_names_all_of_its_messages(opened: Opened) -> None:
    shared = Traits(multi=4, destinations=3)
    accept(opened, [message(n, traits=shared) for n in (4, 5, 6)] + [message(7)])
    assert states(opened, 7, 4) == {4: [(1, 0)] * 3, 7: [(1, 0)]}
    assert named(opened, 4, 7) == {4: [4, 5, 6], 7: [7]}


def stoppable(opened: Opened, number: str = "243810000001") -> list[int]:
    found = opened.wait(opened.store.stoppable([("bank", number), ("else", number)]))
    assert found["else", number] == ([], None)
    page, before = found["bank", number]
    assert before is None
    return [each.attempt.message.message_id for each in page]


def test_messages_to_a_number_can_be_stopped_until_they_leave(opened: Opened) -> None:
    later = message(4, traits=Traits(scheduled=NOW + 9))
    accept(opened, [message(n) for n in (1, 2, 3)] + [later, message(5, number="1")])
    assert stoppable(opened) == [4, 3, 2, 1]
    assert stoppable(opened, "1") == [5]
    opened.wait(opened.store.begin([tried(message(2)), tried(later)]))
    assert stoppable(opened) == [3, 1]
    opened.wait(opened.store.record([taken(tried(message(2)), "B"), taken(tried(later), "D")]))
    opened.wait(opened.store.settle([told(tried(message(1)), State.DELETED)]))
    opened.reopen()
    assert stoppable(opened) == [4, 3]  # the provider keeps the fourth until its time


def test_very_many_messages_to_a_number_come_in_pages(opened: Opened) -> None:
    count = 2 * PAGE + 1
    messages = [message(n, system_id="bank" if n % 2 else "else") for n in range(1, count + 1)]
    accept(opened, messages)
    key, before, seen = ("bank", "243810000001"), None, []
    for size in (PAGE // 2, PAGE // 2, 1):
        page, before = opened.wait(opened.store.stoppable([key], before))[key]
        assert len(page) == size
        seen += [each.attempt.message.message_id for each in page]
    assert (seen, before) == (list(range(count, 0, -2)), None)


def test_a_message_that_waits_is_rewritten(opened: Opened) -> None:
    accept(opened, [message(1), message(2, traits=Traits("CMT")), message(3)])
    opened.wait(opened.store.begin([tried(message(3))]))
    changes: dict[str, Any] = {"due": NOW + 5.5, "expires_at": NOW + 99, "route": ("d7", "keccel")}
    first = message(1, text="", binary=b"\0\xff", registered_delivery=0, **changes)
    second = message(2, text="new", registered_delivery=17, traits=Traits("CMT", sender="X"))
    new = [
        Attempt(first, "keccel", 0, 1),
        Attempt(second, "d7"),
        Attempt(message(3, text="no"), ""),
    ]
    opened.wait(opened.store.rewrite(new))
    opened.reopen()
    assert found(opened, 1) == Found(Attempt(first, "keccel", 0, 1), Stage.WAITING)
    assert found(opened, 2) == Found(Attempt(second, "d7"), Stage.WAITING)
    assert found(opened, 3).attempt.message.text == "Bonjour"  # its request has left
    line = [LineQuery("bank", 0, ())]
    assert ids(opened.wait(opened.store.waiting("keccel", line, NOW + 5, 9))[0]) == []
    assert ids(opened.wait(opened.store.waiting("keccel", line, NOW + 6, 9))[0]) == [1]
    bare = message(2, text="new")
    opened.wait(opened.store.rewrite([Attempt(bare, "d7")]))
    assert found(opened, 2).attempt.message.traits == PLAIN


def test_of_a_rewriting_that_fails_nothing_is_written(opened: Opened) -> None:
    accept(opened, [message(1), message(2)])
    for new in (
        [Attempt(message(1, text="\ud800"), "d7"), Attempt(message(2, text="new"), "d7")],
        [Attempt(message(2, text="new"), "d7"), Attempt(message(1, text="\ud800"), "d7")],
    ):
        with pytest.raises(StoreFailure):
            opened.wait(opened.store.rewrite(new))
    opened.fail(True)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.rewrite([Attempt(message(1, text="new"), "d7")]))
    opened.fail(False)
    assert [found(opened, n).attempt.message.text for n in (1, 2)] == ["Bonjour", "Bonjour"]


def test_a_message_that_is_rewritten_and_ended_at_once_has_ended(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(1)])
    new = Attempt(message(1, text="new"), "keccel")
    opened.wait(opened.store.rewrite([new]), opened.store.settle([told(attempt, State.DELETED)]))
    assert found(opened, 1).stage is Stage.FINISHED
    opened.wait(opened.store.rewrite([Attempt(message(1, text="late"), "keccel")]))
    assert found(opened, 1).attempt.message.text == "new"
