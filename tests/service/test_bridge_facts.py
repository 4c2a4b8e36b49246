"""A message that waits, in the running bridge: its lane, place, segments and receivers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.report import delivery_of
from smppbridge.net.esme_session import EsmeSession
from smppbridge.relay.lanes.lane import Lane, LaneRules
from smppbridge.service.bridge_facts import WaitingPlaces
from tests.relay.fakes import NOW, FakeProvider, message

MONOTONIC = 1_000.0


class Place:
    """A lane, and what surrounds it."""

    def __init__(self, **rules: Any) -> None:
        self.lane = Lane("d7", FakeProvider(), LaneRules(**rules), MONOTONIC)
        self.bound = True
        self.gathering: Any = None
        gather = SimpleNamespace(open_with=lambda message_id: self.gathering)
        relay: Any = SimpleNamespace(
            lanes=SimpleNamespace(by_name={"d7": self.lane}),
            deliver=SimpleNamespace(outboxes={"bank": SimpleNamespace(receivers=[1, 2])}),
            wires=SimpleNamespace(smpp=SimpleNamespace(may_submit=lambda name: self.bound)),
            accept=SimpleNamespace(gather=gather),
        )
        account = SimpleNamespace(gather_timeout=300.0)
        rights = {"bank": SimpleNamespace(account=account)}
        self.sessions: list[Any] = []
        binds = SimpleNamespace(rights=rights, sessions={"bank": self.sessions})
        smsc = SimpleNamespace(clock=SimpleNamespace(seconds=lambda: MONOTONIC))
        doors: Any = SimpleNamespace(binds=binds, smsc=smsc)
        clock: Any = SimpleNamespace(wall=lambda: NOW, monotonic=lambda: MONOTONIC)
        self.surroundings = WaitingPlaces(relay, doors, clock)

    def wait(self, *ids: int, **about: Any) -> None:
        self.lane.wait([Attempt(message(each, **about), "d7") for each in ids])

    def of(self, message_id: int, stage: Stage = Stage.WAITING, **about: Any) -> Any:
        listed: Any = SimpleNamespace(
            **{"system_id": "bank", "provider": "d7"} | about, message_id=message_id, stage=stage
        )
        return self.surroundings.of(listed)


@pytest.fixture
def place() -> Place:
    return Place(rate=50.0)


def test_a_lane_that_is_open(place: Place) -> None:
    place.wait(1, 2, 3)
    found = place.of(3)
    assert (found.shut, found.until, found.before, found.receivers) == ("", None, 2, 2)
    assert found.limit == "rate"


def test_the_sessions_of_the_account_and_an_answer_that_is_awaited(place: Place) -> None:
    assert (place.of(1).bound, place.of(1).unanswered_until) == (0, None)
    owed = delivery_of(message(1), message_id=1, state=2, error=0, done_at=NOW, expires_at=NOW)
    other = replace(owed, parent=9)
    opened = {
        1: (MONOTONIC + 3, 5, other),
        2: (MONOTONIC + 7, 5, owed),
        3: (MONOTONIC + 9, 0x15, None),
    }
    session = EsmeSession.__new__(EsmeSession)
    session.session = SimpleNamespace(asked=SimpleNamespace(open=opened))  # type: ignore[assignment]
    place.sessions += [object(), session]
    found = place.of(1, Stage.FINISHED)
    assert (found.bound, found.unanswered_until) == (2, NOW + 7)
    assert place.of(2, Stage.FINISHED).unanswered_until is None


def test_why_a_lane_is_shut_and_until_when(place: Place) -> None:
    place.lane.pause(MONOTONIC + 9)
    assert (place.of(1).shut, place.of(1).until) == ("provider_paused", NOW + 9)
    place.bound = False
    assert (place.of(1).shut, place.of(1).until) == ("provider_unbound", None)
    for _ in range(10):
        place.lane.breaker.failed(MONOTONIC)
    assert (place.of(1).shut, place.of(1).until) == ("breaker_open", NOW + 5)
    place.lane.breaker.probe_now()
    assert (place.of(1).shut, place.of(1).until) == ("breaker_open", None)
    place.lane.held = True
    assert (place.of(1).shut, place.of(1).limit, place.of(1).speed) == ("provider_held", "", 0.0)


def test_the_limit_of_a_lane_that_is_full() -> None:
    place = Place(concurrency=2)
    assert place.of(1).limit == ""
    place.lane.out = 2
    assert place.of(1).limit == "concurrency"
    place.lane.out = 0
    place.lane.pace.cut(10.0, MONOTONIC, MONOTONIC)
    assert place.of(1).limit == "pace"


def test_accounts_take_turns_and_priority_goes_first(place: Place) -> None:
    place.wait(1, 2, 3)
    place.wait(10, 11, 12, 13, system_id="pbx")
    place.wait(20, system_id="pbx", priority=2)
    assert place.of(3).before == 2 + 2 + 1
    assert place.of(1).before == 0 + 0 + 1
    assert place.of(13, system_id="pbx").before == 3 + 3 + 1
    assert place.of(20, system_id="pbx").before == 0
    assert place.of(99).before == 3  # in the store alone


def test_segments_are_awaited_as_long_as_the_account_lets_them(place: Place) -> None:
    assert place.of(1, Stage.GATHERING).until is None
    place.gathering = SimpleNamespace(
        latest=MONOTONIC - 10.0, expires_at=NOW + 1e6, waits=lambda timeout: timeout
    )
    assert place.of(1, Stage.GATHERING).until == NOW + 290
    place.gathering.expires_at = NOW + 20
    assert place.of(1, Stage.GATHERING).until == NOW + 20
    assert place.of(1, Stage.GATHERING, system_id="gone").until is None


def test_a_finished_message_and_a_lane_that_is_gone(place: Place) -> None:
    found = place.of(1, Stage.FINISHED)
    assert (found.receivers, found.before, found.shut) == (2, None, "")
    assert place.of(1, provider="gone").before is None
    assert place.of(1, Stage.FINISHED, system_id="other").receivers == 0
