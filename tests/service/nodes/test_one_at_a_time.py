"""Looks that are not begun beside each other."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from smppbridge.service.nodes.one_at_a_time import OneAtATime


class Looks:
    """Looks that wait until the test lets them find more or not."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[bool]] = []
        self.begun = 0
        self.one = OneAtATime(self._look)

    def take(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.one.take())

    async def _look(self) -> bool:
        self.begun += 1
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    def find(self, more: bool) -> None:
        self.waiting.pop().callback(more)


def test_a_look_is_taken_again_while_there_is_more() -> None:
    looks = Looks()
    taken = looks.take()
    looks.find(True)
    looks.find(True)
    assert not taken.called
    looks.find(False)
    assert taken.called
    assert looks.begun == 3


def test_those_who_ask_meanwhile_have_one_look_after_this_one() -> None:
    looks = Looks()
    first = looks.take()
    assert [looks.take().called for _ in range(3)] == [True] * 3
    assert looks.begun == 1
    looks.find(False)
    assert looks.begun == 2
    looks.find(False)
    assert first.called
    assert looks.begun == 2


def test_after_a_look_that_failed_the_next_one_can_be_taken() -> None:
    looks = Looks()
    failed = looks.take()
    looks.waiting.pop().errback(OSError("away"))
    with pytest.raises(OSError, match="away"):
        failed.result.raiseException()  # type: ignore[attr-defined]
    failed.addErrback(lambda _: None)
    looks.take()
    looks.find(False)
    assert looks.begun == 2
