"""Doctor, restart and CDR files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.web.desk import Desk

FILE = "cdr-2026-11-26T14.jsonl"


def test_one_examination_at_a_time(desk: Desk) -> None:
    found = desk.call("GET", "/doctor", role="viewer").body
    assert (found["running"], found["items"][0]["verdict"]) == (False, "look")
    started = desk.call("POST", "/doctor", role="operator")
    assert (started.status, started.body["running"]) == (202, True)
    again = desk.call("POST", "/doctor")
    assert (again.status, again.body["detail"]) == (409, "an examination is under way")
    assert desk.call("POST", "/doctor", role="viewer").status == 403


def test_a_restart_is_answered_before_it_is_done(desk: Desk) -> None:
    assert desk.call("POST", "/restart", role="operator").status == 403
    started = desk.call("POST", "/restart")
    assert (started.status, started.body["under_way"]) == (202, True)
    assert started.body["taken_up"] == {"sessions": 2, "lost": 0, "gap_seconds": 0.5}
    assert [note[1] for note in desk.noted] == ["start_restart"]


def test_a_restart_that_is_refused_says_why(desk: Desk) -> None:
    desk.restart.why = "the new program refuses the configuration"
    reply = desk.call("POST", "/restart")
    assert (reply.status, reply.body["detail"]) == (409, desk.restart.why)
    assert desk.call("GET", "/restart").body["refused"] == desk.restart.why


def test_cdr_files_are_for_billing(desk: Desk) -> None:
    items = desk.call("GET", "/cdr?limit=1", role="billing").body["items"]
    assert [each["file"] for each in items] == [FILE]
    for path in ("/cdr", f"/cdr/{FILE}", "/cdr/reconciliation"):
        assert desk.call("GET", path, role="operator").status == 403


def test_a_cdr_file_is_a_download_and_audited(desk: Desk) -> None:
    reply = desk.call("GET", f"/cdr/{FILE}", role="billing")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"{}\n", "3")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert desk.noted == [("billing", "download_cdr_file", FILE, {})]
    assert desk.call("HEAD", f"/cdr/{FILE}").body == b""


@pytest.mark.parametrize(
    "name",
    [
        "cdr-2026-11-26T15.jsonl",
        "manifest.jsonl",
        ".exported.json",
        "..%2F..%2Fetc%2Fpasswd",
        "%2E%2E",
        "cdr-2026-11-26T14.jsonl%00",
        ".cdr-2026-11-26T14.jsonl.ids",
        "cdr-interim.jsonl",
    ],
)
def test_only_a_file_of_the_manifest(desk: Desk, name: str) -> None:
    assert desk.call("GET", f"/cdr/{name}").status == 404


def test_reconciliation_of_a_time(desk: Desk) -> None:
    path = "/cdr/reconciliation?from=2026-11-26T14:00:00Z&to=2026-11-26T15:00:00%2B00:00"
    found = desk.call("GET", path).body
    assert (found["balanced"], found["all"]["accepted"]) == (True, 1)
    hours = [datetime(2026, 11, 26, hour, tzinfo=UTC) for hour in (14, 15)]
    assert desk.cdr.asked == [tuple(hours)]
    assert desk.call("GET", "/cdr/reconciliation?from=yesterday").status == 422
    assert desk.call("GET", "/cdr/reconciliation?from_=2026-11-26T14:00:00Z").status == 422
