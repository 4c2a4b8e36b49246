"""README's tables say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smppbridge.cli.main import COMMANDS
from smppbridge.net.esme_session import NOT_SERVED
from smppbridge.providers.d7 import D7
from smppbridge.providers.keccel import Keccel
from smppbridge.providers.mspace import MSpaceLegacy, MSpaceV2
from smppbridge.providers.registry import TYPES
from smppbridge.providers.smpp import Smpp
from smppbridge.providers.smscx import SmsCx
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


# Each provider with all that can be configured; a template has what it describes.
RICHEST = {
    "keccel": Keccel(token="t"),
    "mspace_legacy": MSpaceLegacy(username="u", password="p"),
    "mspace_v2": MSpaceV2(username="u", apikey="k", batch=100),
    "smscx": SmsCx(api_key="k", schedule="provider", pull_reports=True),
    "d7": D7(username="u", password="p", batch=100, callback_url="https://sms.example.org/x"),
    "smpp": Smpp(host="h", system_id="s", password="p"),
}
ABLE = {
    "messages of octets": lambda a: a.binary,
    "many messages in a request": lambda a: a.batch > 1,
    "a request repeated safely": lambda a: a.idempotent > 0,
    "keeps scheduled messages": lambda a: a.schedules,
    "reports by itself": lambda a: a.callbacks,
    "reports when asked": lambda a: a.polling,
    "asked for whatever is new": lambda a: a.pulling,
    "messages from phones": lambda a: a.phones,
    "credit": lambda a: a.balance,
}


def test_what_providers_can_do_stands_in_the_table() -> None:
    found = [
        [can, *("yes" if able(each.abilities) else "" for each in RICHEST.values()), "as described"]
        for can, able in ABLE.items()
    ]
    account = [", ".join(each.operations) for each in RICHEST.values()]
    assert rows("providers") == [*found, ["`account`", *account, "call"]]
    assert {*RICHEST, "template"} == set(TYPES)


def test_what_is_not_served_is_told_with_its_status() -> None:
    told = dict(re.findall(r"^\| (\w+) \| (ESME_\w+) \|", README, re.M))
    del told["deliver_sm"]
    assert told == {command.name.lower(): status.name for command, status in NOT_SERVED.items()}
