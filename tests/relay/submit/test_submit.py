from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.model.reasons import Reason
from smppbridge.providers.exchange import Abilities, BadReply, NoAnswer, NotSent
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import Waiting
from tests.relay.fakes import NOW, FakeProvider, FakeStore, World, message, submit_sm


def one(world: World, **changes: Any) -> int:
    """Return the id of a message that was accepted and has left."""
    return world.sent(submit_sm(**changes))[0][2]


def slow(**options: Any) -> tuple[World, int]:
    """Return a world whose store commits when told to, and a message that is accepted and out."""
    world = World(store=FakeStore(at_once=False), **options)
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit()
    return world, session.ids()[0]


def held_up(**options: Any) -> tuple[World, list[int]]:
    """Return a world with one request out and two messages waiting to be begun."""
    world = World(lane=LaneRules(concurrency=1), **options)
    world.lanes["one"].pause(1.0)
    ids = [one(world), one(world)]
    world.store.at_once = False
    return world, ids


def events(world: World) -> list[str]:
    return [event for event, _ in world.said.events]


def policy(**rules: Any) -> LaneRules:
    return LaneRules(policy=Policy(**rules))


# -- begin ----------------------------------------------------------------------------------------


def test_an_attempt_is_written_down_before_it_leaves() -> None:
    world, ids = held_up()
    world.clock.now += 1.0
    world.tick()
    assert not world.wire.sent
    assert "begin" in [call.verb for call in world.store.pending]
    world.store.commit_all()
    assert world.wire.submitted() == ids[:1]
    assert set(world.store.stages().values()) == {Stage.SUBMITTING}
    assert [world.store.messages[n].number for n in ids] == [1, 1]


def test_what_could_not_be_begun_does_not_leave_and_is_tried_again() -> None:
    world, ids = held_up()
    world.clock.now += 1.0
    world.tick()
    world.store.fail()
    world.tick()
    world.store.commit_all()
    assert not world.wire.sent
    assert world.lanes["one"].depth == 2
    world.clock.now += 1.0
    world.tick()
    world.store.commit_all()
    assert world.wire.submitted() == ids[:1]
    assert [world.store.messages[n].number for n in ids] == [1, 1]


def test_the_first_attempt_is_begun_with_the_message() -> None:
    world, message_id = slow()
    assert world.store.log == ["accept"]
    assert world.store.messages[message_id].stage is Stage.SUBMITTING
    assert world.wire.submitted() == [message_id]


# -- outcomes -------------------------------------------------------------------------------------

PLAIN, RETRY, FAIL = Policy(), Policy(when_uncertain="retry"), Policy(when_uncertain="fail")
FAULT = Refused("no credit", 0x45, provider_fault=True)
# what ends the exchange, policy -> stage, state, provider, seconds until due, event
ENDS: list[tuple[Any, Policy, Stage, int, str, float | None, str | None]] = [
    (Accepted("p1"), PLAIN, Stage.SUBMITTED, 0, "one", 259_200, None),
    (Refused("bad", 0x0B), PLAIN, Stage.FINISHED, M.REJECTED, "one", None, "message_refused"),
    (FAULT, PLAIN, Stage.SUBMITTING, 0, "two", None, None),
    (Postponed("busy"), PLAIN, Stage.WAITING, 0, "one", 2, None),
    (Postponed("busy", 9.0, True), PLAIN, Stage.WAITING, 0, "one", 0, "lane_paused"),
    (NotSent("refused"), PLAIN, Stage.WAITING, 0, "one", 2, None),
    (NoAnswer("reset"), PLAIN, Stage.SUBMITTING, 0, "one", 600, "message_uncertain"),
    (BadReply("?"), PLAIN, Stage.SUBMITTING, 0, "one", 600, "message_uncertain"),
    (ZeroDivisionError(), PLAIN, Stage.SUBMITTING, 0, "one", 600, "message_uncertain"),
    (Uncertain("5xx"), RETRY, Stage.SUBMITTING, 0, "one", 600, "message_uncertain"),
    (Uncertain("5xx"), FAIL, Stage.FINISHED, M.UNDELIVERABLE, "one", None, "message_failed"),
]


