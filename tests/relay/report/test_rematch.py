"""rematch: reports under other ids settle their messages, and are not early any more."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.report.early import EarlyRules
from smppbridge.relay.report.rematch import Rematch, Renamed
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import World, submit_sm

DELIVERED = MessageState.DELIVERED


def settled(world: World, *renamed: Renamed) -> Any:
    """Return None, or the type of the exception."""
    found: list[Any] = []
    settling = Deferred.fromCoroutine(
        Rematch(world.reports, world.reports.strays).settle("one", renamed)
    )
    settling.addCallbacks(lambda _: found.append(None), lambda failure: found.append(failure.type))
    world.sound()
    return found[0]


def world_of(*names: str) -> tuple[World, list[int]]:
    """Return a world whose messages were accepted under these ids."""
    world = World(early=EarlyRules(keep=60.0))
    numbers = [f"24381000000{each}".encode() for each in range(len(names))]
    pdus = [submit_sm(destination_addr=each, registered_delivery=1) for each in numbers]
    ids = [message_id for _, _, message_id in world.sent(*pdus)]
    for message_id, name in zip(ids, names, strict=True):
        world.wire.answer((message_id, Accepted(name)))
    return world, ids


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_early_report_settles_its_message_and_is_forgotten(order: tuple[int, int]) -> None:
    world, ids = world_of("0012", "0013")
    world.wait(1.0)
    reports = [Report("12", DELIVERED), Report("13", MessageState.UNDELIVERABLE, 11)]
    assert world.told(*(reports[each] for each in order)) == ["kept"]
    keys = [world.store.early["one", name].key for name in ("12", "13")]
    assert (
        settled(
            world,
            Renamed(Report("0012", DELIVERED), keys[0]),
            Renamed(Report("0013", MessageState.UNDELIVERABLE, 11), keys[1]),
        )
        is None
    )
    rows = [world.store.messages[each] for each in ids]
    assert [row.stage for row in rows] == [Stage.FINISHED] * 2
    assert [row.state for row in rows] == [DELIVERED, MessageState.UNDELIVERABLE]
    assert len(world.store.deliveries) == 2
    assert (world.store.early, len(world.reports.early)) == ({}, 0)
    world.wait(100.0)
    world.run(world.reports.forget_early())
    assert world.noted.strays == []


def test_a_later_report_about_the_id_stays_early() -> None:
    world, _ = world_of("0012")
    world.wait(1.0)
    world.told(Report("12", MessageState.ENROUTE))
    key = world.store.early["one", "12"].key
    world.wait(1.0)
    world.told(Report("12", DELIVERED))
    assert settled(world, Renamed(Report("0012", MessageState.ENROUTE), key)) is None
    assert world.store.early["one", "12"].state == DELIVERED
    assert len(world.reports.early) == 1


def test_a_store_that_fails_keeps_the_report() -> None:
    world, ids = world_of("0012")
    world.wait(1.0)
    world.told(Report("12", DELIVERED))
    key = world.store.early["one", "12"].key
    world.store.failing = True
    assert settled(world, Renamed(Report("0012", DELIVERED), key)) is StoreFailure
    world.store.failing = False
    assert list(world.store.early) == [("one", "12")]
    assert settled(world, Renamed(Report("0012", DELIVERED), key)) is None
    assert world.store.messages[ids[0]].stage is Stage.FINISHED
    assert world.store.early == {}


def test_a_final_state_does_not_change_again() -> None:
    world, ids = world_of("0012")
    world.told(Report("0012", MessageState.UNDELIVERABLE))
    assert settled(world, Renamed(Report("0012", DELIVERED))) is None
    assert world.store.messages[ids[0]].state == MessageState.UNDELIVERABLE
    assert len(world.store.deliveries) == 1


def test_an_unmatched_report_is_noted_with_the_time_at_which_it_came() -> None:
    world, _ = world_of("0012")
    world.told(Report("12", DELIVERED))
    came = world.clock.wall()
    world.wait(61.0)
    world.run(world.reports.forget_early())
    (stray,) = world.noted.strays
    assert (stray.provider_message_id, stray.at) == ("12", pytest.approx(came))
