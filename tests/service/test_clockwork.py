"""What the clock starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from smppbridge.service.clockwork import FORGOTTEN_AT_ONCE, FORGOTTEN_TIMES, Clockwork


class Forgetful:
    """A store with so many messages past their retention."""

    def __init__(self, old: int) -> None:
        self.old = old
        self.asked: list[float] = []

    def forget(self, before: float, limit: int, exported: object) -> Deferred[int]:
        self.asked.append(before)
        gone = min(self.old, limit)
        self.old -= gone
        return succeed(gone)


def bridge_of(store: Any) -> Any:
    return SimpleNamespace(
        store=store,
        beside=SimpleNamespace(exports=SimpleNamespace(exported=None)),
        clock=SimpleNamespace(wall=lambda: 1_000.0),
        settings=SimpleNamespace(retention=100.0, receipts=SimpleNamespace(keep=200.0)),
    )


@pytest.mark.parametrize(
    ("old", "times"),
    [(0, 1), (FORGOTTEN_AT_ONCE - 1, 1), (FORGOTTEN_AT_ONCE, 2), (10**6, FORGOTTEN_TIMES)],
)
def test_retention_keeps_up_with_a_busy_bridge_in_small_lists(old: int, times: int) -> None:
    store = Forgetful(old)
    assert Deferred.fromCoroutine(Clockwork(bridge_of(store))._forget()).called
    assert store.asked == [800.0] * times  # a receipt needs its message


def test_a_slow_store_is_asked_no_more_until_it_has_answered() -> None:
    answer: Deferred[int] = Deferred()
    answers, asked = [answer, succeed(0)], list[float]()

    def forget(before: float, limit: int, exported: object) -> Deferred[int]:
        asked.append(before)
        return answers.pop(0)

    clockwork = Clockwork(bridge_of(SimpleNamespace(forget=forget)))
    first = Deferred.fromCoroutine(clockwork._forget())
    assert Deferred.fromCoroutine(clockwork._forget()).called
    assert asked == [800.0]
    answer.callback(0)
    assert first.called
    assert Deferred.fromCoroutine(clockwork._forget()).called
    assert asked == [800.0] * 2
