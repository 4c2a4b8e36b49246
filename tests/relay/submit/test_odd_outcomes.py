"""Lists of outcomes with one odd outcome, requests made again, and a store that fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswer
from smppbridge.relay.lanes import lane as lanes
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import FakeProvider, KeyedProvider, World, submit_sm

RETRY = Policy(when_uncertain="retry", idempotent=3_600.0, uncertain_deadline=50.0)
HELD = Policy(uncertain_deadline=600.0)


def send(world: World, count: int = 1, **changes: Any) -> list[int]:
    """Return the ids of messages that were accepted, each to a number of its own."""
    pdus = [
        submit_sm(b"a", sequence_number=n, destination_addr=b"%d" % (243810000000 + n), **changes)
        for n in range(count)
    ]
    return [message_id for _, _, message_id in world.sent(*pdus)]


def batch_in_doubt(count: int = 3, policy: Policy = RETRY) -> tuple[World, list[int]]:
    """Return a world in which a batch went unanswered and is due to be made again."""
    world = World(
        providers={"one": KeyedProvider("one"), "two": FakeProvider("two")},
        lane=LaneRules(concurrency=1, policy=policy),
    )
    world.lanes["one"].pause(1.0)
    ids = send(world, count)
    world.wait(1.0)
    unanswered(world)
    world.clock.now += 2.5
    return world, ids


def unanswered(world: World) -> None:
    """Let the oldest batch that is out go unanswered."""
    world.wire.answer((next(iter(world.wire.out))[1], NoAnswer("reset")), operation="batch")
    world.sound()


def fail_by_hand(world: World, *ids: int) -> list[int]:
    """Decide that messages have failed; return whose have."""
    world.store.by_hand += [(n, "fail") for n in ids]
    world.run(world.overdue.by_hand())
    return [n for n in ids if world.store.messages[n].stage is Stage.FINISHED]


# -- requests made again --------------------------------------------------------------------------


def test_nobody_decides_about_a_batch_that_is_out_once_more_until_it_is_answered() -> None:
    world, ids = batch_in_doubt()
    world.tick()
    assert len(world.wire.batches()) == 2
    assert fail_by_hand(world, *ids) == []
    unanswered(world)
    assert fail_by_hand(world, *ids) == ids


def test_a_batch_that_could_not_be_recorded_does_not_leave_and_is_decided_about() -> None:
    world, ids = batch_in_doubt()
    world.store.failing = True
    world.tick()
    assert len(world.wire.batches()) == 1
    assert world.lanes["one"].idle
    world.store.failing = False
    assert fail_by_hand(world, *ids) == ids


def test_a_batch_that_could_not_be_recorded_leaves_later_under_its_key() -> None:
    world, ids = batch_in_doubt()
    world.store.failing = True
    world.tick()
    world.store.failing = False
    for _ in range(4):
        world.wait(1.0)
    assert world.wire.batches() == [("key1", *ids)] * 2


def test_a_paused_provider_is_asked_for_no_batch_again_and_the_batch_stays_due() -> None:
    world, ids = batch_in_doubt()
    world.lanes["one"].pause(world.clock.monotonic() + 5.0)
    world.store.log.clear()
    world.tick()
    assert not {"batches", "begin", "revisit"} & set(world.store.log)
    world.wait(5.0)
    assert world.wire.batches() == [("key1", *ids)] * 2


def ended_before_it_leaves(world: World, message_id: int, failing: str = "") -> None:
    """Let a report end a message whose request is being recorded; then let it leave.

    The store fails from the first write that is called *failing* on.
    """
    while world.store.pending[0].verb != "begin":
        world.store.commit(1)
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    world.store.pending.insert(0, world.store.pending.pop())  # questions are answered first
    while world.store.pending and world.store.pending[0].verb != failing:
        world.store.commit(1)
    world.store.fail()
    world.sound()


@pytest.mark.parametrize("datagram", [False, True])
@pytest.mark.parametrize("odd", range(3))
def test_a_batch_with_an_ended_message_does_not_leave_and_the_others_go(
    odd: int, datagram: bool
) -> None:
    world = World(
        providers={"one": KeyedProvider("one"), "two": FakeProvider("two")},
        lane=LaneRules(policy=replace(RETRY, attempts=1)),
    )
    world.lanes["one"].pause(1.0)
    ids = send(world, 3, esm_class=int(datagram))
    world.store.at_once = False
    world.wait(1.0)
    ended_before_it_leaves(world, ids[odd])
    others = [n for n in ids if n != ids[odd]]
    assert world.wire.batches() == [("key2", *others)]  # it was no try of theirs
    assert {world.store.messages[n].number for n in others} == {1}
    assert (world.lanes["one"].out, world.lane_set.depth) == (1, 0)


def test_a_batch_whose_recall_fails_is_recalled_later() -> None:
    world = World(providers={"one": KeyedProvider("one"), "two": FakeProvider("two")})
    world.lanes["one"].pause(1.0)
    ids = send(world, 2)
    world.store.at_once = False
    world.wait(1.0)
    ended_before_it_leaves(world, ids[0], failing="recall")
    world.store.at_once = True
    assert world.wire.batches() == []
    world.tick()
    assert world.wire.batches() == [("key2", ids[1])]
    assert (world.lanes["one"].out, world.lane_set.depth) == (1, 0)


@pytest.mark.parametrize("odd", range(3))
def test_a_batch_that_is_made_again_stays_as_it_was_also_with_an_ended_message(odd: int) -> None:
    world, ids = batch_in_doubt()
    world.store.at_once = False
    world.tick()
    ended_before_it_leaves(world, ids[odd])
    assert world.wire.batches() == [("key1", *ids)] * 2


@pytest.mark.parametrize("ended_first", [True, False])
def test_an_ended_message_keeps_no_other_from_leaving(ended_first: bool) -> None:
    world = World()
    world.lanes["one"].pause(1.0)
    ids = send(world, 2)
    world.store.at_once = False
    world.wait(1.0)
    ended, other = ids if ended_first else ids[::-1]
    ended_before_it_leaves(world, ended)
    assert world.wire.submitted() == [other]
    assert world.lanes["one"].out == 1
    world.wire.answer((other, Accepted("p")))
    world.store.commit_all()
    assert (world.lanes["one"].out, world.lane_set.depth) == (0, 0)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("late", [True, False])
def test_a_batch_whose_key_is_too_old_when_it_could_leave_stays_here(
    count: int, late: bool
) -> None:
    world, ids = batch_in_doubt(count, replace(RETRY, idempotent=10.0))
    world.store.at_once = False
    world.tick()
    while world.store.pending[0].verb != "begin":
        world.store.commit(1)
    world.clock.now += 7.5 if late else 7.0
    world.store.commit_all()
    assert len(world.wire.batches()) == (1 if late else 2)
    assert world.lanes["one"].idle is late
    world.store.at_once = True
    assert fail_by_hand(world, *ids) == (ids if late else [])


# -- lists of outcomes ----------------------------------------------------------------------------

ODD: list[tuple[Any, Stage]] = [
    (Accepted("p"), Stage.SUBMITTED),
    (Refused("bad", 0x0B), Stage.FINISHED),
    (Postponed("busy"), Stage.WAITING),
    (Uncertain("?"), Stage.SUBMITTING),
]


@pytest.mark.parametrize("turn", range(4))
def test_outcomes_that_come_together_have_each_their_own_end(turn: int) -> None:
    world = World(lane=LaneRules(policy=HELD))
    ids = send(world, 4)
    outcomes = ODD[turn:] + ODD[:turn]
    world.wire.answer(*[(n, outcome) for n, (outcome, _) in zip(ids, outcomes, strict=True)])
    stages = world.store.stages()
    assert [stages[n] for n in ids] == [stage for _, stage in outcomes]
    ended = {stage: n for n, (_, stage) in zip(ids, outcomes, strict=True)}
    assert [(event, said["message_id"]) for event, said in world.said.events[-2:]] == [
        ("message_" + ("refused" if stages[n] is Stage.FINISHED else "uncertain"), n)
        for n in sorted((ended[Stage.FINISHED], ended[Stage.SUBMITTING]))
    ]


@pytest.mark.parametrize("turn", range(4))
def test_outcomes_that_could_not_be_recorded_are_recorded_together_later(turn: int) -> None:
    world = World(lane=LaneRules(policy=HELD))
    ids = send(world, 4)
    outcomes = ODD[turn:] + ODD[:turn]
    world.store.failing = True
    world.wire.answer(*[(n, outcome) for n, (outcome, _) in zip(ids, outcomes, strict=True)])
    assert set(world.store.stages().values()) == {Stage.SUBMITTING}
    assert not world.submit.idle
    world.store.failing = False
    world.tick()
    stages = world.store.stages()
    assert [stages[n] for n in ids] == [stage for _, stage in outcomes]
    assert world.submit.idle


def test_an_outcome_of_an_ended_message_leaves_the_others_to_be_recorded() -> None:
    for odd_first in (True, False):
        world = World()
        ended, other = ids = send(world, 2)
        attempts = {n: world.store.messages[n].attempt() for n in ids}
        world.told(Report("x", M.DELIVERED, message_id=ended))
        both: list[tuple[int, Outcome]] = [(ended, Refused("no")), (other, Refused("no"))]
        world.wire.out.clear()
        world.submit._decide(
            [(attempts[n], o, False) for n, o in (both if odd_first else both[::-1])]
        )
        states = {n: row.state for n, row in world.store.messages.items()}
        assert states == {ended: M.DELIVERED, other: M.REJECTED}


def test_outcomes_of_ended_messages_alone_are_no_transaction() -> None:
    world = World()
    [message_id] = send(world)
    attempt = world.store.messages[message_id].attempt()
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    world.store.log.clear()
    world.submit._decide([(attempt, Uncertain("?"), False)])
    assert (world.store.log, world.submit.idle) == ([], False)  # its request is out still


def test_the_time_of_the_answer_is_kept_for_the_report() -> None:
    world = World()
    [message_id] = send(world)
    world.wire.answer((message_id, Accepted("p")))
    world.clock.now += 5.0
    world.told(Report("p", M.DELIVERED))
    assert world.said.counts["report_latency", "one", 5.0] == 1


@pytest.mark.parametrize("fails", [True, False])
def test_a_report_that_came_before_the_answer_meets_it_when_that_is_recorded(fails: bool) -> None:
    world = World()
    ids = send(world, 2)
    world.told(Report("p0", M.DELIVERED))
    assert len(world.reports.early) == 1
    world.store.failing = fails
    world.wire.answer(*[(n, Accepted(f"p{i}")) for i, n in enumerate(ids)])
    assert world.store.messages[ids[0]].stage is (Stage.SUBMITTING if fails else Stage.FINISHED)
    assert len(world.reports.early) == fails
    world.store.failing = False
    world.tick()
    stages = world.store.stages()
    assert (stages[ids[0]], stages[ids[1]]) == (Stage.FINISHED, Stage.SUBMITTED)
    assert (world.store.early, len(world.reports.early)) == ({}, 0)


@pytest.mark.parametrize("outcome", [Uncertain("silence"), Refused("silence", 0x0B)])
def test_the_line_in_the_log_says_whose_attempt_it_was_and_where_it_went(
    outcome: Uncertain | Refused,
) -> None:
    world = World()
    [message_id] = send(world)
    world.wire.answer((message_id, outcome))
    assert world.said.events[-1] == (
        "message_uncertain" if isinstance(outcome, Uncertain) else "message_refused",
        {
            "message_id": message_id,
            "system_id": "bank",
            "provider": "one",
            "attempt": 1,
            "reason": "silence",
        },
    )


@pytest.mark.parametrize("kind", [Uncertain, Refused])
def test_a_providers_words_go_to_the_log_beside_the_reason(
    kind: type[Uncertain] | type[Refused],
) -> None:
    world = World()
    [message_id] = send(world)
    world.wire.answer((message_id, kind("HTTP 500", words="Oh")))
    logged = world.said.events[-1][1]
    assert (logged["reason"], logged["words"]) == ("HTTP 500", "Oh")


def test_only_what_stays_in_doubt_is_logged_as_uncertain() -> None:
    world = World(lane=LaneRules(policy=Policy(when_uncertain="fail")))
    [message_id] = send(world)
    world.wire.answer((message_id, Uncertain("silence")))
    assert [event for event, _ in world.said.events] == ["message_failed"]
    world, ids = batch_in_doubt()
    world.tick()
    world.said.events.clear()
    world.wire.answer((("key1", *ids), [Postponed("busy")] * 3), operation="batch")
    assert world.said.events == []
    assert set(world.store.stages().values()) == {Stage.SUBMITTING}


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize(
    ("policy", "esm_class", "outcome", "why"),
    [
        (Policy(attempts=1), 0, Postponed("busy"), Reason.ATTEMPTS_OVER),
        (Policy(attempts=2), 1, Postponed("busy"), Reason.ONE_TRY),
        (Policy(), 1, Uncertain("silence"), Reason.ONE_TRY),
        (Policy(when_uncertain="fail"), 0, Uncertain("silence"), Reason.IN_DOUBT),
        (Policy(when_uncertain="fail", attempts=1), 0, Uncertain("silence"), Reason.IN_DOUBT),
    ],
)
def test_each_failure_has_its_reason(
    place: int, policy: Policy, esm_class: int, outcome: Outcome, why: Reason
) -> None:
    world = World(lane=LaneRules(policy=policy))
    ids = send(world, 3, esm_class=esm_class)
    failed = ids[place]
    world.wire.answer(*[(n, outcome if n == failed else Accepted(f"p{n}")) for n in ids])
    assert world.noted.reasons == {(why, "one"): 1}
    assert world.noted.notes == [(failed, "failed", {"why": why.value})]


def test_a_refusal_stands_in_the_attempt_and_a_further_try_is_no_failure() -> None:
    world = World(lane=LaneRules(policy=Policy(attempts=2)))
    ids = send(world, 2)
    world.wire.answer((ids[0], Refused("no such number", 11)), (ids[1], Postponed("busy")))
    refused, put_off = (Reason.PROVIDER_REFUSED, "one"), (Reason.PUT_OFF, "one")
    assert world.noted.reasons == {refused: 1, put_off: 1}
    assert world.noted.notes == []


# -- time passes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("clockwork", ["pace", "tick"])
def test_at_a_rate_requests_leave_by_pace_and_by_tick(clockwork: str) -> None:
    world = World(lane=LaneRules(rate=1.0))
    ids = send(world, 4)
    for out in (1, 2, 3, 4):
        assert world.wire.submitted() == ids[:out]
        world.clock.now += 1.0
        getattr(world.submit, clockwork)()
        world.sound()


def test_what_a_rate_allows_leaves_at_once() -> None:
    world = World(lane=LaneRules(rate=50.0))
    world.lanes["one"].pause(1.0)
    send(world, 80)
    world.clock.now += 1.0
    world.submit.tick()
    assert len(world.wire.submitted()) == 50


def test_a_drained_bridge_sends_nothing_to_another_provider() -> None:
    world = World()
    world.lanes["one"].pause(1.0)
    [waiting] = send(world)
    world.submit.drain()
    world.lanes["one"].pause(1e9)
    world.wait(1.0)
    assert world.store.messages[waiting].provider == "one"
    assert world.said.events == []


def test_what_memory_does_not_hold_is_read_back_as_soon_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "IN_MEMORY", 2)
    monkeypatch.setattr(lanes, "FEW", 1)
    world = World(lane=LaneRules(concurrency=1))
    ids = send(world, 80)
    assert world.lanes["one"].overflowing
    for n in ids:  # and nothing ticks
        world.wire.answer((n, Accepted(f"p{n}")))
    assert world.wire.submitted() == ids
    assert world.lane_set.depth == 0


def test_answers_of_several_providers_that_come_together_let_each_go_on() -> None:
    world = World(
        lane=LaneRules(concurrency=1), rules=[Rule("243", ("one",)), Rule("254", ("two",))]
    )
    ids = {
        name: [world.sent(submit_sm(destination_addr=number))[0][2] for _ in range(3)]
        for name, number in (("one", b"243810000001"), ("two", b"254722000001"))
    }
    for n in range(3):
        sent = [(name, about) for name, _, about in world.wire.sent]
        assert sent[2 * n :] == [("one", ids["one"][n]), ("two", ids["two"][n])]
        world.wire.answer(*[(some[n], Accepted(f"p{some[n]}")) for some in ids.values()])
    assert world.submit.idle


@pytest.mark.parametrize("durable", [True, False])
def test_a_message_that_is_held_for_a_report_is_let_go_when_its_fate_is_known(
    durable: bool,
) -> None:
    world = World()
    [message_id] = send(world)
    world.store.at_once = False
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    world.store.commit(1)  # the report has found its message
    attempt = world.store.messages[message_id].attempt()
    row = world.store.messages[message_id]
    row.stage, row.due = Stage.WAITING, attempt.message.due
    world.submit.backlog.wait([attempt])
    assert world.lane_set.depth == 1
    (world.store.commit_all if durable else world.store.fail)()
    world.submit.tick()
    world.store.commit_all()
    assert world.lane_set.depth == 0
    assert world.wire.submitted() == [message_id] * (1 if durable else 2)
