from __future__ import annotations

from typing import Any

from smppbridge.relay.lanes.breaker import Breaker, BreakerRules


def broken(**rules: Any) -> Breaker:
    breaker = Breaker(BreakerRules(**({"failures": 3, "pause": 5.0} | rules)))
    assert [breaker.failed(10.0) for _ in range(3)] == [False, False, True]
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(BreakerRules(failures=3))
    for _ in range(2):
        assert not breaker.failed(0.0)
        assert not breaker.failed(0.0)
        assert not breaker.succeeded()
    assert breaker.is_closed
    assert not breaker.is_open(0.0)
    breaker = broken()
    assert not breaker.is_closed
    assert breaker.is_open(14.9)
    assert not breaker.is_open(15.0)


def test_one_success_closes_it_and_that_is_news() -> None:
    breaker = broken()
    assert breaker.succeeded()
    assert breaker.is_closed
    assert not breaker.succeeded()
    assert [breaker.failed(0.0) for _ in range(3)] == [False, False, True]


def test_pauses_double_with_each_probe_that_fails_and_begin_anew() -> None:
    breaker, now, pauses = broken(), 15.0, []
    for _ in range(8):
        assert not breaker.failed(now)
        begun = now
        while breaker.is_open(now):
            now += 1.0
        pauses.append(now - begun)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    breaker.succeeded()
    [breaker.failed(now) for _ in range(3)]
    assert breaker.is_open(now + 4.9)
    assert not breaker.is_open(now + 5.0)


def test_what_was_out_when_it_opened_makes_the_pause_no_longer() -> None:
    breaker = broken()
    assert not breaker.failed(11.0)
    assert not breaker.is_open(15.0)


def test_it_never_opens_unless_wanted() -> None:
    breaker = Breaker(BreakerRules(failures=None))
    assert not any(breaker.failed(0.0) for _ in range(1_000))
    assert breaker.is_closed
