"""Stores whose reactor is played by the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.opened import Opened


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    yield opened
    opened.store.stop()


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Opened]:
    """Return a store whose writer does not run yet."""
    opened = Opened(tmp_path, started=False)
    yield opened
    opened.store.stop()
