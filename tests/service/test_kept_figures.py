"""Reasons and finished messages of a day are known after a cold start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred

from smppbridge.observe.metrics import Metrics
from smppbridge.observe.pulse import Pulse
from smppbridge.relay.reason_book import ReasonBook
from smppbridge.service.bridge import Bridge
from smppbridge.service.kept_figures import WRITTEN_EVERY, KeptFigures
from smppbridge.store import figures
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeClock, Recorder
from tests.store.opened import Opened

DELIVERED, EXPIRED = 2, 3
HOUR = 3_600.0


class Life:
    """A bridge from a start to its end, with a store and a clock that outlive it."""

    def __init__(self, opened: Opened, clock: FakeClock) -> None:
        self.opened, self.clock, said = opened, clock, Recorder()
        self.metrics, self.writes = Metrics("1"), 0
        self.reasons = ReasonBook(clock, said, said.journal)
        self.pulse = Pulse(self.metrics, clock.monotonic)
        bridge: Any = SimpleNamespace(
            settings=SimpleNamespace(node=None, store=SimpleNamespace(is_shared=False)),
            store=SimpleNamespace(by_hand=self._by_hand),
            clock=clock,
            reasons=self.reasons,
            live=SimpleNamespace(pulse=self.pulse),
        )
        self.kept = KeptFigures(cast(Bridge, bridge))
        self.wait(self.kept.restore())

    def _by_hand(self, act: Any) -> Deferred[Any]:
        self.writes += 1
        return self.opened.store.by_hand(act)

    def wait(self, coroutine: Any) -> None:
        self.opened.wait(Deferred.fromCoroutine(coroutine))

    def end(self) -> None:
        self.wait(self.kept.keep(at_once=True))

    def hours(self, hours: int) -> None:
        for _ in range(hours):
            self.clock.now += HOUR
            self.pulse.tick(self.clock.wall(), {})
            self.reasons.tick()

    def counts(self) -> list[tuple[str, str, int]]:
        return [(each.reason, each.about, each.count) for each in self.reasons.listed()]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_day_is_known_over_two_cold_starts(opened: Opened, clock: FakeClock) -> None:
    first = Life(opened, clock)
    first.reasons.count("no_route", "<b>\ud800", 2, detail="half \ud83d")
    first.metrics.finished("bank", DELIVERED, 3)
    first.metrics.finished("bank", EXPIRED, 1)
    first.hours(4)
    first.reasons.count("throttled", "bank")
    first.end()
    second = Life(opened, clock)
    second.hours(1)
    assert second.pulse.delivered_ratio("bank") == 0.75
    second.end()
    third = Life(opened, clock)
    third.reasons.count("throttled", "bank", 4)
    third.metrics.finished("bank", DELIVERED, 4)
    assert third.counts() == [("throttled", "bank", 5), ("no_route", "<b>?", 2)]
    assert third.pulse.delivered_ratio("bank") == 0.875
    third.hours(40)
    assert third.counts() == []
    assert third.pulse.delivered_ratio("bank") is None


@pytest.mark.parametrize(("hours", "ratio"), [(10, 0.5), (30, 1.0)])
def test_time_passes_while_the_bridge_does_not_run(
    opened: Opened, clock: FakeClock, hours: int, ratio: float
) -> None:
    first = Life(opened, clock)
    first.reasons.count("no_route", "bank")
    first.metrics.finished("bank", EXPIRED, 1)
    first.hours(1)
    first.end()
    clock.now += hours * HOUR
    second = Life(opened, clock)
    second.metrics.finished("bank", DELIVERED, 1)
    assert second.pulse.delivered_ratio("bank") == ratio
    assert len(second.counts()) == (hours < 24)


def test_it_is_written_once_a_minute_and_only_if_it_has_changed(
    opened: Opened, clock: FakeClock
) -> None:
    life, before = Life(opened, clock), 1
    for _ in range(3):
        clock.now += WRITTEN_EVERY - 1
        life.reasons.count("no_route", "bank")
        life.wait(life.kept.keep())
        assert life.writes == before
        clock.now += 1
        life.wait(life.kept.keep())
        before += 1
        assert life.writes == before
    clock.now += WRITTEN_EVERY
    life.wait(life.kept.keep())
    assert life.writes == before


def test_what_could_not_be_written_is_written_a_minute_later(
    opened: Opened, clock: FakeClock
) -> None:
    life = Life(opened, clock)
    life.reasons.count("no_route", "bank")
    opened.fail(True)
    with pytest.raises(StoreFailure):
        life.end()
    opened.fail(False)
    clock.now += WRITTEN_EVERY
    life.wait(life.kept.keep())
    assert Life(opened, clock).counts() == [("no_route", "bank", 1)]


@pytest.mark.parametrize("text", ["", "[]", '{"reasons": []}', '{"reasons": 1, "finished": []}'])
def test_figures_of_another_form_are_left_out(opened: Opened, clock: FakeClock, text: str) -> None:
    opened.wait(opened.store.by_hand(lambda db: figures.keep(db, "", clock.wall(), text)))
    assert Life(opened, clock).counts() == []
