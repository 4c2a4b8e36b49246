from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smppbridge.observe.metrics import Metrics
from smppbridge.observe.names import NAMES
from smppbridge.relay.ports import Meters

ROOT = Path(__file__).parents[2]


def samples(metrics: Metrics) -> dict[str, float]:
    """All samples of ours, written as Prometheus writes them."""
    return {
        sample.name
        + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def count_everything(metrics: Metrics) -> None:
    relay: Meters = metrics
    relay.accepted("bank", 3)
    relay.refused("bank", 0x58, "throttled")
    relay.refused("bank", 0xDEADBEEF, "bad_tlv")
    relay.quiet("bank", 2)
    relay.notes_dropped("refused", 4)
    relay.reasoned("bind", "binds", 5)
    relay.operated("bank", "query", 0, 5)
    relay.operated("bank", "cancel", 0x11, 1)
    relay.latin1_fallback("bank")
    relay.gathering_expired("bank", 2)
    relay.asked("keccel", "submit", "accepted", [0.02, 99.0])
    relay.reported("keccel", "push", 2, 5)
    relay.unmatched("keccel", 1)
    relay.unknown_status("keccel")
    relay.repeated("keccel", True)
    relay.repeated("keccel", False)
    relay.report_latency("keccel", 3.0)
    relay.finished("bank", 2, 4)
    relay.delivered("bank", "delivered", 4)
    relay.mo("smscx", "owed", 2)
    relay.lost("smscx", "message_class", 3)
    relay.opted_out("smscx", 1)
    relay.transaction("bank", "late", 2)
    relay.alert("up", "passed", 1)
    metrics.outbind("bank", "silent")
    metrics.audited("pause_provider")
    metrics.ussd_answered("bank", 0.3)
    metrics.ussd_ended("bank", "timeout")
    metrics.ussd_passed("bank", "lost")
    metrics.watch("smppbridge_pdus_total", lambda: {("in", "submit_sm", "ESME_ROK"): 50})
    metrics.pdu_error(0x02)
    metrics.odd("bank", "priority")
    metrics.bind_attempt("ESME_RINVPASWD", "wrong_password")
    metrics.old_password("bank")
    metrics.connection_failed("smpp", "gave_way")
    metrics.bind_ended(61.0)
    metrics.submit_resp("bank", 0.001, 50)
    metrics.enquire_link(0.1)
    metrics.store_commit(0.002)
    metrics.reactor_lag(0.0)
    metrics.callback("keccel", "ok", 3)
    metrics.watch("smppbridge_log_lines_dropped_total", lambda: 7)
    metrics.watch("smppbridge_connections_total", lambda: {("web",): 9})
    metrics.watch("smppbridge_ready", lambda: 1 // 0)
    metrics.exposition()


EXPECTED = {
    "segments_accepted_total account=bank": 3,
    "segments_refused_total account=bank reason=throttled status=ESME_RTHROTTLED": 1,
    "segments_refused_total account=bank reason=bad_tlv status=other": 1,
    "operations_total account=bank operation=query status=ESME_ROK": 5,
    "operations_total account=bank operation=cancel status=ESME_RCANCELFAIL": 1,
    "latin1_fallbacks_total account=bank": 1,
    "gathering_expired_total account=bank": 2,
    "provider_request_seconds_count operation=submit outcome=accepted provider=keccel": 2,
    "provider_request_seconds_bucket le=60.0 operation=submit outcome=accepted provider=keccel": 1,
    "reports_total provider=keccel source=push state=DELIVERED": 5,
    "reports_unmatched_total provider=keccel": 1,
    "reports_unknown_status_total provider=keccel": 1,
    "reports_repeated_total kind=conflicting provider=keccel": 1,
    "reports_repeated_total kind=same provider=keccel": 1,
    "report_latency_seconds_sum provider=keccel": 3,
    "messages_finished_total account=bank state=DELIVERED": 4,
    "deliveries_total account=bank outcome=delivered": 4,
    "ussd_answer_seconds_bucket account=bank le=0.5": 1,
    "ussd_ended_total account=bank outcome=timeout": 1,
    "ussd_passed_total account=bank result=lost": 1,
    "pdus_total command=submit_sm direction=in status=ESME_ROK": 50,
    "pdu_errors_total status=ESME_RINVCMDLEN": 1,
    "session_oddities_total account=bank kind=priority": 1,
    "bind_attempts_total reason=wrong_password result=ESME_RINVPASWD": 1,
    "old_password_binds_total account=bank": 1,
    "connections_failed_total listener=smpp reason=gave_way": 1,
    "bind_duration_seconds_bucket le=60.0": 0,
    "bind_duration_seconds_bucket le=600.0": 1,
    "bind_duration_seconds_bucket le=+Inf": 1,
    "submit_resp_seconds_bucket account=bank le=0.001": 50,
    "submit_resp_seconds_count account=bank": 50,
    "submit_resp_seconds_sum account=bank": 0.05,
    "enquire_link_seconds_count": 1,
    "store_commit_seconds_count": 1,
    "reactor_lag_seconds_bucket le=0.0005": 1,
    "mo_total outcome=owed provider=smscx": 2,
    "properties_lost_total property=message_class provider=smscx": 3,
    "optouts_total provider=smscx": 1,
    "messages_quiet_total account=bank": 2,
    "responses_waited_total account=bank outcome=late": 2,
    "alerts_total outcome=passed provider=up": 1,
    "outbinds_total account=bank result=silent": 1,
    "audit_total action=pause_provider": 1,
    "callbacks_total provider=keccel result=ok": 3,
    "notes_dropped_total kind=refused": 4,
    "reasons_total act=bind reason=binds": 5,
    "log_lines_dropped_total": 7,
    "connections_total listener=web": 9,
    "unreadable_metrics_total name=smppbridge_ready": 2,
    "build_info version=1.2.3": 1,
}


COUNTED_BY_NODES = {
    "smppbridge_node_takeovers_total",
    "smppbridge_receipts_forwarded_total",
    "smppbridge_reports_forwarded_total",
    "smppbridge_store_commits_in_doubt_total",
}
"""Read where a node counts them: tests/service/test_node_gauges.py."""


def test_what_is_counted_and_timed_is_told() -> None:
    metrics = Metrics("1.2.3")
    count_everything(metrics)
    told = samples(metrics)
    for name, value in EXPECTED.items():
        assert told[f"smppbridge_{name}"] == pytest.approx(value), name


def test_every_counter_and_histogram_of_the_table_is_counted_by_something() -> None:
    told = {
        re.sub("_(bucket|count|sum)$", "", line.split()[0])
        for line in (f"smppbridge_{name}" for name in EXPECTED)
    }
    counted = {name for name, of in NAMES.items() if of.kind != "gauge"}
    assert told == counted - COUNTED_BY_NODES | {"smppbridge_build_info"}


def test_every_metric_has_a_caller() -> None:
    """Two metrics stood in README, and in this table, that nothing counted or timed."""
    files = [*(ROOT / "smppbridge").rglob("*.py")]
    own = (ROOT / "smppbridge" / "observe" / "metrics.py").read_text()
    source = "\n".join(f.read_text() for f in files if f.parent.name != "observe")
    service = "\n".join(f.read_text() for f in files if "service" in f.parts)
    verbs = {verb for verb, of in vars(Metrics).items() if callable(of) and verb[0] != "_"}
    called = {verb for verb in verbs if re.search(rf"(meters|metrics)\.{verb}\b", source)}
    assert verbs - called == {"collect", "counts", "timings"}  # Prometheus' client, and pulse
    short = {name.removeprefix("smppbridge_") for name in NAMES if f'"{name}"' not in own}
    assert {name for name in short if f'"{name}"' not in service} == set()


def test_gauges_are_read_when_they_are_asked_for() -> None:
    metrics = Metrics("1")
    binds: Any = {("bank", "TRX"): 1.0}
    metrics.watch("smppbridge_binds", lambda: binds)
    metrics.watch("smppbridge_store_bytes", lambda: 4096)
    assert samples(metrics)["smppbridge_binds account=bank type=TRX"] == 1
    binds["bank", "TRX"] = 2
    told = samples(metrics)
    assert told["smppbridge_binds account=bank type=TRX"] == 2
    assert told["smppbridge_store_bytes"] == 4096
    assert "smppbridge_ready" not in told


@pytest.mark.parametrize("name", ["smppbridge_x", "smppbridge_build_info", "bind_duration_seconds"])
def test_only_gauges_and_counters_of_the_table_are_watched_and_once(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Metrics("1").watch(name, lambda: 1)


def test_the_process_and_its_garbage_are_told() -> None:
    told = samples(Metrics("1"))
    assert told["process_open_fds"] > 0
    assert "python_gc_collections_total generation=0" in told


def test_names_are_prometheus_names() -> None:
    for name, of in NAMES.items():
        assert re.fullmatch("smppbridge_[a-z0-9_]+", name)
        assert name.endswith("_total") == (of.kind == "counter")
        assert name.endswith("_seconds") or of.kind != "histogram"
        assert list(of.bounds) == sorted(set(of.bounds))
