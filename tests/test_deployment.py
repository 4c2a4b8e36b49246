"""The systemd unit and the container files, as far as they can be checked without running them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from smppbridge.settings.configuration import load
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "config" / "systemd" / "smppbridge.service"
PROGRAM = "/opt/smppbridge/bin/smppbridge"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is NOT INSTALLED"
)


def analyzed(tmp_path: Path, *options: str) -> str:
    """Run systemd-analyze on the unit with a program that exists, and return what it says."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, sys.executable))
    run = subprocess.run(
        ["systemd-analyze", *options, "--no-pager", unit],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert UNIT.name not in run.stderr
    return run.stdout


@needs_systemd
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    analyzed(tmp_path, "verify", "--man=no")


@needs_systemd
def test_the_unit_is_exposed_to_little(tmp_path: Path) -> None:
    said = analyzed(tmp_path, "security", "--offline=true")
    exposure = re.search(r"exposure level for smppbridge.service: ([\d.]+)", said)
    assert exposure is not None, said
    assert float(exposure[1]) < 2


def test_the_unit_waits_for_our_word_and_leaves_a_bad_configuration_alone() -> None:
    lines = UNIT.read_text().splitlines()
    for line in (
        f"ExecStart={PROGRAM} run --config /etc/smppbridge/bridge.yaml",
        "Type=notify",
        "WatchdogSec=30",
        "RestartPreventExitStatus=78",
    ):
        assert line in lines


def parsed(name: str) -> Any:
    return yaml.safe_load((ROOT / "docker" / name).read_text())


def test_compose_runs_the_bridge_beside_a_simulator_that_calls_it_back() -> None:
    services = parsed("compose.yaml")["services"]
    keccel = load(ROOT / "docker" / "bridge.yaml", {}).providers["keccel"]
    command = " ".join(services["keccel"]["command"])
    assert services["keccel"]["network_mode"] == "service:bridge"
    assert f"/callbacks/keccel/{keccel.callback_key}" in command
    assert "--port=8181" in command
    assert "127.0.0.1:8181/" in parsed("bridge.yaml")["providers"]["keccel"]["base_url"]
    for source in (volume.split(":")[0] for volume in services["bridge"]["volumes"]):
        assert source == "store" or (ROOT / "docker" / source).is_file()
    assert (ROOT / "docker" / services["bridge"]["build"]["dockerfile"]).name == "Dockerfile"


def test_the_image_runs_as_nobody_in_particular_and_without_a_compiler() -> None:
    image = (ROOT / "docker" / "Dockerfile").read_text()
    last = image[image.rindex("\nFROM ") :]
    assert "\nUSER smppbridge\n" in last
    assert "/readyz" in last
    assert not re.search(r"\b(gcc|build-essential|apt-get|pip)\b", last)
