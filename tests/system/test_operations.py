"""Trace, configuration, doctor, restart and CDR files of a daemon, over its API."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from smppbridge.cli.bridge_client import ask
from smppbridge.web.api.operations import API
from smppbridge.web.keyring import digest_of
from smppbridge.web.operations import PREFIX
from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, Daemon
from tests.system.provider import Provider
from tests.system.test_cdr import delivered, set_back

pytestmark = pytest.mark.system
MARKERS = [f"MARKER{n:02}-of-a-secret" for n in range(12)]


class Caller:
    """An admin who calls the API of a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def __call__(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self._daemon.web, timeout=PATIENCE)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Authorization": "Bearer admin"}
        octets = None if body is None else json.dumps(body)
        if octets is not None:
            given["Content-Type"] = "application/json"
        connection.request(method, f"{PREFIX}{path}", octets, given)
        response = connection.getresponse()
        found = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        connection.close()
        return found

    @contextmanager
    def events(self) -> Iterator[HTTPResponse]:
        """The stream of events, line by line."""
        connection = HTTPConnection("127.0.0.1", self._daemon.web, timeout=PATIENCE)
        connection.request("GET", f"{PREFIX}/events", headers={"Authorization": "Bearer admin"})
        response = connection.getresponse()
        assert response.status == 200
        with closing(connection), closing(response):
            yield response

    def read(self, path: str) -> Any:
        status, _, octets = self("GET", path)
        assert status == 200, octets
        return json.loads(octets)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "admin.sock")


@pytest.fixture
def daemon(daemon: Daemon, path: str) -> Daemon:
    daemon.settings["admin_socket"] = path
    daemon.settings["web"]["tokens"] = [
        {"name": "a", "role": "admin", "sha256": digest_of("admin")}
    ]
    return daemon


@pytest.fixture
def call(daemon: Daemon) -> Caller:
    return Caller(daemon)


