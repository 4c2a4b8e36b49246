from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings

ABOVE = """\
accounts:
  - {system_id: bank, password: secret}
  - {system_id: shop, password: secret}
providers:
  one: {type: keccel, token: t}
  two: {type: keccel, token: t, optouts: refuse}
mo:
"""


def read(tmp_path: Path, *rules: str) -> Settings:
    file = tmp_path / "bridge.yaml"
    file.write_text(ABOVE + "".join(f"  - {rule}\n" for rule in rules))
    return load(file, {})


def faults(tmp_path: Path, *rules: str) -> list[str]:
    with pytest.raises(BadSettings) as raised:
        read(tmp_path, *rules)
    return [f"{fault.key}: {fault.message}" for fault in raised.value.faults]


def test_rules_are_read_as_they_are_written(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        '{to: "243810000001", account: bank}',
        "{to: 12345, account: shop}",
        "{to: [12345, 54321], keyword: BAL, account: bank}",
        "{to: 2438*, account: shop}",
        "{keyword: on, account: shop}",
        "{provider: one, account: bank}",
    ).mo_table()
    assert table.account("two", "243810000001", "") == "bank"
    assert table.account("two", "243810000002", "") == "shop"
    assert table.account("two", "12345", "") == "shop"
    assert table.account("two", "54321", "bal") == "bank"
    assert table.account("two", "54321", "") is None
    assert table.account("one", "54321", "") == "bank"
    assert table.account("two", "99", "on") == "shop"


def test_without_rules_nothing_is_anybodys(tmp_path: Path) -> None:
    assert Settings().mo_table().account("one", "243810000001", "") is None


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("{to: 1}", "mo[0].account: is required"),
        ("{to: 1, account: nobody}", "mo[0].account: no account has this system_id"),
        ("{provider: on, account: bank}", "mo[0].provider: no provider has this name; did you"),
        ('{to: "+243", account: bank}', "mo[0].to: must be the digits of a number"),
        ('{to: "24*3", account: bank}', "mo[0].to: must be the digits of a number"),
        ('{to: "", account: bank}', "mo[0].to: must be the digits of a number"),
        ('{to: "١٢٣", account: bank}', "mo[0].to: must be the digits of a number"),
        ("{to: [], account: bank}", "mo[0].to: must not be empty"),
        ("{keyword: two words, account: bank}", "mo[0].keyword: must be one word"),
        ('{keyword: "?", account: bank}', "mo[0].keyword: must be one word"),
        ("{keywords: A, account: bank}", "mo[0].keywords: unknown key; did you mean keyword?"),
    ],
)
def test_a_bad_rule_is_refused(tmp_path: Path, rule: str, fault: str) -> None:
    (found,) = faults(tmp_path, rule)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{to: 12345, account: bank}", "{to: 12345, account: shop}"),
        ("{to: 12345, account: bank}", "{to: [1, 12345], account: bank}"),
        ("{account: bank}", '{to: "*", account: shop}'),
        ("{to: 1, keyword: Bal, account: bank}", "{to: 1, keyword: BAL., account: shop}"),
        ("{provider: one, account: bank}", "{provider: one, account: shop}"),
    ],
)
def test_two_rules_for_the_same_messages_are_refused(tmp_path: Path, one: str, other: str) -> None:
    first = "{to: 7, account: bank}"
    assert faults(tmp_path, first, one, other) == ["mo[2]: mo[1] takes the same messages"]


def test_rules_that_overlap_are_ordered_and_not_refused(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "{to: 12345, account: bank}",
        "{to: 12345*, account: shop}",
        "{to: 12345, keyword: BAL, account: shop}",
        "{to: 12345, provider: one, account: shop}",
    )
    assert len(settings.mo) == 4


def test_opt_outs_are_the_providers_business_unless_it_is_said(tmp_path: Path) -> None:
    providers = read(tmp_path, "{account: bank}").providers
    assert {name: each.lane.optouts for name, each in providers.items()} == {
        "one": "ignore",
        "two": "refuse",
    }
