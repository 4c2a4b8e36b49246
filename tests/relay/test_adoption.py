"""What another bridge left in the store is gone on with while this one runs."""

from __future__ import annotations

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import FakeReceiver, World, segment_sm, submit_sm

SHIFT = 1_000  # between the ids of two worlds


def adopt(world: World, left: FakeStore) -> None:
    """Add the rows of *left* to the store, and restore them, as `Bridge.restore` does."""
    restored = left.restored()
    store, clock = world.store, world.clock
    store.messages |= left.messages
    store.segments |= left.segments
    store.deliveries |= left.deliveries
    store.early |= left.early
    for each in restored.waiting:
        world.lanes[each.provider].restore(each)
    world.submit.interrupted(restored.interrupted)
    world.deliver.restore(restored.owed)
    world.accept.gather.restore(restored.segments, restored.joined, clock.wall(), clock.monotonic())
    world.run(world.reports.restore(restored.early, restored.stored_ids))


def another() -> World:
    """Return a world whose message_ids are others than those of a plain world."""
    world = World(lane=LaneRules(concurrency=2))
    world.accept._identifiers.take_row(SHIFT)
    return world


def messages(world: World, *numbers: int) -> list[int]:
    pdus = [submit_sm(sequence_number=n, destination_addr=b"24381%07d" % n) for n in numbers]
    return [message_id for _, _, message_id in world.sent(*pdus)]


def answer_all(world: World, names: str) -> None:
    while world.wire.out:
        about = next(iter(world.wire.out))[1]
        world.wire.answer((about, Accepted(f"{names}{about}")))
        world.tick()


def test_messages_that_wait_leave_and_those_that_were_out_are_uncertain() -> None:
    other = another()
    out = messages(other, 1, 2)
    other.lanes["one"].pause(60.0)
    waits = messages(other, 3, 4, 5)
    world = World(lane=LaneRules(concurrency=8))
    world.lanes["one"].pause(1.0)
    ours = messages(world, 6, 7)
    adopt(world, other.store)
    assert world.lanes["one"].depth == len(ours) + len(waits)
    world.wait(1.0)
    world.wait(1.0)
    assert sorted(world.wire.submitted()) == sorted([*ours, *waits])
    answer_all(world, "x")
    stages = world.store.stages()
    assert [stages[n] for n in out] == [Stage.SUBMITTING] * 2
    assert {stages[n] for n in [*ours, *waits]} == {Stage.SUBMITTED}
    assert world.lanes["one"].depth == 0


def test_reports_find_adopted_messages_before_ours_of_the_same_id() -> None:
    other = another()
    [theirs] = messages(other, 1)
    other.wire.answer((theirs, Accepted("SAME")))
    world = World()
    [ours] = messages(world, 2)
    world.wire.answer((ours, Accepted("SAME")))
    other.store.messages[ours - SHIFT // 2] = other.store.messages.pop(theirs)
    moved = other.store.messages[ours - SHIFT // 2]
    moved.message.message_id = ours - SHIFT // 2
    adopt(world, other.store)
    world.told(Report("SAME", M.DELIVERED))
    world.sound()
    assert world.store.messages[ours].stage is Stage.SUBMITTED
    assert world.store.messages[ours - SHIFT // 2].state == M.DELIVERED


def test_owed_deliveries_go_to_sessions_that_are_bound_already() -> None:
    other = another()
    theirs = messages(other, 1, 2, 3)
    for n in theirs:
        other.wire.answer((n, Accepted(f"x{n}")))
    other.told(*[Report(f"x{n}", M.DELIVERED) for n in theirs])
    world = World()
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    adopt(world, other.store)
    world.wait(1.0)
    assert sorted(receiver.ids()) == theirs


def test_segments_of_a_message_are_joined_with_those_that_come_now() -> None:
    other = another()
    other.sent(segment_sm(1, 2, b"one "))
    world = World()
    adopt(world, other.store)
    world.sent(segment_sm(2, 2, b"two", sequence_number=2))
    assert len(world.wire.submitted()) == 1
    assert not world.store.segments
