"""Attempts that do not begin, because another bridge has their messages, never leave."""

from __future__ import annotations

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.providers.exchange import NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from tests.relay.fakes import World, submit_sm
from tests.relay.lanes.test_batches import answer, batch_of_three, keyed, send, take


def waiting(world: World, count: int) -> list[int]:
    """Return the ids of messages that wait while their lane pauses for a second."""
    world.lanes["one"].pause(1.0)
    pdus = [submit_sm(sequence_number=n, destination_addr=b"24381%07d" % n) for n in range(count)]
    return [message_id for _, _, message_id in world.sent(*pdus)]


@pytest.mark.parametrize("taken", [{0}, {2}, {0, 1, 2}, {1}])
def test_only_what_began_leaves(taken: set[int]) -> None:
    world = World(lane=LaneRules(concurrency=8))
    ids = waiting(world, 3)
    world.store.taken = {ids[n] for n in taken}
    world.wait(1.0)
    left = [n for n in ids if n not in world.store.taken]
    assert world.wire.submitted() == left
    lane = world.lanes["one"]
    assert (lane.depth, lane.out) == (0, len(left))
    assert {n for n, stage in world.store.stages().items() if stage is Stage.WAITING} == {
        ids[n] for n in taken
    }


def test_places_of_what_did_not_begin_are_free_again() -> None:
    world = World(lane=LaneRules(concurrency=2))
    ids = waiting(world, 5)
    world.store.taken = set(ids[:4])
    world.wait(1.0)
    world.wait(1.0)
    assert world.wire.submitted() == ids[4:]
    world.store.taken = set()
    more = waiting(world, 2)
    world.wait(1.0)
    assert world.wire.submitted() == [*ids[4:], more[0]]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_batch_that_did_not_begin_whole_leaves_without_the_others(place: int) -> None:
    world = keyed()
    world.lanes["one"].pause(1.0)
    ids = send(world, b"a", b"a", b"a")
    world.store.taken = {ids[place]}
    world.wait(1.0)
    left = [n for n in ids if n != ids[place]]
    assert world.wire.batches() == [("key2", *left)]
    take(world)
    assert [world.store.stages()[n] for n in left] == [Stage.SUBMITTED] * 2
    assert [world.store.messages[n].number for n in left] == [1, 1]
    assert world.lanes["one"].depth == 0


def test_a_batch_of_which_a_message_is_gone_is_not_repeated() -> None:
    world, ids = batch_of_three()
    answer(world, NoAnswer("reset"))
    world.store.taken = {ids[1]}
    world.wait(2.5)
    assert len(world.wire.batches()) == 1
    assert not world.lanes["one"].repeating
    assert [world.store.stages()[n] for n in ids] == [Stage.SUBMITTING] * 3
    world.store.taken = set()
    world.wait(5.0)
    assert world.wire.batches() == [("key1", *ids)] * 2
    answer(world, *[Accepted(f"p{n}") for n in ids])
    assert set(world.store.stages().values()) == {Stage.SUBMITTED}
