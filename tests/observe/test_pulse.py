"""What the counters say of the last seconds; every count goes through the metrics."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smppbridge.observe.gains import quantile
from smppbridge.observe.metrics import Metrics
from smppbridge.observe.pulse import Pulse

T0 = 1_800_000_000.0


class Beat:
    """A pulse with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.metrics = Metrics("1")
        self.pulse = Pulse(self.metrics, lambda: self.now)
        self.pulse.tick(T0, {})

    def tick(self, seconds: int = 1, **gauges: float) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.pulse.tick(T0 + self.now - 100.0, gauges)


@pytest.fixture
def beat() -> Beat:
    return Beat()


def test_rates_are_those_of_the_last_seconds(beat: Beat) -> None:
    beat.metrics.accepted("bank", 50)
    beat.metrics.refused("bank", 0x58, "throttled")
    beat.metrics.delivered("bank", "delivered", 10)
    beat.metrics.delivered("bank", "refused", 10)
    beat.metrics.asked("d7", "submit", "accepted", [0.02, 0.02])
    beat.metrics.asked("d7", "submit", "uncertain", [9.0])
    beat.metrics.asked("d7", "balance", "accepted", [0.02])
    beat.tick(waiting=3)
    beat.now += 4.0
    rates = beat.pulse.rates()
    assert rates == {"accepted": 10.0, "taken": 0.4, "receipts": 2.0, "refused": 0.2}
    assert (beat.pulse.submits("bank"), beat.pulse.submits("other")) == (10.0, 0.0)
    assert beat.pulse.refusals("bank") == beat.pulse.refusals("bank", "throttled") == 0.2
    assert beat.pulse.refusals("bank", "no_route") == 0.0
    assert beat.pulse.outcomes("d7") == {"accepted": 0.4, "uncertain": 0.2}
    series = beat.pulse.rings.history(beat.pulse.rings.names, T0 + 1, T0 + 9).series
    assert series["accepted"] == [50.0]
    assert (series["waiting"], series["provider.d7.failing"]) == ([3.0], [1.0])
    assert series["answer_p99"] == [None]
    beat.tick(70)
    assert set(beat.pulse.rates().values()) == {0.0}
    assert beat.pulse.outcomes("d7") == {"accepted": 0.0, "uncertain": 0.0}


def test_a_second_tick_within_a_second_loses_no_count(beat: Beat) -> None:
    beat.metrics.accepted("bank", 10)
    beat.now += 0.5
    beat.pulse.tick(T0 + 0.5, {})
    beat.pulse.tick(T0 + 0.9, {})
    beat.tick()
    beat.now += 0.4
    beat.metrics.accepted("bank", 10)
    beat.pulse.tick(T0 + 1.99, {})
    beat.now += 0.6
    beat.pulse.tick(T0 + 2.1, {})
    series = beat.pulse.rings.history(["accepted"], T0 + 1, T0 + 9).series
    assert series["accepted"] == [pytest.approx(10 / 1.5, abs=0.01), 10.0]


def test_answers_by_account_and_provider(beat: Beat) -> None:
    beat.metrics.submit_resp("bank", 0.002, 99)
    beat.metrics.submit_resp("pbx", 3.0, 1)
    beat.metrics.asked("d7", "submit", "accepted", [0.02] * 100)
    assert beat.pulse.answers("bank").p99 == pytest.approx(0.0025, abs=0.001)
    assert beat.pulse.answers().p50 == pytest.approx(0.0018, abs=0.0005)
    assert beat.pulse.answers("none").p50 is None
    assert beat.pulse.provider_answers("d7").p50 == pytest.approx(0.0175)
    beat.tick()
    series = beat.pulse.rings.history(["answer_p50", "provider.d7.p99"], T0 + 1, T0 + 9).series
    assert series["provider.d7.p99"][0] == pytest.approx(0.025, abs=0.001)
    beat.tick(80)
    assert beat.pulse.answers().p50 is None
    assert beat.pulse.provider_answers("d7").p99 is None


