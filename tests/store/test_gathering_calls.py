"""After a turn of many calls the store thread waits for as many, with a deadline."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.store import thread as module
from smppbridge.store.thread import StoreThread
from tests.patience import PATIENCE


class Enough:
    """The lock of the wait for calls: while the store thread waits, the reactor makes one call."""

    def __init__(self, store: StoreThread[Any, Any], most: int = 99) -> None:
        self._store, self._most = store, most
        self.waits: list[int] = []  # how many calls there were
        self.freed_at: list[int] = []

    def acquire(self, timeout: float) -> bool:
        assert 0 < timeout <= module.WAITED_FOR
        self.waits.append(self._store._calls.qsize())
        assert len(self.waits) <= self._most
        self._store.write([])
        return True

    def locked(self) -> bool:
        return True

    def release(self) -> None:
        self.freed_at.append(self._store._calls.qsize())


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> StoreThread[Any, Any]:
    monkeypatch.setattr(module, "WAITED_FOR", PATIENCE)
    store: StoreThread[Any, Any] = StoreThread(print, print, print)
    store._acted_on = 1
    return store


def waited(store: StoreThread[Any, Any], calls: int, there: int = 0) -> Enough:
    for _ in range(there):
        store.write([])
    enough = Enough(store)
    store._enough = enough  # type: ignore[assignment]
    store._wait_after(1, calls)
    return enough


@pytest.mark.parametrize("calls", [1, 4])
def test_after_few_calls_none_is_waited_for(store: StoreThread[Any, Any], calls: int) -> None:
    assert waited(store, calls).waits == []


@pytest.mark.parametrize("there", [0, 1, 4])
def test_after_many_calls_as_many_are_waited_for(store: StoreThread[Any, Any], there: int) -> None:
    enough = waited(store, 5, there)
    assert enough.waits == list(range(there, 5))
    assert enough.freed_at == [5]


@pytest.mark.parametrize("there", [5, 6])
def test_as_many_that_came_meanwhile_are_enough(store: StoreThread[Any, Any], there: int) -> None:
    assert waited(store, 5, there).waits == []


def test_calls_free_no_lock_that_nobody_waits_for(store: StoreThread[Any, Any]) -> None:
    enough = waited(store, 5)
    for _ in range(9):
        store.write([])
    assert enough.freed_at == [5]


@pytest.mark.parametrize("acted_on", [0, 1])
def test_no_wait_is_longer_than_it_may_be(
    monkeypatch: pytest.MonkeyPatch, store: StoreThread[Any, Any], acted_on: int
) -> None:
    monkeypatch.setattr(module, "WAITED_FOR", 0.001)
    store._acted_on = acted_on
    store._wait_after(1, 5)
    assert not store._wanted
