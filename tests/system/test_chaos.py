"""Chaos in short: by hand there are many seeds (`python -m tests.system.chaos`).

SMPPBRIDGE_CHAOS_SEEDS: how many seeds (1); SMPPBRIDGE_CHAOS_SECONDS: how long each (6).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system import chaos

SEEDS = range(1, 1 + int(os.environ.get("SMPPBRIDGE_CHAOS_SEEDS", "1")))
SECONDS = float(os.environ.get("SMPPBRIDGE_CHAOS_SECONDS", "6"))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_books_balance(tmp_path: Path, seed: int) -> None:
    with chaos.database() as server:
        books = chaos.run(tmp_path, seed, SECONDS, 2, server)
    assert not books.faults, books
    assert books.answered
