"""Tests of the toy; its name keeps it out of the suite."""

from __future__ import annotations

from tests.mutation.toy import LEAST, is_grown_up, older


def test_the_age() -> None:
    assert is_grown_up(40)
    assert not is_grown_up(7)
    assert LEAST == 18


def test_growing() -> None:
    assert older(10) == 18
