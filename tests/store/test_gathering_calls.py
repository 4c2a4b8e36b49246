"""When the store thread goes on after a turn: the reactor has acted, and enough calls are there."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.store.thread import StoreThread


class Turns(StoreThread[Any, Any]):
    """A store thread that is not started: the test takes its turns."""

    def __init__(self) -> None:
        super().__init__(print, print, print)

    def come(self, calls: int) -> None:
        for _ in range(calls):
            self.write([])

    def turn(self, calls: int) -> int:
        """Begin a turn of so many calls."""
        self.come(calls - self._calls.qsize())
        for _ in range(calls):
            self._calls.get_nowait()
        return self._begin(calls)

    def act(self, turn: int) -> None:
        self._done(turn, [], [], [], 0.0)

    @property
    def may_go_on(self) -> bool:
        return not self._gate.locked()


@pytest.fixture
def store() -> Turns:
    return Turns()


@pytest.mark.parametrize("calls", [1, 4])
def test_after_few_calls_the_reactor_alone_is_waited_for(store: Turns, calls: int) -> None:
    turn = store.turn(calls)
    store.come(9)
    assert not store.may_go_on
    store.act(turn)
    assert store.may_go_on


@pytest.mark.parametrize("before", [0, 1, 4])
def test_after_many_calls_as_many_are_waited_for(store: Turns, before: int) -> None:
    turn = store.turn(5)
    store.come(before)
    store.act(turn)
    store.come(4 - before)
    assert not store.may_go_on
    store.come(1)
    assert store.may_go_on
    store.come(9)  # nobody waits any more
    assert store.may_go_on


@pytest.mark.parametrize("meanwhile", [5, 6])
def test_as_many_calls_that_came_meanwhile_are_enough(store: Turns, meanwhile: int) -> None:
    turn = store.turn(5)
    store.come(meanwhile)
    assert not store.may_go_on
    store.act(turn)
    assert store.may_go_on


@pytest.mark.parametrize("calls", [1, 5])
def test_what_is_acted_on_too_late_lets_no_other_turn_end(store: Turns, calls: int) -> None:
    late, turn = store.turn(calls), store.turn(calls)
    store.come(calls)
    store.act(late)
    assert not store.may_go_on
    store.act(turn)
    assert store.may_go_on


def test_an_act_that_fails_lets_the_store_thread_go_on(store: Turns) -> None:
    turn = store.turn(1)
    with pytest.raises(AttributeError):
        store._done(turn, [None], [], [], 0.0)  # type: ignore[list-item]
    assert store.may_go_on
