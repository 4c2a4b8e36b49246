from __future__ import annotations

from dataclasses import dataclass

import pytest

from smppbridge.service.clock import SystemClock, never_stepping

HOUR = 3_600.0


@dataclass
class Machine:
    """A machine: its time goes on by `pass_`, its clock is set by `set`."""

    shown: float = 1_800_000_000.0
    run: float = 50.0

    def pass_(self, seconds: float) -> None:
        self.shown += seconds
        self.run += seconds

    def set(self, seconds: float) -> None:
        self.shown += seconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.shown, lambda: self.run)


def test_the_wall_is_the_machines_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.pass_(10)
    assert (clock.look(), clock.wall(), clock.monotonic()) == (0.0, machine.shown, machine.run)


def test_a_step_forward_is_followed_at_once() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set(HOUR)
    assert clock.look() == HOUR
    assert (clock.wall(), clock.lead) == (machine.shown, 0.0)


def test_a_clock_set_back_is_caught_up_with_at_half_speed() -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.wall()
    machine.set(-HOUR)
    assert clock.look() == -HOUR
    assert clock.wall() == before
    for seconds in (0.1, 99.9, HOUR - 100):
        machine.pass_(seconds)
        assert clock.wall() > before
        before = clock.wall()
        clock.look()
        assert clock.wall() == pytest.approx(before)
    assert clock.lead == pytest.approx(HOUR / 2)
    machine.pass_(HOUR)
    assert clock.wall() == machine.shown
    clock.look()
    assert clock.lead == 0.0


def test_between_two_looks_the_wall_never_leads_by_less_than_nothing() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set(-10)
    clock.look()
    machine.pass_(100)
    assert clock.wall() == machine.shown


def test_steps_add_up_and_a_step_forward_takes_the_lead_back() -> None:
    machine = Machine()
    clock = machine.clock()
    for step in (-HOUR, -HOUR):
        machine.set(step)
        clock.look()
    assert clock.lead == 2 * HOUR
    machine.set(HOUR)
    clock.look()
    assert clock.lead == HOUR
    machine.set(3 * HOUR)
    clock.look()
    assert (clock.lead, clock.wall()) == (0.0, machine.shown)


def test_small_corrections_are_no_steps() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set(-0.9)
    assert (clock.look(), clock.lead) == (0.0, 0.0)


def test_a_reactor_goes_by_monotonic_time() -> None:
    class Reactor:
        def seconds(self) -> float:
            return 0.0

    reactor = never_stepping(Reactor())
    first = reactor.seconds()
    assert 0.0 < first <= reactor.seconds() < 1_000_000_000.0
