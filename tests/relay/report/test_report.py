from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.relay.report.ending import Fate
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeReceiver, World, segment_sm, submit_sm


def says(state: M = M.DELIVERED, found: str = "p1", **more: Any) -> Report:
    return Report(found, state, **more)


def accepted(found: str = "p1", **options: Any) -> tuple[World, int]:
    """Return a world with a message that the provider calls *found*."""
    world = World(**options)
    message_id = named(world, found)
    return world, message_id


def named(world: World, found: str) -> int:
    message_id = world.sent(submit_sm(registered_delivery=0x11))[0][2]
    world.wire.answer((message_id, Accepted(found)))
    return message_id


def tolerant(tolerance: Tolerance = "zeros") -> World:
    """Return a world whose provider writes ids differently in its reports."""
    world = World()
    world.reports.change({"one": tolerance})
    return world


def restart(world: World) -> World:
    """Return another world on the same store."""
    after = World(store=world.store)
    after.clock.now = world.clock.now
    after.reports.change(world.reports._tolerances)
    after.accept._identifiers = world.accept._identifiers
    restored = world.store.restored()
    after.run(after.reports.restore(restored.early, restored.stored_ids))
    return after


def owed(world: World) -> list[tuple[int, int]]:
    return [(d.message_id, d.state) for d in world.store.unfinished()]


# -- known ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["push", "poll"])
def test_a_report_settles_its_message_and_puts_the_receipt_in_line(source: str) -> None:
    world, message_id = accepted()
    world.store.at_once = False
    answered = world.told(says(error=9), source=source)
    assert answered == []
    world.store.commit()
    assert answered == ["kept"]
    row = world.store.messages[message_id]
    assert (row.stage, row.state) == (Stage.FINISHED, M.DELIVERED)
    (delivery,) = world.store.unfinished()
    assert (delivery.message_id, delivery.state, delivery.error) == (message_id, M.DELIVERED, 9)
    assert delivery.expires_at == world.clock.now + 172_800
    assert world.said.counts["reported", "one", source, M.DELIVERED] == 1
    assert world.said.counts["finished", "bank", M.DELIVERED] == 1
    assert "message_delivered" in dict(world.said.events)


def test_every_segment_that_asked_gets_its_receipt() -> None:
    world = World()
    pdus = [segment_sm(n, 3, b"x", registered_delivery=int(n != 2)) for n in (1, 2, 3)]
    ids = [world.sent(pdu)[0][2] for pdu in pdus]  # each has its own
    world.wire.answer((ids[0], Accepted("p1")))
    world.told(says())
    assert owed(world) == [(ids[0], M.DELIVERED), (ids[2], M.DELIVERED)]


def test_after_a_restart_the_store_knows_what_a_report_is_about() -> None:
    world, message_id = accepted()
    after = World(store=world.store)
    assert after.told(says()) == ["kept"]
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.early == {}
    assert len(after.reports.early) == 0


@pytest.mark.parametrize(
    ("told", "states", "repeated"),
    [
        ([M.DELIVERED, M.DELIVERED], [M.DELIVERED], {False: 1}),
        ([M.ENROUTE, M.DELIVERED], [M.ENROUTE, M.DELIVERED], {}),
        ([M.ENROUTE, M.ENROUTE], [M.ENROUTE], {False: 1}),
        ([M.DELIVERED, M.ENROUTE], [M.DELIVERED], {True: 1}),  # they overtake each other
        ([M.DELIVERED, M.UNDELIVERABLE], [M.DELIVERED], {True: 1}),
        ([M.ACCEPTED, M.ENROUTE, M.EXPIRED], [M.ACCEPTED, M.ENROUTE, M.EXPIRED], {}),
        ([M.UNKNOWN, M.DELIVERED, M.DELIVERED], [M.UNKNOWN], {True: 2}),
        ([M.SCHEDULED, M.DELIVERED], [M.DELIVERED], {False: 1}),
    ],
)
@pytest.mark.parametrize("way", ["in turn", "in turn, restarted", "together", "at the same time"])
def test_a_final_state_never_changes_again(
    told: list[M], states: list[M], repeated: dict[bool, int], way: str
) -> None:
    world, message_id = accepted()
    if "restarted" in way:
        world = World(store=world.store)
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    world.store.at_once = "in turn" in way
    if way == "together":
        world.told(*map(says, told))
    else:
        for state in told:
            world.told(says(state))
    world.store.commit_all()
    for _ in range(3):
        world.deliver.answered("bank", [(d, 0) for d in receiver.take()])
        world.tick()
        world.store.commit_all()
    assert [(d.message_id, d.state) for _, d in receiver.asked] == [(message_id, s) for s in states]
    assert world.store.messages[message_id].state == states[-1]
    counts = world.said.counts
    assert {c: n for c in (False, True) if (n := counts["repeated", "one", c])} == repeated
    assert world.deliver.outbox("bank").depth == 0


