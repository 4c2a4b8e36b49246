from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.relay.fake_store import FakeStore
from tests.store.opened import LATER, Opened
from tests.store.postgres.opened import OpenedPostgres


class Faked(Opened):
    """The store in memory that the relay is tested with."""

    store: Any

    def open(self, *, started: bool = True, now: float = LATER) -> None:
        self.store = getattr(self, "store", None) or FakeStore(at_once=False)
        self.restored = self.store.restored()

    def start(self) -> None:
        pass

    def fail(self, failing: bool) -> None:
        self.store.failing = failing

    def lose(self, message_ids: Sequence[int]) -> None:
        self.store.taken.update(message_ids)

    def turn(self) -> None:
        assert self.store.pending, "nobody answers"
        self.store.commit()


STORES: dict[str, Callable[[Path], Opened]] = {
    "sqlite": Opened,
    "in memory": Faked,
    "postgresql": OpenedPostgres,
}

BY_MESSAGE = ("sqlite", "in memory")
"""The stores that forget message by message; others forget by the day."""


@pytest.fixture
def all_opened(tmp_path: Path) -> Iterator[list[Opened]]:
    """Every store: pytest-twisted runs a test of Hypothesis once, whatever its parameters."""
    opened = [made(tmp_path) for made in STORES.values()]
    yield opened
    for each in opened:
        each.close()


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()
