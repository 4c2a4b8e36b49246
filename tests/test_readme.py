"""README is short, and true: its links, its commands, its configuration."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from smppbridge.cli.main import COMMANDS
from smppbridge.docs import files
from tests.reading import blocks, commands_in, links_in, mistakes_of, rows_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CHAPTERS = [
    "Try it",
    "Test it",
    "Commands",
    "Configuration",
    "Operation",
    "Measured",
    "How the code is laid out",
    "Adding a provider",
]


def chapter(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def checked(text: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run `smppbridge check` on a configuration, with all its variables set."""
    path.write_text(text)
    path.chmod(0o600)
    names = set(re.findall(r"\$\{(\w+)\}", text))
    secrets = {name: "12345678" if "PASSWORD" in name else "0123456789abcdef" for name in names}
    return subprocess.run(
        [sys.executable, "-m", "smppbridge", "check", "--config", path],
        env=os.environ | secrets,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_fits_in_16_kilobytes() -> None:
    assert len(README.encode()) <= 16_384


def test_its_chapters_come_in_the_order_of_a_newcomer() -> None:
    assert re.findall(r"(?m)^## (.+)$", README) == CHAPTERS


def test_its_links_lead_somewhere() -> None:
    links = links_in(README)
    assert len(links) > 5
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_command_stands_in_its_table() -> None:
    expected = [[f"`{name}`", text] for name, text in COMMANDS.items()]
    assert rows_of(chapter("Commands")) == expected


def test_its_commands_are_real() -> None:
    commands = commands_in(README)
    assert len(commands) > 20
    assert [found for each in commands for found in mistakes_of(each)] == []


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        ("smppbridge dmeo", "no command dmeo"),
        ("smppbridge send --too 1", "no option --too"),
        ("smppbridge help windwo", "no help windwo"),
        ("smppbridge messages --config FILE resned 1", "no resned"),
    ],
)
def test_a_command_that_is_not_real_is_found(command: str, mistake: str) -> None:
    assert mistakes_of(command.split()) == [mistake]


@pytest.mark.slow
def test_its_configuration_is_short_and_passes_check(tmp_path: Path) -> None:
    configurations = blocks(README, "yaml")
    assert sum(len(text.splitlines()) for text in configurations) <= 60
    whole, template = configurations
    done = checked(whole, tmp_path / "bridge.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert last == "ok: 1 account, 3 providers, 3 routes"
    assert "keccel calls https://sms.example.org/callbacks/keccel/" in done.stdout
    warnings = [line for line in lines if "warning" in line]
    assert all("the folder /var/lib/smppbridge" in line for line in warnings)
    callbacks = "callbacks: {public_url: 'https://sms.example.org'}\n"
    routes = "routes: [{via: [acme]}]\naccounts: [{system_id: bank, password: '12345678'}]\n"
    done = checked(callbacks + template + routes, tmp_path / "template.yaml")
    assert done.stdout.endswith("\nok: 1 account, 1 provider, 1 route\n")
    assert (done.returncode, "warning" in done.stdout) == (0, False)


@pytest.mark.slow
def test_a_configuration_that_is_wrong_does_not_pass(tmp_path: Path) -> None:
    (whole, _template) = blocks(README, "yaml")
    done = checked(whole.replace("throughput:", "troughput:"), tmp_path / "bridge.yaml")
    assert done.returncode == 78
    assert "throughput" in done.stdout


def test_it_shows_every_section_that_an_operator_needs() -> None:
    shown = yaml.safe_load(blocks(README, "yaml")[0])
    assert {"smpp", "web", "callbacks", "store", "accounts", "providers", "routes"} <= shown.keys()


def test_its_figures_are_those_of_the_page() -> None:
    page = rows_of(files.topic("measured"))
    rows = rows_of(chapter("Measured"))
    assert rows == [row for row in page if row in rows]
    assert len(rows) >= 6


def test_the_modules_of_its_map_exist() -> None:
    modules = re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", README)
    assert "relay/accept/accept.py" in modules
    for module in modules:
        here = ROOT if module.startswith("tests/") else ROOT / "smppbridge"
        inside = ROOT / "smppbridge" / "relay" / module
        assert (here / module).exists() or inside.exists(), module