def awaited(call: Caller, read: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """Read after each event of the daemon's stream, once a second, until the answer is good."""
    deadline = time.monotonic() + PATIENCE
    with call.events() as events:
        while not good(found := read()):
            assert time.monotonic() < deadline, found
            while next(events).strip():
                pass  # an empty line ends an event
    return found


# -- traces ---------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("tshark") is None, reason="TSHARK IS MISSING: apt install tshark")
def test_tshark_reads_the_file_of_the_api(daemon: Daemon, call: Caller, tmp_path: Path) -> None:
    daemon.start()
    order = {"of": "account", "value": "bank", "seconds": 600}
    number = json.loads(call("POST", "/traces", order)[2])["id"]
    with daemon.bound() as esme:
        esme.submit("Your code is 471183")
        esme.await_receipts(1)
        awaited(
            call,
            lambda: call.read(f"/traces/{number}/pdus")["items"],
            lambda items: sum("DeliverSm" in each["text"] for each in items) >= 2,
        )
    call("POST", f"/traces/{number}/stop")
    packets = call.read(f"/traces/{number}/pdus")
    assert (packets["next"], packets["more"]) == (None, False)
    status, headers, octets = call("GET", f"/traces/{number}.pcapng")
    assert (status, headers["content-type"]) == (200, "application/vnd.tcpdump.pcap")
    assert b"471183" not in octets
    file = tmp_path / "trace.pcapng"
    file.write_bytes(octets)

    def read(show: str) -> list[str]:
        command = ["tshark", "-n", "-r", str(file), "-Y", show]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert len(read("frame")) == len(packets["items"])
    assert read("_ws.malformed || _ws.short") == []
    assert len(read("smpp")) >= 4
    assert len(read("http")) >= 2
    assert b"bank\0secret" not in octets


def test_four_traces_at_once_and_no_fifth(daemon: Daemon, call: Caller) -> None:
    daemon.start()
    orders = [
        {"of": "account", "value": "bank"},
        {"of": "number", "value": "243810000042"},
        {"of": "provider", "value": "keccel"},
        {"of": "address", "value": "127.0.0.0/8"},
    ]
    for order in orders:
        assert call("POST", "/traces", order)[0] == 200
    status, _, octets = call("POST", "/traces", orders[0])
    assert (status, json.loads(octets)["detail"]) == (409, "4 traces run already: stop one")
    wrong = {"of": "address", "value": "nowhere"}
    assert (call("POST", "/traces", wrong)[0], len(call.read("/traces")["items"])) == (409, 4)
    with daemon.bound() as esme:
        esme.submit("one for all")
        esme.await_receipts(1)
    for number in range(1, 5):
        assert call("POST", f"/traces/{number}/stop")[0] == 200
    kept = [each["packets"] for each in call.read("/traces")["items"]]
    assert kept[0] >= 4
    assert kept[2] >= 2
    assert kept[3] >= 4
    assert call("POST", "/traces", orders[0])[0] == 200


# -- configuration --------------------------------------------------------------------------------


def test_a_file_is_compared_checked_and_applied(daemon: Daemon, call: Caller) -> None:
    daemon.start()
    assert json.loads(call("POST", "/config/check")[2])["ok"]
    status, headers, octets = call("GET", "/config/diff")
    assert (status, json.loads(octets)) == (
        200,
        {"changes": [], "refused": None, "faults": [], "node": None},
    )
    nothing = headers["etag"]
    daemon.settings["accounts"][0] |= {"window": 7, "password": "other"}
    daemon.write()
    _, headers, octets = call("GET", "/config/diff")
    assert json.loads(octets)["changes"] == [
        {"key": "accounts[bank].password", "from": "secret", "to": "secret", "takes": "now"},
        {"key": "accounts[bank].window", "from": "100", "to": "7", "takes": "now"},
    ]
    assert call("GET", "/config/diff")[1]["etag"] == headers["etag"] != nothing
    assert call("POST", "/config/apply", If_Match=nothing)[0] == 412
    assert call("POST", "/config/apply", If_Match=headers["etag"])[0] == 200
    daemon.await_event("configuration_applied")
    assert call.read("/accounts/bank")["window"] == 7
    assert call("POST", "/config/apply", If_Match=headers["etag"])[0] == 412
    assert call.read("/config/diff")["changes"] == []


def test_what_cannot_be_applied_says_so(daemon: Daemon, call: Caller) -> None:
    daemon.start()
    daemon.settings["drain"] = 5
    daemon.write()
    _, headers, octets = call("GET", "/config/diff")
    found = json.loads(octets)
    assert [(each["key"], each["takes"]) for each in found["changes"]] == [("drain", "restart")]
    assert found["refused"] == "drain has changed: that needs a restart"
    status, _, octets = call("POST", "/config/apply", If_Match=headers["etag"])
    assert (status, json.loads(octets)["detail"]) == (409, found["refused"])
    daemon.file.write_text("accounts: 3\nx: 1\n")
    checked = json.loads(call("POST", "/config/check")[2])
    assert {(each["line"], each["key"]) for each in checked["faults"]} >= {
        (1, "accounts"),
        (2, "x"),
    }
    status, headers, octets = call("GET", "/config/diff")
    refused = json.loads(octets)
    assert (status, refused["refused"], "etag" in headers) == (200, "the file has faults", False)
    assert refused["faults"] == checked["faults"]


# -- doctor, restart, CDR -------------------------------------------------------------------------


def test_doctor_examines_the_bridge_that_runs_it(daemon: Daemon, call: Caller) -> None:
    daemon.start()
    assert call.read("/doctor")["at"] is None
    status, _, octets = call("POST", "/doctor")
    assert (status, json.loads(octets)["running"]) == (202, True)
    assert call("POST", "/doctor")[0] == 409
    found = awaited(call, lambda: call.read("/doctor"), lambda each: not each["running"])
    assert found["failed"] is None
    checks = {each["check"] for each in found["items"]}
    assert {"configuration", "store", "bridge", "provider"} <= checks
    (bridge,) = [each for each in found["items"] if each["check"] == "bridge"]
    assert bridge["verdict"] == "good"


def test_a_restart_over_the_api(daemon: Daemon, call: Caller, path: str) -> None:
    daemon.start()
    before = call.read("/restart")
    assert (before["possible"], before["taken_up"]) == (True, None)
    with daemon.bound() as esme:
        status, _, octets = call("POST", "/restart")
        assert (status, json.loads(octets)["under_way"]) == (202, True)
        daemon.await_event("started", 2)
        after = ask(path, "GET", "/restart")
        assert after["instance"] != before["instance"]
        assert (after["taken_up"]["sessions"], after["taken_up"]["lost"]) == (1, 0)
        assert esme.submit("still bound").command_status == 0
    acts = [each["action"] for each in call.read("/audit")["items"]]
    assert "start_restart" in acts
    daemon.file.write_text("accounts: 3\n")
    status, _, octets = call("POST", "/restart")
    assert status == 409
    assert "accounts" in json.loads(octets)["detail"]
    assert "accounts" in call.read("/restart")["refused"]


@pytest.mark.slow
def test_cdr_files_are_listed_downloaded_and_reconciled(
    daemon: Daemon, call: Caller, provider: Provider, tmp_path: Path
) -> None:
    delivered(daemon, 5)
    set_back(daemon, 3 * 3_600)
    daemon.settings["cdr"] = {"folder": str(tmp_path / "cdr")}
    daemon.start()
    items = awaited(
        call, lambda: call.read("/cdr")["items"], lambda each: sum(i["records"] for i in each) == 5
    )
    file = next(each for each in items if each["records"])
    status, headers, octets = call("GET", f"/cdr/{file['file']}")
    assert (status, headers["content-length"]) == (200, str(file["octets"]))
    assert octets == (tmp_path / "cdr" / file["file"]).read_bytes()
    assert sum(line.count(b"message_id") for line in octets.splitlines()) >= file["records"]
    found = call.read("/cdr/reconciliation")
    assert (found["balanced"], found["accounts"]["bank"]["exported"]) == (True, 5)
    none = call.read("/cdr/reconciliation?to=2020-01-01T00:00:00Z")
    assert (none["balanced"], none["all"]["accepted"]) == (True, 0)
    assert call("GET", "/cdr/cdr-2020-01-01T00.jsonl")[0] == 404
    acts = [a for a in call.read("/audit")["items"] if a["action"] == "download_cdr_file"]
    assert file["file"] in {act["object"] for act in acts}


def test_without_a_folder_there_are_no_cdr_files(daemon: Daemon, call: Caller) -> None:
    daemon.start()
    status, _, octets = call("GET", "/cdr")
    assert (status, json.loads(octets)) == (200, {"items": [], "next": None, "folder": None})
    status, _, octets = call("GET", "/cdr/reconciliation")
    assert (status, "cdr.folder" in json.loads(octets)["detail"]) == (409, True)


# -- secrets --------------------------------------------------------------------------------------


def secret_settings(daemon: Daemon) -> None:
    """Set every secret that a configuration has to a marker."""
    settings, markers = daemon.settings, iter(MARKERS)
    settings["accounts"] = [
        {"system_id": "bank", "password": ["secret", next(markers)]},
        {"system_id": "shop", "password": next(markers)},
        {
            "system_id": "post",
            "password": next(markers),
            "outbind": {"to": "127.0.0.1:9", "password": next(markers)[:8]},
        },
    ]
    settings["ussd"] = {"codes": {"*1#": "bank"}, "key": next(markers)}
    providers = settings["providers"]
    providers["keccel"]["token"] = next(markers)
    providers["keccel"]["callback_key"] = next(markers)
    providers["d7"] = {
        "type": "d7",
        "username": "u",
        "password": next(markers),
        "proxy": f"http://me:{next(markers)}@127.0.0.1:9",
        "reports": "none",
    }
    providers["own"] = {
        "type": "template",
        "secrets": {"token": next(markers)},
        "headers": {"X-Key": next(markers)},
        "submit": {
            "url": "http://127.0.0.1:9/sms",
            "send": "form",
            "body": {"token": "{token}", "to": "{number}", "text": "{text}"},
            "id": "/id",
        },
    }
    settings["web"]["users"] = [
        {"name": "ann", "password": {"hash": "$argon2id$v=19$m=8,t=1,p=1$MARKER$MARKER"}}
    ]


def places(daemon: Daemon, call: Caller) -> Iterator[str]:
    """Yield the paths of all operations that only look, with values that are there."""
    message_id = call.read("/messages")["items"][0]["message_id"]
    words = {
        "message_id": message_id,
        "name": "keccel",
        "id": "1",
        "provider": "keccel",
        "number": "243810000042",
        "file": "cdr-2026-11-26T14.jsonl",
    }
    for route in API.all:
        path = route.path.removeprefix(PREFIX)
        if route.method == "GET" and path != "/events":
            for word in ("bank",) if path.startswith("/accounts/") else ("",):
                given = words | ({"id": word} if word else {})
                yield path.format(**given)


def test_no_secret_is_in_any_answer_to_an_admin(daemon: Daemon, call: Caller) -> None:
    secret_settings(daemon)
    daemon.start()
    order = {"of": "address", "value": "127.0.0.0/8"}
    assert call("POST", "/traces", order)[0] == 200
    with daemon.bound() as esme:
        esme.submit("nothing secret")
    daemon.settings["accounts"][1]["password"] = "MARKER99"
    daemon.write()
    assert call("POST", "/doctor")[0] == 202
    awaited(call, lambda: call.read("/doctor"), lambda each: not each["running"])
    asked = 0
    for path in places(daemon, call):
        status, headers, octets = call("GET", path)
        assert status < 500, path
        assert b"MARKER" not in octets, path
        assert "MARKER" not in str(headers), path
        asked += status == 200
    assert asked >= 20
    assert "MARKER" not in "".join(daemon.lines)
    for path in ("/config/check", "/traces/1/stop"):
        assert b"MARKER" not in call("POST", path)[2]


# -- commands -------------------------------------------------------------------------------------


def command(*words: object) -> subprocess.CompletedProcess[str]:
    given = [str(COMMAND), *map(str, words)]
    return subprocess.run(given, capture_output=True, text=True, timeout=PATIENCE)


def test_the_command_restarts_the_bridge(daemon: Daemon, path: str) -> None:
    daemon.start()
    with daemon.bound() as esme:
        done = command("restart", "--socket", path, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["taken_up"] | {"gap_seconds": 0} == {
            "sessions": 1,
            "lost": 0,
            "gap_seconds": 0,
        }
        assert esme.submit("still bound").command_status == 0
    daemon.file.write_text("accounts: 3\n")
    refused = command("restart", "--socket", path)
    assert (refused.returncode, "accounts" in refused.stderr) == (1, True)


def test_the_command_shows_a_trace_while_it_runs(
    daemon: Daemon, call: Caller, path: str, tmp_path: Path
) -> None:
    daemon.start()
    file = tmp_path / "t.pcapng"
    words = ["trace", "--socket", path, "--account", "bank", "--pcapng", str(file)]
    with subprocess.Popen([str(COMMAND), *words], stdout=subprocess.PIPE, text=True) as process:
        awaited(call, lambda: call.read("/traces")["items"], bool)
        with daemon.bound() as esme:
            esme.submit("nothing secret")
        assert process.stdout is not None
        lines = []
        while not any("SubmitSmResp" in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1]
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert "BindTransceiver" in lines[0]
    assert "nothing secret" not in "".join(lines)
    assert file.read_bytes()[:4] == b"\n\r\r\n"
    assert call.read("/traces")["items"] == []
