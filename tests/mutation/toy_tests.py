"""Tests of the toy, which overlook some mistakes; the name keeps them out of the suite."""

from __future__ import annotations

from tests.mutation.toy import is_grown_up


def test_the_young() -> None:
    assert is_grown_up(7) is False


def test_the_old() -> None:
    assert is_grown_up(40) is True
