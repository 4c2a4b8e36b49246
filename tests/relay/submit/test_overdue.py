from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Outcome, Refused, Uncertain
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import NOW, World, submit_sm

POLLS = PollRules(polls=True, rate=100.0, first=10.0, longest=40.0, report_deadline=200.0)


def world_of(polls: PollRules = POLLS, **policy: Any) -> World:
    rules = LaneRules(policy=Policy(first_look=polls.first_look(), **policy))
    return World(polls=polls, lane=rules)


def sent(world: World, outcome: Outcome | None = None, count: int = 1) -> list[int]:
    ids = [world.sent(submit_sm())[0][2] for _ in range(count)]
    world.wire.answer(*[(n, outcome or Accepted(f"p{n}")) for n in ids])
    return ids


def polled(world: World) -> list[str]:
    return [about for _, operation, about in world.wire.sent if operation == "query"]


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


@pytest.mark.parametrize(
    "answer",
    [Report("p1", M.ENROUTE), NoAnswer("?"), KeyError(), None, Report("other", M.DELIVERED)],
)
def test_a_message_is_polled_ever_more_seldom_until_its_deadline(answer: Any) -> None:
    world = world_of()
    (message_id,) = sent(world)
    asked_at: list[float] = []
    for _ in range(420):
        world.wait(1.0)
        if len(polled(world)) > len(asked_at):
            asked_at.append(world.clock.now - NOW)
            world.wire.answer((f"p{message_id}", answer), operation="query")
    assert asked_at[:7] == [10, 20, 40, 80, 120, 160, 200]
    again = (
        [] if answer == Report("p1", M.ENROUTE) else [*range(210, 400, 10)]
    )  # it was not answered
    assert asked_at[7:] == again
    row = world.store.messages[message_id]
    assert (row.stage, row.state) == (Stage.FINISHED, M.UNKNOWN)
    assert owed(world) == [(message_id, M.UNKNOWN)]
    assert world.noted.reasons[Reason.NO_REPORT, "one"] == 1
    (given_up,) = [fields for event, fields in world.said.events if event == "message_given_up"]
    assert given_up["reason"] == "no_report"
    assert world.noted.notes == [(message_id, "failed", {"why": "no_report"})]


def test_a_final_answer_ends_it() -> None:
    world = world_of()
    (message_id,) = sent(world)
    world.wait(10.0)
    world.wire.answer((f"p{message_id}", Report(f"p{message_id}", M.DELIVERED)), operation="query")
    world.wait(1_000.0)
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert len(polled(world)) == 1
    assert world.said.counts["reported", "one", "poll", M.DELIVERED] == 1


def test_a_callback_and_a_poll_are_one_receipt() -> None:
    world = world_of()
    (message_id,) = sent(world)
    world.wait(10.0)
    report = Report(f"p{message_id}", M.DELIVERED)
    world.told(report)
    world.wire.answer((f"p{message_id}", report), operation="query")
    world.tick()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.early == {}


@given(st.floats(0.2, 30), st.lists(st.floats(0.3, 3), min_size=5, max_size=40))
def test_the_poll_rate_is_respected(rate: float, pauses: list[float]) -> None:
    world = world_of(PollRules(polls=True, rate=rate, first=1.0, longest=1.0))
    sent(world, count=60)
    for pause in pauses:
        world.wait(pause)
        assert len(polled(world)) <= rate * (world.clock.now - NOW) + max(1.0, rate) + 1e-6
        for found in set(polled(world)) & {about for op, about in world.wire.out if op == "query"}:
            world.wire.answer((found, None), operation="query")


def test_polls_that_are_not_answered_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smppbridge.relay.submit.overdue.AT_ONCE", 5)
    world = world_of()
    sent(world, count=20)
    for _ in range(30):
        world.wait(1.0)
    assert len(polled(world)) == 5


