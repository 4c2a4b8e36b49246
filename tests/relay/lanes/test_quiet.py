"""A message leaves at no quiet hour, whatever it waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.providers.exchange import Abilities, NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.routing.quiet import QuietHours
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.times import format_absolute
from tests.relay.fakes import (
    NOW,
    FakeProvider,
    FakeStore,
    KeyedProvider,
    World,
    segment_sm,
    submit_sm,
)

HOUR = 3_600.0
NIGHT = QuietHours(21 * 60, 8 * 60, "UTC")  # NOW is 08:00
EVENING, MORNING = NOW + 13 * HOUR, NOW + 24 * HOUR
BY_NUMBER = QuietHours(21 * 60, 8 * 60)  # by the number: Congo's evening begins at 19:00 UTC


class Scheduler(FakeProvider):
    """Keeps scheduled messages."""

    abilities = Abilities(callbacks=True, schedules=True)


def world_at(now: float, quiet: QuietHours = NIGHT, **options: Any) -> World:
    options.setdefault("rules", [Rule("243", ("one", "two"), quiet=quiet)])
    return World(now=now, **options)


def validity(until: float) -> bytes:
    return format_absolute(until)


def pass_until(world: World, when: float) -> None:
    world.clock.now = when
    for _ in range(3):
        world.wait(1.0)


def ids(answers: Sequence[tuple[int, int, int]]) -> list[int]:
    return [message_id for _, _, message_id in answers]


def expire(world: World) -> None:
    world.run(world.submit.backlog.expire())


# -- at acceptance --------------------------------------------------------------------------------


def test_a_message_of_the_evening_leaves_in_the_morning() -> None:
    world = world_at(EVENING)
    [early] = ids(world.sent(submit_sm()))
    assert world.wire.submitted() == []
    assert world.store.messages[early].due == MORNING
    assert world.said.counts["quiet", "bank"] == 1
    assert world.noted.reasons == {(Reason.QUIET_HOURS, "bank"): 1}
    assert world.lane_set.depth == 1  # seen as waiting
    pass_until(world, MORNING - 10.0)
    assert world.wire.submitted() == []
    pass_until(world, MORNING)
    assert world.wire.submitted() == [early]


def test_priority_3_leaves_at_once_and_so_does_another_route() -> None:
    rules = [Rule("243", ("one",), quiet=NIGHT), Rule("244", ("one",))]
    world = world_at(EVENING, rules=rules)
    high, low, other, last = ids(
        world.sent(
            submit_sm(priority_flag=3),
            submit_sm(priority_flag=2, sequence_number=2),
            submit_sm(destination_addr=b"244923000001", sequence_number=3),
            submit_sm(priority_flag=3, sequence_number=4),
        )
    )
    assert world.wire.submitted() == [high, other, last]
    assert world.store.messages[low].due == MORNING
    assert not world.store.messages[high].message.traits.quiet


def test_a_message_whose_validity_ends_in_the_night_ends_expired_then() -> None:
    world = world_at(EVENING)
    [short, longer] = ids(
        world.sent(
            submit_sm(validity_period=b"000000020000000R"),
            submit_sm(sequence_number=2, validity_period=b"000000200000000R"),
        )
    )
    pass_until(world, EVENING + 2 * HOUR - 10.0)
    expire(world)
    assert world.store.messages[short].stage is Stage.WAITING
    pass_until(world, EVENING + 2 * HOUR)
    assert [(d.message_id, d.state) for d in world.store.unfinished()] == [(short, M.EXPIRED)]
    pass_until(world, MORNING)
    assert world.wire.submitted() == [longer]


def test_a_joined_message_waits_as_a_whole() -> None:
    world = world_at(EVENING - 10.0)
    session = world.session()
    world.take(session, segment_sm(1, 2, b"first "))
    world.clock.now = EVENING
    world.take(session, segment_sm(2, 2, b"second", sequence_number=2))
    assert world.wire.submitted() == []
    pass_until(world, MORNING)
    assert world.wire.submitted() == [session.ids()[0]]


def test_a_schedule_in_the_night_is_moved_and_another_is_not() -> None:
    world = world_at(NOW)
    night, evening = ids(
        world.sent(
            submit_sm(schedule_delivery_time=validity(NOW + 14 * HOUR)),
            submit_sm(schedule_delivery_time=validity(NOW + 12 * HOUR), sequence_number=2),
        )
    )
    pass_until(world, NOW + 12 * HOUR)
    assert world.wire.submitted() == [evening]
    pass_until(world, NOW + 14 * HOUR)
    assert world.wire.submitted() == [evening]
    pass_until(world, MORNING)
    assert world.wire.submitted() == [evening, night]


def test_a_provider_keeps_a_message_until_the_end_of_the_night() -> None:
    world = world_at(NOW, providers={"one": Scheduler("one"), "two": Scheduler("two")})
    evening: dict[str, Any] = {"schedule_delivery_time": validity(NOW + 14 * HOUR)}
    moved, kept, short = ids(
        world.sent(
            submit_sm(**evening),
            submit_sm(schedule_delivery_time=validity(NOW + 12 * HOUR), sequence_number=2),
            submit_sm(**evening, validity_period=validity(NOW + 15 * HOUR), sequence_number=3),
        )
    )
    traits = {n: row.message.traits for n, row in world.store.messages.items()}
    assert traits[moved].scheduled == MORNING
    assert traits[kept].scheduled == NOW + 12 * HOUR
    assert traits[short].scheduled is None  # it expires first: a provider might send it after all
    assert world.wire.submitted() == [moved, kept]
    pass_until(world, NOW + 15 * HOUR)
    assert [(d.message_id, d.state) for d in world.store.unfinished()] == [(short, M.EXPIRED)]


def test_a_schedule_for_the_day_is_handed_on_in_the_night() -> None:
    world = world_at(EVENING, providers={"one": Scheduler("one"), "two": Scheduler("two")})
    noon: dict[str, Any] = {"schedule_delivery_time": validity(MORNING + 4 * HOUR)}
    [day] = ids(world.sent(submit_sm(**noon)))
    assert world.store.messages[day].message.traits.scheduled == MORNING + 4 * HOUR
    assert world.wire.submitted() == [day]


def test_a_kept_message_is_not_handed_on_in_the_night_once_its_time_is_over() -> None:
    world = world_at(NOW, providers={"one": Scheduler("one"), "two": Scheduler("two")})
    for lane in world.lanes.values():
        lane.pause(13.5 * HOUR)
    [late] = ids(world.sent(submit_sm(schedule_delivery_time=validity(NOW + 12 * HOUR))))
    pass_until(world, NOW + 14 * HOUR)
    assert world.wire.submitted() == []
    pass_until(world, MORNING)
    assert world.wire.submitted() == [late]


# -- when it would leave --------------------------------------------------------------------------


def test_a_message_that_waited_for_its_lane_waits_until_the_morning() -> None:
    world = world_at(EVENING - 60.0)
    for lane in world.lanes.values():
        lane.pause(world.clock.monotonic() + 120.0)
    first, urgent, last = ids(
        world.sent(
            submit_sm(),
            submit_sm(priority_flag=3, sequence_number=2),
            submit_sm(sequence_number=3),
        )
    )
    pass_until(world, EVENING + 61.0)
    assert world.wire.submitted() == [urgent]
    assert {world.store.messages[n].due for n in (first, last)} == {MORNING}
    assert world.said.counts["quiet", "bank"] == 2
    assert ("messages_quiet", {"provider": "one", "messages": 2}) in world.said.events
    assert world.lane_set.depth == 2
    pass_until(world, MORNING)
    assert world.wire.submitted() == [urgent, first, last]
    assert world.lane_set.depth == 0


def test_a_message_begun_ahead_of_the_night_is_recalled() -> None:
    world = world_at(EVENING - 10.0, lane=LaneRules(concurrency=1))
    first, second, third = ids(world.sent(*[submit_sm(sequence_number=n) for n in (1, 2, 3)]))
    assert world.wire.submitted() == [first]
    assert world.store.messages[second].stage is Stage.SUBMITTING  # begun, and waits for its turn
    world.clock.now = EVENING
    world.wire.answer((first, Accepted("p1")))
    pass_until(world, EVENING + 5.0)
    assert world.wire.submitted() == [first]
    for message_id in (second, third):
        row = world.store.messages[message_id]
        assert (row.stage, row.due, row.number) == (Stage.WAITING, MORNING, 0)
    assert world.lanes["one"].idle
    pass_until(world, MORNING)
    world.wire.answer((second, Accepted("p2")))
    assert world.wire.submitted() == [first, second, third]


@pytest.mark.parametrize(
    "outcome",
    [
        Postponed("busy", after=30.0),
        Postponed("too fast", after=30.0, whole_lane=True),
        Refused("no coverage", provider_fault=True),
    ],
)
def test_a_message_that_was_put_off_waits_until_the_morning(outcome: Any) -> None:
    world = world_at(EVENING - 20.0)
    [message_id] = ids(world.sent(submit_sm()))
    world.clock.now = EVENING
    world.wire.answer((message_id, outcome))
    pass_until(world, EVENING + HOUR)
    assert world.wire.submitted() == [message_id]
    assert world.store.messages[message_id].due == MORNING
    pass_until(world, MORNING)
    assert world.wire.submitted() == [message_id, message_id]


def test_a_message_that_is_diverted_waits_until_the_morning() -> None:
    world = world_at(EVENING - 20.0)
    world.lanes["one"].pause(world.clock.monotonic() + 30.0)
    [message_id] = ids(world.sent(submit_sm()))
    world.clock.now = EVENING
    world.lanes["one"].pause(world.clock.monotonic() + 3_000.0)
    pass_until(world, EVENING + 2.0)
    assert world.wire.submitted() == []
    pass_until(world, MORNING)
    assert world.wire.submitted() == [message_id]


def test_a_restart_in_the_night_lets_nothing_leave() -> None:
    before = world_at(EVENING - 60.0)
    before.lanes["one"].pause(before.clock.monotonic() + 3_000.0)
    before.lanes["two"].pause(before.clock.monotonic() + 3_000.0)
    held = ids(before.sent(*[submit_sm(sequence_number=n) for n in range(3)]))
    world = world_at(EVENING + 60.0, store=before.store, rules=[Rule("243", ("one",))])
    for line in world.store.restored().waiting:
        world.lanes[line.provider].restore(line)
    pass_until(world, EVENING + 120.0)
    assert world.wire.submitted() == []
    assert {world.store.messages[n].due for n in held} == {MORNING}
    pass_until(world, MORNING)
    assert world.wire.submitted() == held
    assert world.lane_set.depth == 0


@pytest.mark.parametrize("keyed_lane", [False, True])
def test_a_message_begun_ahead_after_a_restart_is_recalled(keyed_lane: bool) -> None:
    one = KeyedProvider("one") if keyed_lane else FakeProvider("one")
    options: dict[str, Any] = {
        "providers": {"one": one, "two": FakeProvider("two")},
        "lane": LaneRules(concurrency=1),
        "rules": [Rule("243", ("one",), quiet=NIGHT)],
    }
    before = World(now=EVENING - 60.0, **options)
    before.lanes["one"].pause(before.clock.monotonic() + 3_000.0)
    first, second = ids(before.sent(submit_sm(b"a"), submit_sm(b"b", sequence_number=2)))
    world = World(now=EVENING - 30.0, store=before.store, **options)
    for line in world.store.restored().waiting:
        world.lanes[line.provider].restore(line)
    world.wait(1.0)
    [(_, operation, about)] = world.wire.sent
    assert world.store.messages[second].stage is Stage.SUBMITTING
    world.clock.now = EVENING
    answer = [Accepted("p1")] if keyed_lane else Accepted("p1")
    world.wire.answer((about, answer), operation=operation)
    pass_until(world, EVENING + 1.0)
    assert len(world.wire.sent) == 1
    assert world.store.messages[first].stage is Stage.SUBMITTED
    row = world.store.messages[second]
    assert (row.stage, row.due, row.number) == (Stage.WAITING, MORNING, 0)


def test_all_messages_of_a_lane_are_held_together() -> None:
    world = world_at(EVENING - 60.0, lane=LaneRules(concurrency=1))
    for lane in world.lanes.values():
        lane.pause(world.clock.monotonic() + 120.0)
    held = ids(world.sent(*[submit_sm(sequence_number=n) for n in range(200)]))
    pass_until(world, EVENING + 61.0)
    assert {world.store.messages[n].due for n in held} == {MORNING}
    assert [facts["messages"] for name, facts in world.said.events if name == "messages_quiet"] == [
        200
    ]


def test_a_report_may_end_a_message_that_is_being_held() -> None:
    world = world_at(EVENING - 20.0)
    [message_id] = ids(world.sent(submit_sm()))
    world.wire.answer((message_id, Postponed("busy", after=30.0)))
    world.clock.now = EVENING + 20.0
    world.store.at_once = False
    world.tick()
    for _ in range(20):
        if any(call.verb == "revisit" for call in world.store.pending):
            break
        world.store.commit(1)
    assert any(call.verb == "revisit" for call in world.store.pending)
    told = world.told(Report("p1", M.DELIVERED, message_id=message_id))
    for _ in range(5):
        world.store.commit(len(world.store.pending))
        world.wait(1.0)
    assert told == ["kept"]
    assert [d.state for d in world.store.unfinished()] == [M.DELIVERED]
    assert world.lane_set.depth == 0


def test_messages_that_are_hastened_in_the_night_wait_again() -> None:
    world = world_at(EVENING - 20.0)
    [message_id] = ids(world.sent(submit_sm()))
    world.wire.answer((message_id, Postponed("busy", after=60.0)))
    pass_until(world, EVENING + 60.0)
    world.submit.backlog.wake("one")
    pass_until(world, EVENING + 70.0)
    assert world.wire.submitted() == [message_id]
    assert world.store.messages[message_id].due == MORNING


def test_a_store_that_fails_holds_the_lane_and_not_the_message() -> None:
    world = world_at(EVENING - 60.0)
    for lane in world.lanes.values():
        lane.pause(world.clock.monotonic() + 120.0)
    [message_id] = ids(world.sent(submit_sm()))
    world.store.failing = True
    pass_until(world, EVENING + 61.0)
    assert world.wire.submitted() == []
    assert world.lanes["one"].queue.waiting == 1
    world.store.failing = False
    pass_until(world, EVENING + 70.0)
    assert world.store.messages[message_id].due == MORNING
    assert (world.lanes["one"].queue.waiting, world.lane_set.depth) == (0, 1)
    pass_until(world, MORNING)
    assert world.wire.submitted() == [message_id]


# -- in batches -----------------------------------------------------------------------------------


RETRY = Policy(when_uncertain="retry", idempotent=90_000.0, uncertain_deadline=50.0)
KENYA = b"254722000001"  # three hours ahead of UTC: its evening begins before Congo's


def keyed(now: float, policy: Policy = RETRY, **options: Any) -> World:
    return World(
        now=now,
        providers={"one": KeyedProvider("one"), "two": FakeProvider("two")},
        lane=LaneRules(concurrency=1, policy=policy),
        rules=[Rule("", ("one",), quiet=BY_NUMBER)],
        **options,
    )


def test_a_held_message_does_not_ride_in_the_batch_of_others() -> None:
    evening = NOW + 10 * HOUR + 1_800.0  # 18:30 UTC: 21:30 in Kenya, 20:30 in Lubumbashi
    world = keyed(evening - HOUR)
    world.lanes["one"].pause(world.clock.monotonic() + HOUR)
    kenya, congo, last = ids(
        world.sent(
            submit_sm(destination_addr=KENYA),
            submit_sm(sequence_number=2),
            submit_sm(destination_addr=b"254722000003", sequence_number=3),
        )
    )
    pass_until(world, evening)
    assert world.wire.batches() == [("key1", congo)]
    world.wire.answer((("key1", congo), [Accepted("p1")]), operation="batch")
    pass_until(world, NOW + 21 * HOUR - 10.0)
    assert len(world.wire.batches()) == 1
    pass_until(world, NOW + 21 * HOUR)  # 08:00 in Kenya
    assert world.wire.batches()[1:] == [("key2", kenya, last)]


def test_a_batch_is_not_repeated_in_the_night_of_one_of_its_messages() -> None:
    evening = NOW + 10 * HOUR  # 18:00 UTC: 21:00 in Kenya
    world = keyed(evening - 2.0)
    world.lanes["one"].pause(world.clock.monotonic() + 1.0)
    congo, kenya = ids(
        world.sent(submit_sm(), submit_sm(destination_addr=KENYA, sequence_number=2))
    )
    world.wait(1.0)
    about = ("key1", congo, kenya)
    world.wire.answer((about, NoAnswer("silence")), operation="batch")
    pass_until(world, evening + HOUR)
    assert world.wire.batches() == [about]
    pass_until(world, NOW + 23 * HOUR)  # 08:00 in Kinshasa, later than in Kenya
    assert world.wire.batches() == [about, about]
    world.wire.answer((about, [Accepted("p1"), Accepted("p2")]), operation="batch")
    stages = {world.store.messages[n].stage for n in (congo, kenya)}
    assert stages == {Stage.SUBMITTED}


def test_an_uncertain_message_of_the_night_is_given_up_as_at_any_hour() -> None:
    world = world_at(EVENING - 1.0, lane=LaneRules(policy=Policy(uncertain_deadline=60.0)))
    [message_id] = ids(world.sent(submit_sm()))
    world.wire.answer((message_id, Uncertain("silence")))
    world.clock.now = EVENING + 400.0
    for _ in range(3):
        world.wait(1.0)
    assert [d.state for d in world.store.unfinished()] == [M.UNKNOWN]


def test_routes_without_quiet_hours_look_at_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> float:
        raise AssertionError

    monkeypatch.setattr(QuietHours, "leaves", never)
    world = World(now=EVENING)
    [message_id] = ids(world.sent(submit_sm()))
    assert world.wire.submitted() == [message_id]
    assert not any(lane.watched for lane in world.lanes.values())


def test_accounts_and_stores_keep_the_hours_of_a_message() -> None:
    world = world_at(EVENING, store=FakeStore())
    [message_id] = ids(world.sent(submit_sm()))
    assert world.store.messages[message_id].message.traits.quiet == "21:00 08:00 UTC UTC"
