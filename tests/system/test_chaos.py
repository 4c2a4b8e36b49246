"""Chaos in short: by hand there are many seeds (`python -m tests.system.chaos`).

SMPPBRIDGE_CHAOS_SEEDS: how many seeds (1); SMPPBRIDGE_CHAOS_SECONDS: how long each (6).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.store.postgres.standby import pair
from tests.system import chaos

SEEDS = range(1, 1 + int(os.environ.get("SMPPBRIDGE_CHAOS_SEEDS", "1")))
SECONDS = float(os.environ.get("SMPPBRIDGE_CHAOS_SECONDS", "6"))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_books_balance(tmp_path: Path, seed: int) -> None:
    with chaos.database() as server:
        books = chaos.run(tmp_path, seed, SECONDS, 2, server)
    assert not books.faults, books
    assert books.answered


def test_the_books_balance_after_a_fail_over(tmp_path: Path) -> None:
    with pair() as servers:
        books = chaos.run(tmp_path, 21, SECONDS, 3, servers, ("kill", "pause", chaos.FAIL_OVER))
    assert not books.faults, books
    assert books.done[chaos.FAIL_OVER] == 1


def test_who_does_not_reach_others_changes_nothing_for_the_nodes(tmp_path: Path) -> None:
    """Nobody is taken over, and only what was cut off unanswered is Uncertain."""
    with chaos.database() as server:
        books = chaos.run(tmp_path, 1, SECONDS, 2, server, chaos.HARMLESS)
    assert not books.faults, books
    assert (books.takeovers, books.begun) == (0, 0)
