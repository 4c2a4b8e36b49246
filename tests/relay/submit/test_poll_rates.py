"""The polls a second of providers, and what is known of how many would be made."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from smppbridge.relay.submit.poll_rates import PollRates
from tests.relay.submit.test_overdue import POLLS, polled, sent, world_of


def test_a_look_takes_what_its_provider_may_be_asked() -> None:
    rates = PollRates()
    rates.change({"one": 3.0, "two": 1.0}, 0.0)
    assert [rates.take("one", most, 0.0) for most in (2, 2, 2)] == [2, 1, 0]
    rates.confine("one", 1.0, 0.0)
    assert (rates.take("one", 9, 0.5), rates.take("one", 9, 1.0)) == (0, 1)
    assert rates.take("two", 9, 1.0) == 1
    rates.confine("two", 0.0, 1.0)
    assert rates.take("two", 9, 100.0) == 0
    rates.change({"two": 2.0}, 100.0)
    assert rates.take("two", 9, 100.0) == 2


def test_what_a_look_would_have_made_is_known() -> None:
    rates = PollRates()
    rates.change({"one": 3.0, "two": 1.0}, 0.0)
    rates.looked("one", 2, 3)
    assert (rates.wanted("one"), rates.wanted("two")) == (2, 0)
    rates.looked("one", 3, 3)
    rates.looked("two", 1, 1)
    rates.change({"one": 3.0}, 0.0)
    assert (rates.wanted("one"), rates.wanted("two")) == (inf, 0)


def test_due_messages_are_polled_within_the_part_of_the_rate_that_is_this_bridges() -> None:
    world = world_of(replace(POLLS, rate=10.0))
    rates = world.overdue.rates
    sent(world, count=30)
    rates.confine("one", 0.0, world.clock.monotonic())
    world.wait(20.0)
    assert polled(world) == []
    rates.confine("one", 4.0, world.clock.monotonic())
    for seconds in range(1, 4):
        world.wait(1.0)
        assert len(polled(world)) == 4 * seconds
        assert rates.wanted("one") == inf
    rates.confine("one", 100.0, world.clock.monotonic())
    world.wait(1.0)
    assert len(polled(world)) == 30
    assert rates.wanted("one") == 18


def test_who_polls_nothing_wants_no_part_of_a_rate() -> None:
    world = world_of(replace(POLLS, polls=False, report_deadline=5.0))
    sent(world, count=3)
    world.wait(10.0)
    assert world.overdue.rates.wanted("one") == 0
