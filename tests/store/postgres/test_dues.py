"""All clocks were set back: what waits for a time that was ahead waits no longer than it should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import SLOTS
from smppbridge.store.postgres import dues
from tests.store.opened import NOW, accept, again, message, taken, told, unknown
from tests.store.postgres.nodes import asked
from tests.store.postgres.opened import OTHER, OpenedPostgres

HOUR = 3_600.0
FIRST = int(NOW * 1e6) * SLOTS


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenedPostgres]:
    opened = OpenedPostgres(tmp_path)
    yield opened
    opened.close()


def near(opened: OpenedPostgres, now: float, shards: Sequence[int] = (1,)) -> None:
    opened.wait(Deferred.fromCoroutine(opened.store.dues.bring_near(now, shards)))


def rows(opened: OpenedPostgres, table: str, column: str = "due") -> dict[int, Any]:
    found = asked(opened.dsn, f"select message_id - {FIRST}, {column} from {table}")
    return dict(sorted(found))


def at(opened: OpenedPostgres, now: float, table: str, column: str = "due") -> dict[int, Any]:
    """Return how many seconds after *now* rows are due."""
    found = rows(opened, table, column)
    return {n: None if due is None else round(due - now) for n, due in found.items()}


def filled(opened: OpenedPostgres) -> None:
    """Let messages wait, be postponed, be scheduled, be out, be Uncertain and be owed."""
    accept(opened, [message(FIRST + 1), message(FIRST + 2, due=NOW + 9 * HOUR)])
    later = message(FIRST + 3, accepted_at=NOW - HOUR, due=NOW + 9 * HOUR)
    accept(opened, [later])
    numbers = (4, 5, 6, 7)
    tries = accept(opened, [message(FIRST + n) for n in numbers], begun=True)
    opened.wait(
        opened.store.record(
            [
                again(tries[0], NOW + 30),
                taken(tries[1], "S1", NOW + 60),
                unknown(tries[2], NOW + 90),
                taken(tries[3], "S2"),
            ]
        )
    )
    opened.wait(opened.store.settle([told(tries[3], 2)]))
    with psycopg.connect(opened.dsn, autocommit=True) as db:
        db.execute(f"update delivery set due = {NOW + 60}".encode())


@pytest.mark.parametrize("looked_at", [1, 2, 100])
def test_dues_come_as_soon_as_they_would_have(
    opened: OpenedPostgres, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dues, "LOOKED_AT", looked_at)
    filled(opened)
    now = NOW - HOUR
    near(opened, now)
    scheduled = 10 * HOUR
    assert at(opened, now, "waiting") == {1: 0, 2: scheduled, 3: scheduled, 4: 29}
    assert at(opened, now, "out") == {5: 59, 6: None}  # answered at NOW + 1
    assert at(opened, now, "out", "unsure") == {5: None, 6: 89}
    wakes = rows(opened, "out", "wake")
    assert wakes[5] <= now + 59
    assert wakes[6] == float("inf")
    assert at(opened, now, "delivery") == {7: 0}


@pytest.mark.parametrize("now", [NOW - dues.CLOCKS, NOW + 2, NOW + HOUR])
def test_nothing_is_moved_where_the_clocks_went_on(opened: OpenedPostgres, now: float) -> None:
    filled(opened)
    tables = ("waiting", "out", "delivery")
    before = [rows(opened, table) for table in tables]
    near(opened, now)
    assert [rows(opened, table) for table in tables] == before


def test_what_another_bridge_has_is_not_moved(opened: OpenedPostgres) -> None:
    filled(opened)
    odd = [1, 5, 7]
    opened.lose([FIRST + n for n in odd])
    near(opened, NOW - HOUR)
    waiting, out, owed = (at(opened, NOW, table) for table in ("waiting", "out", "delivery"))
    assert (waiting[1], out[5], owed[7]) == (0, 60, 60)
    assert waiting[4] == 29 - HOUR
    near(opened, NOW - HOUR, [OTHER])
    waiting, out, owed = (at(opened, NOW, table) for table in ("waiting", "out", "delivery"))
    assert (waiting[1], out[5], owed[7]) == (-HOUR, 59 - HOUR, -HOUR)


def test_a_bridge_that_was_replaced_moves_nothing(opened: OpenedPostgres) -> None:
    filled(opened)
    before = rows(opened, "waiting")
    opened.replace()
    Deferred.fromCoroutine(opened.store.dues.bring_near(NOW - HOUR, [1])).addErrback(lambda _: None)
    while not opened.told.all:
        opened.turn()
    assert opened.told.all == ["fenced"]
    assert rows(opened, "waiting") == before
