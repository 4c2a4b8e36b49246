"""Providers, accounts, sessions, overview, audit, opt-outs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial

import pytest

from smppbridge.relay.others import FarAnswers
from smppbridge.store import audit
from smppbridge.store.audit import AuditEntry
from smppbridge.web.api.providers import HOLD, PROBE
from tests.store.opened import NOW, Opened
from tests.web.desk import Desk


def test_providers_as_they_are(desk: Desk) -> None:
    lane = desk.lanes.by_name["keccel"]
    items = desk.call("GET", "/providers", role="viewer").body["items"]
    assert [(each["name"], each["state"]) for each in items] == [("keccel", "up"), ("d7", "up")]
    assert (items[0]["balance"]["amount"], items[0]["balance"]["unit"]) == (12.5, "USD")
    assert items[1]["balance"] is None
    lane.is_low = True
    assert desk.call("GET", "/providers/keccel").body["state"] == "credit_low"
    lane.refusing = "no credit"
    assert desk.call("GET", "/providers/keccel").body["refusing"] == "no credit"
    lane.pause(60.0)
    shown = desk.call("GET", "/providers/keccel").body
    assert (shown["state"], shown["paused_seconds"]) == ("paused", 60.0)
    lane.breaker.is_closed = False
    assert desk.call("GET", "/providers/keccel").body["state"] == "probing"
    for path in ("/providers/none", "/providers/%20", "/providers/" + "x" * 65):
        assert desk.call("GET", path).status == 404


def test_a_provider_is_paused_in_the_store_too(desk: Desk, opened: Opened) -> None:
    assert desk.call("POST", "/providers/d7/pause", role="operator").status == 200
    assert desk.lanes.by_name["d7"].is_shut(0.0)
    assert not desk.lanes.by_name["keccel"].held
    assert opened.wait(opened.store.by_hand(audit.paused)) == {"d7"}
    assert desk.call("GET", "/providers/d7").body["state"] == "held"
    assert desk.call("POST", "/providers/d7/resume", role="operator").status == 200
    assert opened.wait(opened.store.by_hand(audit.paused)) == frozenset()
    assert not desk.lanes.by_name["d7"].held
    acts = [("pause_provider", "d7"), ("resume_provider", "d7")]
    assert [each[1:3] for each in desk.noted] == acts


@pytest.mark.parametrize("verb", ["pause", "resume", "probe"])
def test_an_unknown_provider_is_404(desk: Desk, verb: str) -> None:
    assert desk.call("POST", f"/providers/none/{verb}").status == 404


def test_a_probe_leaves_at_once(desk: Desk) -> None:
    breaker = desk.lanes.by_name["keccel"].breaker
    for _ in range(10):
        breaker.failed(0.0)
    assert breaker.is_open(0.0)
    assert desk.call("POST", "/providers/keccel/probe").status == 200
    assert not breaker.is_open(0.0)


def test_accounts_and_sessions(desk: Desk) -> None:
    (account,) = desk.call("GET", "/accounts", role="viewer").body["items"]
    assert (account["id"], account["binds"]) == ("bank", {"transceiver": 1})
    assert account["owed"] == {"count": 3, "oldest_at": None, "until": None}
    assert desk.call("GET", "/accounts/bank").body == account | {"refused_binds": []}
    assert desk.call("GET", "/accounts/none").status == 404
    first, second = desk.call("GET", "/sessions").body["items"]
    assert (first["account"], first["interface_version"]) == ("bank", "3.4")
    assert (second["account"], second["refused_pdus"]) == (None, 3)
    assert desk.call("GET", "/sessions?account=bank").body["items"] == [first]
    assert desk.call("GET", "/sessions?account=none").body["items"] == []


def test_a_session_is_unbound(desk: Desk) -> None:
    assert desk.call("POST", "/sessions/1/unbind", role="operator").status == 200
    assert desk.call("POST", "/sessions/3/unbind", role="operator").status == 404
    assert desk.call("POST", "/sessions/x/unbind", role="operator").status == 404
    assert desk.sessions.unbound == ["1", "3"]


def entry(at: float, actor: str) -> AuditEntry:
    return AuditEntry(
        at=at, actor=actor, via="token", address="::1", action="x", object="", detail='{"a": 1}'
    )


def written(wanted: AuditEntry, db: sqlite3.Connection) -> None:
    audit.note(db, wanted)


def test_the_audit_trail_is_read_newest_first(desk: Desk, opened: Opened) -> None:
    for number in range(3):
        opened.wait(opened.store.by_hand(partial(written, entry(NOW + number, f"actor{number}"))))
    page = desk.call("GET", "/audit?limit=2").body
    assert [item["actor"] for item in page["items"]] == ["actor2", "actor1"]
    assert page["items"][0]["detail"] == {"a": 1}
    last = desk.call("GET", f"/audit?limit=2&cursor={page['next']}").body
    assert [item["actor"] for item in last["items"]] == ["actor0"]
    assert last["next"] is None


def test_acts_are_forgotten_after_their_time(opened: Opened) -> None:
    with closing(sqlite3.connect(opened.path, isolation_level=None)) as db:
        for at in (1.0, 1.0 + audit.KEPT, 2.0 + audit.KEPT):
            audit.note(db, entry(at, "a"))
        assert [row.entry.at for row in audit.listed(db, None, 9)][-1] == 1.0 + audit.KEPT


def test_optouts_are_listed_and_ended(desk: Desk, opened: Opened) -> None:
    numbers = [("keccel", "243810000001", NOW), ("d7", "243810000001", NOW + 1)]
    opened.wait(opened.store.keep_optouts(numbers))
    items = desk.call("GET", "/optouts", role="viewer").body["items"]
    assert [(each["provider"], each["number"]) for each in items] == [
        ("d7", "2438*****001"),
        ("keccel", "2438*****001"),
    ]
    assert desk.call("GET", "/optouts?number=4420").body["items"] == []
    assert desk.call("DELETE", "/optouts/d7/243810000001", role="operator").status == 200
    assert desk.call("DELETE", "/optouts/d7/243810000001", role="operator").status == 404
    assert desk.call("DELETE", "/optouts/d7/x", role="operator").status == 404
    assert opened.wait(opened.store.ended_optouts()) == [("d7", "243810000001")]


def test_optouts_of_one_moment_are_on_pages_once(desk: Desk, opened: Opened) -> None:
    numbers = [f"24381000000{n}" for n in range(5)]
    told = [("d7", number, NOW + (number == numbers[4])) for number in numbers]
    opened.wait(opened.store.keep_optouts(told))
    found, after = [], ""
    while True:
        body = {"limit": 2, "reason": "a complaint"} | ({"cursor": after} if after else {})
        reply = desk.call("POST", "/optouts/reveal", role="operator", body=body).body
        query = f"/optouts?limit=2{after and f'&cursor={after}'}"
        masked = desk.call("GET", query, role="viewer").body
        assert masked["next"] == reply["next"]
        assert "24381000000" not in str(masked)
        found += [each["number"] for each in reply["items"]]
        if (after := reply["next"]) is None:
            break
    assert found == [numbers[4], *numbers[:4]]
    assert desk.noted[0][:3] == ("operator", "reveal_optouts", "")
    assert desk.noted[0][3]["reason"] == "a complaint"
    assert desk.call("POST", "/optouts/reveal", role="viewer", body={}).status == 403
    for odd in ("x", "7ff0000000000000-0", "0-0"):
        assert desk.call("GET", f"/optouts?cursor={odd}").status == 422


@pytest.mark.parametrize("verb", ["pause", "resume", "probe"])
def test_all_nodes_do_it_and_the_silent_ones_are_named(desk: Desk, verb: str) -> None:
    others = desk.played.others
    assert desk.call("POST", f"/providers/d7/{verb}").body == {"nodes": [], "silent": []}
    others.answers = FarAnswers({"b": {}}, ["c"])
    found = desk.call("POST", f"/providers/d7/{verb}").body
    assert found == {"nodes": ["b"], "silent": ["c"]}
    act = PROBE if verb == "probe" else HOLD
    assert others.asked[-1][:3] == (None, act, {"provider": "d7"})
    others.failing = True
    reply = desk.call("POST", f"/providers/d7/{verb}")
    assert (reply.status, "done here" in reply.body["detail"]) == (503, True)
