"""The overview and the history, and the alarms by what makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smppbridge.web.api.live import ShownError
from tests.store.opened import NOW
from tests.web.desk import Desk


def overview(desk: Desk) -> Any:
    reply = desk.call("GET", "/overview", role="viewer")
    assert reply.status == 200, reply.body
    return reply.body


def codes(desk: Desk) -> list[tuple[str, str | None]]:
    return [(alarm["code"], alarm["about"]) for alarm in overview(desk)["alarms"]]


def test_the_overview(desk: Desk) -> None:
    desk.live.metrics.accepted("bank", 10)
    desk.clock.advance(1.0)
    shown = overview(desk)
    assert (shown["ready"], shown["uncertain"], shown["owed"], shown["binds"]) == (True, 4, 3, 1)
    assert shown["flow"] == {
        "gathering": 1, "waiting": 0, "submitting": 0, "submitted": 7, "finished_today": 9,
    }  # fmt: skip
    assert shown["rates"]["accepted"] == 10.0
    assert shown["disk"] == {"store": 10}
    assert [each["name"] for each in shown["providers"]] == ["keccel", "d7"]
    assert shown["accounts"][0]["throughput"] == {"now": 10.0, "refused": 0.0, "limit": None}
    assert shown["alarms"][0]["action"] == {"label": "Decide", "screen": "uncertain", "name": None}
    desk.failing, desk.live.stored = True, None
    shown = overview(desk)
    assert (shown["ready"], shown["flow"]["submitted"]) == (False, None)
    assert shown["alarms"][0]["code"] == "store_failed"


def test_a_provider_that_is_down_says_why(desk: Desk) -> None:
    lane = desk.lanes.by_name["keccel"]
    desk.live.failed["keccel"] = [
        ShownError(NOW, "not_sent", "connection timed out", None, 10.0, 17, 1, "")
    ]
    for _ in range(10):
        lane.breaker.failed(0.0)
    shown = overview(desk)
    alarm = next(each for each in shown["alarms"] if each["code"] == "provider_down")
    assert (alarm["tone"], alarm["about"]) == ("bad", "keccel")
    assert "10 failures in a row" in alarm["text"]
    assert "connection timed out" in alarm["text"]
    breaker = shown["providers"][0]["breaker"]
    assert (breaker["state"], breaker["failures"], breaker["opens_after"]) == ("open", 10, 10)
    assert breaker["since"] < breaker["next_probe_at"]
    desk.clock.advance(6.0)
    assert overview(desk)["providers"][0]["breaker"]["state"] == "half_open"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("provider_held", lambda lane: setattr(lane, "held", True)),
        ("provider_paused", lambda lane: lane.pause(60.0)),
        ("provider_refusing", lambda lane: setattr(lane, "refusing", "no credit")),
        ("credit_low", lambda lane: setattr(lane, "is_low", True)),
    ],
)
def test_alarms_of_a_lane(desk: Desk, code: str, change: Any) -> None:
    assert (code, "d7") not in codes(desk)
    change(desk.lanes.by_name["d7"])
    assert (code, "d7") in codes(desk)


def test_alarms_of_the_machine(desk: Desk) -> None:
    assert codes(desk) == [("uncertain", None)]
    desk.live.well = False
    desk.live.expires = [("smpp", "cert.pem expires in 3 days")]
    desk.live.days = {"keccel": 2.0}
    assert codes(desk) == [
        ("uncertain", None),
        ("credit_ends", "keccel"),
        ("certificate_expires", "smpp"),
        ("configuration_refused", None),
    ]


def test_receipts_without_a_receiver(desk: Desk) -> None:
    desk.live.oldest["bank"] = NOW - 100
    assert ("no_receiver", "bank") not in codes(desk)
    session = desk.sessions.listed()[0]
    for kinds, why in ([["transmitter"], "transmitters only"], [[], "no session"]):
        bound = [_as(session, kind) for kind in kinds]
        desk.sessions.found = bound
        alarm = overview(desk)["alarms"][-1]
        assert (alarm["code"], alarm["about"]) == ("no_receiver", "bank")
        assert why in alarm["text"]


def _as(session: Any, kind: str) -> Any:
    return replace(session, kind=kind)


def test_notes_are_the_last_events_of_the_log(desk: Desk) -> None:
    desk.live.noted = 7
    desk.live.events = [
        {"ts": "2026-11-26T14:05:53.000Z", "level": "warning", "event": "provider_down", "a": 1},
        {"ts": "2026-11-26T14:05:52.000Z", "level": "error", "event": "store_failed"},
    ]
    notes = overview(desk)["notes"]
    assert [(each["id"], each["event"], each["facts"]) for each in notes] == [
        (7, "provider_down", {"a": 1}),
        (6, "store_failed", {}),
    ]


def test_the_history(desk: Desk) -> None:
    for second in range(3):
        desk.live.metrics.accepted("bank", second)
        desk.clock.advance(1.0)
        desk.live.pulse.tick(NOW + second, {"waiting": second})
    shown = desk.call("GET", "/history?series=waiting,accepted,none", role="viewer").body
    assert (shown["step"], shown["series"]["waiting"][-3:]) == (1, [None, 1.0, 2.0])
    assert len(shown["series"]["waiting"]) == 900 - 1
    assert shown["series"].keys() == {"waiting", "accepted"}
    assert set(desk.call("GET", "/history").body["series"]) > {"taken", "delivered_ratio"}
    old = "/history?series=waiting&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"
    assert desk.call("GET", old).body["series"] == {"waiting": []}
    assert desk.call("GET", "/history?from=yesterday").status == 422
    assert desk.call("GET", "/history?series=%00").status == 422
    assert desk.call("GET", "/history", role="billing").status == 403


def test_errors_of_a_provider(desk: Desk) -> None:
    desk.live.failed["d7"] = [
        ShownError(NOW, "postponed", "HTTP 429", 429, 0.1, 17, 1, ""),
        ShownError(NOW - 1, "refused", "no credit", None, 0.2, 18, 2, "Insufficient"),
    ]
    first, second = desk.call("GET", "/providers/d7/errors", role="viewer").body["items"]
    assert (first["http_status"], first["message_id"], first["words"]) == (429, "17", None)
    assert (second["messages"], second["words"]) == (2, "Insufficient")
    assert desk.call("GET", "/providers/d7").body["last_error"] == first
    assert desk.call("GET", "/providers/keccel/errors").body == {"items": []}
    assert desk.call("GET", "/providers/none/errors").status == 404