@pytest.mark.parametrize(("end", "rules", "stage", "state", "provider", "after", "event"), ENDS)
def test_what_an_exchange_comes_to(
    end: Any,
    rules: Policy,
    stage: Stage,
    state: int,
    provider: str,
    after: float | None,
    event: str | None,
) -> None:
    world = World(lane=LaneRules(policy=rules))
    message_id = one(world)
    world.wire.answer((message_id, end))
    world.sound()
    row = world.store.messages[message_id]
    assert (row.stage, row.state, row.provider) == (stage, state, provider)
    assert row.due == (None if after is None else world.clock.now + after)
    assert row.provider_message_id == ("p1" if isinstance(end, Accepted) else None)
    assert [d.state for d in world.store.unfinished()] == ([state] if state else [])
    assert event is None or event in events(world)
    assert world.lane_set.depth == (stage is Stage.WAITING)
    assert world.wire.submitted() == [message_id] * (2 if end is FAULT else 1)


def test_a_postponed_message_is_asked_again_when_due() -> None:
    world = World()
    message_id = one(world)
    for number in (1, 2, 3):
        assert world.store.messages[message_id].number == number
        world.wire.answer((message_id, Postponed("busy")))
        world.wait(2.0**number - 0.1)
        assert world.wire.submitted() == [message_id] * number
        world.wait(0.1)
    assert world.wire.submitted() == [message_id] * 4
    assert world.noted.reasons == {(Reason.PUT_OFF, "one"): 3}


def test_a_rate_limit_holds_up_the_whole_lane_and_no_other() -> None:
    world = World()
    message_id = one(world)
    world.wire.answer((message_id, Postponed("429", 30.0, whole_lane=True)))
    other = one(world)
    world.wait(29.0)
    assert world.wire.submitted() == [message_id]
    assert world.lanes["two"].take_now(world.clock.monotonic())
    world.wait(1.0)
    world.wait(0.1)  # one after the other: the lane was too fast
    assert world.wire.submitted()[1:] == [message_id, other]


def test_a_message_fails_over_through_its_route_and_is_then_rejected() -> None:
    world = World()
    message_id = one(world)
    world.wire.answer((message_id, FAULT))
    assert world.wire.sent == [("one", "submit", message_id), ("two", "submit", message_id)]
    world.wire.answer((message_id, FAULT))
    assert world.store.messages[message_id].state == M.REJECTED
    assert [(d.state, d.error) for d in world.store.unfinished()] == [(M.REJECTED, 0x45)]
    assert all(lane.idle and not lane.depth for lane in world.lanes.values())
    expected = {(Reason.REFUSED_THERE, "one"): 1, (Reason.PROVIDER_REFUSED, "two"): 1}
    assert world.noted.reasons == expected
    facts = {"provider": "one", "to": "two", "why": Reason.REFUSED_THERE}
    assert world.noted.notes == [(message_id, "diverted", facts)]


def test_what_the_first_provider_may_have_never_goes_to_a_second() -> None:
    world = World()
    message_id = one(world)
    world.wire.answer((message_id, Uncertain("silence")))
    world.store.by_hand.append((message_id, "resend"))
    world.run(world.overdue.by_hand())
    world.tick()
    world.wire.answer((message_id, Postponed("busy")))
    world.wait(4.0)
    world.wire.answer((message_id, FAULT))
    assert {provider for provider, _, _ in world.wire.sent} == {"one"}
    assert world.store.messages[message_id].state == M.REJECTED


