"""A message ends EXPIRED at the end of its validity, wherever it is then."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Uncertain
from smppbridge.model.report import Report
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit.deadlines import GRACE
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.times import format_absolute
from tests.relay.fakes import NOW, World, submit_sm

MINUTE = b"000000000100000R"
LONGEST = 3_000.0
PUSHES = PollRules(report_deadline=LONGEST)
POLLS = PollRules(polls=True, rate=100.0, first=25.0, longest=40.0, report_deadline=LONGEST)


def world_of(polls: PollRules = PUSHES, **options: Any) -> World:
    grace = polls.report_grace if polls.reported else None  # as service.rules has it
    policy = Policy(first_look=polls.first_look(), report_grace=grace, uncertain_deadline=200.0)
    return World(polls=polls, lane=LaneRules(policy=policy), **options)


def sent(world: World, *validities: bytes) -> list[int]:
    pdus = [submit_sm(sequence_number=n, validity_period=v) for n, v in enumerate(validities)]
    return [message_id for _, _, message_id in world.sent(*pdus)]


def accepted(world: World, ids: list[int]) -> None:
    world.wire.answer(*[(n, Accepted(f"p{n}")) for n in ids])


def passed(world: World, seconds: float) -> None:
    """Let time pass until *seconds* after NOW, tick by tick."""
    while world.clock.now < NOW + seconds:
        world.wait(min(1.0, NOW + seconds - world.clock.now))


def states(world: World) -> dict[int, int]:
    return {d.message_id: d.state for d in world.store.unfinished()}


# -- while it waits -------------------------------------------------------------------------------


@pytest.mark.parametrize("in_memory", [True, False])
def test_in_a_lane_that_stands_still(in_memory: bool) -> None:
    world = world_of()
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    ids = sent(world, MINUTE, b"", MINUTE)
    if not in_memory:
        world = world_of(store=world.store, now=NOW + 30.0)
        for line in world.store.restored().waiting:
            world.lanes[line.provider].restore(line)
    for seconds, ended in ((59.0, {}), (60.0, {ids[0]: M.EXPIRED, ids[2]: M.EXPIRED})):
        world.clock.now = NOW + seconds
        world.run(world.submit.backlog.expire())
        assert states(world) == ended
    assert world.lane_set.depth == 1


def test_at_a_time_that_is_never_reached() -> None:
    world = world_of()
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    late, end = format_absolute(NOW + 50.0), format_absolute(NOW + 60.0)
    world.sent(submit_sm(schedule_delivery_time=late, validity_period=end))
    passed(world, 59.0)
    assert states(world) == {}
    world.clock.now = NOW + 60.0
    world.run(world.submit.backlog.expire())
    assert list(states(world).values()) == [M.EXPIRED]


def test_after_it_was_put_off_to_a_later_time() -> None:
    world = world_of()
    [message_id] = sent(world, MINUTE)
    world.wire.answer((message_id, Postponed("busy", after=500.0)))
    passed(world, 59.0)
    assert states(world) == {}
    passed(world, 60.0)
    assert states(world) == {message_id: M.EXPIRED}
    assert world.wire.submitted() == [message_id]


# -- while it is out ------------------------------------------------------------------------------


def test_without_a_report_it_ends_a_moment_after_its_validity() -> None:
    world = world_of()
    ids = sent(world, MINUTE, b"", MINUTE)
    accepted(world, ids)
    passed(world, 69.0)
    assert states(world) == {}
    passed(world, 71.0)
    assert states(world) == {ids[0]: M.EXPIRED, ids[2]: M.EXPIRED}
    passed(world, LONGEST + 1.0)
    assert states(world)[ids[1]] == M.UNKNOWN  # the ESME gave no validity_period: nobody knows


def test_a_report_of_the_last_moment_counts() -> None:
    world = world_of()
    [message_id] = ids = sent(world, MINUTE)
    accepted(world, ids)
    passed(world, 65.0)
    world.told(Report(f"p{message_id}", M.DELIVERED))
    passed(world, 100.0)
    assert states(world) == {message_id: M.DELIVERED}


def test_a_poll_after_the_deadline_decides() -> None:
    world = world_of(POLLS)
    delivered, lost = ids = sent(world, MINUTE, MINUTE)
    accepted(world, ids)
    passed(world, 69.0)
    world.wire.answer(*[(f"p{n}", Report(f"p{n}", M.ENROUTE)) for n in ids], operation="query")
    passed(world, 71.0)
    assert states(world) == {}
    world.wire.answer(
        (f"p{delivered}", Report(f"p{delivered}", M.DELIVERED)),
        (f"p{lost}", Report(f"p{lost}", M.ENROUTE)),
        operation="query",
    )
    passed(world, 90.0)
    assert states(world) == {delivered: M.DELIVERED, lost: M.EXPIRED}


@pytest.mark.parametrize(
    ("polls", "ends", "state"),
    [
        (PollRules(report_deadline=LONGEST, report_grace=None), LONGEST, M.UNKNOWN),
        (PollRules(report_deadline=LONGEST, report_grace=100.0), 160.0, M.EXPIRED),
        (PollRules(report_deadline=40.0), 40.0, M.UNKNOWN),  # its validity is not over yet
        (PollRules(report_deadline=90.0, reported=False, end_state=M.ACCEPTED), 90.0, M.ACCEPTED),
    ],
)
def test_what_a_provider_s_settings_say(polls: PollRules, ends: float, state: M) -> None:
    world = world_of(polls)
    [message_id] = ids = sent(world, MINUTE)
    accepted(world, ids)
    passed(world, ends - 1.0)
    assert states(world) == {}
    passed(world, ends + 1.0)
    assert states(world) == {message_id: state}


def test_an_acceptance_that_comes_after_the_validity_has_its_moment_too() -> None:
    world = world_of()
    [message_id] = ids = sent(world, MINUTE)
    passed(world, 80.0)
    accepted(world, ids)
    passed(world, 89.0)
    assert states(world) == {}
    passed(world, 91.0)
    assert states(world) == {message_id: M.EXPIRED}


def test_a_poll_before_that_moment_is_over_ends_nothing() -> None:
    world = world_of(PollRules(polls=True, rate=100.0, first=3.0, report_deadline=LONGEST))
    [message_id] = ids = sent(world, MINUTE)
    passed(world, 80.0)
    accepted(world, ids)
    passed(world, 84.0)
    answer = (f"p{message_id}", Report(f"p{message_id}", M.ENROUTE))
    world.wire.answer(answer, operation="query")
    passed(world, 88.5)
    assert states(world) == {}
    world.wire.answer(answer, operation="query")
    passed(world, 110.0)
    assert ("query", f"p{message_id}") in world.wire.out
    world.wire.answer(answer, operation="query")
    passed(world, 130.0)
    assert states(world) == {message_id: M.EXPIRED}


def test_a_report_that_missed_us_while_we_were_down_has_some_time() -> None:
    before = world_of()
    [message_id] = ids = sent(before, MINUTE)
    accepted(before, ids)
    start = 500.0
    world = world_of(store=before.store, now=NOW + start)
    passed(world, start + GRACE - 1.0)
    assert states(world) == {}
    passed(world, start + GRACE + 1.0)
    assert states(world) == {message_id: M.EXPIRED}


def test_a_message_whose_request_went_unanswered_stays_uncertain() -> None:
    world = world_of()
    [message_id] = sent(world, MINUTE)
    world.wire.answer((message_id, Uncertain("silence")))
    passed(world, 199.0)
    assert world.store.messages[message_id].stage is Stage.SUBMITTING
    passed(world, GRACE)
    assert states(world) == {message_id: M.UNKNOWN}  # it may have been sent: nobody knows
