"""A message with several provider_message_ids is what all its parts are, whoever reports first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, accepted
from smppbridge.model.parts import DeliveredBy
from smppbridge.model.report import Report
from smppbridge.providers.exchange import NotSent
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.report import awaited
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeStore, World, submit_sm

DELIVERED, FAILED, ENROUTE = M.DELIVERED, M.UNDELIVERABLE, M.ENROUTE
WAYS = ["one webhook", "two at once", "one after the other"]


def says(found: str, state: M = DELIVERED, **more: Any) -> Report:
    return Report(found, state, **more)


def in_parts(*names: str, by: DeliveredBy = "all") -> Accepted:
    outcome = accepted(names, by)
    assert outcome
    return outcome


def sent(*names: str, by: DeliveredBy = "all", world: World | None = None) -> tuple[World, int]:
    """Return a world with a message that was accepted in parts."""
    world = world or World()
    ((_, _, message_id),) = world.sent(submit_sm())
    world.wire.answer((message_id, in_parts(*names, by=by)))
    return world, message_id


def out() -> tuple[World, int]:
    """Return a world whose store commits when told to, and a message that is out."""
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit_all()
    return world, session.ids()[0]


def restarted(store: FakeStore) -> World:
    world = World(store=store)
    restored = store.restored()
    world.run(world.reports.restore(restored.early, restored.stored_ids))
    return world


def owed(world: World) -> list[tuple[int, int, int]]:
    return [(d.message_id, d.state, d.error) for d in world.store.unfinished()]


def tell(world: World, way: str, *reports: Report) -> None:
    """Report in one webhook, in several at once, or in several of which each is answered."""
    answers = []
    if way == "one webhook":
        answers.append(world.told(*reports))
    else:
        for report in reports:
            answers.append(world.told(report))
            if way == "one after the other":
                world.store.commit_all()
    world.store.commit_all()
    assert {each for answer in answers for each in answer} == {"kept"}


def quiet(world: World) -> None:
    for _ in range(3):
        world.store.commit_all()
        world.spawn(world.reports.forget_early())
    world.store.commit_all()
    world.sound()
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    assert not world.reports.awaited.first


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("known", ["in memory", "after a restart"])
@pytest.mark.parametrize("order", [*permutations("abc")])
def test_it_is_delivered_when_all_parts_are(way: str, known: str, order: Sequence[str]) -> None:
    world, message_id = sent("a", "b", "c")
    if known == "after a restart":
        world = restarted(world.store)
    world.store.at_once = False
    *others, last = order
    tell(world, way, *map(says, others))
    assert (owed(world), world.store.stages()) == ([], {message_id: Stage.SUBMITTED})
    tell(world, way, says(last))
    assert owed(world) == [(message_id, DELIVERED, 0)]
    tell(world, way, *map(says, order))
    assert owed(world) == [(message_id, DELIVERED, 0)]
    quiet(world)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("known", ["in memory", "after a restart"])
def test_all_parts_at_once_end_it_once(way: str, known: str) -> None:
    world, message_id = sent("a", "b", "c")
    if known == "after a restart":
        world = restarted(world.store)
    world.store.at_once = False
    tell(world, way, *map(says, "abc"))
    assert owed(world) == [(message_id, DELIVERED, 0)]
    quiet(world)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_part_that_fails_fails_it_at_once(place: int) -> None:
    world, message_id = sent("a", "b", "c")
    reports = [says("a"), says("c")]
    reports.insert(place, says("b", FAILED, error=27))
    assert world.told(*reports) == ["kept"]
    assert owed(world) == [(message_id, FAILED, 27)]
    assert world.told(says("b", FAILED)) == ["kept"]
    assert owed(world) == [(message_id, FAILED, 27)]


@pytest.mark.parametrize(
    ("by", "reported", "state"),
    [
        ("last", "c", DELIVERED),
        ("last", "ab", None),
        ("first", "a", DELIVERED),
        ("first", "bc", None),
    ],
)
@pytest.mark.parametrize("known", ["in memory", "after a restart"])
def test_the_rule_it_was_accepted_with_says_which_parts_are_needed(
    by: DeliveredBy, reported: str, state: M | None, known: str
) -> None:
    world, message_id = sent("a", "b", "c", by=by)
    if known == "after a restart":
        world = restarted(world.store)
    for name in reported:
        world.told(says(name))
    assert owed(world) == ([(message_id, state, 0)] if state else [])


def test_other_messages_in_the_same_webhook_are_settled_too() -> None:
    world, several = sent("a", "b")
    _, one = sent("x", world=world)
    _, other = sent("c", "d", world=world)
    reports = [says("x"), says("a"), says("d", FAILED), says("b"), says("nobody")]
    assert world.told(*reports) == ["kept"]
    expected = [(several, DELIVERED, 0), (one, DELIVERED, 0), (other, FAILED, 0)]
    assert sorted(owed(world)) == sorted(expected)
    assert list(world.store.early) == [("one", "nobody")]


def test_a_message_that_is_refused_while_parts_beside_it_are_written_leaves_its_line() -> None:
    world, whole = sent("a", "b")
    other = world.sent(submit_sm())[0][2]
    world.store.at_once = False
    told = world.told(says("a"), says("b"), says("c", message_id=other))
    world.wire.answer((other, NotSent("refused")))
    world.store.commit_all()
    assert told == ["kept"]
    assert sorted(owed(world)) == [(whole, DELIVERED, 0), (other, DELIVERED, 0)]
    world.tick()
    world.store.commit_all()
    assert world.lanes["one"].depth == 0
    quiet(world)


def test_a_part_on_its_way_is_noted_and_ends_nothing() -> None:
    world = World()
    ((_, _, message_id),) = world.sent(submit_sm(registered_delivery=0x11))
    world.wire.answer((message_id, in_parts("a", "b")))
    world.told(says("b"), says("a", ENROUTE))
    assert owed(world) == [(message_id, ENROUTE, 0)]
    world.told(says("a"))
    assert owed(world) == [(message_id, ENROUTE, 0), (message_id, DELIVERED, 0)]


def test_a_report_by_our_id_is_about_the_part_that_it_names_too() -> None:
    world, message_id = sent("a", "b")
    world = restarted(world.store)
    world.told(says("a", message_id=message_id))
    assert owed(world) == []
    world.told(says("B", message_id=message_id))  # as the provider spells it there
    assert owed(world) == [(message_id, DELIVERED, 0)]
    world, message_id = sent("a", "b")
    world.told(says("", message_id=message_id))  # without an id it is about the whole
    assert owed(world) == [(message_id, DELIVERED, 0)]


def test_the_done_date_is_that_of_the_part_that_ends_it() -> None:
    world, _ = sent("a", "b")
    now = world.clock.wall()
    world.clock.now += 100
    world.told(says("b", done_at=now + 90))
    world.told(says("a", done_at=now + 60))
    (delivery,) = world.store.unfinished()
    assert delivery.done_at == now + 60


def test_a_message_with_one_id_costs_nothing_more() -> None:
    world, message_id = sent("a")
    world.told(says("a"))
    assert owed(world) == [(message_id, DELIVERED, 0)]
    assert "end_parts" not in world.store.log
    assert [row.parts for row in world.store.messages.values()] == [()]


# -- early, and at once ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    sorted(set(permutations(("a", "b", "answer", "commit", "commit", "commit", "commit")))),
)
def test_whatever_comes_first_it_is_delivered_once(steps: Sequence[str]) -> None:
    world, message_id = out()
    told: list[tuple[str, list[Any]]] = []
    for step in steps:
        if step == "answer":
            world.wire.answer((message_id, in_parts("a", "b")))
        elif step == "commit":
            world.store.commit(min(1, len(world.store.pending)))
        else:
            told.append((step, world.told(says(step))))
    world.store.commit_all()
    assert [answer for _, answer in told] == [["kept"], ["kept"]]
    assert owed(world) == [(message_id, DELIVERED, 0)]
    quiet(world)


@pytest.mark.parametrize("before", ["a", "b", "ab"])
def test_parts_that_were_reported_before_the_answer_are_known_after_a_restart(before: str) -> None:
    world, message_id = out()
    for name in before:
        world.told(says(name))
    world.store.commit_all()
    world.wire.answer((message_id, in_parts("a", "b")))
    world.store.commit(1)
    world.store.crash()
    world = restarted(world.store)
    world.store.commit_all()
    for name in {"a", "b"} - set(before):
        world.told(says(name))
        world.store.commit_all()
    assert owed(world) == [(message_id, DELIVERED, 0)]
    quiet(world)


def test_a_crash_between_the_ends_of_parts_and_of_the_message_loses_nothing() -> None:
    world, message_id = sent("a", "b")
    world.told(says("a"))
    world.store.at_once = False
    answer = world.told(says("b"))
    world.store.commit(1)  # the end of the part
    world.store.crash()
    assert (answer, owed(world)) == ([], [])
    world = restarted(world.store)
    answer = world.told(says("b"))  # for it was not answered
    world.store.commit_all()
    assert (answer, owed(world)) == (["kept"], [(message_id, DELIVERED, 0)])
    quiet(world)


@pytest.mark.parametrize("known", ["in memory", "after a restart"])
@pytest.mark.parametrize("good", range(4))
def test_a_failing_store_is_told_of_and_a_repeated_report_settles(known: str, good: int) -> None:
    world, message_id = sent("a", "b")
    world.told(says("a"))
    if known == "after a restart":
        world = restarted(world.store)
    world.store.at_once = False
    answer = world.told(says("b"))
    for _ in range(good):
        world.store.commit(min(1, len(world.store.pending)))
    while world.store.pending:
        world.store.fail(1)
    if answer != ["kept"]:
        assert answer == [StoreFailure]
        answer = world.told(says("b"))
    world.store.commit_all()
    assert (answer, owed(world)) == (["kept"], [(message_id, DELIVERED, 0)])
    quiet(world)


@pytest.mark.parametrize("good", range(3))
def test_an_early_report_that_was_answered_survives_a_failing_store(good: int) -> None:
    world, message_id = out()
    answers = world.told(says("a"), says("b"))
    world.store.commit_all()
    assert answers == ["kept"]
    world.wire.answer((message_id, in_parts("a", "b")))
    world.store.commit(1)  # the record
    for _ in range(good):
        world.store.commit(min(1, len(world.store.pending)))
    while world.store.pending:
        world.store.fail(1)
    world.spawn(world.reports.forget_early())
    world.store.commit_all()
    assert owed(world) == [(message_id, DELIVERED, 0)]
    quiet(world)


def test_a_report_about_an_acceptance_that_was_not_recorded_is_not_answered() -> None:
    world, message_id = out()
    world.wire.answer((message_id, in_parts("a", "b")))
    early, late = world.told(says("a"), says("b", FAILED)), world.told(says("a"))
    world.store.fail(1)  # the record
    world.store.commit_all()
    assert (early, late) == ([StoreFailure], [StoreFailure])
    world.tick()
    world.store.commit_all()
    assert world.store.stages() == {message_id: Stage.SUBMITTED}
    again = world.told(says("a"), says("b", FAILED))
    world.store.commit_all()
    assert (again, owed(world)) == (["kept"], [(message_id, FAILED, 0)])


def test_parts_that_are_not_in_memory_any_more_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaited, "MOST_AWAITED", 2)
    world, message_id = sent("a", "b", "c")
    assert len(world.reports.awaited.first) == 2
    for name in "bac":
        assert owed(world) == []
        world.told(says(name))
    assert owed(world) == [(message_id, DELIVERED, 0)]
    quiet(world)


@settings(max_examples=200, deadline=None)
@given(
    told=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([ENROUTE, DELIVERED, FAILED])), max_size=9
    ),
    cuts=st.sets(st.integers(0, 9)),
    restarts=st.sets(st.integers(0, 9), max_size=2),
)
def test_in_any_order_it_ends_once_and_rightly(
    told: list[tuple[str, M]], cuts: set[int], restarts: set[int]
) -> None:
    world, message_id = sent("a", "b", "c")
    first: dict[str, M] = {}
    for number, (name, state) in enumerate(told):
        if number in restarts:
            world.store.commit_all()
            world = restarted(world.store)
        world.store.at_once = False
        world.told(says(name, state))
        if state is not ENROUTE and FAILED not in first.values():
            first.setdefault(name, state)
        if number in cuts:
            world.store.commit(1 if world.store.pending else 0)
        else:
            world.store.commit_all()
    world.store.commit_all()
    world.sound()
    ended = [each for each in owed(world) if each[1] != ENROUTE]
    assert len(ended) <= 1
    if FAILED in first.values():
        assert ended
    if set(first) == set("abc") and FAILED not in first.values():
        assert ended == [(message_id, DELIVERED, 0)]


# -- polls ----------------------------------------------------------------------------------------


def test_each_part_that_is_open_is_polled() -> None:
    polls = PollRules(polls=True, rate=100.0, first=10.0)
    lane = LaneRules(policy=Policy(first_look=polls.first_look()))
    world, several = sent("a", "b", "c", world=World(polls=polls, lane=lane))
    _, one = sent("x", world=world)
    world.told(says("b"))
    world.wait(11.0)
    polled = [about for _, operation, about in world.wire.sent if operation == "query"]
    assert sorted(polled) == ["a", "c", "x"]
    answers = [("c", says("c", ENROUTE)), ("a", says("a")), ("x", says("x"))]
    world.wire.answer(*answers, operation="query")
    assert owed(world) == [(one, DELIVERED, 0)]
    world.wait(20.0)
    polled = [about for _, operation, about in world.wire.sent if operation == "query"]
    assert polled[3:] == ["c"]
    world.wire.answer(("c", says("c", FAILED, error=3)), operation="query")
    assert owed(world) == [(one, DELIVERED, 0), (several, FAILED, 3)]


@pytest.mark.parametrize("state", [DELIVERED, FAILED])
def test_a_poll_whose_end_was_not_written_is_made_again(state: M) -> None:
    polls = PollRules(polls=True, rate=100.0, first=10.0)
    lane = LaneRules(policy=Policy(first_look=polls.first_look()))
    world, message_id = sent("a", "b", world=World(polls=polls, lane=lane))
    world.told(says("a"))
    world.wait(11.0)
    world.store.at_once = False
    world.wire.answer(("b", says("b", state)), operation="query")
    world.store.commit(2)  # the message is found, the part ends
    world.store.fail()
    world.store.at_once = True
    assert owed(world) == []
    world.wait(20.0)
    world.wire.answer(("b", says("b", state)), operation="query")
    assert owed(world) == [(message_id, state, 0)]


@pytest.mark.parametrize("first", [None, ENROUTE])
def test_a_message_is_not_given_up_while_the_poll_of_one_of_its_parts_is_out(
    first: M | None,
) -> None:
    polls = PollRules(polls=True, rate=100.0, first=10.0, longest=10.0, report_deadline=300.0)
    lane = LaneRules(policy=Policy(first_look=polls.first_look()))
    world, message_id = sent("a", "b", world=World(polls=polls, lane=lane))
    world.told(says("a"))
    world, _ = World(polls=polls, lane=lane, store=world.store, now=world.clock.now), world
    world.store.messages[message_id].due = world.clock.now
    world.wait(1.0)
    assert [about for _, _, about in world.wire.sent] == ["b"]
    world.wire.answer(("b", first and says("b", first)), operation="query")
    for _ in range(290):
        world.wait(1.0)
    assert world.overdue._asking == {message_id: 1}
    for _ in range(200):
        world.wait(1.0)
    assert owed(world) == []
    world.wire.answer(("b", says("b")), operation="query")
    assert owed(world) == [(message_id, DELIVERED, 0)]
    assert not world.overdue._asking


@pytest.mark.parametrize("waited", [0, 20])  # before the deadline, or after it
def test_the_polls_of_all_parts_are_awaited(waited: int) -> None:
    polls = PollRules(polls=True, rate=100.0, first=10.0, longest=10.0, report_deadline=300.0)
    lane = LaneRules(policy=Policy(first_look=polls.first_look()))
    world, message_id = sent("a", "b", world=World(polls=polls, lane=lane))
    world.wait(295.0)
    for _ in range(waited):
        world.wait(1.0)
    world.wire.answer(("a", says("a", ENROUTE)), operation="query")
    for _ in range(100):
        world.wait(1.0)
    polled = [about for _, operation, about in world.wire.sent if operation == "query"]
    assert sorted(polled) == ["a", "b"]  # nothing is asked twice at a time
    assert owed(world) == []
    world.told(says("a"))
    world.wire.answer(("b", says("b")), operation="query")
    assert owed(world) == [(message_id, DELIVERED, 0)]
