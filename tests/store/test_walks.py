"""What is past its time is found by walks: whole stores in few steps, large ones a piece a call."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.smpp.constants import MessageState as State
from smppbridge.store import walks
from tests.store.opened import KEEP, NOW, Opened, accept, again, message, taken, told

BEFORE, BEYOND = NOW - 5, NOW + 5


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step look at two entries."""
    monkeypatch.setattr(walks, "AT_ONCE", 2)
    monkeypatch.setattr(walks, "ROWS_AT_ONCE", 2)


def expired(opened: Opened, limit: int = 9, provider: str = "keccel") -> list[int]:
    found = opened.wait(opened.store.expired(provider, NOW, limit))
    return [attempt.message.message_id for attempt in found]


def waiting(opened: Opened, *late: int, of: int) -> None:
    """Let messages wait, the first longest due; some are past their deadline."""
    expires = {n: BEFORE if n in late else BEYOND for n in range(1, of)}
    accept(opened, [message(n, due=NOW - 99 + n, expires_at=at) for n, at in expires.items()])


def test_one_call_looks_through_a_small_store(opened: Opened) -> None:
    waiting(opened, 1, 3, 6, of=7)
    assert [expired(opened) for _ in range(3)] == [[1, 3, 6]] * 3
    accept(opened, [message(0x10, expires_at=BEFORE, system_id="a", priority=3)])
    assert expired(opened) == [1, 3, 6, 0x10]


@pytest.mark.usefixtures("pieces")
def test_what_waits_is_looked_through_piece_by_piece_and_again(opened: Opened) -> None:
    waiting(opened, 1, 5, 6, of=7)
    accept(opened, [message(8, expires_at=BEFORE, route=("d7",))])
    assert [expired(opened) for _ in range(2)] == [[1], []]
    assert expired(opened, provider="d7") == [8]  # its walk is another
    accept(opened, [message(9, expires_at=BEFORE)])
    assert [expired(opened) for _ in range(5)] == [[5, 6], [9], [1], [], [5, 6]]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_walk_goes_on_behind_what_was_found_last(opened: Opened, limit: int) -> None:
    waiting(opened, 1, 2, 3, 5, of=6)
    found = [expired(opened, limit) for _ in range(8)]
    assert sorted({n for some in found[:4] for n in some}) == [1, 2, 3, 5]
    assert max(map(len, found)) == limit


def test_an_attempt_that_is_out_does_not_expire(opened: Opened) -> None:
    late = [message(n, expires_at=BEFORE) for n in (1, 2, 3)]
    first, _, third = accept(opened, late)
    opened.wait(opened.store.begin([first, third]))
    assert expired(opened) == [2]
    opened.wait(opened.store.record([again(third, NOW - 1, "keccel")]))
    assert sorted(expired(opened)) == [2, 3]


def owe(opened: Opened, *lapsed: int, of: int, **about: Any) -> None:
    attempts = accept(opened, [message(n, **about) for n in range(1, of)], begun=True)
    at = {n: BEFORE - KEEP if n in lapsed else BEYOND for n in range(1, of)}
    told_ = [told(a, State.DELIVERED, at[a.message.message_id]) for a in attempts]
    opened.wait(opened.store.settle(told_))


@pytest.mark.usefixtures("pieces")
def test_deliveries_lapse_piece_by_piece(opened: Opened) -> None:
    owe(opened, 1, 2, 5, of=6)
    calls = [opened.wait(opened.store.lapse(NOW, 9)) for _ in range(4)]
    assert calls == [{"bank": 2}, {"bank": 1}, {}, {}]
    assert opened.reopen().owed == {"bank": 2}


def test_deliveries_lapse_up_to_a_limit(opened: Opened) -> None:
    owe(opened, 1, 2, 5, of=6)
    assert [opened.wait(opened.store.lapse(NOW, 2)) for _ in range(2)] == [{"bank": 2}, {"bank": 1}]


def finish(opened: Opened, done: dict[int, float], accepted_at: float = NOW - 99) -> None:
    """Accept messages, and let those end whose end has a time."""
    attempts = accept(opened, [message(n, accepted_at=accepted_at) for n in done], begun=True)
    opened.wait(
        opened.store.record([taken(a, f"X{a.message.message_id}") for a in attempts]),
        opened.store.settle(
            [
                told(a, State.DELIVERED, done[a.message.message_id])
                for a in attempts
                if done[a.message.message_id]
            ]
        ),
    )


@pytest.mark.usefixtures("pieces")
def test_finished_messages_are_forgotten_piece_by_piece(opened: Opened) -> None:
    finish(opened, {1: 0.0, 2: BEYOND, 3: BEFORE, 4: BEYOND, 5: BEFORE, 6: BEFORE, 7: 0.0})
    calls = [opened.wait(opened.store.forget(NOW, 9)) for _ in range(5)]
    assert calls == [0, 1, 2, 0, 0]
    assert sorted(opened.wait(opened.store.find(list(range(9))))) == [1, 2, 4, 7]


def test_no_more_are_forgotten_than_a_limit(opened: Opened) -> None:
    finish(opened, dict.fromkeys(range(1, 6), BEFORE))
    calls = [opened.wait(opened.store.forget(NOW, 2)) for _ in range(3)]
    assert calls == [2, 2, 1]


def test_a_walk_that_could_not_write_is_made_again(opened: Opened) -> None:
    owe(opened, 1, 2, of=4)
    finish(opened, {11: BEFORE, 12: BEFORE})
    opened.fail(True)
    for call in (opened.store.lapse(NOW, 1), opened.store.forget(NOW, 1)):
        with pytest.raises(Exception, match="readonly"):
            opened.wait(call)
    opened.fail(False)
    lapsed = [opened.wait(opened.store.lapse(NOW, 1)) for _ in range(2)]
    assert lapsed == [{"bank": 1}] * 2
    assert [opened.wait(opened.store.forget(NOW, 1)) for _ in range(2)] == [1, 1]
    assert sorted(opened.wait(opened.store.find([1, 2, 3, 11, 12]))) in ([1, 2, 3], [3, 11, 12])
