"""A provider gives its ids again: whose a report is, in memory, in the store, after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.report.early import EarlyRules
from smppbridge.relay.report.ending import Fate
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import World, submit_sm


def says(state: M = M.DELIVERED, found: str = "7", **more: Any) -> Report:
    return Report(found, state, **more)


def accepted(world: World, found: str = "7") -> int:
    """Return a message that the provider calls *found*; a second passes."""
    message_id = world.sent(submit_sm())[0][2]
    world.wire.answer((message_id, Accepted(found)))
    world.clock.now += 1.0
    return message_id


def restarted(before: World, **options: Any) -> World:
    world = World(store=before.store, now=before.clock.now, **options)
    world.accept._identifiers = before.accept._identifiers
    restored = world.store.restored()
    world.run(world.reports.restore(restored.early, restored.stored_ids))
    return world


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


WAYS = ["in memory", "restarted", "restarted between", "restarted for each"]


@pytest.mark.parametrize("way", WAYS)
def test_of_open_messages_with_one_id_the_oldest_gets_the_report(way: str) -> None:
    world = World()
    ids = []
    for _ in range(3):
        ids.append(accepted(world))
        if way == "restarted for each" or (way == "restarted between" and len(ids) == 2):
            world = restarted(world)
    if way == "restarted":
        world = restarted(world)
    for n, state in enumerate((M.DELIVERED, M.REJECTED, M.EXPIRED)):
        assert world.told(says(M.ENROUTE), says(state)) == ["kept"]
        assert owed(world)[n:] == [(ids[n], state)]
        if way == "restarted for each":
            world = restarted(world)
    assert world.told(says()) == ["kept"]  # a repeated one
    assert len(owed(world)) == 3
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    assert world.reports.awaited.first == {}
    assert not world.reports.awaited.behind


@pytest.mark.parametrize("restart", [True, False])
def test_the_open_message_gets_the_report_and_not_the_finished_one(restart: bool) -> None:
    world = World()
    first = accepted(world)
    world.told(says())
    second = accepted(world)
    world = restarted(world) if restart else world
    assert world.told(says(M.EXPIRED)) == ["kept"]
    assert owed(world) == [(first, M.DELIVERED), (second, M.EXPIRED)]
    assert world.store.early == {}


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("state", [M.DELIVERED, M.EXPIRED, M.ENROUTE])
@pytest.mark.parametrize("finished", [1, 2, 3])
def test_a_repeated_report_delivers_no_later_message_with_the_id(
    restart: bool, state: M, finished: int
) -> None:
    world = World()
    for _ in range(finished):
        accepted(world)
        world.told(says())
    world = restarted(world) if restart else world
    assert world.told(says(state)) == ["kept"]
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    assert world.said.counts["repeated", "one", state is not M.DELIVERED] == 1
    accepted(world)
    assert len(owed(world)) == finished


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("state", [M.DELIVERED, M.EXPIRED])
def test_a_report_that_overtakes_an_answer_is_not_taken_for_a_repeated_one(
    restart: bool, state: M
) -> None:
    world = World()
    first = accepted(world)
    world.told(says())
    world = restarted(world) if restart else world
    second = world.sent(submit_sm())[0][2]
    world.clock.now += 1.0
    assert world.told(says(state)) == ["kept"]
    assert list(world.store.early) == [("one", "7")]
    world.wire.answer((second, Accepted("7")))
    assert owed(world) == [(first, M.DELIVERED), (second, state)]
    assert world.store.early == {}


def test_a_repeated_report_is_not_about_a_message_that_was_begun_after_it() -> None:
    world = World(early=EarlyRules(doubt=120.0))
    accepted(world)
    world.told(says())
    other = world.sent(submit_sm())[0][2]  # out: it might have been about this one
    assert world.told(says()) == ["kept"]
    assert len(world.reports.early) == 1
    world.clock.now += 1.0
    late = world.sent(submit_sm())[0][2]
    world.wire.answer((other, Accepted("8")), (late, Accepted("7")))
    assert world.store.messages[late].stage is Stage.SUBMITTED
    world.clock.now += 130.0
    world.run(world.reports.forget_early())
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    assert world.said.counts["unmatched", "one"] == 0  # it was a repeated one
    assert world.store.messages[late].stage is Stage.SUBMITTED


def test_a_report_from_before_a_restart_is_not_about_a_message_that_was_begun_after_it() -> None:
    world = World()
    accepted(world)
    world.told(says())
    world.sent(submit_sm())
    world.told(says())
    world.clock.now += 1.0
    late = accepted(world)
    assert len(world.store.early) == 1
    world = restarted(world)
    assert world.store.messages[late].stage is Stage.SUBMITTED


def test_an_end_of_ours_leaves_the_report_to_the_other_message_of_the_id() -> None:
    world = World()
    first, second = accepted(world), accepted(world)
    attempt = world.store.messages[first].attempt()
    world.run(world.reports.settle_own([Fate(attempt, M.UNKNOWN)]))  # type: ignore[arg-type]
    world.store.log.clear()
    world.told(says())
    assert "find" not in world.store.log
    assert owed(world) == [(first, M.UNKNOWN), (second, M.DELIVERED)]


def test_two_reports_at_once_are_about_two_messages() -> None:
    world = World()
    first, second = accepted(world), accepted(world)
    world.store.at_once = False
    world.told(says())
    world.told(says(M.REJECTED))
    world.store.commit_all()
    assert owed(world) == [(first, M.DELIVERED), (second, M.REJECTED)]


def test_the_oldest_of_many_is_found_when_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smppbridge.relay.report.awaited.MOST_AWAITED", 2)
    world = World()
    first = accepted(world)
    for n in range(3):
        accepted(world, f"x{n}")
    second = accepted(world)
    world.told(says())
    world.told(says(M.EXPIRED))
    assert owed(world) == [(first, M.DELIVERED), (second, M.EXPIRED)]


def test_what_is_left_to_the_store_has_no_attempt_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smppbridge.relay.report.awaited.MOST_AWAITED", 1)
    world = World()
    for found in ("7", "7", "x"):
        accepted(world, found)
    assert list(world.reports.awaited.first) == [("one", "x")]
    assert not world.reports.awaited.behind


def test_a_report_after_a_repeated_one_is_about_the_new_message() -> None:
    world = World()
    accepted(world)
    world.told(says())
    new = world.sent(submit_sm())[0][2]
    world.told(says())  # repeated, or about the new message
    world.told(says(M.REJECTED))
    world.wire.answer((new, Accepted("7")))
    assert owed(world)[1:] == [(new, M.REJECTED)]


def test_a_report_that_comes_again_is_as_late_as_its_repetition() -> None:
    world = World()
    world.told(says())  # of another user of the provider's account, it seems
    world.clock.now += 1.0
    message_id = world.sent(submit_sm())[0][2]
    world.clock.now += 1.0
    world.told(says())
    world.wire.answer((message_id, Accepted("7")))
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_the_bound_pushes_out_no_report_whose_message_is_being_looked_for() -> None:
    world = World()
    ids = [accepted(world, f"p{n}") for n in range(2)]
    world = restarted(world, early=EarlyRules(most=1))
    world.store.at_once = False
    tellings = [world.told(says(found=found)) for found in ("x", "p0", "p1")]
    world.store.commit_all()
    assert tellings == [["kept"]] * 3
    assert sorted(owed(world)) == [(n, M.DELIVERED) for n in ids]


def test_so_many_early_reports_are_kept_and_not_one_more_at_any_time() -> None:
    world = World(early=EarlyRules(most=3))
    for n in range(9):
        world.told(says(found=f"n{n}"))
        world.clock.now += 0.01
        assert len(world.store.early) == len(world.reports.early) <= 3
    assert [found for _, found in world.store.early] == ["n6", "n7", "n8"]
    assert world.said.counts["unmatched", "one"] == 6


@pytest.mark.parametrize("count", [4, 10])
def test_reports_about_known_messages_are_not_pushed_out_by_the_bound(count: int) -> None:
    world = World(early=EarlyRules(most=2))
    ids = [accepted(world, f"p{n}") for n in range(count)]
    world = restarted(world, early=EarlyRules(most=2))
    assert world.told(*[says(found=f"p{n}") for n in range(count)]) == ["kept"]
    assert sorted(owed(world)) == [(n, M.DELIVERED) for n in ids]
    assert world.said.counts["unmatched", "one"] == 0


def test_what_could_not_be_dropped_is_dropped_later() -> None:
    world = World(early=EarlyRules(keep=60.0))
    world.told(says(found="nobody's"))
    world.clock.now += 61.0
    world.store.failing = True
    world.run(world.reports.forget_early())
    assert list(world.store.early) == [("one", "nobody's")]
    world.store.failing = False
    world.run(world.reports.forget_early())
    assert world.store.early == {}
    assert world.said.counts["unmatched", "one"] == 1


# -- the done date --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (None, 100.0),
        (40.0, 40.0),
        (-30.0, 0.0),  # its clock, or minutes without seconds
        (130.0, 100.0),
        (-301.0, 100.0),  # another message's, or another time zone's
        (401.0, 100.0),
        (float("nan"), 100.0),
    ],
)
@pytest.mark.parametrize("way", ["in memory", "in the store", "early", "early, restarted"])
def test_a_receipt_has_the_operators_done_date_where_that_is_sane(
    said: float | None, shown: float, way: str
) -> None:
    world = World()
    at = world.clock.now
    message_id = world.sent(submit_sm())[0][2]
    report = says(done_at=None if said is None else at + said)
    if "early" in way:
        world.clock.now += 100.0
        world.told(report)
    if way == "early, restarted":
        attempt = world.store.messages[message_id].attempt()
        world = restarted(world)
        world.lanes["one"].out += 1
        world.submit._concluded([(attempt, Accepted("7"))])
    else:
        world.wire.answer((message_id, Accepted("7")))
    if "early" not in way:
        world = restarted(world) if way == "in the store" else world
        world.clock.now += 100.0
        world.told(report)
    (receipt,) = world.store.unfinished()
    assert receipt.done_at == at + shown
    assert receipt.due == at + 100.0
