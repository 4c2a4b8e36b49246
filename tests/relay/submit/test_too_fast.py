"""A provider finds a lane too fast: what leaves after that, when, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswer, NotSent
from smppbridge.relay.lanes import retry
from smppbridge.relay.lanes.breaker import BreakerRules
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import FakeProvider, FakeStore, KeyedProvider, World, submit_sm


def too_fast(after: float | None = 3.0) -> Postponed:
    return Postponed("HTTP 429", after, whole_lane=True)


def send(world: World, count: int = 6, **about: Any) -> list[int]:
    """Return the ids of messages that were accepted together."""
    answers = world.sent(*[submit_sm(sequence_number=n, **about) for n in range(count)])
    return [message_id for _, _, message_id in answers]


def lane_of(concurrency: int = 1, count: int = 6, **rules: Any) -> tuple[World, list[int]]:
    """Return a world with messages of which *concurrency* are out and all others are begun."""
    world = World(lane=LaneRules(concurrency=concurrency, **rules))
    ids = send(world, count)
    assert world.wire.submitted() == ids[:concurrency]
    assert set(world.store.stages().values()) == {Stage.SUBMITTING}
    return world, ids


def stages(world: World, ids: list[int]) -> list[Stage]:
    return [world.store.messages[n].stage for n in ids]


def tries(world: World, ids: list[int]) -> list[int]:
    return [world.store.messages[n].number for n in ids]


def go_on(world: World, seconds: float = 30.0) -> None:
    """Let a provider accept each request, one after the other, while time passes."""
    for _ in range(int(seconds * 20)):
        for operation, about in list(world.wire.out):
            world.wire.answer((about, Accepted(f"p{about}")), operation=operation)
        world.clock.now += 0.05
        world.tick()


def events(world: World, name: str) -> list[dict[str, Any]]:
    return [fields for event, fields in world.said.events if event == name]


# -- a pause --------------------------------------------------------------------------------------


def test_nothing_leaves_after_a_429_until_its_time_and_the_order_is_kept() -> None:
    world, ids = lane_of(concurrency=1)
    for accepted in ids[:2]:
        world.wire.answer((accepted, Accepted(f"p{accepted}")))
    world.wire.answer((ids[2], too_fast(3.0)))
    assert world.wire.submitted() == ids[:3]
    world.wait(2.9)
    assert world.wire.submitted() == ids[:3]
    world.wait(0.1)
    assert world.wire.submitted() == [*ids[:3], ids[2]]
    go_on(world)
    assert world.wire.submitted() == [*ids[:3], *ids[2:]]


def test_what_is_begun_and_did_not_leave_waits_again_without_a_try() -> None:
    world, ids = lane_of(concurrency=1)
    assert tries(world, ids) == [1] * 6
    world.wire.answer((ids[0], too_fast()))
    assert set(stages(world, ids)) == {Stage.WAITING}
    assert tries(world, ids) == [1, 0, 0, 0, 0, 0]
    lane = world.lanes["one"]
    assert (lane.idle, lane.depth, lane.queue.waiting, list(lane.ready)) == (True, 6, 6, [])
    assert not world.store.restored().interrupted
    go_on(world)
    assert tries(world, ids) == [2, 1, 1, 1, 1, 1]


def test_of_a_window_of_five_no_more_than_five_are_throttled() -> None:
    world, ids = lane_of(concurrency=5, count=20)
    for message_id in ids[:5]:
        world.wire.answer((message_id, too_fast(None)))
    assert world.wire.submitted() == ids[:5]
    go_on(world)
    assert world.wire.submitted()[5:] == ids


def test_refusals_that_come_in_any_order_leave_the_order_as_it_was() -> None:
    world, ids = lane_of(concurrency=5, count=9)
    for message_id in (ids[3], ids[0], ids[4], ids[2], ids[1]):
        world.wire.answer((message_id, too_fast()))
    go_on(world)
    assert world.wire.submitted()[5:] == ids


def test_what_is_accepted_during_a_pause_is_not_begun() -> None:
    world, ids = lane_of(concurrency=1, count=1)
    world.wire.answer((ids[0], too_fast()))
    later = send(world, 2)
    assert stages(world, later) == [Stage.WAITING] * 2
    go_on(world)
    assert world.wire.submitted() == [ids[0], *ids, *later]


def test_what_was_being_recorded_as_begun_when_the_pause_began_waits_again() -> None:
    world = World(lane=LaneRules(concurrency=1), store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit_all()
    world.take(session, *[submit_sm()] * 3)
    world.wire.answer((1, too_fast()))
    world.store.commit_all()
    ids = session.ids()
    assert stages(world, ids) == [Stage.WAITING] * 4
    assert (tries(world, ids), world.wire.submitted()) == ([1, 0, 0, 0], [1])


def test_a_throttle_in_a_batch_pauses_the_lane_and_its_batches_wait_again() -> None:
    world = World(providers={"one": KeyedProvider("one"), "two": FakeProvider("two")})
    lane = world.lanes["one"]
    lane.concurrency.change(1)
    lane.pause(1.0)
    ids = [send(world, 1, destination_addr=b"24381000000%d" % n)[0] for n in range(6)]
    world.wait(1.0)
    assert world.wire.batches() == [("key1", *ids[:3])]
    assert len(lane.ready) == 1
    outcomes = [Accepted("p1"), too_fast(), too_fast()]
    world.wire.answer((("key1", *ids[:3]), outcomes), operation="batch")
    assert not lane.ready
    assert stages(world, ids) == [Stage.SUBMITTED, *[Stage.WAITING] * 5]
    assert [world.store.messages[n].batch for n in ids[3:]] == [None] * 3
    assert tries(world, ids) == [1, 1, 1, 0, 0, 0]
    world.wait(3.0)
    assert world.wire.batches()[1] == ("key3", *ids[1:4])


def test_a_repeated_batch_stays_begun_and_leaves_after_the_pause() -> None:
    policy = Policy(when_uncertain="retry", idempotent=3_600.0)
    providers = {"one": KeyedProvider("one"), "two": FakeProvider("two")}
    world = World(providers=providers, lane=LaneRules(policy=policy, concurrency=3))
    world.lanes["one"].pause(1.0)
    first = send(world, 1)
    world.wait(1.0)
    world.wire.answer((("key1", *first), NoAnswer("reset")), operation="batch")
    others = [send(world, 1)[0] for _ in range(2)]
    world.wait(3.0)
    out = world.wire.batches()[1:3]
    assert sorted(out) == [("key2", others[0]), ("key3", others[1])]
    assert len(world.lanes["one"].ready) == 1
    world.wire.answer((out[0], [too_fast(5.0)]), operation="batch")
    assert len(world.lanes["one"].ready) == 1
    world.wait(4.9)
    assert len(world.wire.batches()) == 3
    world.wait(0.1)
    assert ("key1", *first) in world.wire.batches()[3:]


# -- the disk, an end -----------------------------------------------------------------------------


def test_what_could_not_be_undone_on_disk_stays_begun_and_is_undone_later() -> None:
    world, ids = lane_of(concurrency=1)
    world.store.failing = True
    world.wire.answer((ids[0], too_fast()))
    assert stages(world, ids) == [Stage.SUBMITTING] * 6
    assert tries(world, ids) == [1] * 6
    assert len(world.lanes["one"].ready) == 5
    world.store.failing = False
    world.tick()
    assert stages(world, ids) == [Stage.WAITING] * 6
    go_on(world)
    assert world.wire.submitted()[1:] == ids


def test_what_could_not_be_undone_leaves_when_the_pause_is_over_in_its_order() -> None:
    world, ids = lane_of(concurrency=1)
    world.store.failing = True
    world.wire.answer((ids[0], too_fast()))
    world.clock.now += 3.0
    world.submit.pace()
    world.store.failing = False
    go_on(world)
    assert sorted(world.wire.submitted()[1:]) == ids
    assert world.wire.submitted()[1:-1] == ids[1:]  # the first was not recorded in time


def test_a_crash_before_it_is_undone_leaves_it_uncertain_and_after_it_waiting() -> None:
    world, ids = lane_of(concurrency=1)
    world.store.at_once = False
    world.wire.answer((ids[0], too_fast()))
    assert len(world.store.restored().interrupted) == 6
    world.store.commit_all()
    assert not world.store.restored().interrupted


@pytest.mark.parametrize("odd", [1, 5])
def test_a_message_that_ends_while_it_is_undone_does_not_leave(odd: int) -> None:
    world, ids = lane_of(concurrency=1)
    world.store.at_once = False
    world.told(Report("x", M.DELIVERED, message_id=ids[odd]))
    world.wire.answer((ids[0], too_fast()))
    world.store.commit_all()
    world.store.at_once = True
    go_on(world)
    assert world.wire.submitted()[1:] == [n for n in ids if n != ids[odd]]
    lane = world.lanes["one"]
    assert (lane.idle, lane.depth, lane.queue.waiting) == (True, 0, 0)
    assert world.store.messages[ids[odd]].state == M.DELIVERED


def test_a_bridge_that_stops_undoes_what_a_pause_keeps_from_leaving() -> None:
    world, ids = lane_of(concurrency=1)
    world.submit.drain()
    world.wire.answer((ids[0], too_fast(600.0)))
    assert world.submit.idle
    assert stages(world, ids) == [Stage.WAITING] * 6


# -- an open breaker ------------------------------------------------------------------------------


def test_nothing_begun_leaves_while_the_breaker_is_open_but_a_probe() -> None:
    breaker = BreakerRules(failures=1, pause=5.0)
    world, ids = lane_of(concurrency=1, breaker=breaker)
    world.wire.answer((ids[0], NotSent("connection refused")))
    assert world.wire.submitted() == ids[:1]
    assert stages(world, ids) == [Stage.WAITING] * 6
    world.wait(5.0)
    assert len(world.wire.submitted()) == 2
    go_on(world)
    assert sorted(world.wire.submitted()[1:]) == ids


# -- how long -------------------------------------------------------------------------------------


def test_a_refusal_of_what_left_before_a_pause_does_not_make_it_longer() -> None:
    world, ids = lane_of(concurrency=3, count=3)
    world.wire.answer((ids[0], too_fast(2.0)))
    world.clock.now += 1.5
    world.wire.answer((ids[1], too_fast(2.0)))
    assert world.lanes["one"].paused_until == 2.0
    world.clock.now += 1.0
    world.wire.answer((ids[2], too_fast(2.0)))  # after the pause, and left before it
    assert world.lanes["one"].paused_until == 2.0
    assert [fields["seconds"] for fields in events(world, "lane_paused")] == [2.0]


def test_a_provider_may_ask_for_a_longer_pause_while_the_lane_pauses() -> None:
    world, ids = lane_of(concurrency=2, count=2)
    world.wire.answer((ids[0], too_fast(1.0)))
    world.clock.now += 0.5
    world.wire.answer((ids[1], too_fast(60.0)))
    assert world.lanes["one"].paused_until == 60.0


def test_without_a_time_each_pause_is_twice_as_long_until_a_message_is_accepted() -> None:
    patient = Policy(failover_after=1e9)
    world, ids = lane_of(concurrency=1, count=2, policy=patient)
    pauses: list[float] = []
    for _ in range(8):
        world.wire.answer((ids[0], too_fast(None)))
        pauses.append(world.lanes["one"].paused_until - world.clock.monotonic())
        world.wait(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    world.wire.answer((ids[0], Accepted("p1")))
    world.wait(2.0)  # its pace is one in two seconds by now
    world.wire.answer((ids[1], too_fast(None)))
    assert world.lanes["one"].paused_until - world.clock.monotonic() == 1.0


def test_a_clock_that_is_set_back_makes_no_refusal_an_old_one() -> None:
    world, ids = lane_of(concurrency=1)
    world.wire.answer((ids[0], too_fast(2.0)))
    world.wait(2.0)
    wall = world.clock.wall
    world.clock.wall = lambda: wall() - 3_600.0  # type: ignore[method-assign]
    world.wire.answer((ids[0], too_fast(2.0)))
    assert world.lanes["one"].paused_until == 4.0


def test_a_lane_says_once_a_pause_that_it_pauses_and_when_it_goes_on() -> None:
    world, ids = lane_of(concurrency=3, count=4)
    for message_id in ids[:3]:
        world.wire.answer((message_id, too_fast(2.0)))
    paused = {"provider": "one", "reason": "HTTP 429", "seconds": 2.0}
    assert events(world, "lane_paused") == [paused]
    assert world.lane_set.paused() == {"one": 2.0, "two": 0.0}
    assert world.lane_set.paces() == {"one": 30.0, "two": 0.0}  # 3 in a twentieth of a second
    go_on(world)
    assert events(world, "lane_resumed") == [{"provider": "one"}]
    assert world.lane_set.paused() == {"one": 0.0, "two": 0.0}


def test_what_was_accepted_before_a_pause_does_not_end_it() -> None:
    world, ids = lane_of(concurrency=2, count=4)
    world.wire.answer((ids[0], too_fast(2.0)))
    world.wire.answer((ids[1], Accepted("p2")))
    assert events(world, "lane_resumed") == []
    assert world.wire.submitted() == ids[:2]


# -- a message that alone is too much -------------------------------------------------------------


def test_a_message_that_is_refused_again_and_again_makes_way() -> None:
    world, ids = lane_of(concurrency=1, count=2)
    for _ in range(retry.KEEPS_PLACE):
        world.wire.answer((ids[0], too_fast(1.0)))
        world.wait(1.0)
    assert world.wire.submitted() == [ids[0]] * (retry.KEEPS_PLACE + 1)
    world.wire.answer((ids[0], too_fast(1.0)))
    world.wait(1.0)
    assert world.wire.submitted()[-1] == ids[1]


def test_a_message_that_is_put_off_alone_does_not_keep_its_place() -> None:
    world, ids = lane_of(concurrency=1, count=2)
    world.wire.answer((ids[0], Postponed("busy")))
    assert world.wire.submitted() == ids
    world.wire.answer((ids[1], Uncertain("?")))
    world.wait(2.0)
    assert world.wire.submitted() == [*ids, ids[0]]