def test_a_message_whose_time_runs_out_between_tries_expires() -> None:
    world = World()
    message_id = one(world, validity_period=b"000000000003000R")
    world.wire.answer((message_id, Postponed("busy", 60.0)))
    world.wait(2.9)
    assert world.store.messages[message_id].stage is Stage.WAITING
    world.wait(0.1)
    assert world.store.messages[message_id].state == M.EXPIRED
    assert [d.state for d in world.store.unfinished()] == [M.EXPIRED]
    assert world.wire.submitted() == [message_id]
    assert world.lane_set.depth == 0


def test_messages_that_wait_for_a_paused_lane_expire_in_time() -> None:
    world, ids = held_up()
    world.store.at_once = True
    world.lanes["one"].pause(1e9)
    world.clock.now += 86_400.0
    world.store.failing = True
    world.run(world.submit.backlog.expire())
    assert {row.stage for row in world.store.messages.values()} == {Stage.WAITING}
    world.store.failing = False
    world.run(world.submit.backlog.expire())
    assert {row.state for row in world.store.messages.values()} == {M.EXPIRED}
    assert sorted(d.message_id for d in world.store.unfinished()) == ids
    assert (world.lane_set.depth, world.lanes["one"].queue.waiting) == (0, 0)
    assert world.noted.reasons == {(Reason.WAITED_TOO_LONG, "one"): len(ids)}
    facts = {"why": Reason.WAITED_TOO_LONG, "behind": Reason.PROVIDER_PAUSED}
    assert sorted(world.noted.notes) == [(each, "expired", facts) for each in ids]


# -- record ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Accepted("p1"), Refused("no"), FAULT, Postponed("busy")])
def test_an_outcome_that_could_not_be_written_is_written_later_and_nothing_is_sent_twice(
    outcome: Outcome,
) -> None:
    world, message_id = slow()
    world.wire.answer((message_id, outcome))
    for _ in range(3):
        world.store.fail()
        assert world.wire.submitted() == [message_id]
        assert not world.submit.idle
        assert world.store.messages[message_id].stage is Stage.SUBMITTING
        world.clock.now += 60.0
        world.tick()
    world.store.commit_all()
    assert world.store.messages[message_id].stage is not None
    world.tick()
    world.store.commit_all()
    again = isinstance(outcome, Postponed) or outcome is FAULT
    assert world.wire.submitted() == [message_id] * (2 if again else 1)
    assert len(world.store.unfinished()) == (outcome == Refused("no"))
    assert world.said.counts["finished", "bank", M.REJECTED] == (outcome == Refused("no"))


def test_nothing_is_said_before_it_is_written() -> None:
    world, message_id = slow()
    world.wire.answer((message_id, Refused("no")))
    assert events(world) == []
    world.store.fail()
    assert events(world) == []
    world.tick()
    world.store.commit_all()
    assert set(events(world)) == {"message_failed", "message_refused"}


def test_many_that_end_together_are_one_call() -> None:
    world = World()
    ids = [one(world) for _ in range(20)]
    before = len(world.store.log)
    world.wire.answer(*[(n, Accepted(f"p{n}")) for n in ids])
    assert world.store.log[before:] == ["record"]


# -- restart --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "stage", "state"),
    [
        (PLAIN, Stage.SUBMITTING, 0),
        (RETRY, Stage.SUBMITTING, 0),
        (FAIL, Stage.FINISHED, M.UNDELIVERABLE),
    ],
)
def test_what_was_out_when_the_process_ended_is_uncertain(
    rules: Policy, stage: Stage, state: int
) -> None:
    before, message_id = slow()
    before.wire.answer((message_id, FAULT))
    before.store.crash()
    after = World(store=before.store, lane=LaneRules(policy=rules))
    after.store.at_once = True
    interrupted = [
        row.attempt()
        for row in after.store.messages.values()
        if row.stage is Stage.SUBMITTING and row.due is None
    ]
    after.submit.interrupted(interrupted)
    after.tick()
    row = after.store.messages[message_id]
    assert (row.stage, row.state, row.provider) == (stage, state, "one")
    assert not after.wire.sent
    after.wait(10.0)
    assert not after.wire.sent


