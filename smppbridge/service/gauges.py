"""The gauges: what is read off a running bridge whenever somebody asks."""

from __future__ import annotations

from typing import Any


def watch(bridge: Any) -> None:
    """Let the metrics of *bridge* read its gauges."""
    read = {
        "ready": lambda: float(all(bridge.ready().values())),
        "config_last_reload_success": lambda: float(bridge.applied_well),
        "config_last_reload_timestamp_seconds": lambda: bridge.applied_at,
        "binds": lambda: bridge.smsc.bound_counts(),
        "window_in_use": lambda: bridge.smsc.windows(),
        "pdus_total": lambda: bridge.smsc.tally.totals(),
        "gathering_messages": lambda: len(bridge.accept.gather),
        "uncertain_messages": lambda: bridge.upkeep.figures.get("uncertain", 0),
        "queue_messages": lambda: {(n,): lane.depth for n, lane in bridge.lanes.items()},
        "queue_oldest_age_seconds": lambda: _ages(bridge),
        "provider_up": lambda: {
            (n,): float(lane.breaker.is_closed) for n, lane in bridge.lanes.items()
        },
        "provider_shut": lambda: {
            (n,): float(lane.is_shut(bridge.clock.monotonic())) for n, lane in bridge.lanes.items()
        },
        "provider_concurrency": lambda: {
            (n,): lane.concurrency.limit for n, lane in bridge.lanes.items()
        },
        "provider_in_flight": lambda: {(n,): lane.out for n, lane in bridge.lanes.items()},
        "upstream_binds": lambda: bridge.wires.smpp.bound_counts(),
        "upstream_window_in_use": lambda: bridge.wires.smpp.windows(),
        "upstream_waiting": lambda: bridge.wires.smpp.waiting(),
        "provider_balance": lambda: {
            (n, b.unit): b.amount for n, b in bridge.rounds.balances.items()
        },
        "early_reports": lambda: len(bridge.reports.early),
        "opted_out_numbers": lambda: len(bridge.optouts),
        "deliveries_waiting": lambda: {(n,): x.depth for n, x in bridge.deliver.lines.items()},
        "ussd_dialogues": lambda: bridge.dialogues.open_counts(),
        "store_bytes": lambda: bridge.upkeep.figures.get("bytes", 0),
        "store_wal_bytes": lambda: bridge.upkeep.figures.get("wal_bytes", 0),
        "store_free_bytes": lambda: bridge.upkeep.figures.get("free_bytes", 0),
        "log_lines_dropped_total": lambda: bridge.journal.dropped,
    }
    for name, function in read.items():
        bridge.metrics.watch(f"smppbridge_{name}", function)


def _ages(bridge: Any) -> dict[tuple[str, ...], float]:
    now = bridge.clock.wall()
    return {
        (name,): 0.0 if lane.oldest is None else max(0.0, now - lane.oldest)
        for name, lane in bridge.lanes.items()
    }
