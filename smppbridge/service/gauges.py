"""gauges: the figures that are read off a running bridge whenever metrics are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from smppbridge.observe.metrics import Reading
from smppbridge.service.nodes import gauges as node_gauges

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

Gauges = Mapping[str, Callable[[], Reading]]
"""The function that reads each gauge, by the gauge's name without its prefix."""


def watch(bridge: Bridge) -> None:
    """Let the metrics of *bridge* read its gauges."""
    for group in (_process(bridge), _sessions(bridge), _lanes(bridge), _messages(bridge)):
        for name, function in group.items():
            bridge.metrics.watch(f"smppbridge_{name}", function)
    if bridge.membership is not None:
        node_gauges.watch(bridge.membership, bridge.metrics)


def _process(bridge: Bridge) -> Gauges:
    """The gauges of the process: its configuration, its clock, its files."""
    figures, exports = bridge.clockwork.figures, bridge.beside.exports
    return {
        "ready": lambda: float(all(bridge.ready().values())),
        "config_last_reload_success": lambda: float(bridge.applied_well),
        "config_last_reload_timestamp_seconds": lambda: bridge.applied_at,
        "clock_lead_seconds": lambda: bridge.clock.lead,
        "certificate_expiry_timestamp_seconds": lambda: bridge.listeners.expiries(),
        "store_bytes": lambda: figures.get("bytes", 0),
        "store_wal_bytes": lambda: figures.get("wal_bytes", 0),
        "store_free_bytes": lambda: figures.get("free_bytes", 0),
        "cdr_exported_timestamp_seconds": lambda: (
            exports.exported.until if exports.exported else 0.0
        ),
        "traces": lambda: bridge.tracing.running,
        "log_lines_dropped_total": lambda: bridge.journal.dropped,
    }


def _sessions(bridge: Bridge) -> Gauges:
    """The gauges of connections and sessions."""
    smsc, upstreams = bridge.doors.smsc, bridge.relay.wires.smpp
    return {
        "binds": lambda: smsc.bound_counts(),
        "connections_total": lambda: {
            ("smpp",): smsc.admitted,
            **{(name,): room.admitted for name, room in bridge.rooms.items()},
        },
        "connections_waiting": lambda: {
            ("header",): bridge.listeners.headers_waiting,
            ("bind",): smsc.unbound,
            ("call",): bridge.doors.outbinds.calling,
        },
        "old_password_sessions": lambda: smsc.old_password_counts(),
        "window_in_use": lambda: smsc.windows(),
        "pdus_total": lambda: smsc.tally.totals(),
        "upstream_binds": lambda: upstreams.bound_counts(),
        "upstream_window_in_use": lambda: upstreams.windows(),
        "upstream_waiting": lambda: upstreams.waiting(),
        "ussd_dialogues": lambda: bridge.relay.dialogues.open_counts(),
    }


def _lanes(bridge: Bridge) -> Gauges:
    """The gauges of providers and their lanes."""
    relay, lanes = bridge.relay, bridge.relay.lanes.by_name
    rounds, monotonic = relay.rounds, bridge.clock.monotonic
    return {
        "queue_messages": lambda: {(n,): lane.depth for n, lane in lanes.items()},
        "queue_oldest_age_seconds": lambda: _ages(bridge),
        "provider_up": lambda: {
            (n,): float(lane.breaker.is_closed and relay.wires.smpp.may_submit(n))
            for n, lane in lanes.items()
        },
        "provider_shut": lambda: {
            (n,): float(lane.is_shut(monotonic())) for n, lane in lanes.items()
        },
        "provider_paused_seconds": lambda: {(n,): s for n, s in relay.lanes.paused().items()},
        "provider_pace": lambda: {(n,): r for n, r in relay.lanes.paces().items()},
        "provider_concurrency": lambda: {(n,): lane.concurrency.limit for n, lane in lanes.items()},
        "limit_share": lambda: bridge.membership.limits.shares.parts() if bridge.membership else {},
        "provider_in_flight": lambda: {(n,): lane.out for n, lane in lanes.items()},
        "provider_balance": lambda: {(n, b.unit): b.amount for n, b in rounds.balances.items()},
        "provider_balance_days": lambda: {(n,): d for n, d in rounds.spending.days().items()},
    }


def _messages(bridge: Bridge) -> Gauges:
    """The gauges of messages, reports and deliveries."""
    relay, figures = bridge.relay, bridge.clockwork.figures
    return {
        "responses_waiting": lambda: relay.responses.counts(),
        "gathering_messages": lambda: len(relay.accept.gather),
        "gathering_remembered_messages": lambda: relay.accept.gather.remembered,
        "operations_waiting": lambda: {
            ("query",): relay.query.waiting,
            ("cancel",): relay.cancel.waiting,
            ("replace",): relay.replace.waiting,
            ("supersede",): relay.accept.supersede.waiting,
        },
        "uncertain_messages": lambda: figures.get("uncertain", 0),
        "early_reports": lambda: len(relay.reports.early),
        "unmatched_reports": lambda: figures.get("unmatched", 0),
        "opted_out_numbers": lambda: len(relay.optouts),
        "deliveries_waiting": lambda: _owed(bridge),
        "deliveries_oldest_age_seconds": lambda: _owed_for(bridge),
    }


def _owed(bridge: Bridge) -> dict[tuple[str, ...], float]:
    """Return how many deliveries are owed, by account; 0 for accounts that are owed none."""
    counts: dict[tuple[str, ...], float] = {(name,): 0 for name in bridge.doors.binds.rights}
    return counts | {(name,): it.depth for name, it in bridge.relay.deliver.outboxes.items()}


def _owed_for(bridge: Bridge) -> dict[tuple[str, ...], float]:
    now, oldest = bridge.clock.wall(), bridge.clockwork.oldest_owed
    ages: dict[tuple[str, ...], float] = {(name,): 0.0 for name in bridge.doors.binds.rights}
    return ages | {(name,): max(0.0, now - since) for name, since in oldest.items()}


def _ages(bridge: Bridge) -> dict[tuple[str, ...], float]:
    now = bridge.clock.wall()
    return {
        (name,): 0.0 if lane.oldest is None else max(0.0, now - lane.oldest)
        for name, lane in bridge.relay.lanes.by_name.items()
    }
