"""README's tables say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smppbridge.cli.main import COMMANDS
from smppbridge.net.smpp_server import NOT_SERVED
from smppbridge.settings.example import tables

README = (Path(__file__).parents[1] / "README.md").read_text()


def rows(name: str) -> list[list[str]]:
    """The cells of the table marked *name*, without its head."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n(.*?)\n<!-- end -->", README, re.S)
    assert found, f"README has no table {name}"
    lines = found.group(1).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("section", tables())
def test_every_setting_stands_in_its_table(section: str) -> None:
    expected = [
        [f"`{key}`", default and f"`{default}`", meaning]
        for key, default, meaning in tables()[section]
    ]
    assert rows(f"settings {section or 'top'}") == expected


def test_every_command_stands_in_the_table() -> None:
    assert rows("commands") == [[f"`smppbridge {name}`", text] for name, text in COMMANDS.items()]


def test_what_is_not_served_is_told_with_its_status() -> None:
    told = dict(re.findall(r"^\| (\w+) \| (ESME_\w+) \|", README, re.M))
    del told["deliver_sm"]
    assert told == {command.name.lower(): status.name for command, status in NOT_SERVED.items()}
