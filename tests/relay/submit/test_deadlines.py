"""No message ends UNKNOWN while its provider's answer is on its way, or before a last question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NoAnswer
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit.deadlines import GRACE
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import NOW, World, submit_sm

DEADLINE = 400.0
POLLS = PollRules(polls=True, rate=100.0, first=10.0, longest=40.0, report_deadline=DEADLINE)
PUSHES = PollRules(report_deadline=DEADLINE)


def world_of(polls: PollRules, **options: Any) -> World:
    world = {name: options.pop(name) for name in ("store", "now") if name in options}
    rules = LaneRules(policy=Policy(first_look=polls.first_look(), **options))
    return World(polls=polls, lane=rules, **world)


def accepted(polls: PollRules = POLLS, count: int = 1) -> tuple[World, list[int]]:
    world = world_of(polls)
    ids = [world.sent(submit_sm(sequence_number=n))[0][2] for n in range(1, count + 1)]
    world.wire.answer(*[(n, Accepted(f"p{n}")) for n in ids])
    return world, ids


def later(before: World, polls: PollRules, seconds: float, **policy: Any) -> World:
    """Return a world on the same store: the bridge was down for so long."""
    world = world_of(polls, store=before.store, now=before.clock.now + seconds, **policy)
    restored = world.store.restored()
    world.run(world.reports.restore(restored.early, restored.stored_ids))
    return world


def questions(world: World) -> list[str]:
    return [about for _, operation, about in world.wire.sent if operation == "query"]


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


def pass_by(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.wait(1.0)


# -- a question that is on its way ----------------------------------------------------------------


@pytest.mark.parametrize("lasts", [5, 60, 250])
def test_a_message_is_not_given_up_while_its_poll_is_out(lasts: int) -> None:
    world, [message_id] = accepted()
    for _ in range(int(DEADLINE) - 30):
        world.wait(1.0)
        if ("query", "p1") in world.wire.out:
            world.wire.answer(("p1", Report("p1", M.ENROUTE)), operation="query")
    pass_by(world, 40)
    assert ("query", "p1") in world.wire.out
    pass_by(world, lasts)  # over the deadline
    assert world.store.messages[message_id].stage is Stage.SUBMITTED
    world.wire.answer(("p1", Report("p1", M.DELIVERED)), operation="query")
    pass_by(world, 60)
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_a_poll_that_is_never_answered_holds_a_message_only_so_long() -> None:
    world, [message_id] = accepted()
    pass_by(world, int(DEADLINE + GRACE + 20))
    assert owed(world) == [(message_id, M.UNKNOWN)]
    assert len(questions(world)) == 1
    assert world.overdue._polled_last == {}


def test_a_message_is_not_given_up_while_the_answer_to_its_poll_is_being_settled() -> None:
    before, [message_id] = accepted()
    world = later(before, POLLS, DEADLINE - 20.0)  # not in memory: the store is asked for it
    world.wait(1.0)
    world.store.at_once = False
    world.wire.answer(("p1", Report("p1", M.DELIVERED)), operation="query")
    assert [call.verb for call in world.store.pending] == ["find"]
    world.clock.now += 1_000.0
    found, world.store.pending = world.store.pending, []
    world.overdue.tick()
    world.store.commit_all()  # the looks are answered first: the machine is busy
    world.store.pending = found + world.store.pending
    world.store.commit_all()
    pass_by(world, 3)
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_an_answer_that_the_store_could_not_keep_is_asked_for_again() -> None:
    world, [message_id] = accepted()
    pass_by(world, 10)
    world.store.failing = True
    world.wire.answer(("p1", Report("p1", M.DELIVERED)), operation="query")
    world.store.failing = False
    world.clock.now += DEADLINE
    world.wait(1.0)
    assert questions(world) == ["p1", "p1"]
    world.wire.answer(("p1", Report("p1", M.DELIVERED)), operation="query")
    assert owed(world) == [(message_id, M.DELIVERED)]


ANSWERS = (None, NoAnswer("?"), M.ENROUTE, M.ENROUTE, M.DELIVERED)
EVENTS = st.tuples(
    st.sampled_from(["wait", "wait", "tick", "commit", "commit", "answer", "answer", "jump"]),
    st.integers(0, 60),
)


class Busy:
    """A world whose store and whose provider answer when they like."""

    def __init__(self) -> None:
        self.world, self.ids = accepted(count=3)
        self.world.store.at_once = False
        self.delivered: set[int] = set()

    def do(self, event: str, choice: int) -> None:
        store = self.world.store
        does: dict[str, Callable[[], Any]] = {
            "wait": lambda: self.world.wait(float(choice)),
            "jump": lambda: self.world.wait(choice * 10.0),
            "tick": self.world.overdue.tick,
            "commit": lambda: store.commit(min(1 + choice % 3, len(store.pending))),
            "answer": lambda: self.answer(choice),
        }
        does[event]()
        self.world.sound()

    def answer(self, choice: int) -> None:
        """Answer a poll; of a message that is open then, the answer must not be lost."""
        out = [about for _, about in self.world.wire.out]
        if out:
            name = out[choice % len(out)]
            state = ANSWERS[choice % len(ANSWERS)]
            found = Report(name, state) if isinstance(state, M) else state
            message_id = int(name[1:])
            row = self.world.store.messages[message_id]
            if state is M.DELIVERED and row.stage is Stage.SUBMITTED and not self.ends(message_id):
                self.delivered.add(message_id)
            self.world.wire.answer((name, found), operation="query")

    def ends(self, message_id: int) -> bool:
        claim = self.world.endings._claims.get(message_id)
        return claim is not None and claim.final

    def calm(self) -> None:
        for _ in range(300):
            self.world.store.commit_all()
            for op, about in list(self.world.wire.out):
                self.world.wire.answer((about, Report(about, M.ENROUTE)), operation=op)
            self.world.wait(4.0)
        self.world.store.commit_all()


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=10, max_size=60))
def test_no_answer_of_delivered_is_lost_on_a_slow_machine(events: list[tuple[str, int]]) -> None:
    busy = Busy()
    for event, choice in events:
        busy.do(event, choice)
    busy.calm()
    rows = busy.world.store.messages
    assert {rows[n].stage for n in busy.ids} == {Stage.FINISHED}
    assert {rows[n].state for n in busy.delivered} <= {M.DELIVERED}
    assert len(owed(busy.world)) == len(busy.ids)


# -- the bridge was down --------------------------------------------------------------------------


def test_after_a_deadline_that_passed_while_the_bridge_was_down_a_message_is_asked_about() -> None:
    before, ids = accepted(count=2)
    world = later(before, POLLS, DEADLINE + 10_000.0)
    world.wait(1.0)
    assert sorted(questions(world)) == ["p1", "p2"]
    assert owed(world) == []
    answers = [("p1", Report("p1", M.DELIVERED)), ("p2", Report("p2", M.ENROUTE))]
    world.wire.answer(*answers, operation="query")
    assert owed(world) == [(ids[0], M.DELIVERED)]
    for _ in range(int(GRACE) + 20):
        world.wait(1.0)
        for op, about in list(world.wire.out):
            world.wire.answer((about, Report(about, M.ENROUTE)), operation=op)
    assert owed(world) == [(ids[0], M.DELIVERED), (ids[1], M.UNKNOWN)]


@pytest.mark.parametrize("polls", [POLLS, PUSHES])
def test_callbacks_that_were_missed_have_some_time_after_the_start(polls: PollRules) -> None:
    before, ids = accepted(polls, count=2)
    world = later(before, polls, DEADLINE + 10_000.0)
    pass_by(world, int(GRACE) - 1)
    assert owed(world) == []
    world.told(Report("p1", M.DELIVERED))
    for _ in range(40):
        world.wait(1.0)
        for op, about in list(world.wire.out):
            world.wire.answer((about, Report(about, M.ENROUTE)), operation=op)
    assert owed(world) == [(ids[0], M.DELIVERED), (ids[1], M.UNKNOWN)]


def test_the_time_after_a_start_is_not_longer_than_the_deadline() -> None:
    short = PollRules(report_deadline=20.0)
    before, [message_id] = accepted(short)
    world = later(before, short, 1_000.0)
    pass_by(world, 19)
    assert owed(world) == []
    pass_by(world, 2)
    assert owed(world) == [(message_id, M.UNKNOWN)]


def test_a_message_that_no_report_can_come_for_does_not_wait_after_a_start() -> None:
    none = PollRules(report_deadline=60.0, end_state=M.ACCEPTED, reported=False)
    before, [message_id] = accepted(none)
    world = later(before, none, 1_000.0)
    world.wait(1.0)
    assert owed(world) == [(message_id, M.ACCEPTED)]


def test_a_message_that_was_accepted_after_the_start_is_given_up_at_its_deadline() -> None:
    world, [message_id] = accepted(PUSHES)
    world.wait(DEADLINE)
    assert owed(world) == [(message_id, M.UNKNOWN)]


def test_an_uncertain_message_waits_for_a_report_that_was_missed() -> None:
    before = world_of(PUSHES, uncertain_deadline=500.0)
    [(_, _, message_id)] = before.sent(submit_sm())
    before.wire.answer((message_id, Uncertain("silence")))
    world = later(before, PUSHES, 10_000.0, uncertain_deadline=500.0)
    pass_by(world, int(GRACE) - 1)
    assert owed(world) == []
    world.told(Report("p1", M.DELIVERED, message_id=message_id))
    pass_by(world, 5)
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_an_uncertain_message_is_given_up_after_that_time() -> None:
    before = world_of(PUSHES, uncertain_deadline=500.0)
    [(_, _, message_id)] = before.sent(submit_sm())
    before.wire.answer((message_id, Uncertain("silence")))
    world = later(before, PUSHES, 10_000.0, uncertain_deadline=500.0)
    pass_by(world, int(GRACE) + 2)
    assert owed(world) == [(message_id, M.UNKNOWN)]


# -- whose answer it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", ["exact", "case", "zeros"])
@pytest.mark.parametrize(("answered", "least"), [("p1", 0), ("P1", 1), ("00p1", 2), ("p2", 9)])
@pytest.mark.parametrize("restarted", [True, False])
def test_an_answer_has_the_id_that_was_asked_as_far_as_the_provider_writes_it(
    tolerance: Tolerance, answered: str, least: int, restarted: bool
) -> None:
    polls = PollRules(polls=True, rate=100.0, first=10.0, ids=tolerance)
    world, [message_id] = accepted(polls)
    if restarted:
        world = later(world, polls, 5.0)
    pass_by(world, 10)
    world.wire.answer(("p1", Report(answered, M.DELIVERED)), operation="query")
    if ["exact", "case", "zeros"].index(tolerance) >= least:
        assert owed(world) == [(message_id, M.DELIVERED)]
        assert world.said.counts["asked", "one", "query", "answered"] == 1
    else:
        assert owed(world) == []
        assert world.said.counts["asked", "one", "query", "failed"] == 1


def test_of_two_messages_with_one_id_each_gets_the_answer_to_its_own_poll() -> None:
    world = world_of(POLLS)
    ids = [world.sent(submit_sm(sequence_number=n))[0][2] for n in (1, 2)]
    world.wire.answer((ids[0], Accepted("7")), (ids[1], Accepted("7")))
    world.told(Report("7", M.DELIVERED, message_id=ids[1]))
    assert owed(world) == [(ids[1], M.DELIVERED)]
    world.told(Report("7", M.EXPIRED))
    assert owed(world) == [(ids[1], M.DELIVERED), (ids[0], M.EXPIRED)]
    assert world.reports.awaited.first == {}
    assert world.clock.now == NOW
