"""The figures of a node, without a database: its own, and those that it was told."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.observe.metrics import Metrics
from smppbridge.service.nodes import gauges as node_gauges
from tests.observe.test_metrics import COUNTED_BY_NODES, samples

pytest.importorskip("psycopg", reason="NO psycopg: THE FIGURES OF A NODE ARE NOT TESTED")

from smppbridge.store.postgres.health import Health

OWN = {
    "node_info epoch=7 name=a slot=3": 1,
    "node_lease_seconds": 0,  # it has run out
    "node_shards": 2,
    "nodes_alive": 3,
    "node_takeovers_total": 2,
    "receipts_forwarded_total account=bank": 4,
    "reports_forwarded_total provider=keccel": 3,
    "store_connected": 1,
    "store_commits_in_doubt_total result=committed": 2,
    "store_commits_in_doubt_total result=not": 1,
}
ASKED = {
    "store_synchronous": 1,
    "store_clock_skew_seconds": -0.25,
    "store_oldest_transaction_seconds": 9.5,
    "store_partitions_ahead_days": 14,
    "store_dead_rows table=out": 70,
    "store_dead_rows table=waiting": 8,
}


class Node:
    """What the gauges read of a membership."""

    def __init__(self) -> None:
        tenure = SimpleNamespace(name="a", slot=3, epoch=7, shards=(3, 5))
        self.store = SimpleNamespace(tenure=tenure)
        self.between = SimpleNamespace(
            reports_forwarded={"keccel": 3}, receipts_forwarded={"bank": 4}
        )
        self.lease = SimpleNamespace(until=time.monotonic() - 1)
        self.nodes, self.takeovers, self.connected = ["a", "b", "c"], 2, True
        self.figures = node_gauges.DatabaseFigures()


class Database:
    """What answers the question about its health."""

    def __init__(self) -> None:
        self.answers: list[Deferred[Any]] = []

    def ask(self, question: Any) -> Deferred[Any]:
        self.answers.append(Deferred())
        return self.answers[-1]


def test_a_node_shows_itself_and_its_database_once_it_has_answered() -> None:
    metrics, node, database = Metrics("1"), Node(), Database()
    for committed in (True, None, False, True):
        node.figures.resolved(committed)
    node_gauges.watch(node, metrics)  # type: ignore[arg-type]
    own = {f"smppbridge_{name}": value for name, value in OWN.items()}
    shown = samples(metrics)
    assert {name: shown[name] for name in own} == own
    assert {name.split()[0] for name in own} >= COUNTED_BY_NODES
    assert not any(name.removeprefix("smppbridge_") in ASKED for name in shown)

    asked = {f"smppbridge_{name}": value for name, value in ASKED.items()}
    health = Health(True, 9.5, -0.25, 14, {"out": 70, "waiting": 8})
    node.figures.look(database)  # type: ignore[arg-type]
    database.answers.pop().callback(health)
    shown = samples(metrics)
    assert {name: shown[name] for name in asked} == asked

    node.figures.look(database)  # type: ignore[arg-type]
    database.answers.pop().errback(ConnectionError())
    shown = samples(metrics)
    assert {name: shown[name] for name in asked} == asked  # while it is away


def test_without_a_watch_nothing_is_asked() -> None:
    figures = node_gauges.DatabaseFigures()
    figures.look(None)
    assert figures.health is None