def test_a_report_that_could_not_be_kept_is_told_again() -> None:
    world, message_id = accepted()
    world.store.failing = True
    assert world.told(says()) == [StoreFailure]
    assert owed(world) == []
    world.store.failing = False
    assert world.told(says()) == ["kept"]
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_a_late_report_about_a_finished_message_is_counted() -> None:
    world, message_id = accepted()
    world.run(world.reports.forget_early())
    world.clock.now += 300_000.0
    world.tick()
    assert world.store.messages[message_id].state == M.UNKNOWN
    assert world.told(says()) == ["kept"]
    assert owed(world) == [(message_id, M.UNKNOWN)]
    assert world.said.counts["repeated", "one", True] == 1
    assert world.store.early == {}


# -- whose id is it -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "matches"),
    [
        ("24", "000024", True),  # padded with zeros
        ("000024", "24", True),
        ("0E99", "0e99", True),  # in another letter case
        ("0e99", "E99", True),
        ("24", "42", False),
        ("24", "18", False),  # no guess at hexadecimal
        ("24", "240", False),
    ],
)
@pytest.mark.parametrize("first", ["answer", "report"])
def test_ids_match_tolerantly_where_the_provider_needs_that(
    ours: str, theirs: str, matches: bool, first: str
) -> None:
    world = tolerant()
    message_id = world.sent(submit_sm())[0][2]
    for step in ("answer", "report") if first == "answer" else ("report", "answer"):
        if step == "report":
            assert world.told(says(found=theirs)) == ["kept"]
        else:
            world.wire.answer((message_id, Accepted(ours)))
    assert bool(owed(world)) is matches
    assert bool(world.store.early) is bool(world.reports.early) is not matches


@pytest.mark.parametrize("tolerance", ["exact", "case", "zeros"])
@pytest.mark.parametrize(
    ("ours", "theirs", "least"),
    [("24", "24", "exact"), ("aBcD12", "AbCd12", "case"), ("24", "024", "zeros")],
)
@pytest.mark.parametrize("first", ["answer", "report"])
@pytest.mark.parametrize("restarted", [True, False])
def test_ids_differ_as_far_as_the_setting_goes(
    ours: str, theirs: str, least: str, tolerance: Any, first: str, restarted: bool
) -> None:
    world = tolerant(tolerance)
    message_id = world.sent(submit_sm())[0][2]
    if first == "answer":
        world.wire.answer((message_id, Accepted(ours)))
        world = restart(world) if restarted else world
    world.told(says(found=theirs))
    if first == "report":
        world.wire.answer((message_id, Accepted(ours)))
    order = ["exact", "case", "zeros"]
    assert bool(owed(world)) is (order.index(tolerance) >= order.index(least))


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("finished", [True, False])
def test_a_report_is_never_about_a_similar_id_where_a_message_has_the_very_id(
    restarted: bool, finished: bool
) -> None:
    world = tolerant()
    similar, very = named(world, "aBcD12"), named(world, "AbCd12")
    if finished:
        world.told(says(found="AbCd12"))
    world = restart(world) if restarted else world
    world.told(says(found="AbCd12"))
    assert owed(world) == [(very, M.DELIVERED)]
    world.told(says(found="aBcD12"))
    assert owed(world) == [(very, M.DELIVERED), (similar, M.DELIVERED)]


def test_of_two_answers_the_very_id_takes_the_early_report() -> None:
    world = tolerant()
    ids = [world.sent(submit_sm(sequence_number=n))[0][2] for n in (1, 2)]
    world.told(says(found="AB"))
    world.wire.answer((ids[0], Accepted("ab")), (ids[1], Accepted("AB")))
    assert owed(world) == [(ids[1], M.DELIVERED)]


