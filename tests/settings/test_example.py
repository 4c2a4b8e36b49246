from __future__ import annotations

import re
from pathlib import Path

import pytest

from smppbridge.routing.table import Table
from smppbridge.settings import example
from smppbridge.settings.configuration import load
from smppbridge.settings.schema import Settings

CHECKED_IN = Path(__file__).parents[2] / "config" / "bridge.yaml"
ENVIRONMENT = {
    "BANK_PASSWORD": "12345678",
    "KECCEL_TOKEN": "token",
    "KECCEL_CALLBACK_KEY": "0123456789abcdef",
}


def route(table: Table, *about: str) -> tuple[str, ...]:
    """Return the providers that a message goes to."""
    choice = table.find(*about)
    return choice.via if choice else ()


def test_the_checked_in_file_is_the_generated_one() -> None:
    assert CHECKED_IN.read_text() == example.text(), "run python -m smppbridge.settings.example"


def test_the_example_loads() -> None:
    settings = load(CHECKED_IN, ENVIRONMENT)
    assert not list(settings.warnings())
    assert route(settings.table(), "bank", "BANK", "243810000001") == ("keccel",)
    assert route(settings.table(), "other", "X", "254700000001") == ()


def test_what_is_commented_out_is_the_default(tmp_path: Path) -> None:
    whole = tmp_path / "bridge.yaml"
    whole.write_text(re.sub(r"(?m)^( *)#(?=[a-z_0-9]+:)", r"\1", CHECKED_IN.read_text()))
    assert "\n  session_init: 30s\n" in whole.read_text()
    given, all_given = load(CHECKED_IN, ENVIRONMENT), load(whole, ENVIRONMENT)
    for key in Settings.model_fields:
        assert getattr(given, key) == getattr(all_given, key), key


def test_lines_are_short() -> None:
    assert all(len(line) <= 100 for line in example.text().splitlines())


def test_tables_have_every_setting() -> None:
    tables = example.tables()
    rows = {(section, row.key): row for section, table in tables.items() for row in table}
    assert rows["", "retention"].default == "7d"
    assert rows["smpp", "listen"].default == "tcp:2775"
    assert rows["receipts", "keep"].default == "48h"
    assert rows["accounts", "system_id"].default == "required"
    assert rows["accounts", "receipts.utc_offset"].default == '"+00:00"'
    assert rows["accounts", "throughput"].default == ""
    assert rows["type keccel", "token"].default == "required"
    assert ("providers", "token") not in rows


@pytest.mark.parametrize("section", sorted(example.tables()))
def test_every_setting_says_what_it_means(section: str) -> None:
    assert all(row.meaning for row in example.tables()[section])