def test_the_delivered_part_of_an_hour_and_of_an_account_in_a_day(beat: Beat) -> None:
    beat.tick()
    assert beat.pulse.delivered_ratio() is None
    beat.metrics.finished("bank", 2, 3)
    beat.metrics.finished("pbx", 5, 1)
    assert beat.pulse.delivered_ratio() == 0.75
    assert (beat.pulse.delivered_ratio("bank"), beat.pulse.delivered_ratio("pbx")) == (1.0, 0.0)
    assert beat.pulse.finished == 4
    for _ in range(62):
        beat.now += 60.0
        beat.tick()
    assert beat.pulse.delivered_ratio() is None
    assert beat.pulse.delivered_ratio("bank") == 1.0


def test_reports_of_a_provider(beat: Beat) -> None:
    beat.metrics.unmatched("d7", 4)
    beat.metrics.report_latency("d7", 4.0)
    assert beat.pulse.unmatched("d7") == 4
    assert beat.pulse.unmatched("none") == 0
    assert beat.pulse.until_final("d7").p50 == pytest.approx(3.5)
    assert beat.pulse.until_final("none").p50 is None


def test_an_oddity_has_its_last_time(beat: Beat) -> None:
    beat.metrics.odd("bank", "udh_without_flag")
    beat.tick()
    beat.metrics.odd("bank", "latin1_as_default")
    beat.metrics.odd("pbx", "priority")
    beat.tick(3)
    beat.metrics.odd("bank", "udh_without_flag")
    beat.tick()
    found = beat.pulse.oddities("bank")
    assert [(each.code, each.count, each.last_at - T0) for each in found] == [
        ("udh_without_flag", 2, 5.0),
        ("latin1_as_default", 1, 2.0),
    ]


def test_series_of_providers_that_are_gone(beat: Beat) -> None:
    for name in ("d7", "d77"):
        beat.metrics.asked(name, "submit", "accepted", [1.0])
    beat.tick()
    beat.pulse.keep(["d77"])
    names = beat.pulse.rings.names
    assert "accepted" in names
    assert "provider.d77.taken" in names
    assert "provider.d7.taken" not in names


@pytest.mark.parametrize(
    ("counts", "q", "wanted"),
    [
        ([0, 0, 0], 0.5, None),
        ([4, 0, 0], 0.5, 0.5),
        ([0, 4, 0], 0.5, 1.5),
        ([1, 0, 1], 0.99, 2.0),
        ([1, 1, 0], 1.0, 2.0),
    ],
)
def test_quantiles_within_buckets(counts: list[int], q: float, wanted: float | None) -> None:
    assert quantile((1.0, 2.0), counts, q) == wanted


def test_the_next_program_goes_on_with_the_figures(beat: Beat) -> None:
    beat.metrics.finished("bank", 2, 3)
    beat.metrics.odd("bank", "no_nul")
    beat.tick(7_300, waiting=2)
    beat.metrics.finished("bank", 3, 1)
    beat.metrics.odd("bank", "no_nul")
    beat.tick(2, waiting=4)
    after = Beat()
    after.now = beat.now + 1.0  # no time passes that an exec knows nothing of
    after.pulse = Pulse(after.metrics, lambda: after.now)
    after.pulse.adopt(beat.pulse.handed())
    assert after.pulse.delivered_ratio("bank") == 0.75
    after.metrics.finished("bank", 2, 4)
    after.metrics.odd("bank", "no_nul")
    after.metrics.odd("shop", "no_nul")
    after.tick(2, waiting=6)
    assert after.pulse.delivered_ratio("bank") == 0.875
    assert [(each.code, each.count) for each in after.pulse.oddities("bank")] == [("no_nul", 3)]
    assert [(each.code, each.count) for each in after.pulse.oddities("shop")] == [("no_nul", 1)]
    now = T0 + after.now - 100.0
    assert after.pulse.rings.history(["waiting"], now - 4, now).series["waiting"][-1] == 6.0
    assert 4.0 in after.pulse.rings.history(["waiting"], now - 9, now).series["waiting"]
    for _ in range(13):
        after.tick(7_200)
    assert after.pulse.delivered_ratio("bank") is None  # the day has gone


def test_rings_of_another_size_are_left_out(beat: Beat) -> None:
    beat.tick(2, waiting=2, owed=1)
    handed = beat.pulse.handed()
    seconds = {**handed.rings.seconds, "waiting": b"short"}
    after = Beat()
    after.pulse.adopt(replace(handed, rings=replace(handed.rings, seconds=seconds)))
    assert "owed" in after.pulse.rings.names
    assert "waiting" not in after.pulse.rings.names