@pytest.mark.parametrize("count", [5, 23])
def test_more_messages_end_in_a_look_than_are_read_at_once(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppbridge.relay.submit.overdue.AT_ONCE", 5)
    world = world_of(PollRules(report_deadline=60.0, end_state=M.ACCEPTED, reported=False))
    ids = sent(world, count=count)
    world.wait(60.0)
    assert sorted(owed(world)) == [(message_id, M.ACCEPTED) for message_id in sorted(ids)]
    assert (world.noted.reasons, world.noted.notes) == ({}, [])  # no report is what was expected


def test_nothing_is_polled_before_its_next_look_is_on_disk() -> None:
    world = world_of()
    sent(world)
    world.store.at_once = False
    world.wait(10.0)
    world.store.commit(len(world.store.pending))
    assert polled(world) == []
    world.store.fail()
    assert polled(world) == []
    world.wait(1.0)
    world.store.commit_all()
    assert len(polled(world)) == 1


def test_a_slow_look_is_not_overtaken_by_the_next() -> None:
    world = world_of()
    sent(world)
    world.store.at_once = False
    for _ in range(5):
        world.clock.now += 10.0
        world.overdue.tick()
    assert [call.verb for call in world.store.pending] == ["due"] * len(world.lanes)
    world.store.commit_all()
    assert len(polled(world)) == 1
    world.overdue.tick()
    assert [call.verb for call in world.store.pending] == ["due"] * len(world.lanes)


@pytest.mark.parametrize("first_look", [10.0, 200.0])
def test_without_polls_a_message_is_given_up_at_its_deadline(first_look: float) -> None:
    rules = LaneRules(policy=Policy(first_look=first_look))  # 10: it was polled before a reload
    world = World(polls=PollRules(report_deadline=200.0), lane=rules)
    (message_id,) = sent(world)
    world.wait(10.0)
    world.wait(189.0)
    assert world.store.messages[message_id].stage is Stage.SUBMITTED
    world.wait(1.0)
    assert owed(world) == [(message_id, M.UNKNOWN)]
    assert polled(world) == []


def test_an_uncertain_message_is_given_up_at_its_deadline() -> None:
    world = world_of(uncertain_deadline=60.0)
    (message_id,) = sent(world, Uncertain("silence"))
    world.wait(59.0)
    assert owed(world) == []
    world.store.failing = True
    world.wait(1.0)
    assert "message_given_up" not in dict(world.said.events)
    world.store.failing = False
    world.wait(1.0)
    assert owed(world) == [(message_id, M.UNKNOWN)]
    assert "message_given_up" in dict(world.said.events)
    assert world.noted.reasons == {(Reason.STILL_UNCERTAIN, "one"): 1}
    assert world.noted.notes == [(message_id, "failed", {"why": "still_uncertain"})]
    assert world.wire.submitted() == [message_id]


def test_what_is_out_is_not_given_up() -> None:
    world = world_of()
    world.sent(submit_sm())
    world.wait(10_000.0)
    assert set(world.store.stages().values()) == {Stage.SUBMITTING}


# -- by hand --------------------------------------------------------------------------------------


def test_an_uncertain_message_is_sent_again_or_failed_by_hand() -> None:
    world = world_of()
    again, fail, waits = sent(world, Uncertain("silence"), 3)
    world.store.by_hand = [(again, "resend"), (fail, "fail")]
    world.run(world.overdue.by_hand())
    assert owed(world) == [(fail, M.UNDELIVERABLE)]
    assert world.wire.submitted() == [again, fail, waits, again]
    assert world.lane_set.depth == 0
    world.wire.answer((again, Refused("no credit", provider_fault=True)))
    assert {provider for provider, _, _ in world.wire.sent} == {"one"}
    events = [event for event, _ in world.said.events]
    assert "message_resend_by_hand" in events
    assert "message_fail_by_hand" in events
    assert [each for each in world.noted.notes if each[1] == "decided_by_hand"] == [
        (again, "decided_by_hand", {"verb": "resend", "provider": "one"}),
        (fail, "decided_by_hand", {"verb": "fail", "provider": "one"}),
    ]
    assert world.noted.reasons[Reason.GIVEN_UP, "one"] == 1


@pytest.mark.parametrize("verb", ["resend", "fail"])
def test_a_decision_about_what_is_not_uncertain_any_more_is_void(verb: str) -> None:
    world = world_of()
    (message_id,) = sent(world)
    world.store.by_hand = [(message_id, verb)]
    world.run(world.overdue.by_hand())
    world.tick()
    assert world.store.messages[message_id].stage is Stage.SUBMITTED
    assert world.wire.submitted() == [message_id]


def test_a_question_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(lane=LaneRules(policy=Policy(first_look=10.0)), polls=POLLS)
    [(_, _, message_id)] = world.sent(submit_sm())
    world.wire.answer((message_id, Accepted("p1")))
    world.wait(10.0)
    timed: list[Any] = []
    monkeypatch.setattr(world.said, "asked", lambda *about: timed.append(about), raising=False)
    world.clock.now += 0.25
    world.wire.answer(("p1", Report("p1", M.ENROUTE)), operation="query")
    assert timed == [("one", "query", "answered", [pytest.approx(0.25)])]
