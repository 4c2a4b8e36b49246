"""Statuses that no table knows are logged once a word, bounded, and counted."""

from __future__ import annotations

import pytest

from smppbridge.model.outcome import Accepted
from smppbridge.model.report import Report
from smppbridge.relay.report.statuses import MOST_LOGGED
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import World, submit_sm


def reported(world: World, *statuses: str, provider: str = "one") -> list[str]:
    """Let a provider report with unknown statuses; return those that the log has."""
    for status in statuses:
        world.told(Report("p1", M.ENROUTE, unknown=status), provider=provider)
    return [f["status"] for e, f in world.said.events if e == "status_unknown"]


def test_an_unknown_status_is_logged_once_and_counted_each_time() -> None:
    world = World()
    assert reported(world, "Lost", "LOST ", "Gone away") == ["LOST", "GONE AWAY"]
    assert world.said.counts["unknown_status", "one"] == 3
    event = dict(world.said.events)["status_unknown"]
    assert event == {"provider": "one", "status": "GONE AWAY", "setting": "providers.one.states"}


def test_each_provider_has_its_own() -> None:
    world = World()
    reported(world, "LOST")
    assert reported(world, "LOST", provider="two") == ["LOST", "LOST"]


def test_a_polled_status_is_logged_too() -> None:
    world = World()
    world.told(Report("p1", M.ENROUTE, unknown="47"), source="poll")
    assert dict(world.said.events)["status_unknown"]["status"] == "47"


@pytest.mark.parametrize(
    "odd", ["482917", "Your code is 4829", "x" * 40, "a\nb", "caf\u00e9", "", "254711000001"]
)
def test_what_is_no_plain_word_is_not_shown(odd: str) -> None:
    world = World()
    world.told(Report("p1", M.ENROUTE, unknown=odd or " "))
    assert dict(world.said.events)["status_unknown"]["status"] == "no plain word"


def test_a_peer_cannot_fill_log_or_memory() -> None:
    world = World()
    words = [f"{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH"]
    assert reported(world, *words) == words[:MOST_LOGGED]
    assert world.said.counts["unknown_status", "one"] == 64


def test_a_known_status_beside_an_unknown_one_ends_its_message() -> None:
    world = World()
    ids = [world.sent(submit_sm())[0][2] for _ in range(2)]
    world.wire.answer(*((i, Accepted(f"p{n}")) for n, i in enumerate(ids)))
    world.told(Report("p0", M.ENROUTE, unknown="LOST"), Report("p1", M.DELIVERED))
    assert [world.store.messages[i].state for i in ids] == [M.ENROUTE, M.DELIVERED]
