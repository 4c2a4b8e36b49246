"""The names of all metrics; the page `metrics` of docs is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Name:
    """The kind, labels and help of a metric; *bounds* are for a histogram's buckets, in seconds."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()


_GAUGES = {
    "build_info": ("version", "Always 1; which version runs"),
    "ready": ("", "1 while messages are taken: store writable, listening, not draining"),
    "config_last_reload_success": ("", "0 if the configuration read last was refused"),
    "config_last_reload_timestamp_seconds": ("", "When a configuration was applied last"),
    "binds": ("account type", "Sessions bound, also 0: TX, RX or TRX"),
    "connections_waiting": (
        "stage",
        "Connections on their way to a session: header (of a balancer), bind, call (by outbind)",
    ),
    "old_password_sessions": (
        "account",
        "Sessions bound with the older of two valid passwords: at 0 it may be taken out",
    ),
    "certificate_expiry_timestamp_seconds": (
        "listener file",
        "When the certificate that is served expires, and the first one of client_ca",
    ),
    "window_in_use": ("account direction", "Requests unanswered: in from the ESME, out to it"),
    "responses_waiting": ("account", "Responses that wait for a provider's verdict"),
    "gathering_messages": ("", "Long messages that wait for segments"),
    "gathering_remembered_messages": ("", "Joined messages whose segments are known again"),
    "operations_waiting": (
        "operation",
        "Requests that wait for the store or a provider: query, cancel, replace, supersede",
    ),
    "uncertain_messages": ("", "Messages whose fate nobody knows yet"),
    "queue_messages": ("provider", "Messages waiting in a lane"),
    "queue_oldest_age_seconds": ("provider", "Age of the oldest message waiting in a lane"),
    "provider_up": (
        "provider",
        "0 while the lane's breaker is open, or no session is bound upstream",
    ),
    "provider_shut": ("provider", "1 while messages take the next provider of their route"),
    "provider_paused_seconds": ("provider", "Seconds until a lane goes on that was too fast, or 0"),
    "provider_pace": ("provider", "Requests a second of a lane that was too fast; 0: no limit"),
    "provider_concurrency": ("provider", "Requests that may be under way, as the lane finds best"),
    "limit_share": ("kind name", "The part of a limit that this node has, of all nodes'"),
    "provider_in_flight": ("provider", "Requests made of a provider and not answered"),
    "upstream_binds": ("provider type", "Sessions bound with an upstream SMSC: TX, RX or TRX"),
    "upstream_window_in_use": ("provider", "submit_sm that an upstream SMSC has not answered"),
    "upstream_waiting": ("provider", "submit_sm that wait for room in an upstream's windows"),
    "provider_balance": ("provider unit", "Credit left, where the provider tells"),
    "provider_balance_days": (
        "provider",
        "Days that the credit lasts at the last day's pace, once an hour of that is known",
    ),
    "clock_lead_seconds": (
        "",
        "Seconds that our clock is ahead of the machine's, which was set back",
    ),
    "early_reports": ("", "Reports that wait for their message to be known"),
    "unmatched_reports": (
        "",
        "Reports of the last 24 h whose message was never found, and which can be looked up",
    ),
    "deliveries_waiting": ("account", "deliver_sm owed and not acknowledged, also 0"),
    "deliveries_oldest_age_seconds": (
        "account",
        "For how long the oldest deliver_sm that is not acknowledged has been owed, also 0",
    ),
    "opted_out_numbers": ("", "Numbers that opted out, as far as they are in memory"),
    "ussd_dialogues": ("account", "USSD dialogues that are open"),
    "cdr_exported_timestamp_seconds": (
        "",
        "End of the last hour that has a CDR file; 0: none yet, or no files wanted",
    ),
    "traces": ("", "Traces that run: each listens to sessions, providers and callbacks"),
    "store_bytes": ("", "Size of the store"),
    "store_wal_bytes": ("", "Size of the store's write-ahead log"),
    "store_free_bytes": ("", "Space left where the store is"),
    "node_info": ("name slot epoch", "Always 1; of several nodes on PostgreSQL: which this is"),
    "node_lease_seconds": ("", "Seconds that a node may act until a transaction is confirmed"),
    "node_shards": ("", "Shards that a node has: its own, and those of nodes it has taken over"),
    "nodes_alive": ("", "Nodes that live, this one too, as this one sees it"),
    "store_connected": ("", "0 while a node does not reach its database"),
    "store_synchronous": ("", "0 if the database does not wait for a standby at a commit"),
    "store_clock_skew_seconds": ("", "By how much a node's clock is ahead of its database's"),
    "store_oldest_transaction_seconds": (
        "",
        "Age of the database's oldest transaction: small tables grow while it lasts",
    ),
    "store_partitions_ahead_days": (
        "",
        "Days to come that have tables in the database; -1: today has none",
    ),
    "store_dead_rows": ("table", "Rows of the database's small tables that vacuum may take"),
}
_COUNTERS = {
    "bind_attempts_total": (
        "result reason",
        "Binds by what they were answered, and why they were refused",
    ),
    "old_password_binds_total": ("account", "Binds with the older of two valid passwords"),
    "connections_total": ("listener", "Connections that were let in; see connections_failed_total"),
    "connections_failed_total": (
        "listener reason",
        "Connections turned away, cut off, failed in TLS or the PROXY protocol, or never bound",
    ),
    "pdus_total": ("direction command status", "PDUs of sessions with ESMEs, in and out"),
    "pdu_errors_total": ("status", "PDUs that were wrong, by the answer they got"),
    "session_oddities_total": (
        "account kind",
        "What ESMEs do otherwise than SMPP 3.4 says; account is empty before the bind",
    ),
    "segments_accepted_total": (
        "account",
        "submit_sm, and destinations of submit_multi, answered ESME_ROK",
    ),
    "segments_refused_total": (
        "account status reason",
        "submit_sm, or destinations of submit_multi, refused, and why: `help reasons`",
    ),
    "responses_waited_total": (
        "account outcome",
        "Responses that waited for a provider: accepted, refused, late or lost",
    ),
    "operations_total": (
        "account operation status",
        "query, cancel and replace, by the status of the answer",
    ),
    "latin1_fallbacks_total": ("account", "GSM messages read as Latin-1 for octets above 0x7F"),
    "gathering_expired_total": ("account", "Long messages whose segments did not all come"),
    "messages_quiet_total": ("account", "Messages held by the quiet hours of their route"),
    "messages_finished_total": ("account state", "Messages that reached a final state"),
    "properties_lost_total": (
        "provider property",
        "Of accepted messages, what the provider has no field for: message_class, or a TLV by name",
    ),
    "reports_total": ("provider source state", "Reports: push, poll or own"),
    "reports_unknown_status_total": ("provider", "Reports with a status that no table knows"),
    "reports_unmatched_total": ("provider", "Reports whose message was never found"),
    "reports_repeated_total": ("provider kind", "Reports on final messages: same or conflicting"),
    "deliveries_total": ("account outcome", "Ends of deliver_sm: delivered, refused, ..."),
    "mo_total": (
        "provider outcome",
        "MO messages: owed, repeated, unrouted, outdated or too_long",
    ),
    "alerts_total": (
        "provider outcome",
        "alert_notifications of upstream SMSCs: passed, unrouted or unbound",
    ),
    "outbinds_total": ("account result", "Calls of ESMEs: bound, refused, silent or unreachable"),
    "optouts_total": ("provider", "Opt-outs received"),
    "ussd_ended_total": ("account outcome", "USSD dialogues by their end: ended, timeout, ..."),
    "ussd_passed_total": (
        "account result",
        "USSD requests that went to another node: answered, declined, unreachable, lost, ...",
    ),
    "callbacks_total": ("provider result", "Requests to the callbacks listener"),
    "reasons_total": (
        "act reason",
        "Each no: refusals, diversions, postponements, expiries, ..., and why: `help reasons`",
    ),
    "notes_dropped_total": (
        "kind",
        "Notes that were too many, or that the store failed to write: note, refused, unmatched",
    ),
    "node_takeovers_total": ("", "Nodes that fell silent and were taken over by this one"),
    "reports_forwarded_total": ("provider", "Reports handed on to the node that has their message"),
    "receipts_forwarded_total": (
        "account",
        "deliver_sm handed on to a node that has a receiver of their account",
    ),
    "store_commits_in_doubt_total": (
        "result",
        "Commits whose answer was lost, by what was found out: committed or not",
    ),
    "audit_total": ("action", "Acts of people and programs over the API; login_refused is one"),
    "log_lines_dropped_total": ("", "Log lines lost because nobody read them"),
    "unreadable_metrics_total": ("name", "Values that could not be read when asked for"),
}
_HISTOGRAMS = {
    "bind_duration_seconds": (
        ("", "How long a session was bound"),
        (1, 10, 60, 600, 3600, 21_600, 86_400, 604_800),
    ),
    "enquire_link_seconds": (
        ("", "Answers of ESMEs to our enquire_link"),
        (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    ),
    "submit_resp_seconds": (
        ("account", "From submit_sm to submit_sm_resp, with the disk between them"),
        (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    ),
    "provider_request_seconds": (
        ("provider operation outcome", "Exchanges with a provider, from the time a request leaves"),
        (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    ),
    "report_latency_seconds": (
        ("provider", "From the provider's acceptance to the final report"),
        (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400),
    ),
    "ussd_answer_seconds": (
        ("account", "From a phone's USSD request to its ESME's screen"),
        (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20),
    ),
    "store_commit_seconds": (
        ("", "One transaction, until it is on disk"),
        (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
    ),
    "reactor_lag_seconds": (
        ("", "How late timers are"),
        (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
    ),
}


def _full(name: str) -> str:
    return f"smppbridge_{name}"


NAMES: dict[str, Name] = {
    **{_full(k): Name("gauge", tuple(of.split()), text) for k, (of, text) in _GAUGES.items()},
    **{_full(k): Name("counter", tuple(of.split()), text) for k, (of, text) in _COUNTERS.items()},
    **{
        _full(k): Name("histogram", tuple(of.split()), text, bounds)
        for k, ((of, text), bounds) in _HISTOGRAMS.items()
    },
}
"""Every metric by its full name."""