def test_what_waited_when_the_process_ended_is_sent_once() -> None:
    before, ids = held_up()
    before.store.crash()
    after = World(store=before.store)
    after.store.at_once = True
    after.lanes["one"].restore(Waiting("one", "bank", 0, 2))
    for _ in range(5):
        after.tick()
    assert after.wire.submitted() == ids
    assert after.lane_set.depth == 0


# -- draining -------------------------------------------------------------------------------------


def test_a_drain_ends_what_is_out_and_begins_nothing() -> None:
    world = World(lane=LaneRules(concurrency=1))
    ids = [one(world) for _ in range(2)]
    world.submit.drain()
    world.submit.take([Attempt(message(9), "one")])
    world.tick()
    assert not world.submit.idle
    for message_id in ids:  # the second was begun already
        world.wire.answer((message_id, Accepted(f"p{message_id}")))
    assert world.submit.idle
    assert world.wire.submitted() == ids
    assert world.lane_set.depth == 1


def test_what_is_accepted_during_a_drain_leaves_after_it() -> None:
    world = World(lane=LaneRules(concurrency=8))
    world.submit.drain()
    ids = [one(world) for _ in range(3)]
    assert world.submit.idle
    assert (world.wire.submitted(), world.lane_set.depth) == ([], 3)
    world.submit.drain(False)
    world.tick()
    assert world.wire.submitted() == ids
    one(world)
    assert len(world.wire.submitted()) == 4


def test_refusals_without_a_question_do_not_pile_up() -> None:
    class Refusing:
        def __init__(self, real: Any) -> None:
            self.abilities = real.abilities

        def submit(self, message: Any) -> Any:
            return Refused("never")
            yield

    world = World(lane=LaneRules(concurrency=1))
    lane = world.lanes["one"]
    lane.pause(1.0)
    ids = [one(world) for _ in range(300)]
    lane.provider = Refusing(lane.provider)  # type: ignore[assignment]
    world.store.at_once = False
    world.wait(1.0)
    world.store.commit_all()
    assert {world.store.messages[n].state for n in ids} == {M.REJECTED}
    assert lane.idle


# -- scheduled by the provider --------------------------------------------------------------------


class Scheduling(FakeProvider):
    """Keeps messages until their time."""

    abilities = Abilities(schedules=True)


TOMORROW = b"000001000000000R"


def test_a_message_is_left_to_providers_that_keep_it_until_its_time() -> None:
    world = World(providers={"one": Scheduling("one"), "two": Scheduling("two")})
    message_id = one(world, schedule_delivery_time=TOMORROW, validity_period=b"000002000000000R")
    assert world.wire.submitted() == [message_id]
    assert world.store.messages[message_id].message.traits.scheduled == NOW + 86_400


def test_a_message_is_kept_here_if_one_of_its_route_would_send_it_at_once() -> None:
    world = World(providers={"one": Scheduling("one"), "two": FakeProvider("two")})
    message_id = one(world, schedule_delivery_time=TOMORROW, validity_period=b"000002000000000R")
    assert not world.wire.sent
    assert world.store.messages[message_id].message.traits.scheduled is None


def test_a_report_is_awaited_from_the_scheduled_time_on() -> None:
    world = World(
        providers={"one": Scheduling("one"), "two": Scheduling("two")},
        polls=PollRules(report_deadline=3_600.0),
        lane=LaneRules(policy=Policy(first_look=3_600.0)),
    )
    message_id = one(world, schedule_delivery_time=TOMORROW, validity_period=b"000002000000000R")
    world.wire.answer((message_id, Accepted("p")))
    for _ in range(24):
        world.wait(3_600.0)
    assert world.store.messages[message_id].stage is Stage.SUBMITTED
    for _ in range(3):
        world.wait(3_600.0)
    assert world.store.messages[message_id].state == M.UNKNOWN
