"""A provider is there again: what waits for it is due, the oldest first."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed
from smppbridge.providers.exchange import NotSent
from smppbridge.relay.lanes import lane as lanes
from smppbridge.relay.lanes.breaker import BreakerRules
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit import backlog as backlogs
from smppbridge.routing.rules import Rule
from smppbridge.store.port import Waiting
from tests.relay.fakes import FakeProvider, FakeStore, World, message, submit_sm

TRIES = 7  # of each message, until the breaker opens
COUNT = 6
BREAKER = BreakerRules(failures=TRIES * COUNT, pause=5.0)
RULES = LaneRules(concurrency=1, breaker=BREAKER, policy=Policy(failover_after=1e9))


def send(world: World, count: int = 1, **about: Any) -> list[int]:
    answers = world.sent(*[submit_sm(sequence_number=n, **about) for n in range(count)])
    return [message_id for _, _, message_id in answers]


def answer(world: World, outcome: Any) -> list[int]:
    """Answer all that is out; return the ids."""
    out = [about for _, about in world.wire.out]
    for about in out:
        world.wire.answer((about, outcome))
    return out


def outage(**options: Any) -> tuple[World, list[int]]:
    """Return a world whose messages are put off for minutes, for their provider was not there."""
    alone = {"providers": {"one": FakeProvider("one")}, "rules": [Rule("243", ("one",))]}
    world = World(lane=RULES, **alone, **options)  # type: ignore[arg-type]
    ids = send(world, COUNT)
    while world.lanes["one"].breaker.is_closed:
        answer(world, NotSent("connection refused"))
        world.wait(0.25)
    rows = [world.store.messages[n] for n in ids]
    assert [row.number for row in rows] == [TRIES] * COUNT
    assert min(row.due or 0.0 for row in rows) > world.clock.now + 100.0
    return world, ids


def is_back(world: World) -> int:
    """Let the provider accept a new message, the probe; return its id."""
    [probe] = send(world)
    world.wait(5.0)
    assert world.wire.submitted()[-1] == probe
    answer(world, Accepted("p"))
    return probe


def recover(world: World, seconds: float) -> None:
    """Let the provider accept everything."""
    for _ in range(int(seconds * 4)):
        answer(world, Accepted("p"))
        world.wait(0.25)


def left(world: World, since: int) -> list[int]:
    return world.wire.submitted()[since:]


def test_what_was_put_off_leaves_at_once_when_the_breaker_closes_the_oldest_first() -> None:
    world, ids = outage()
    is_back(world)
    since = len(world.wire.submitted())
    recover(world, 3.0)
    assert left(world, since) == ids
    assert set(world.store.stages().values()) == {Stage.SUBMITTED}


def test_a_new_message_does_not_overtake_what_is_made_due() -> None:
    world, ids = outage()
    is_back(world)
    since = len(world.wire.submitted())
    world.store.at_once = False
    world.submit.tick()  # it is being made due
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit_all()
    world.store.at_once = True
    recover(world, 3.0)
    assert left(world, since) == [*ids, *session.ids()]


def test_what_is_scheduled_is_not_made_due() -> None:
    world, _ = outage()
    [later] = send(world, schedule_delivery_time=b"000001000000000R")
    due = world.store.messages[later].due
    is_back(world)
    recover(world, 3.0)
    row = world.store.messages[later]
    assert (row.stage, row.due) == (Stage.WAITING, due)


def test_an_smsc_that_is_bound_again_gets_what_waits_for_it() -> None:
    world = World(lane=LaneRules(policy=Policy(failover_after=1e9)))
    ids = send(world, 3)
    for _ in range(2):  # too few failures for the breaker
        answer(world, NotSent("no session is bound"))
        world.wait(2.5)
    answer(world, NotSent("no session is bound"))
    since = len(world.wire.submitted())
    world.wait(0.5)
    assert not left(world, since)
    world.submit.backlog.wake("one")
    world.tick()
    assert left(world, since) == ids


def test_what_lost_its_place_by_many_refusals_is_due_when_the_provider_accepts_again() -> None:
    world = World(lane=LaneRules(concurrency=1, policy=Policy(failover_after=1e9)))
    ids = send(world, 2)
    for _ in range(11):
        world.wire.answer((ids[0], Postponed("HTTP 429", 1.0, whole_lane=True)))
        world.wait(1.0)
    assert [about for _, about in world.wire.out] == ids[1:]
    answer(world, Accepted("p"))
    for _ in range(10):
        world.wait(0.5)
    assert [about for _, about in world.wire.out] == ids[:1]


def test_sixty_thousand_are_made_due_a_thousand_at_a_time_and_read_back_as_they_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlogs, "HASTENED", 100)
    monkeypatch.setattr(backlogs, "MANY", 50)
    monkeypatch.setattr(lanes, "FEW", 20)
    world = World(lane=LaneRules(concurrency=1))
    for n in range(1, 351):
        world.store._insert(message(n, accepted_at=message().accepted_at + n), False, 0)
        row = world.store.messages[n]
        row.number, row.due = 5, world.clock.now + 1_000.0 - n
    lane = world.lanes["one"]
    lane.restore(Waiting("one", "bank", 0, 350))
    world.clock.now += 400.0
    world.submit.backlog.wake("one")
    world.store.log.clear()
    world.tick()
    assert world.store.log.count("hasten") == 4
    assert 0 < lane.queue.waiting <= 70
    while world.wire.out:
        answer(world, Accepted("p"))
        world.tick()
    assert world.wire.submitted() == list(range(1, 351))
    assert (lane.depth, lane.overflowing) == (0, 0)


def test_what_could_not_be_made_due_is_made_due_later() -> None:
    world, ids = outage(store=FakeStore())
    world.submit.backlog.wake("one")
    world.store.failing = True
    world.submit.tick()
    rows = [world.store.messages[n] for n in ids]
    assert all((row.due or 0.0) > world.clock.now for row in rows)
    world.store.failing = False
    world.clock.now += 29.0
    world.submit.tick()
    assert all((row.due or 0.0) > world.clock.now for row in rows)
    world.clock.now += 1.0
    world.submit.tick()
    assert all((row.due or 0.0) <= world.clock.now for row in rows if row.due is not None)


def test_a_provider_that_comes_and_goes_wakes_its_lane_every_half_minute() -> None:
    world, _ = outage()
    world.store.log.clear()
    for _ in range(58):
        world.submit.backlog.wake("one")
        world.wait(1.0)
    assert world.store.log.count("hasten") == 2


def test_a_provider_that_is_gone_is_not_woken() -> None:
    world = World()
    world.submit.backlog.wake("one")
    world.lane_set.change({"two": FakeProvider("two")}, {"two": LaneRules()})
    world.submit.tick()
    assert "hasten" not in world.store.log
    world.sound()
