from __future__ import annotations

import pytest

from tests.web.desk import Desk

BANK = {"of": "account", "value": "bank"}


def test_a_trace_is_started_read_stopped_and_dropped(desk: Desk) -> None:
    started = desk.call("POST", "/traces", role="operator", body=BANK | {"seconds": 30})
    assert (started.status, started.body["id"], started.body["by"]) == (200, "2", "operator")
    assert desk.noted == [
        ("operator", "start_trace", "account", BANK | {"seconds": 30.0, "texts": False})
    ]
    assert [each["id"] for each in desk.call("GET", "/traces").body["items"]] == ["1", "2"]
    assert desk.call("GET", "/traces/2").body["ended"] is None
    assert desk.call("POST", "/traces/2/stop").body["ended"] == "stopped"
    assert desk.call("DELETE", "/traces/2").status == 200
    assert [note[1:3] for note in desk.noted[1:]] == [("stop_trace", "2"), ("forget_trace", "2")]
    for method, path in (
        ("GET", ""),
        ("GET", "/pdus"),
        ("GET", ".pcapng"),
        ("POST", "/stop"),
        ("DELETE", ""),
    ):
        reply = desk.call(method, f"/traces/2{path}")
        assert (reply.status, reply.body["detail"]) == (404, "there is no trace 2")


def test_packets_come_in_parts(desk: Desk) -> None:
    first = desk.call("GET", "/traces/1/pdus?limit=2").body
    assert [each["n"] for each in first["items"]] == [0, 1]
    last = desk.call("GET", f"/traces/1/pdus?limit=2&cursor={first['next']}").body
    assert [each["n"] for each in last["items"]] == [2]
    assert desk.call("GET", "/traces/1/pdus?limit=501").status == 422


def test_the_file_is_a_download(desk: Desk) -> None:
    reply = desk.call("GET", "/traces/1.pcapng", role="operator")
    assert (reply.status, reply.body) == (200, b"\n\r\r\n")
    assert reply.headers["content-type"] == "application/vnd.tcpdump.pcap"
    assert reply.headers["content-disposition"] == (
        'attachment; filename="smppbridge-trace-1.pcapng"'
    )
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert desk.call("DELETE", "/traces/1.pcapng").status == 405


def test_texts_are_an_admins(desk: Desk) -> None:
    order = BANK | {"texts": True}
    refused = desk.call("POST", "/traces", role="operator", body=order)
    assert (refused.status, desk.noted, len(desk.traces.items)) == (403, [], 1)
    assert desk.call("POST", "/traces", body=order).body["texts"]
    for path in ("/traces/2/pdus", "/traces/2.pcapng"):
        assert desk.call("GET", path, role="operator").status == 403
        assert desk.call("GET", path).status == 200
    assert desk.call("GET", "/traces/2", role="operator").status == 200


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"of": "account"},
        {"of": "message", "value": "1"},
        {"of": "account", "value": ""},
        {"of": "account", "value": "a\x1bb"},
        BANK | {"seconds": 0.5},
        BANK | {"seconds": 3601},
        BANK | {"more": 1},
    ],
)
def test_odd_orders(desk: Desk, order: dict[str, object]) -> None:
    assert desk.call("POST", "/traces", body=order).status == 422
    assert desk.noted == []


def test_a_fifth_trace_is_refused(desk: Desk) -> None:
    replies = [desk.call("POST", "/traces", body=BANK) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 409]
    assert replies[-1].body["detail"] == "4 traces run already: stop one"


def test_a_trace_that_cannot_be_written_down_is_not_started(desk: Desk) -> None:
    desk.failing = True
    assert desk.call("POST", "/traces", body=BANK).status == 503
    assert len(desk.traces.items) == 1
