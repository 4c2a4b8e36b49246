"""The pace of a lane after a pause, and which refusals slow a lane down."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import Attempt
from smppbridge.model.outcome import Accepted, Outcome, Postponed
from smppbridge.relay.lanes.conclusions import adjust, sorted_out
from smppbridge.relay.lanes.lane import Lane, LaneRules
from smppbridge.relay.lanes.throttle import LanePace, LaneThrottle
from tests.relay.fakes import NOW, FakeProvider, Recorder, message


def test_a_pace_that_was_never_cut_is_no_limit() -> None:
    pace = LanePace()
    assert (pace.rate(0.0), pace.is_slow) == (inf, False)
    assert all(pace.take(0.0) for _ in range(1_000))


def test_a_cut_halves_the_rate_which_comes_back_in_five_seconds_and_goes_on_growing() -> None:
    pace = LanePace()
    pace.cut(100.0, 10.0, 12.0)
    rates = {now: pace.rate(now) for now in (10.0, 12.0, 13.0, 15.0, 17.0, 22.0, 32.0, 132.0)}
    expected = [50.0, 50.0, 74.4, 96.8, 100.0, 150.0, 1_450.0, 608_450.0]
    assert [round(rate, 1) for rate in rates.values()] == expected
    assert pace.rate(132.1) == inf


def test_a_second_cut_halves_the_limit_and_never_to_less_than_half_a_request() -> None:
    pace = LanePace()
    pace.cut(100.0, 0.0, 1.0)
    pace.cut(5_000.0, 1.0, 2.0)  # a burst was measured, the limit is what counts
    assert pace.rate(2.0) == 25.0
    pace.cut(8.0, 3.0, 4.0)  # few left
    assert pace.rate(4.0) == 4.0
    for _ in range(9):
        pace.cut(0.1, 5.0, 6.0)
    assert pace.rate(6.0) == 0.5


def test_the_first_request_after_a_pause_leaves_at_once_and_the_others_at_the_pace() -> None:
    pace = LanePace()
    pace.cut(20.0, 0.0, 3.0)
    assert [pace.take(3.0), pace.take(3.0), pace.take(3.09), pace.take(3.11)] == [
        *(True, False, False, True)
    ]


def test_a_pace_that_was_not_used_saves_up_a_tenth_of_a_second() -> None:
    pace = LanePace()
    pace.cut(100.0, 0.0, 0.0)
    assert sum(pace.take(5.0) for _ in range(50)) == 10


def test_a_low_pace_that_was_not_used_lets_one_leave() -> None:
    pace = LanePace()
    pace.cut(10.0, 0.0, 0.0)
    assert [pace.take(5.0), pace.take(5.0)] == [True, False]


def test_a_time_before_the_end_of_the_pause_takes_nothing_away() -> None:
    pace = LanePace()
    pace.cut(10.0, 0.0, 3.0)
    assert [pace.take(2.0), pace.take(3.1), pace.take(3.25)] == [True, False, True]


def test_after_two_minutes_there_is_no_limit_any_more() -> None:
    pace = LanePace()
    pace.cut(2.0, 0.0, 0.0)
    assert pace.take(0.0)
    assert pace.is_slow
    assert all(pace.take(120.1) for _ in range(1_000))
    assert not pace.is_slow
    pace.cut(2.0, 200.0, 200.0)
    assert pace.rate(200.0) == 1.0


@given(st.floats(1, 1_000), st.lists(st.floats(0.0, 0.5), max_size=40))
def test_no_more_leave_than_the_pace_allows(rate: float, steps: list[float]) -> None:
    pace, now, left, most = LanePace(), 0.0, 0, 1.0
    pace.cut(rate, 0.0, 0.0)
    for step in steps:
        now += step
        most += step * pace.rate(now)  # it grows: the last rate is the highest
        left += sum(pace.take(now) for _ in range(100))
        assert left <= most + 1e-6


# -- which refusals slow down ---------------------------------------------------------------------


def lane_out(out: int) -> Lane:
    """Return a lane with requests out, which all left at time 0."""
    lane = Lane("one", FakeProvider(), LaneRules(concurrency=out), 0.0)
    lane.wait([attempt(n) for n in range(out)])
    loads, _ = lane.take(0.0, NOW, str)
    lane.gone([load for load in loads if isinstance(load, Attempt)])
    lane.begun(loads)
    assert len(lane.leave(0.0)) == out
    return lane


def attempt(message_id: int) -> Attempt:
    return Attempt(message(message_id), "one", 1)


def answer(lane: Lane, *outcomes: Outcome, now: float = 1.0) -> list[str]:
    """Answer requests that left at time 0; return the events."""
    accepted, others = sorted_out([(attempt(n), outcome) for n, outcome in enumerate(outcomes)])
    lane.out -= len(outcomes)
    return [
        name
        for name, _ in adjust(lane, accepted, others, now=now, wall=NOW + now, meters=Recorder())
    ]


TOO_FAST, FINE = Postponed("HTTP 429", 1.0, whole_lane=True), Accepted("p")


def test_one_refusal_among_many_accepted_ones_pauses_and_does_not_slow_down() -> None:
    lane = lane_out(10)
    assert answer(lane, *[FINE] * 4, TOO_FAST, FINE) == ["lane_paused"]
    answer(lane, *[FINE] * 4)
    assert (lane.paused_until, lane.pace.is_slow, lane.concurrency.limit) == (2.0, False, 10)


@pytest.mark.parametrize(("refused", "slow"), [(4, False), (5, True)])
def test_a_lane_slows_down_when_half_of_what_was_out_is_refused(refused: int, slow: bool) -> None:
    lane = lane_out(10)
    for _ in range(refused):
        answer(lane, TOO_FAST)
    assert lane.pace.is_slow is slow
    assert (lane.concurrency.limit < 10) is slow


def test_a_lane_slows_down_once_a_pause() -> None:
    lane = lane_out(8)
    answer(lane, *[TOO_FAST] * 4)
    rate, limit = lane.pace.rate(2.0), lane.concurrency.limit
    answer(lane, *[TOO_FAST] * 4, now=1.5)
    assert (lane.pace.rate(2.0), lane.concurrency.limit) == (rate, limit)
    assert rate == 4.0  # half of 8 in a second


@pytest.mark.parametrize("odd", [0, 4])
def test_a_refusal_first_or_last_of_a_list_pauses_alike(odd: int) -> None:
    lane = lane_out(5)
    outcomes: list[Outcome] = [FINE] * 5
    outcomes[odd] = TOO_FAST
    assert answer(lane, *outcomes) == ["lane_paused"]
    assert lane.paused_until == 2.0


def test_a_slow_lane_begins_no_more_than_leave_in_a_tenth_of_a_second() -> None:
    lane = lane_out(64)
    answer(lane, *[TOO_FAST] * 64)
    lane.wait([attempt(n) for n in range(500)])
    loads, _ = lane.take(2.0, NOW, str)
    assert len(loads) == int(lane.pace.rate(2.0) / 10) == 3
    lane.begun(loads)
    assert len(lane.leave(2.0)) == 1
    lane.pace.cut(1.0, 2.0, 2.0)
    assert not lane.take_now(2.0)


def test_the_refusals_of_a_pause_are_judged_anew_in_the_next_one() -> None:
    throttle = LaneThrottle()
    assert throttle.is_rate() is False  # nothing has begun yet
    for _ in range(2):
        throttle.begin("HTTP 429", out=4, now=0.0)
        assert [throttle.is_rate() for _ in range(4)] == [False, True, False, False]
    assert throttle.in_row == 2


@pytest.mark.parametrize(
    ("in_row", "after", "seconds"),
    [
        *((1, None, 1), (2, None, 2), (3, None, 4), (6, None, 32), (7, None, 60), (99, None, 60)),
        *((1, 0.5, 0.5), (3, 0.5, 0.5), (1, 3_600.0, 3_600)),
    ],
)
def test_a_pause_is_as_long_as_the_provider_says_or_doubles(
    in_row: int, after: float | None, seconds: float
) -> None:
    throttle = LaneThrottle()
    for _ in range(in_row):
        throttle.begin("HTTP 429", out=1, now=100.0)
    assert throttle.until(after) == 100.0 + seconds


@pytest.mark.parametrize(("left_at", "before"), [(99.9, True), (100.0, True), (100.1, False)])
def test_what_left_before_a_pause_is_known(left_at: float, before: bool) -> None:
    throttle = LaneThrottle()
    assert throttle.left_before(left_at) is False
    throttle.begin("HTTP 429", out=1, now=100.0)
    assert throttle.left_before(left_at) is before
