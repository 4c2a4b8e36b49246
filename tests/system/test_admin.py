"""The API of a daemon: over its socket, with tokens, and what becomes of both at SIGHUP."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from smppbridge.cli.bridge_client import ask
from smppbridge.web.keyring import digest_of
from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, Daemon
from tests.system.provider import Provider

pytestmark = pytest.mark.system


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "admin.sock")


@pytest.fixture
def running(daemon: Daemon, path: str) -> Daemon:
    daemon.settings["admin_socket"] = path
    daemon.settings["web"]["tokens"] = [
        {"name": "v", "role": "viewer", "sha256": digest_of("one")},
        {"name": "o", "role": "operator", "sha256": digest_of("two")},
    ]
    return daemon.start()


def called(daemon: Daemon, method: str, operation: str, **headers: str) -> tuple[int, Any, Any]:
    connection = HTTPConnection("127.0.0.1", daemon.web, timeout=PATIENCE)
    body = headers.pop("body", None)
    if body is not None:
        headers["Content-Type"] = "application/json"
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/api/v1{operation}", body, given)
    response = connection.getresponse()
    found = response.status, response.headers, json.loads(response.read())
    connection.close()
    return found


def status(daemon: Daemon, token: str, operation: str = "/version") -> int:
    return called(daemon, "GET", operation, Authorization=f"Bearer {token}")[0]


def test_the_socket_is_the_owners_and_its_caller_is_admin(running: Daemon, path: str) -> None:
    mode = os.stat(path).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert ask(path, "GET", "/session")["user"] == f"uid:{os.getuid()}"
    ask(path, "POST", "/providers/keccel/pause")
    (act,) = ask(path, "GET", "/audit")["items"]
    assert (act["actor"], act["via"], act["action"]) == (
        f"uid:{os.getuid()}",
        "socket",
        "pause_provider",
    )
    running.stop()
    assert not os.path.exists(path)


def test_acts_are_counted_and_refused_logins_with_them(running: Daemon, path: str) -> None:
    for _ in range(2):
        ask(path, "POST", "/providers/keccel/pause")
    wrong = json.dumps({"user": "nobody", "password": "wrong"})
    assert called(running, "POST", "/session", body=wrong)[0] == 401
    _, exposed = running.get("/metrics")
    assert 'smppbridge_audit_total{action="pause_provider"} 2.0' in exposed
    assert 'smppbridge_audit_total{action="login_refused"} 1.0' in exposed


def test_a_reload_tells_its_outcome(running: Daemon, path: str) -> None:
    command = [str(COMMAND), "reload", "--config", str(running.file)]

    def reloaded() -> tuple[int, str]:
        running.write()
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    assert reloaded() == (0, "no setting has changed; certificates were read anew\n")
    running.settings["accounts"][0]["window"] = 7
    assert reloaded() == (0, "accounts[bank].window: 100 -> 7\n")
    running.settings["drain"] = 5
    code, said = reloaded()
    assert (code, "drain has changed: that needs a restart" in said) == (1, True)
    running.settings["accounts"][0]["windw"] = running.settings.pop("drain")
    code, said = reloaded()
    assert (code, "did you mean window?" in said) == (1, True)
    assert len(running.events("configuration_refused")) == 2
    acts = [each["action"] for each in ask(path, "GET", "/audit")["items"]]
    assert acts.count("reload_settings") == 4  # noted before it is known how they end


def test_a_pause_survives_a_kill(running: Daemon, path: str) -> None:
    ask(path, "POST", "/providers/keccel/pause")
    running.kill()
    running.start()
    assert ask(path, "GET", "/providers/keccel")["state"] == "held"
    ask(path, "POST", "/providers/keccel/resume")
    assert ask(path, "GET", "/providers/keccel")["state"] == "up"


def test_paused_messages_leave_when_the_provider_goes_on(
    running: Daemon, path: str, provider: Provider
) -> None:
    ask(path, "POST", "/providers/keccel/pause")
    with running.bound() as esme:
        message_id = esme.submit("Bonjour").message_id.decode()
        found = ask(path, "GET", f"/messages/{message_id}")
        assert (found["stage"], found["attempts"]) == ("waiting", 0)
        (session,) = ask(path, "GET", "/sessions")["items"]
        assert (session["account"], session["kind"]) == ("bank", "transceiver")
        ask(path, "POST", "/providers/keccel/resume")
        provider.await_taken(1)
        ask(path, "POST", f"/sessions/{session['id']}/unbind")
        assert running.await_event("session_ended")["reason"] == "unbound by an operator"


def test_a_link_of_the_command_logs_in(running: Daemon, path: str) -> None:
    command = [str(COMMAND), "login", "--socket", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    address, _, code = done.stdout.strip().partition("/#link=")
    assert address == f"http://127.0.0.1:{running.web}"
    found, headers, me = called(running, "POST", "/session/link", body=json.dumps({"code": code}))
    assert (found, me["role"]) == (200, "admin")
    cookie = headers["set-cookie"].partition(";")[0]
    assert called(running, "GET", "/audit", Cookie=cookie)[0] == 200
    assert called(running, "POST", "/providers/keccel/pause", Cookie=cookie)[0] == 403
    good = {"Cookie": cookie, "X_CSRF_Token": me["csrf"]}
    assert called(running, "POST", "/providers/keccel/pause", **good)[0] == 200
    running.signal(signal.SIGUSR2)
    running.await_event("started", 2)
    assert called(running, "POST", "/providers/keccel/resume", **good)[0] == 200
    assert code not in "".join(running.lines)


def test_tokens_change_at_a_reload_and_a_listener_does_not(running: Daemon) -> None:
    assert (status(running, "one"), status(running, "two", "/audit")) == (200, 403)
    running.settings["web"]["tokens"] = [{"name": "n", "sha256": digest_of("three")}]
    running.write()
    running.signal(signal.SIGHUP)
    running.await_event("configuration_applied")
    assert [status(running, each) for each in ("one", "two", "three")] == [401, 401, 200]
    running.settings["web"]["listen"] = "tcp:0:interface=127.0.0.1"
    running.write()
    running.signal(signal.SIGHUP)
    assert "web.listen" in running.await_event("configuration_refused")["reason"]


def test_a_socket_that_cannot_be_opened_stops_no_bridge(daemon: Daemon, tmp_path: Path) -> None:
    daemon.settings["admin_socket"] = str(tmp_path / "none" / "admin.sock")
    daemon.start()
    assert daemon.await_event("admin_socket_failed")["level"] == "warning"


def test_a_socket_left_by_a_killed_bridge_is_taken_over(running: Daemon, path: str) -> None:
    running.kill()
    assert os.path.exists(path)
    running.start()
    assert ask(path, "GET", "/version")["version"]


def test_the_command_says_why_nobody_answers(tmp_path: Path) -> None:
    def said(path: Path) -> str:
        command = [str(COMMAND), "login", "--socket", str(path)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == os.EX_UNAVAILABLE
        return done.stderr

    assert "no bridge answers" in said(tmp_path / "none.sock")
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(tmp_path / "closed.sock"))
        assert "no bridge answers" in said(tmp_path / "closed.sock")


# -- the socket over the end of a process ---------------------------------------------------------


def test_the_socket_stays_over_a_restart(running: Daemon, path: str) -> None:
    """Whoever comes while the next program starts waits in the kernel, and is answered."""
    place = os.stat(path)
    for count in (1, 2):
        running.signal(signal.SIGUSR2)
        running.await_event("restarting", count)
        assert ask(path, "GET", "/session")["user"] == f"uid:{os.getuid()}"
        assert running.await_event("started", count + 1)
        now = os.stat(path)
        assert (now.st_ino, stat.S_IMODE(now.st_mode)) == (place.st_ino, 0o600)
    running.stop()
    assert not os.path.exists(path)
    assert not running.events("admin_socket_failed")


def test_streams_traces_and_exports_hold_up_no_restart(
    running: Daemon, path: str, tmp_path: Path
) -> None:
    (tmp_path / "cdr").mkdir()
    running.settings["cdr"] = {"folder": str(tmp_path / "cdr")}
    running.write()
    running.signal(signal.SIGHUP)
    running.await_event("configuration_applied")
    ask(path, "POST", "/traces", {"of": "account", "value": "bank"})
    for count in (1, 2):
        stream = HTTPConnection("127.0.0.1", running.web, timeout=PATIENCE)
        stream.request("GET", "/api/v1/events", headers={"Authorization": "Bearer one"})
        events = stream.getresponse()
        assert events.status == 200
        assert events.readline()
        running.signal(signal.SIGUSR2)
        running.await_event("started", count + 1)
        with suppress(ConnectionError, IncompleteRead):
            events.read()  # up to its end
        stream.close()
    assert ask(path, "GET", "/traces")["items"] == []
    assert running.process
    pid = running.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    states = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2][1] for each in children]
    assert "Z" not in states  # nobody waits any more for a child of the program before


def test_a_socket_that_is_wanted_elsewhere_moves_at_a_restart(
    running: Daemon, path: str, tmp_path: Path
) -> None:
    running.settings["admin_socket"] = other = str(tmp_path / "other.sock")
    running.write()
    running.signal(signal.SIGUSR2)
    running.await_event("started", 2)
    assert ask(other, "GET", "/version")["version"]
    assert not os.path.exists(path)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_socket_whose_file_is_gone_stops_no_end(
    running: Daemon, path: str, restarted: bool
) -> None:
    os.unlink(path)
    if restarted:
        running.signal(signal.SIGUSR2)
        running.await_event("started", 2)
        assert ask(path, "GET", "/version")["version"]
        os.unlink(path)
    assert running.stop() == 0
    assert running.await_event("stopped")


def test_a_socket_of_a_program_with_the_same_pid_is_taken_over(
    daemon: Daemon, path: str, tmp_path: Path
) -> None:
    """So has a container that was killed and started again."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    before = tmp_path / "python"
    before.write_text(f'#!/bin/sh\nln -s $$ {path}.lock\nexec {sys.executable} "$@"\n')
    before.chmod(0o755)
    daemon.settings["admin_socket"] = path
    daemon.interpreter = before
    daemon.start()
    assert ask(path, "GET", "/version")["version"]


def test_a_socket_that_somebody_listens_at_is_left_to_them(daemon: Daemon, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as others:
        others.bind(path)
        others.listen()
        daemon.settings["admin_socket"] = path
        daemon.start()
        assert "in use" in daemon.await_event("admin_socket_failed")["reason"]
        assert daemon.stop() == 0
        assert os.path.exists(path)
