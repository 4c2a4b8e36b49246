"""Messages that wait at other bridges, moved or given up by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from smppbridge.relay.submit import everywhere
from smppbridge.relay.submit.everywhere import AT_ONCE, RedirectEverywhere
from smppbridge.relay.submit.redirect import Abandoned, Obstacle, Redirect, Redirected
from smppbridge.store.port import StoreFailure
from tests.relay.fake_others import FakeOthers
from tests.relay.fake_store import OTHER
from tests.relay.submit.test_redirect import Asked, accepted, redirect, world_of


class Two:
    """Two bridges of one store: *here* is asked, *far* has the messages *theirs*."""

    def __init__(self, count: int, *theirs: int) -> None:
        self.far, self.here = world_of(), world_of()
        ids = self.ids = accepted(self.far, count)
        assert accepted(self.here, count) == ids
        self.theirs = {ids[each] for each in theirs}
        self.here.store.taken = set(self.theirs)
        self.far.store.taken = set(ids) - self.theirs
        far = RedirectEverywhere(redirect(self.far), FakeOthers())
        acts = {everywhere.MOVE: far.move_ours, everywhere.GIVE_UP: far.give_up_ours}
        self.others = FakeOthers(acts)
        self.redirect = RedirectEverywhere(redirect(self.here), self.others)

    def moved(self, to: str = "two") -> Any:
        return Asked(self.redirect.move(self.ids, to, off_route=False))

    def given_up(self) -> Any:
        return Asked(self.redirect.give_up(self.ids))


@pytest.mark.parametrize("theirs", [0, -1])
def test_the_answer_is_the_sum(theirs: int) -> None:
    two = Two(3, theirs)
    found = two.moved().found
    assert (sorted(found.moved), found.obstacles, found.silent) == (two.ids, {}, [])
    [(shards, act, body)] = two.others.asked
    assert (shards, act, body["message_ids"]) == ((OTHER,), everywhere.MOVE, [*two.theirs])
    assert two.far.store.messages[two.ids[theirs]].provider == "two"
    assert two.moved().found.obstacles == dict.fromkeys(two.ids, Obstacle.THERE_ALREADY)
    found = two.given_up().found
    assert (sorted(found.ended), found.elsewhere) == (two.ids, [])
    assert two.given_up().found.ended == []


def test_what_does_not_wait_there_either_is_said() -> None:
    two = Two(2, 0, 1)
    Asked(redirect(two.far).give_up(two.ids[:1]))
    found = two.moved().found
    assert (found.moved, found.obstacles) == ([two.ids[1]], {two.ids[0]: Obstacle.NOT_WAITING})
    assert two.given_up().found == Abandoned([two.ids[1]], [], silent=[])


def test_messages_of_a_silent_bridge_are_elsewhere() -> None:
    two = Two(2, 1)
    two.others.silent = ["b"]
    found = two.moved().found
    assert found == Redirected([two.ids[0]], {two.ids[1]: Obstacle.ELSEWHERE}, silent=["b"])
    assert two.given_up().found == Abandoned([two.ids[0]], [two.ids[1]], silent=["b"])


def test_a_provider_that_the_other_bridge_does_not_have() -> None:
    two = Two(1, 0)
    del two.far.lanes["two"]
    assert two.moved().found.obstacles == {two.ids[0]: Obstacle.ELSEWHERE}


def test_nobody_is_asked_about_ours_or_about_what_has_left() -> None:
    two = Two(2)
    assert two.moved().found.moved == two.ids
    assert two.given_up().found.ended == two.ids
    assert two.others.asked == []


@pytest.mark.parametrize("verb", ["moved", "given_up"])
def test_a_store_that_fails(verb: str) -> None:
    two = Two(1, 0)
    two.others.failing = True
    assert getattr(two, verb)().failed is StoreFailure


class Counting(Redirect):
    """Keeps how many messages each call is about."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    async def move(self, message_ids: Sequence[int], to: str, *, off_route: bool) -> Redirected:
        self.counts.append(len(message_ids))
        return Redirected([*message_ids], {})

    async def give_up(self, message_ids: Sequence[int]) -> Abandoned:
        self.counts.append(len(message_ids))
        return Abandoned([*message_ids], [])


def test_many_messages_are_several_transactions() -> None:
    counting = Counting()
    redirect_all, ids = RedirectEverywhere(counting, FakeOthers()), [*range(AT_ONCE + 1)]
    assert Asked(redirect_all.move(ids, "two", off_route=False)).found.moved == ids
    assert Asked(redirect_all.give_up(ids)).found.ended == ids
    assert counting.counts == [AT_ONCE, 1] * 2
