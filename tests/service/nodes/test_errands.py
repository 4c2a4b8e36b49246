"""Acts that this bridge has others carry out, and those that it carries out for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from smppbridge.relay.others import FarAnswers
from smppbridge.service.nodes.errands import Errands
from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres.errands import TAKEN_AT_ONCE, Errand, SentErrand


class PlayedRows:
    """The rows of errands; *answers* are there to be read, *waiting* to be taken up."""

    def __init__(self) -> None:
        self.sent = [SentErrand(1, 2, "b"), SentErrand(2, 3, "c")]
        self.answers: dict[int, str] = {}
        self.waiting: list[Errand] = []
        self.written: list[tuple[int, str]] = []
        self.ended: list[int] = []
        self.failing = False

    def send(self, *asked: Any) -> Deferred[Any]:
        return fail(StoreFailure("full")) if self.failing else succeed(self.sent)

    def answered(self, numbers: Collection[int]) -> Deferred[dict[int, str]]:
        return succeed({n: self.answers[n] for n in numbers if n in self.answers})

    def end(self, numbers: Sequence[int]) -> Deferred[dict[int, str]]:
        self.ended += numbers
        return self.answered(numbers)

    def take(self) -> Deferred[list[Errand]]:
        taken, self.waiting = self.waiting[:TAKEN_AT_ONCE], self.waiting[TAKEN_AT_ONCE:]
        return succeed(taken)

    def answer(self, number: int, answer: str) -> Deferred[None]:
        self.written.append((number, answer))
        return succeed(None)


class Played:
    """A bridge whose errands are tried; *notified* are those that were sent to others."""

    def __init__(self) -> None:
        self.errands, self.reactor = PlayedRows(), Clock()
        self.notified: list[tuple[int | None, str, str]] = []
        self.failed: list[Any] = []
        self.looks: list[Any] = []

        def notify(slot: int | None, kind: str, key: str) -> None:
            self.notified.append((slot, kind, key))

        store: Any = self
        self.tried = Errands(store, lambda: False, notify)
        bridge: Any = self
        acts = {"double": self.double, "fail": self.fail}
        self.tried.start(bridge, acts, lambda _, look: self.looks.append(look))

    def spawn(self, coroutine: Any) -> None:
        Deferred.fromCoroutine(coroutine).addErrback(lambda f: self.failed.append(f.type))

    async def double(self, body: Any) -> int:
        return int(body["n"]) * 2

    async def fail(self, body: Any) -> int:
        raise StoreFailure("full")

    def asked(self) -> list[Any]:
        found: list[Any] = []
        asking = Deferred.fromCoroutine(self.tried.ask(None, "double", {"n": 1}, 5.0))
        asking.addCallbacks(found.append, lambda f: found.append(f.type))
        return found


@pytest.fixture
def played() -> Played:
    return Played()


def test_all_answers_are_waited_for(played: Played) -> None:
    found = played.asked()
    assert played.notified == [(2, "errand", ""), (3, "errand", "")]
    played.errands.answers[2] = "4"
    assert played.tried.told("answer")
    assert found == []
    played.errands.answers[1] = "2"
    played.looks[0]()  # the notification was lost
    assert found == [FarAnswers({"c": 4, "b": 2}, [])]
    assert (played.errands.ended, played.reactor.getDelayedCalls()) == ([1, 2], [])


def test_the_wait_is_bounded(played: Played) -> None:
    """An answer of the last moment counts."""
    found = played.asked()
    played.reactor.advance(4.9)
    assert found == []
    played.errands.answers[1] = "2"
    played.reactor.advance(0.2)
    assert found == [FarAnswers({"b": 2}, ["c"])]
    played.errands.answers[2] = "4"
    played.tried.told("answer")
    assert len(found) == 1


def test_answers_count_though_the_store_fails_then(played: Played) -> None:
    found = played.asked()
    played.errands.answers[1] = "2"
    played.tried.told("answer")
    played.errands.end = lambda _: fail(StoreFailure("full"))  # type: ignore[method-assign]
    played.reactor.advance(5.0)
    assert found == [FarAnswers({"b": 2}, ["c"])]


def test_where_there_is_nobody_nobody_is_waited_for(played: Played) -> None:
    played.errands.sent = []
    assert played.asked() == [FarAnswers({})]


def test_a_store_that_fails_asks_nobody(played: Played) -> None:
    played.errands.failing = True
    assert played.asked() == [StoreFailure]
    assert played.notified == []


@pytest.mark.parametrize("odd", ["fail", "of a newer version"])
@pytest.mark.parametrize("first", [True, False])
def test_errands_of_others_are_carried_out(played: Played, odd: str, first: bool) -> None:
    """One that fails, or is not known, is not answered; the others are."""
    some = [Errand(n, 7, "double", f'{{"n": {n}}}') for n in range(TAKEN_AT_ONCE + 1)]
    some.insert(0 if first else len(some), Errand(99, 7, odd, "{}"))
    played.errands.waiting = some
    assert played.tried.told("errand")
    assert dict(played.errands.written) == {n: str(2 * n) for n in range(TAKEN_AT_ONCE + 1)}
    assert set(played.notified) == {(7, "answer", "")}
    assert played.failed == ([StoreFailure] if odd == "fail" else [])


def test_other_notifications_are_for_others(played: Played) -> None:
    assert not played.tried.told("told")