def test_an_ambiguous_id_matches_nothing() -> None:
    world = tolerant()
    ids = {found: named(world, found) for found in ("24", "024", "0024")}
    world.told(says(found="00024"))
    assert owed(world) == []
    assert len(world.store.early) == 1
    world.told(says(found="024"))
    assert owed(world) == [(ids["024"], M.DELIVERED)]


def test_of_two_early_reports_with_similar_ids_the_very_one_matches() -> None:
    world = tolerant()
    message_id = world.sent(submit_sm())[0][2]
    world.told(says(M.DELIVERED, "024"), says(M.REJECTED, "24"))
    world.wire.answer((message_id, Accepted("24")))
    assert owed(world) == [(message_id, M.REJECTED)]


def test_of_two_early_reports_that_are_only_similar_none_matches() -> None:
    world = tolerant()
    message_id = world.sent(submit_sm())[0][2]
    world.told(says(M.DELIVERED, "024"), says(M.REJECTED, "0024"))
    world.wire.answer((message_id, Accepted("24")))
    assert owed(world) == []
    assert len(world.reports.early) == len(world.store.early) == 2


def test_providers_have_ids_of_their_own() -> None:
    world, _ = accepted("p1")
    world.told(says(), provider="two")
    assert owed(world) == []
    assert list(world.store.early) == [("two", "p1")]


# -- by our message_id ----------------------------------------------------------------------------


def uncertain() -> tuple[World, int]:
    world = World()
    message_id = world.sent(submit_sm())[0][2]
    world.wire.answer((message_id, Uncertain("silence")))
    return world, message_id


@pytest.mark.parametrize("found", ["", "p9"])
def test_a_report_by_our_message_id_settles_an_uncertain_message(found: str) -> None:
    world, message_id = uncertain()
    assert world.told(says(found=found, message_id=message_id)) == ["kept"]
    assert owed(world) == [(message_id, M.DELIVERED)]
    world.clock.now += 600.0
    world.tick()
    assert owed(world) == [(message_id, M.DELIVERED)]
    assert world.store.early == {}


def test_reports_that_have_no_id_but_ours_do_not_hide_each_other() -> None:
    world = World()
    ids = [world.sent(submit_sm())[0][2] for _ in range(3)]
    world.wire.answer(*[(n, Uncertain("silence")) for n in ids])
    world.told(*[says(found="", message_id=n) for n in [*ids, 12345]])
    assert [message_id for message_id, _ in owed(world)] == ids
    assert world.said.counts["unmatched", "one"] == 1
    assert world.store.early == {}


def test_a_provider_has_no_say_on_what_went_on_to_another() -> None:
    world = World()
    message_id = world.sent(submit_sm())[0][2]
    world.wire.answer((message_id, Refused("no credit", provider_fault=True)))
    world.told(says(M.REJECTED, "", message_id=message_id))
    assert owed(world) == []
    assert world.store.messages[message_id].stage is Stage.SUBMITTING
    world.told(says(M.DELIVERED, "", message_id=message_id), provider="two")
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_memory_holds_so_many_and_the_store_finds_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smppbridge.relay.report.awaited.MOST_AWAITED", 2)
    world = World()
    ids = [named(world, f"p{n}") for n in range(4)]
    assert len(world.reports.awaited.first) == 2
    world.told(*[says(found=f"p{n}") for n in range(4)])
    assert sorted(message_id for message_id, _ in owed(world)) == ids
    assert world.reports.awaited.first == {}


# -- our own --------------------------------------------------------------------------------------


def test_what_we_say_and_what_they_say_at_the_same_time_is_one_receipt() -> None:
    world, message_id = accepted()
    attempt = world.store.messages[message_id].attempt()
    world.store.at_once = False
    world.told(says())
    Deferred.fromCoroutine(world.reports.settle_own([Fate(attempt, M.UNKNOWN)]))
    world.store.commit_all()
    assert owed(world) == [(message_id, M.DELIVERED)]


def test_a_line_in_the_log_for_every_fate_and_no_text_in_it() -> None:
    world, message_id = accepted()
    world.told(says())
    ((event, said),) = world.said.events
    assert event == "message_delivered"
    assert said["message_id"] == message_id
    assert said["provider_message_id"] == "p1"
    assert "hello" not in repr(said)
