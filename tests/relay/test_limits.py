from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.relay.limits import Throughput

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
