"""When the store thread's next turn may begin."""

from __future__ import annotations

import pytest

from smppbridge.store import turns as module
from smppbridge.store.turns import Turns
from tests.patience import PATIENCE


class Calls:
    """The calls that the next turn has so far."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.count = 0
        self.turns = Turns(lambda: self.count)

    def come(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            self.turns.called()

    def turn(self) -> int:
        count, self.count = self.count, 0
        return self.turns.begin(count)

    def may_begin(self) -> bool:
        """Tell whether the store thread waits no longer."""
        self._monkeypatch.setattr(module, "WAITED_FOR", 0)
        return self.turns.wait()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def test_the_first_turn_waits_for_nothing(calls: Calls) -> None:
    assert calls.may_begin()


@pytest.mark.parametrize("count", [1, 4])
def test_after_few_calls_the_next_turn_begins_when_the_reactor_has_acted(
    calls: Calls, count: int
) -> None:
    calls.come(count)
    turn = calls.turn()
    assert not calls.may_begin()
    calls.come(1)
    assert not calls.may_begin()
    calls.turns.acted(turn)
    assert calls.may_begin()


@pytest.mark.parametrize("before", [0, 1, 4])
def test_after_many_calls_the_next_turn_waits_for_as_many(calls: Calls, before: int) -> None:
    calls.come(5)
    turn = calls.turn()
    calls.come(before)
    calls.turns.acted(turn)
    calls.come(4 - before)
    assert not calls.may_begin()
    calls.come(1)
    assert calls.may_begin()


def test_as_many_calls_that_came_meanwhile_are_enough(calls: Calls) -> None:
    calls.come(5)
    turn = calls.turn()
    calls.come(6)
    assert not calls.may_begin()
    calls.turns.acted(turn)
    assert calls.may_begin()


def test_a_turn_that_is_acted_on_too_late_begins_no_other(calls: Calls) -> None:
    calls.come(1)
    first = calls.turn()
    assert not calls.may_begin()  # the time is over
    calls.come(1)
    second = calls.turn()
    calls.turns.acted(first)
    calls.come(1)
    assert not calls.may_begin()
    calls.turns.acted(second)
    assert calls.may_begin()


def test_a_call_that_comes_after_the_time_does_not_open_the_turn_after_next(calls: Calls) -> None:
    calls.come(5)
    turn = calls.turn()
    calls.turns.acted(turn)
    assert not calls.may_begin()
    calls.come(5)  # the store thread waits no longer, and has not begun
    calls.turn()
    assert not calls.may_begin()


def test_nobody_waits_longer_than_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(lambda: 0)
    assert 0 < module.WAITED_FOR < PATIENCE
    monkeypatch.setattr(module, "WAITED_FOR", 0.001)
    turns.begin(1)
    assert not turns.wait()
