from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.report.early import EarlyRules
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeReceiver, FakeStore, World, submit_sm


def says(state: M = M.DELIVERED, found: str = "p1", **more: Any) -> Report:
    return Report(found, state, **more)


def out(**options: Any) -> tuple[World, int]:
    """Return a world whose store commits when told to, and a message that is out."""
    world = World(store=FakeStore(at_once=False), **options)
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit()
    return world, session.ids()[0]


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


def test_a_report_may_overtake_the_answer() -> None:
    world, message_id = out()
    told = world.told(says())
    world.store.commit_all()
    assert told == ["kept"]
    assert list(world.store.early) == [("one", "p1")]
    world.wire.answer((message_id, Accepted("p1")))
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.early == {}
    assert len(world.reports.early) == 0


STEPS = ("report", "answer", "commit", "commit", "commit", "commit")


@pytest.mark.parametrize("steps", sorted(set(permutations(STEPS))))
@pytest.mark.parametrize("restarted", [False, True])
def test_report_and_answer_meet_whatever_is_committed_between(
    steps: tuple[str, ...], restarted: bool
) -> None:
    world, message_id = out()
    told: list[Any] = []
    for step in steps:
        if step == "report":
            told = world.told(says())
        elif step == "answer":
            world.wire.answer((message_id, Accepted("p1")))
        else:
            world.store.commit(min(1, len(world.store.pending)))
        if told:
            assert owed(world) or world.store.early  # HTTP 200 means on disk
    if restarted and told and world.store.messages[message_id].stage is Stage.SUBMITTED:
        world.store.crash()
        world = World(store=world.store)
        world.run(world.reports.restore(list(world.store.early.values())))
    world.store.commit_all()
    assert told == ["kept"] or restarted
    if told == ["kept"]:
        assert owed(world) == [(message_id, M.DELIVERED)]
        assert (world.store.early, len(world.reports.early)) == ({}, 0)


ACTS = ["report", "answer", "commit", "commit", "fail", "tick", "forget"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(ACTS), min_size=8, max_size=30),
    st.sampled_from([[M.DELIVERED], [M.ENROUTE, M.DELIVERED], [M.EXPIRED, M.DELIVERED]]),
)
def test_nothing_is_lost_while_the_store_fails_now_and_then(
    acts: list[str], states: list[M]
) -> None:
    world, message_id = out()
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    tellings: list[list[Any]] = []
    do: dict[str, Callable[[], Any]] = {
        "report": lambda: tellings.append(world.told(*map(says, states))),
        "answer": lambda: world.wire.out and world.wire.answer((message_id, Accepted("p1"))),
        "commit": lambda: world.store.commit(min(1, len(world.store.pending))),
        "fail": lambda: world.store.fail(min(1, len(world.store.pending))),
        "tick": world.tick,
        "forget": lambda: world.spawn(world.reports.forget_early()),
    }
    for act in [*acts, "report", "answer"]:
        do[act]()
    world.store.commit_all()
    if not any(told == ["kept"] for told in tellings):  # a provider tells until it hears 200
        world.told(*map(says, states))
    for _ in range(5):
        world.tick()
        world.spawn(world.reports.forget_early())
        world.store.commit_all()
    assert world.failures == []
    assert world.store.messages[message_id].stage is Stage.FINISHED
    final = [(d.message_id, d.state) for _, d in receiver.asked if M(d.state).is_final]
    assert final == [(message_id, next(s for s in states if s.is_final))]


def test_an_early_report_that_meets_a_failing_store_is_settled_later() -> None:
    world, message_id = out()
    told = world.told(says())
    world.store.commit_all()
    world.wire.answer((message_id, Accepted("p1")))
    world.store.commit(1)
    world.store.fail()
    assert told == ["kept"]
    assert owed(world) == []
    world.spawn(world.reports.forget_early())
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.early == {}


def test_an_early_report_waits_until_the_answer_is_written() -> None:
    world, message_id = out()
    world.told(says())
    world.store.commit_all()
    world.wire.answer((message_id, Accepted("p1")))
    world.store.fail()
    assert len(world.reports.early) == 1
    world.tick()
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.early == {}


def test_a_message_that_ended_before_its_answer_was_written_is_not_awaited() -> None:
    world, message_id = out()
    world.wire.answer((message_id, Accepted("p1")))
    world.store.fail()
    world.told(says())
    world.store.commit_all()
    world.tick()
    world.store.commit_all()
    world.told(says(M.REJECTED))
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.reports.awaited.first == {}


def test_an_early_report_that_could_not_be_kept_is_told_again() -> None:
    world, message_id = out()
    told = world.told(says())
    world.store.fail()
    assert told == [StoreFailure]
    again = world.told(says())
    world.store.commit_all()
    assert again == ["kept"]
    assert len(world.reports.early) == 1
    world.wire.answer((message_id, Accepted("p1")))
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_of_early_reports_about_one_id_the_first_final_one_stays() -> None:
    for told, state in (
        ([M.ENROUTE, M.DELIVERED], M.DELIVERED),
        ([M.DELIVERED, M.ENROUTE], M.DELIVERED),
        ([M.EXPIRED, M.DELIVERED], M.EXPIRED),
    ):
        world = World()
        message_id = world.sent(submit_sm())[0][2]
        for one in told:
            world.told(says(one))
        assert [r.state for r in world.store.early.values()] == [state]
        world.wire.answer((message_id, Accepted("p1")))
        assert owed(world) == [(message_id, state)]


def test_early_reports_survive_a_restart() -> None:
    before = World()
    message_id = before.sent(submit_sm())[0][2]
    before.told(says(), says(found="p2"))
    after = World(store=before.store)
    after.run(after.reports.restore(list(before.store.early.values())))
    assert len(after.reports.early) == 2
    attempt = before.store.messages[message_id].attempt()
    after.lanes["one"].out += 1
    after.submit._concluded([(attempt, Accepted("p1"))])
    assert owed(after) == [(message_id, M.DELIVERED)]
    assert list(after.store.early) == [("one", "p2")]


def test_early_reports_are_kept_so_long_and_so_many() -> None:
    world = World(early=EarlyRules(keep=60.0, most=3))
    for n in range(5):
        world.told(says(found=f"p{n}"))
        world.clock.now += 1.0
    world.run(world.reports.forget_early())
    assert [found for _, found in world.store.early] == ["p2", "p3", "p4"]
    assert world.said.counts["unmatched", "one"] == 2
    strays = [(u.kind, u.provider, u.provider_message_id, u.reason) for u in world.noted.strays]
    assert strays == [("report", "one", f"p{n}", "unknown_id") for n in range(2)]
    world.clock.now += 57.0
    world.run(world.reports.forget_early())
    assert [found for _, found in world.store.early] == ["p3", "p4"]
    world.clock.now += 60.0
    world.run(world.reports.forget_early())
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    assert world.reports.early._spellings == {}


def test_a_new_name_that_overtakes_the_answer_is_not_lost() -> None:
    world, message_id = out()
    world.told(says(M.ENROUTE, "key:1", renamed="theirs"))
    world.store.commit_all()
    assert world.store.early["one", "key:1"].renamed == "theirs"
    world.wire.answer((message_id, Accepted("key:1")))
    world.store.commit_all()
    assert world.store.messages[message_id].provider_message_id == "theirs"
    world.told(says(found="theirs"))
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]
