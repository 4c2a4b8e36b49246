"""The systemd unit and the container files, as far as they can be checked without running them."""

from __future__ import annotations

import os
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


def test_a_reload_fails_where_the_bridge_refuses_the_file_or_a_change() -> None:
    lines = UNIT.read_text().splitlines()
    reload = [line for line in lines if line.startswith("ExecReload=")]
    # a signal would be a reload that always succeeds, and its outcome would be in the log only
    assert reload == [f"ExecReload={PROGRAM} reload --config /etc/smppbridge/bridge.yaml"]


@needs_systemd
def test_the_user_and_the_folders_of_the_unit_can_be_made(tmp_path: Path) -> None:
    for name in ("sysusers", "tmpfiles"):
        folder = tmp_path / "etc" / f"{name}.d"
        folder.mkdir(parents=True)
        shutil.copy(UNIT.parent / f"{name}.conf", folder / "smppbridge.conf")
    made = [["systemd-sysusers"], ["systemd-tmpfiles", "--create", "smppbridge.conf"]]
    for command in made if os.getuid() == 0 else made[:1]:  # only root gives folders away
        subprocess.run([command[0], f"--root={tmp_path}", *command[1:]], check=True)
    user = next(
        line.split(":")
        for line in (tmp_path / "etc" / "passwd").read_text().splitlines()
        if line.startswith("smppbridge:")
    )
    assert user[5:] == ["/var/lib/smppbridge", "/usr/sbin/nologin"]
    if os.getuid() == 0:
        folders = [(tmp_path / name).stat() for name in ("etc/smppbridge", "var/lib/smppbridge")]
        assert [oct(each.st_mode & 0o777) for each in folders] == ["0o750", "0o700"]
        uid, gid = int(user[2]), int(user[3])
        assert [(each.st_uid, each.st_gid) for each in folders] == [(0, gid), (uid, gid)]


def test_readme_installs_files_that_are_there_and_what_the_unit_needs() -> None:
    readme = (ROOT / "README.md").read_text()
    block = readme.partition("**Install**")[2].partition("\n    ")[2].partition("\n\n")[0]
    lines = [line.strip() for line in block.splitlines()]
    assert len(lines) == 10
    installed = [line.split() for line in lines if line.startswith("install")]
    for *_, source, target in installed:
        assert source == "/dev/null" or (ROOT / source).is_file()
        assert target.startswith("/etc/")
    assert PROGRAM.removesuffix("/bin/smppbridge") in lines[0]
    unit = UNIT.read_text()
    assert all(
        place in unit for place in ("/etc/smppbridge/bridge.yaml", "/etc/smppbridge/environment")
    )


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


CLUSTER = ROOT / "docker" / "cluster"


def cluster() -> dict[str, Any]:
    services: dict[str, Any] = parsed("cluster/compose.yaml")["services"]
    return services


def test_the_cluster_names_what_exists() -> None:
    """Files that are mounted, services that others wait for, ports that HAProxy goes to."""
    services = cluster()
    volumes = parsed("cluster/compose.yaml")["volumes"]
    for service in services.values():
        for source in (each.split(":")[0] for each in service.get("volumes", ())):
            assert source in volumes or (CLUSTER / source).is_file()
        assert set(service.get("depends_on", ())) <= set(services)
    build = services["migrate"]["build"]
    assert (CLUSTER / build["context"] / build["dockerfile"]).is_file()
    assert "ARG EXTRAS" in (ROOT / "docker" / "Dockerfile").read_text()
    assert services["keccel"]["network_mode"] == "service:haproxy"
    for name in ("migrate", "a", "b", "keccel"):
        assert services[name]["image"] == services["a"]["image"]


@pytest.mark.parametrize("name", ["a", "b"])
def test_both_nodes_of_the_cluster_are_reached_where_they_listen(name: str) -> None:
    node = cluster()[name]["environment"]["NODE"]
    settings = load(CLUSTER / "bridge.yaml", {"NODE": node})
    assert settings.node is not None
    assert settings.node.called == name
    assert settings.store.is_shared
    haproxy = (CLUSTER / "haproxy.cfg").read_text()
    assert f"server {name} {name}:2775\n" in haproxy
    assert f"server {name} {name}:8776\n" in haproxy
    text = (CLUSTER / "bridge.yaml").read_text()
    for port in ("2775", "8775", "8776"):
        assert f"listen: tcp:{port}\n" in text
    assert "check port 8775" in haproxy
    keccel = settings.providers["keccel"]
    command = " ".join(cluster()["keccel"]["command"])
    assert f"8776/callbacks/keccel/{keccel.callback_key}" in command
    assert "server keccel 127.0.0.1:8180" in haproxy
    assert "--port=8180" in command
    for host in re.findall(r"@([a-z,]+)/", settings.store.url)[0].split(","):
        assert host in cluster()
    assert cluster()["primary"]["environment"]["POSTGRES_PASSWORD"] in settings.store.address


def test_the_standby_has_the_name_that_the_primary_waits_for() -> None:
    primary, standby = ((CLUSTER / f"{name}.sh").read_text() for name in ("primary", "standby"))
    name = re.search(r"cluster_name=(\w+)", standby)
    assert name is not None
    assert f"synchronous_standby_names = 'ANY 1 ({name[1]})'" in primary
    for script in ("primary.sh", "standby.sh"):
        subprocess.run(["sh", "-n", CLUSTER / script], check=True, timeout=PATIENCE)


@pytest.mark.parametrize("name", ["compose.yaml", "cluster/compose.yaml"])
def test_compose_understands_the_file(name: str, tmp_path: Path) -> None:
    """Docker's own parser, or podman-compose's, which asks podman no more than its version."""
    file = ROOT / "docker" / name
    podman = tmp_path / "podman"
    podman.write_text("#!/bin/sh\necho podman version 4.9.4\n")
    podman.chmod(0o755)
    path = f"{tmp_path}:{os.environ.get('PATH', '')}"
    words = ["docker", "compose"]
    if subprocess.run(["sh", "-c", "docker compose version"], capture_output=True).returncode:
        if shutil.which("podman-compose") is None:
            pytest.skip("NEITHER docker compose NOR podman-compose READS THE COMPOSE FILES")
        words = ["podman-compose"]
    done = subprocess.run(
        [*words, "-f", file, "config"],
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)["services"]
    assert set(found) == set(parsed(name)["services"])
