"""What is forgotten after a time: whole days, and MO messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from smppbridge.store.cdr import Exported
from smppbridge.store.postgres import restoring
from tests.store.opened import accept, message, mo_entry, told, tried
from tests.store.postgres.filled import FIRST, STEP
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.server import NOW

DAY = 86_400
MONTH = NOW + 40 * DAY


def nth_day(day: int, second: int = 0) -> int:
    return FIRST + (day * DAY + second) * STEP


@pytest.fixture
def opened(days: str, tmp_path: Any) -> Iterator[OpenedPostgres]:
    """Messages of three days: the first two FINISHED, the last WAITING; an MO message of each."""
    opened = OpenedPostgres(tmp_path, dsn=days)
    for day in range(3):
        at = NOW + day * DAY
        accept(opened, [message(nth_day(day), accepted_at=at)], begun=day < 2)
        entry = mo_entry(nth_day(day, 5), f"X{day}", at=at)
        opened.wait(opened.store.keep_mos([entry]))
        if day < 2:
            settled = told(tried(message(nth_day(day))), 2, at)
            opened.wait(opened.store.settle([settled]))
            opened.wait(opened.store.finish([(d, 0) for d in settled.deliveries], at))
        if day < 1:
            opened.wait(opened.store.finish([(d, 0) for d in entry.deliveries], at))
    yield opened
    opened.store.stop()


@pytest.fixture
def aside(days: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(days, autocommit=True)) as db:
        yield db


def kept(db: psycopg.Connection[Any]) -> tuple[list[int], list[int]]:
    """Return the days of the messages and of the MO messages that are there."""
    return tuple(  # type: ignore[return-value]
        [
            (message_id - FIRST) // (DAY * STEP)
            for (message_id,) in db.execute(f"select message_id from {table} order by 1".encode())
        ]
        for table in ("message", "mo")
    )


@pytest.mark.usefixtures("opened")
def test_days_go_as_a_whole_and_not_before_all_in_them_has_ended(
    aside: psycopg.Connection[Any],
) -> None:
    assert restoring.forget(aside, NOW - DAY, 9) == 0
    assert kept(aside) == ([0, 1, 2], [0, 1, 2])
    assert restoring.forget(aside, NOW + 1.5 * DAY, 9) == 1
    assert kept(aside) == ([1, 2], [1, 2])  # day 1 has an MO message that is owed
    assert restoring.forget(aside, MONTH, 9) == 0
    assert kept(aside) == ([1, 2], [1, 2])
    for table in ("fate", "ended", "named"):
        found = aside.execute(f"select min(message_id) from {table}".encode()).fetchone()
        assert found is not None
        assert found[0] is None or found[0] >= nth_day(1)


def test_a_day_stays_until_its_messages_have_their_records(
    opened: OpenedPostgres, aside: psycopg.Connection[Any]
) -> None:
    opened.wait(opened.store.lapse(MONTH, 99))
    for exported, left in (
        (Exported(), [0, 1, 2]),
        (Exported(nth_day(2), frozenset((nth_day(0),))), [0, 1, 2]),
        (Exported(nth_day(0, 7)), [0, 1, 2]),
        (Exported(nth_day(1, 7), frozenset((nth_day(0),))), [0, 1, 2]),
        (Exported(nth_day(1, 7)), [1, 2]),
        (Exported(nth_day(9), frozenset((nth_day(2),))), [2]),
    ):
        restoring.forget(aside, MONTH, 99, exported)
        assert kept(aside)[0] == left


def test_few_mo_messages_are_forgotten_at_once(
    opened: OpenedPostgres, aside: psycopg.Connection[Any]
) -> None:
    opened.wait(opened.store.lapse(MONTH, 99))
    assert restoring.forget(aside, NOW, 9) == 0
    assert [restoring.forget(aside, MONTH, 2) for _ in range(3)] == [2, 1, 0]
