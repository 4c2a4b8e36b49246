from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.relay.lanes.limits import Concurrency, Throughput

STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), max_size=60)


def test_no_limit_is_no_limit() -> None:
    throughput = Throughput(None, 0.0)
    assert all(throughput.take(0.0) for _ in range(10_000))
    assert throughput.wait(0.0) == 0.0


@pytest.mark.parametrize(("rate", "passed"), [(100.0, 100), (2.0, 2), (1.0, 1), (0.1, 1)])
def test_a_burst_within_the_second_is_fine(rate: float, passed: int) -> None:
    throughput = Throughput(rate, 5.0)
    for now in (5.0, 1_000.0):  # what was not used is not saved up
        assert sum(throughput.take(now) for _ in range(1_000)) == passed


@pytest.mark.parametrize("rate", [0.25, 1.0, 8.0])
def test_wait_says_when_one_more_passes(rate: float) -> None:
    throughput, now = Throughput(rate, 0.0), 0.0
    for _ in range(30):
        while throughput.take(now):
            assert throughput.wait(now) >= 0.0
        wait = throughput.wait(now)
        assert 0.0 < wait <= 1.0 / rate
        assert not throughput.take(now + wait * 0.99)
        now += wait * 1.0001
        assert throughput.take(now)


@given(st.floats(0.1, 50), STEPS)
def test_never_more_than_the_rate_and_one_second(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    throughput, now, passed = Throughput(rate, 0.0), 0.0, 0
    for pause, tries in steps:
        now += pause
        passed += sum(throughput.take(now) for _ in range(tries))
        assert passed <= rate * now + max(1.0, rate) + 1e-6


@given(st.floats(0.5, 20), STEPS)
def test_long_messages_pass_a_low_rate_and_pay_for_it(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    throughput, now, passed, longest = Throughput(rate, 0.0), 0.0, 0, 0
    for pause, segments in steps:
        now += pause
        if throughput.take(now, segments):
            passed, longest = passed + segments, max(longest, segments)
        assert passed <= rate * now + max(1.0, rate) + longest + 1e-6
    now += 41 / rate + 2
    assert throughput.take(now, 1_000)


def fed(concurrency: Concurrency, rounds: int, seconds: float) -> int:
    """Answer everything in *seconds*, *rounds* times."""
    for _ in range(rounds):
        concurrency.answered(concurrency.limit, seconds, concurrency.limit)
    return concurrency.limit


def test_concurrency_begins_low_and_grows_by_one_a_round_up_to_its_most() -> None:
    concurrency = Concurrency(100)
    assert concurrency.limit == 64
    assert fed(concurrency, 10, 0.1) == 74
    assert fed(concurrency, 50, 0.1) == 100
    assert Concurrency(3).limit == 3


def test_concurrency_does_not_grow_while_it_is_not_used() -> None:
    concurrency = Concurrency(100)
    for _ in range(100):
        concurrency.answered(1, 0.1, 5)
    assert concurrency.limit == 64


def test_concurrency_stops_growing_when_answers_take_longer() -> None:
    concurrency = Concurrency(1_000)
    before = fed(concurrency, 20, 0.1)
    assert fed(concurrency, 30, 1.0) <= before + 4
    assert fed(concurrency, 600, 1.0) > before + 50  # that is how it is now


def test_concurrency_shrinks_once_a_round_trip_and_never_to_nothing() -> None:
    concurrency = Concurrency(100)
    fed(concurrency, 1, 0.1)
    for now in (10.0, 10.05, 10.1):
        concurrency.suffered(now)
    assert concurrency.limit == 45
    for now in range(20, 60):
        concurrency.suffered(float(now))
    assert concurrency.limit == 1
    assert fed(concurrency, 3, 0.1) > 1


def test_concurrency_goes_by_another_most_at_once() -> None:
    concurrency = Concurrency(100)
    concurrency.change(10)
    assert concurrency.limit == 10
    concurrency.change(100)
    assert fed(concurrency, 5, 0.1) == 15
