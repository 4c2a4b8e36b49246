"""Lists of reports with one odd report among them, and a store that fails."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.report.ending import Endings, Fate, Standing
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import EarlyReport, StoreFailure
from tests.relay.fakes import NOW, FakeStore, World, message, submit_sm


def accepted(*names: str, **options: Any) -> tuple[World, list[int]]:
    """Return a world with messages that the provider calls by *names*."""
    world = World(**options)
    ids = [world.sent(submit_sm(sequence_number=n))[0][2] for n, _ in enumerate(names, 1)]
    world.wire.answer(*[(n, Accepted(name)) for n, name in zip(ids, names, strict=True)])
    return world, ids


def owed(world: World) -> list[tuple[int, int]]:
    return sorted((d.message_id, d.state) for d in world.store.unfinished())


def each_way(odd: Report, good: Report) -> list[list[Report]]:
    return [[odd, good], [good, odd]]


UNKNOWN = Report("nobody's", M.DELIVERED)
KNOWN = Report("p1", M.DELIVERED)


@pytest.mark.parametrize("reports", each_way(UNKNOWN, KNOWN))
@pytest.mark.parametrize("restarted", [False, True])
def test_an_unknown_report_leaves_the_others_to_be_read(
    reports: list[Report], restarted: bool
) -> None:
    world, [message_id] = accepted("p1")
    if restarted:
        world = World(store=world.store)
    assert world.told(*reports) == ["kept"]
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert list(world.store.early) == [("one", "nobody's")]


@pytest.mark.parametrize("reports", each_way(Report("p1", M.REJECTED), Report("p2", M.DELIVERED)))
@pytest.mark.parametrize("restarted", [False, True])
def test_a_report_about_an_ended_message_leaves_the_others_to_be_read(
    reports: list[Report], restarted: bool
) -> None:
    world, [ended, open_] = accepted("p1", "p2")
    world.told(KNOWN)
    if restarted:
        world = World(store=world.store)
    assert world.told(*reports) == ["kept"]
    assert owed(world) == [(ended, M.DELIVERED), (open_, M.DELIVERED)]
    assert world.said.counts["repeated", "one", True] == 1
    assert (world.store.early, len(world.reports.early)) == ({}, 0)


@pytest.mark.parametrize("odd_first", [True, False])
@pytest.mark.parametrize("odd", ["unknown", "ended", "of another provider"])
def test_an_odd_report_by_our_message_id_leaves_the_others_to_be_read(
    odd: str, odd_first: bool
) -> None:
    world = World()
    ids = [world.sent(submit_sm(sequence_number=n))[0][2] for n in (1, 2)]
    good = Report("g", M.DELIVERED, message_id=ids[1])
    if odd == "ended":
        world.told(Report("o", M.DELIVERED, message_id=ids[0]))
    elif odd == "of another provider":
        world.store.messages[ids[0]].provider = "two"
    about = 999 if odd == "unknown" else ids[0]
    told = [Report("o", M.REJECTED, message_id=about), good]
    assert world.told(*(told if odd_first else told[::-1])) == ["kept"]
    assert (ids[1], M.DELIVERED) in owed(world)
    assert (ids[0], M.REJECTED) not in owed(world)
    assert world.said.counts["unmatched", "one"] == (0 if odd == "ended" else 1)
    strays = [(u.provider_message_id, u.reason, u.state) for u in world.noted.strays]
    assert strays == ([] if odd == "ended" else [("o", "other_provider", M.REJECTED)])
    assert world.store.messages[ids[1]].provider_message_id == "g"


def test_a_report_by_our_message_id_does_not_rename_what_has_a_name() -> None:
    world, [message_id] = accepted("p1")
    world.told(Report("other", M.ENROUTE, message_id=message_id))
    assert world.store.messages[message_id].provider_message_id == "p1"


def test_a_message_that_was_renamed_is_found_by_its_new_name_in_memory() -> None:
    world, [message_id] = accepted("p1")
    world.told(Report("p1", M.ENROUTE, renamed="q1"))
    world.store.log.clear()
    assert world.told(Report("q1", M.DELIVERED)) == ["kept"]
    assert "find" not in world.store.log
    assert owed(world)[-1] == (message_id, M.DELIVERED)
    assert world.reports.awaited.first == {}
    assert world.said.events[-1][1]["provider_message_id"] == "q1"
    assert world.told(KNOWN) == ["kept"]
    assert list(world.store.early) == [("one", "p1")]


@pytest.mark.parametrize("fails", ["keep_early", "settle"])
def test_reports_that_the_store_could_not_keep_are_not_answered(fails: str) -> None:
    world, _ = accepted("p1")
    world.told(KNOWN)
    world = World(store=FakeStore(at_once=False, messages=world.store.messages))
    answered = world.told(UNKNOWN if fails == "keep_early" else KNOWN)
    while world.store.pending:
        failing = world.store.pending[0].verb == fails
        (world.store.fail if failing else world.store.commit)(1)
    assert answered == [StoreFailure]
    world.sound()


def test_a_settlement_that_failed_leaves_the_message_to_the_next_report() -> None:
    world, [message_id] = accepted("p1")
    world.store.failing = True
    assert world.told(Report("p1", M.ENROUTE)) == [StoreFailure]
    assert world.told(KNOWN) == [StoreFailure]
    world.store.failing = False
    assert world.told(Report("p1", M.REJECTED)) == ["kept"]
    assert owed(world) == [(message_id, M.REJECTED)]
    assert world.said.counts["reported", "one", "push", M.DELIVERED] == 0


def test_an_early_report_whose_settlement_failed_is_settled_later() -> None:
    world = World(store=FakeStore(at_once=False))
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit_all()
    [message_id] = session.ids()
    world.told(KNOWN)
    world.store.commit_all()
    world.wire.answer((message_id, Accepted("p1")))
    while world.store.pending:
        failing = world.store.pending[0].verb == "settle"
        (world.store.fail if failing else world.store.commit)(1)
    assert owed(world) == []
    for _ in range(2):
        world.spawn(world.reports.forget_early())
        world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.log.count("settle") == 2
    world.sound()


@pytest.mark.parametrize(("passed", "measured"), [(0.5, 0.5), (-0.5, 0.0)])  # or was set back
def test_the_time_from_the_answer_to_the_report_is_measured_once(
    passed: float, measured: float
) -> None:
    world, _ = accepted("p1")
    world.told(Report("p1", M.ENROUTE))
    world.clock.now += passed
    world.told(KNOWN)
    latencies = {said: n for said, n in world.said.counts.items() if said[0] == "report_latency"}
    assert latencies == {("report_latency", "one", measured): 1}


def test_reports_too_old_are_each_counted_and_given_up() -> None:
    world = World()
    world.told(UNKNOWN, Report("nor his", M.REJECTED))
    world.clock.now += 1_000_000.0
    world.run(world.reports.forget_early())
    assert world.said.counts["unmatched", "one"] == 2
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    world.store.log.clear()
    world.run(world.reports.forget_early())
    assert world.store.log == []


@pytest.mark.parametrize("state", [M.UNKNOWN, M.ACCEPTED])  # the second where no report can come
def test_an_end_of_ours_is_final_and_has_no_network_error(state: M) -> None:
    world, [message_id] = accepted("p1")
    attempt = world.store.messages[message_id].attempt()
    world.run(world.reports.settle_own([Fate(attempt, state)]))  # type: ignore[arg-type]
    [receipt] = world.store.unfinished()
    assert (receipt.state, receipt.error, receipt.final) == (state, 0, True)
    assert world.store.messages[message_id].stage is Stage.FINISHED
    world.told(KNOWN)
    assert owed(world) == [(message_id, state)]


def test_who_ends_messages_learns_which_are_ended() -> None:
    world, ids = accepted("p1", "p2")
    attempts = [world.store.messages[n].attempt() for n in ids]
    world.told(KNOWN)
    fates = [Fate(attempt, M.UNKNOWN) for attempt in attempts]
    attempts[0].state = M.DELIVERED
    answered: list[Any] = []
    world.store.failing = True
    Deferred.fromCoroutine(world.reports.settle_own(fates)).addCallback(answered.append)
    world.store.failing = False
    Deferred.fromCoroutine(world.reports.settle_own(fates)).addCallback(answered.append)
    assert answered == [None, [attempts[1]]]
    assert world.said.counts["finished", "bank", M.UNKNOWN] == 1
    assert owed(world) == [(ids[0], M.DELIVERED), (ids[1], M.UNKNOWN)]


@pytest.mark.parametrize("every_fate", [True, False])
def test_who_wants_failures_only_in_the_log_gets_no_other_end(every_fate: bool) -> None:
    world = World()
    endings = Endings(
        world.lane_set, lambda _: None, keep=1.0, every_fate=every_fate, around=world.around
    )
    fates = [
        Fate(Attempt(message(n), "one", 1), state)
        for n, state in enumerate((M.DELIVERED, M.REJECTED, M.ACCEPTED, M.EXPIRED), 1)
    ]
    endings.conclude(endings.claim(fates, "push"))
    logged = [(event, said["message_id"]) for event, said in world.said.events]
    well = [("message_delivered", 1), ("message_ended", 3)]
    badly = [("message_failed", 2), ("message_expired", 4)]
    assert sorted(logged, key=lambda each: each[1]) == (
        sorted(well + badly, key=lambda each: each[1]) if every_fate else badly
    )


def test_the_line_in_the_log_says_whose_message_it_was_and_where_it_went() -> None:
    world, [message_id] = accepted("p1")
    world.told(Report("p1", M.REJECTED, 9))
    assert world.said.events[-1] == (
        "message_failed",
        {
            "message_id": message_id,
            "system_id": "bank",
            "destination": "243810000001",
            "provider": "one",
            "provider_message_id": "p1",
            "state": "REJECTED",
            "error": 9,
            "source": "push",
        },
    )


# -- how many -------------------------------------------------------------------------------------


def test_fifty_thousand_accepted_messages_are_awaited_in_memory() -> None:
    world, about = World(), message(1)
    attempts = [
        Attempt(about, "one", 1, provider_message_id=str(n), answered_at=1.0) for n in range(53_126)
    ]
    assert world.reports.expect(attempts) == []
    assert len(world.reports.awaited.first) == 50_000
    assert ("one", "3125") not in world.reports.awaited.first
    assert ("one", "3126") in world.reports.awaited.first


def quiet(message_id: int) -> Message:
    """Return a message that wants no receipt."""
    return message(message_id, registered_delivery=0)


def test_fifty_thousand_messages_that_ended_are_remembered() -> None:
    world = World()
    fates = [
        Fate(Attempt(quiet(n), "one", 1), M.DELIVERED, stage=Stage.SUBMITTING)
        for n in range(53_126)
    ]
    world.endings.conclude(world.endings.claim(fates, "push"))
    standings = [world.endings.standing(message(n)) for n in (3_125, 3_126)]
    assert standings == [Standing.OPEN, Standing.ENDED]


@pytest.mark.parametrize(("kept", "times"), [(500, 1), (501, 2), (1_000, 2)])
def test_five_hundred_early_reports_are_restored_at_a_time(kept: int, times: int) -> None:
    world = World()
    early = [EarlyReport("one", f"p{n}", M.DELIVERED, 0, NOW) for n in range(kept)]
    world.run(world.reports.restore(early))
    assert world.store.log == ["find"] * times
    assert len(world.reports.early) == kept
