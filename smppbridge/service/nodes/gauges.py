"""gauges: the figures of a bridge that is one node of several; others have none of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from smppbridge.observe.metrics import Metrics, Reading

if TYPE_CHECKING:
    from smppbridge.service.nodes.membership import Membership
    from smppbridge.store.postgres.health import Health
    from smppbridge.store.postgres.watch import Watch

HEALTH_EVERY = 10.0
"""Seconds between two questions about the database's health."""


class DatabaseFigures:
    """The last known health of a node's database, and how commits in doubt ended.

    Only its own methods write its fields, all in the reactor thread.
    """

    def __init__(self) -> None:
        self.health: Health | None = None
        self.in_doubt = {"committed": 0, "not": 0}

    def resolved(self, committed: bool | None) -> None:
        """Count a commit whose answer was lost; None: no transaction was in doubt."""
        if committed is not None:
            self.in_doubt["committed" if committed else "not"] += 1

    def look(self, watch: Watch | None) -> None:
        """Ask the database how it is; while it is away, its last health stays."""
        from smppbridge.store.postgres.health import health  # only for such a store

        if watch is not None:
            watch.ask(health).addCallbacks(self._found, lambda _: None)

    def _found(self, health: Health) -> None:
        self.health = health


def watch(membership: Membership, metrics: Metrics) -> None:
    """Let the metrics read the gauges of a node; those of its database once that was asked."""
    tenure, between = membership.store.tenure, membership.between

    def left() -> float:
        return max(0.0, membership.lease.until - time.monotonic())

    read: dict[str, Callable[[], Reading]] = {
        "node_info": lambda: {(tenure.name, str(tenure.slot), str(tenure.epoch)): 1.0},
        "node_lease_seconds": left,
        "node_shards": lambda: len(tenure.shards),
        "nodes_alive": lambda: len(membership.nodes),
        "node_takeovers_total": lambda: membership.takeovers,
        "reports_forwarded_total": lambda: {
            (provider,): count for provider, count in between.reports_forwarded.items()
        },
        "receipts_forwarded_total": lambda: {
            (account,): count for account, count in between.receipts_forwarded.items()
        },
        "store_connected": lambda: float(membership.connected),
        "store_commits_in_doubt_total": lambda: {
            (result,): count for result, count in membership.figures.in_doubt.items()
        },
    }
    asked: dict[str, Callable[[Health], Reading]] = {
        "store_synchronous": lambda health: float(health.is_synchronous),
        "store_clock_skew_seconds": lambda health: health.skew,
        "store_oldest_transaction_seconds": lambda health: health.oldest,
        "store_partitions_ahead_days": lambda health: health.days_ahead,
        "store_dead_rows": lambda health: {(t,): n for t, n in health.dead.items()},
    }

    def of_database(function: Callable[[Health], Reading]) -> Callable[[], Reading]:
        def known() -> Reading:
            health = membership.figures.health
            return {} if health is None else function(health)

        return known

    read |= {name: of_database(function) for name, function in asked.items()}
    for name, function in read.items():
        metrics.watch(f"smppbridge_{name}", function)
