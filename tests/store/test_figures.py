"""Figures that a bridge goes on with after a cold start, on either store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smppbridge.store.figures import KEPT, keep, kept
from tests.store.opened import NOW, Opened
from tests.store.postgres.opened import OpenedPostgres


@pytest.fixture(params=[Opened, OpenedPostgres])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    made: Callable[[Path], Opened] = request.param
    store = made(tmp_path)
    yield store
    store.close()


def write(opened: Opened, node: str, at: float, figures: str) -> None:
    opened.wait(opened.store.by_hand(lambda db: keep(db, node, at, figures)))


def read(opened: Opened, node: str, since: float = 0.0) -> str | None:
    found: str | None = opened.wait(opened.store.by_hand(lambda db: kept(db, node, since)))
    return found


def test_each_bridge_has_its_own_and_the_last_only(opened: Opened) -> None:
    assert read(opened, "a") is None
    write(opened, "<b>", NOW, '"\\u0000"')
    write(opened, "a", NOW, "[1]")
    write(opened, "a", NOW + 60, "[2]")
    write(opened, "", NOW + 60, "[3]")
    opened.reopen()
    assert [read(opened, node) for node in ("<b>", "a", "", "c")] == [
        '"\\u0000"',
        "[2]",
        "[3]",
        None,
    ]


def test_figures_of_another_day_are_not_gone_on_with_and_are_deleted(opened: Opened) -> None:
    write(opened, "gone", NOW, "[1]")
    write(opened, "a", NOW + KEPT, "[2]")
    assert read(opened, "gone", NOW) == "[1]"
    assert read(opened, "gone", NOW + 1) is None
    write(opened, "a", NOW + KEPT + 1, "[2]")
    assert read(opened, "gone") is None
