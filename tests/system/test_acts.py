"""Messages sent, moved and given up through the API of a daemon."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any

import pytest

from smppbridge.web.keyring import digest_of
from tests.patience import PATIENCE
from tests.system.daemon import Daemon
from tests.system.esme import ids
from tests.system.provider import Provider

pytestmark = pytest.mark.system

BODY = {"account": "bank", "source": "BANK", "destination": "243810000001", "text": "Bonjour"}


@pytest.fixture
def running(daemon: Daemon) -> Daemon:
    daemon.settings["web"]["tokens"] = [{"name": "a", "role": "admin", "sha256": digest_of("one")}]
    return daemon.start()


def called(
    daemon: Daemon, method: str, operation: str, body: object = None, key: str = ""
) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", daemon.web, timeout=PATIENCE)
    headers = {"Authorization": "Bearer one"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if key:
        headers["Idempotency-Key"] = key
    octets = None if body is None else json.dumps(body)
    connection.request(method, f"/api/v1{operation}", octets, headers)
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


def test_a_message_of_the_api_goes_the_way_of_a_submit_sm(
    running: Daemon, provider: Provider
) -> None:
    status, shown = called(running, "POST", "/messages", BODY | {"dry_run": True})
    assert (status, shown["provider"], shown["segments"]) == (200, "keccel", 1)
    assert provider.taken.total() == 0
    status, sent = called(running, "POST", "/messages", BODY | {"registered_delivery": 1})
    assert status == 200
    provider.await_taken(1)
    path = f"/messages/{sent['message_id']}"
    assert called(running, "GET", path)[1]["account"] == "bank"
    assert called(running, "POST", f"{path}/reveal", {"what": ["text"]})[1]["text"] == "Bonjour"
    with running.bound() as esme:
        assert ids(esme.await_receipts(1)) == {sent["message_id"]}


def test_a_refused_message_can_be_found(running: Daemon) -> None:
    status, refused = called(running, "POST", "/messages", BODY | {"destination": "+00"})
    assert (status, refused["reason"]) == (422, "bad_number")
    running.await_rows("select reason from refused", [("bad_number",)])
    (found,) = called(running, "GET", "/refused?account=bank")[1]["items"]
    assert found["reason"] == "bad_number"


def test_a_key_sends_one_message_also_over_a_kill(running: Daemon, provider: Provider) -> None:
    first = called(running, "POST", "/messages", BODY, "k-1")[1]
    running.kill()
    running.start()
    second = called(running, "POST", "/messages", BODY, "k-1")[1]
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert first["message_id"] == second["message_id"]
    assert running.rows("select count(*) from message") == [(1,)]
    status, _ = called(running, "POST", "/messages", BODY | {"text": "Bonsoir"}, "k-1")
    assert status == 422
    assert provider.taken.total() <= 1


def test_messages_that_wait_are_moved_and_given_up(daemon: Daemon, provider: Provider) -> None:
    other = Provider()
    keccel = daemon.keccel
    daemon.settings["providers"]["other"] = keccel | {"base_url": other.url}
    daemon.settings["routes"] = [{"via": ["keccel"]}]
    daemon.settings["web"]["tokens"] = [{"name": "a", "role": "admin", "sha256": digest_of("one")}]
    daemon.start()
    called(daemon, "POST", "/providers/keccel/pause")
    with daemon.bound() as esme:
        ids_ = [esme.submit(f"text {each}").message_id.decode() for each in range(4)]
        move = {"to": "other", "message_ids": ids_[:2]}
        _, found = called(daemon, "POST", "/waiting/moves", move)
        assert (found["moved"], found["unmoved"][0]["why"]) == ([], "not_on_route")
        _, found = called(daemon, "POST", "/waiting/moves", move | {"off_route": True})
        assert found["moved"] == ids_[:2]
        other.await_taken(2)
        some = {"filter": {"provider": "keccel"}, "expect": 2}
        _, found = called(daemon, "POST", "/waiting/failures", some)
        assert found["failed"] == ids_[2:]
        called(daemon, "POST", "/providers/keccel/resume")
        stats = {each.message_id: each.stat for each in esme.await_receipts(4)}
        assert [stats[each] for each in ids_] == ["DELIVRD"] * 2 + ["UNDELIV"] * 2
    codes = [
        each["code"] for each in called(daemon, "GET", f"/messages/{ids_[0]}/timeline")[1]["items"]
    ]
    assert "decided_by_hand" in codes
    assert (other.taken.total(), provider.taken.total()) == (2, 0)
    other.close()


def test_reports_with_other_ids_are_found_out_and_settled(
    daemon: Daemon, provider: Provider
) -> None:
    provider.callback = None
    daemon.keccel.update(reports="push", ids="exact")
    daemon.settings["web"]["tokens"] = [{"name": "a", "role": "admin", "sha256": digest_of("one")}]
    daemon.start()
    with daemon.bound() as esme:
        ids_ = [esme.submit(f"text {each}").message_id.decode() for each in range(20)]
    daemon.await_rows("select count(*) from message where stage = 3", [(20,)])
    provider.callback = daemon.callback  # only what the test has it report
    for name in provider.ids.values():
        assert provider.report(f"00{name}") == 200
    _, found = called(daemon, "GET", "/unmatched/suggestion?provider=keccel")
    assert found["suggestion"]["setting"] == "providers.keccel.ids: zeros"
    trial = {"provider": "keccel", "rule": "zeros"}
    assert called(daemon, "POST", "/unmatched/try", trial)[1]["fits"] == 20
    settled = called(daemon, "POST", "/unmatched/try", trial | {"dry_run": False})[1]
    assert settled["settled"] == 20
    with daemon.bound() as esme:
        receipts = esme.await_receipts(20)
    assert {(each.message_id, each.stat) for each in receipts} == {(m, "DELIVRD") for m in ids_}
    assert called(daemon, "GET", "/unmatched?provider=keccel")[1]["items"] == []
