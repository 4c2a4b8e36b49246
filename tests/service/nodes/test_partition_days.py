"""Partitions of the days to come are made in time, or said to be missing."""

from __future__ import annotations

import psycopg
from twisted.internet.defer import Deferred, fail, succeed

from smppbridge.service.nodes.partition_days import PartitionDays, made
from tests.store.postgres.conftest import days  # noqa: F401 (a fixture)
from tests.store.postgres.nodes import connected
from tests.store.postgres.server import NOW

DAY = 86_400.0


def test_they_are_made_as_days_go_by(days: str) -> None:  # noqa: F811
    with connected(days) as db:
        assert made(db, NOW, 14) == (14, "")
        assert made(db, NOW + 2 * DAY, 14) == (14, "")
        assert made(db, NOW + 40 * DAY, 3) == (3, "")


def test_what_cannot_be_made_is_said(days: str) -> None:  # noqa: F811
    with connected(days) as db:
        db.execute("create table fate_20270131 (odd int)")  # the 16th day, counted from NOW
        ahead, failure = made(db, NOW, 20)
        assert (ahead, bool(failure)) == (14, True)  # its table comes before others


def test_a_bridge_has_enough_of_them_or_not() -> None:
    told: list[object] = []
    kept = PartitionDays(14, lambda: NOW, lambda *args, **facts: told.append((args, facts)))
    answers: list[Deferred[tuple[int, str]]] = [
        succeed((1, "odd")),
        succeed((1, "odd")),
        fail(psycopg.OperationalError("lost")),
        succeed((2, "")),
    ]
    found = []
    for answer in answers:
        Deferred.fromCoroutine(kept.look(lambda _, answer=answer: answer))  # type: ignore[misc]
        found.append(kept.are_enough)
    assert found == [False, False, False, True]
    assert told == [(("partitions_not_made",), {"ahead": 1, "reason": "odd"})]
