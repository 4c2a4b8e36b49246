"""The clock of this machine and the database's."""

from __future__ import annotations

import time

import pytest

from smppbridge.store.postgres import skew
from tests.store.postgres.nodes import connected


@pytest.mark.parametrize(("off", "word"), [(5.5, "fast"), (-5.5, "slow")])
def test_a_clock_that_is_off(dsn: str, off: float, word: str) -> None:
    with connected(dsn) as db, pytest.raises(skew.ClockOff, match=rf"5\.5 s .*{word}"):
        skew.need_same_clock(db, lambda: time.time() + off)


@pytest.mark.parametrize("off", [0.0, 4.0, -4.0])
def test_a_clock_that_is_good_enough(dsn: str, off: float) -> None:
    with connected(dsn) as db:
        skew.need_same_clock(db, lambda: time.time() + off)
        assert skew.skew(db, lambda: time.time() + off) == pytest.approx(off, abs=0.5)
