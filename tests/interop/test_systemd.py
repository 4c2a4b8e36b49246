"""The unit under systemd: ready, reload, restart in place, kill, watchdog, a bad file, stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.systemd_machine import Machine, booted, lacking

LACKING = lacking()
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"THE UNIT DOES NOT RUN: {LACKING}")
FILE = "/etc/smppbridge/bridge.yaml"
GOOD = """\
accounts: [{system_id: bank, password: "${BANK_PASSWORD}"}]
providers: {keccel: {type: keccel, token: T, reports: poll, base_url: "http://127.0.0.1:9/sms/v2"}}
routes: [{via: [keccel]}]
"""
BAD = GOOD.replace("routes:", "rotes:")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        machine.write("/etc/smppbridge/environment", "BANK_PASSWORD=bankpass\n")
        yield machine


@pytest.fixture
def machine(running: Machine) -> Machine:
    """The machine, where the unit has just been started."""
    running.write(FILE, GOOD)
    running.drop_in("")
    running.run("systemctl", "reset-failed", "smppbridge")
    assert running.status("systemctl", "restart", "smppbridge") == 0, log(running)
    return running


def log(machine: Machine) -> str:
    return machine.run("journalctl", "--no-pager", "--unit", "smppbridge")


def bridge(machine: Machine, *words: str) -> str:
    return machine.run("/opt/smppbridge/bin/smppbridge", *words)


def inside(machine: Machine, pid: str, name: str) -> Path:
    """Return an entry of a process of the machine in its /proc."""
    return machine.root / "proc" / pid / name


def test_the_bridge_is_ready_as_a_user_without_rights(machine: Machine) -> None:
    assert machine.shown("ActiveState") == "active"
    assert machine.shown("StatusText") == "bound 0, waiting 0"
    assert bridge(machine, "status").startswith("ready\n")
    pid = machine.shown("MainPID")
    fields = dict(
        line.split(":\t", 1)
        for line in inside(machine, pid, "status").read_text().splitlines()
        if ":\t" in line
    )
    assert fields["Uid"].split()[0] == machine.run("id", "-u", "smppbridge")
    assert {fields[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    folder = (machine.root / "var/lib/smppbridge").stat()
    assert (folder.st_mode & 0o777, folder.st_uid) == (0o700, int(fields["Uid"].split()[0]))


def test_a_reload_fails_with_the_reason_and_the_bridge_serves_on(machine: Machine) -> None:
    pid = machine.shown("MainPID")
    assert machine.status("systemctl", "reload", "smppbridge") == 0
    machine.write(FILE, BAD)
    assert machine.status("systemctl", "reload", "smppbridge") == 1
    assert f"{FILE}:3: rotes: unknown key; did you mean routes?" in log(machine)
    assert (machine.shown("ActiveState"), machine.shown("MainPID")) == ("active", pid)


def test_a_restart_in_place_is_none_for_systemd(machine: Machine) -> None:
    pid = machine.shown("MainPID")
    began = inside(machine, pid, "stat").read_text().split()[21]
    assert "0 sessions passed, 0 lost" in bridge(machine, "restart")
    assert machine.shown("ActiveState") == "active"
    assert (machine.shown("MainPID"), machine.shown("NRestarts")) == (pid, "0")
    assert inside(machine, pid, "stat").read_text().split()[21] == began
    assert '"event":"adopted"' in log(machine)
    assert machine.status("systemctl", "reload", "smppbridge") == 0


def test_a_bridge_that_dies_is_started_again(machine: Machine) -> None:
    pid = machine.shown("MainPID")
    machine.run("kill", "-KILL", pid)
    machine.await_shown("NRestarts", "1")
    machine.await_shown("ActiveState", "active")
    assert machine.shown("MainPID") != pid
    assert bridge(machine, "status").startswith("ready\n")


def test_a_bridge_that_stands_still_is_ended_and_started_again(machine: Machine) -> None:
    machine.drop_in("[Service]\nWatchdogSec=5\n")  # not to wait for 30
    assert machine.status("systemctl", "restart", "smppbridge") == 0
    pid = machine.shown("MainPID")
    machine.run("kill", "-STOP", pid)
    machine.await_shown("NRestarts", "1")
    machine.await_shown("ActiveState", "active")
    assert f"Killing process {pid} (python3." in log(machine)
    assert bridge(machine, "status").startswith("ready\n")


def test_a_bad_file_is_not_tried_again(machine: Machine) -> None:
    machine.write(FILE, BAD)
    assert machine.status("systemctl", "restart", "smppbridge") == 1
    assert machine.shown("ActiveState") == "failed"
    assert machine.shown("ExecMainStatus") == str(os.EX_CONFIG)
    assert machine.shown("NRestarts") == "0"


def test_a_stop_ends_the_bridge_in_order(machine: Machine) -> None:
    assert machine.status("systemctl", "stop", "smppbridge") == 0
    assert (machine.shown("ActiveState"), machine.shown("Result")) == ("inactive", "success")
    assert '"event":"stopped","unfinished":0' in log(machine)
