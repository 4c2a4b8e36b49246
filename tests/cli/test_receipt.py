from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.receipt import receipt as receipt_command
from smppbridge.model.receipts import FORMS
from smppbridge.smpp import codec
from smppbridge.smpp import receipt as receipts
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import DataSm, DeliverSm

CONFIGURATION = """
accounts:
  - {system_id: bank, password: secret12}
  - system_id: shop
    password: secret12
    receipts: {text: "{id}/{stat}", id: hex, stat: {REJECTD: REJECTED}, by: data_sm}
"""


def run(*args: str) -> Result:
    return CliRunner().invoke(receipt_command, args)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIGURATION)
    path.chmod(0o600)
    return str(path)


def rows(*args: str) -> list[dict[str, Any]]:
    result = run(*args, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_state_of_the_first_account(config: str) -> None:
    found = rows("--config", config)
    assert [row["state"] for row in found] == [MessageState(state).name for state in receipts.STAT]
    for row in found:
        pdu = codec.decode(bytes.fromhex(row["octets"]))
        assert isinstance(pdu, DeliverSm)
        assert pdu.short_message.decode() == row["text"]
        assert (row["pdu"], row["length"]) == ("deliver_sm", len(row["text"]))
        assert (row["source_addr"], row["destination_addr"]) == ("243810000001", "BANK")
        read = receipts.parse(pdu)
        assert read is not None
        assert read.state is not None
        assert read.state.name == row["state"]
        assert bytes.fromhex(row["receipted_message_id"]) == read.message_id.encode() + b"\0"


@pytest.mark.parametrize("state", ["rejected", "REJECTD", "RejectD"])
def test_one_state_of_another_account(config: str, state: str) -> None:
    (row,) = rows("--config", config, "--account", "shop", "--state", state)
    pdu = codec.decode(bytes.fromhex(row["octets"]))
    assert isinstance(pdu, DataSm)
    message_id, word = row["text"].split("/")
    assert (int(message_id, 16) > 1 << 50, word, row["pdu"]) == (True, "REJECTED", "data_sm")
    assert pdu.tlvs[0] == (0x0424, row["text"].encode())


@pytest.mark.parametrize("form", FORMS)
def test_a_form_needs_no_configuration(form: str) -> None:
    assert len(rows("--form", form)) == len(receipts.STAT)
    shown = run("--form", form, "--version", "3.3", "--state", "EXPIRED").stdout
    assert shown.startswith("state")
    assert " id:" in shown
    assert "receipted_message_id" not in shown


def test_people_read_a_state_after_the_other(config: str) -> None:
    shown = run("--config", config).stdout
    assert shown.count("\n\n") == len(receipts.STAT) - 1
    assert "stat:DELIVRD err:000 text:Your code is 123456," in shown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--state", "delivred"], "did you mean DELIVERED?"),
        (["--state", "SCHEDULED"], "no receipt has the state SCHEDULED"),
        (["--account", "shopp"], "no account is called shopp; did you mean shop?"),
        (["--form", "kannel", "--account", "bank"], "do not go together"),
        (["--form", "kanel"], "kanel"),
    ],
)
def test_what_is_not_there_is_said(config: str, args: list[str], said: str) -> None:
    result = run("--config", config, *args)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_a_bad_configuration_exits_with_78(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("accounts: [{system_id: bank, password: x, receipts: {text: '{i}'}}]")
    result = run("--config", str(path))
    assert (result.exit_code, result.stdout) == (78, "")
    assert "{i} is no field" in result.stderr
    path.write_text("accounts: []")
    path.chmod(0o600)
    assert "the configuration has no account" in run("--config", str(path)).stderr
