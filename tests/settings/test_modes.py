"""The settings of transaction mode and of outbind."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.model.account import Account, OutbindTarget
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings


def record(folder: Path, **keys: str) -> Account:
    given = {"system_id": "bank", "password": "secret"} | keys
    path = folder / "bridge.yaml"
    path.write_text("accounts:\n  - " + "\n    ".join(f"{k}: {v}" for k, v in given.items()))
    path.chmod(0o600)
    return load(path, {"OUT": "hunter2"}).records()["bank"]


def test_without_them_a_message_is_answered_when_it_is_on_disk(tmp_path: Path) -> None:
    found = record(tmp_path)
    assert (found.answer, found.answer_within, found.outbind) == ("store", 20.0, None)


def test_an_account_in_transaction_mode(tmp_path: Path) -> None:
    found = record(tmp_path, answer="provider", answer_within="5s")
    assert (found.answer, found.answer_within) == ("provider", 5.0)


@pytest.mark.parametrize(
    ("written", "outbind"),
    [
        ("192.0.2.7:2775", OutbindTarget("192.0.2.7", 2775)),
        ("esme.example.org:1", OutbindTarget("esme.example.org", 1)),
        ('"[2001:db8::7]:65535"', OutbindTarget("2001:db8::7", 65_535)),
        ("{to: '192.0.2.7:2775', password: '${OUT}'}", OutbindTarget("192.0.2.7", 2775, "hunter2")),
        ("off", None),
        ("null", None),
        ("{}", None),
    ],
)
def test_whom_we_call(tmp_path: Path, written: str, outbind: OutbindTarget | None) -> None:
    found = record(tmp_path, outbind=written)
    assert found.outbind == outbind
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ({"outbind": "192.0.2.7"}, "outbind", "HOST:PORT"),
        ({"outbind": '":2775"'}, "outbind", "HOST:PORT"),
        ({"outbind": '"2001:db8::7:2775"'}, "outbind", "[ADDRESS]:PORT"),
        ({"outbind": '"[192.0.2.7]:2775"'}, "outbind", "no IPv6 address"),
        ({"outbind": "192.0.2.7:0"}, "outbind", "1 to 65535"),
        ({"outbind": "192.0.2.7:655360"}, "outbind", "1 to 65535"),
        ({"outbind": "192.0.2.7:http"}, "outbind", "1 to 65535"),
        ({"outbind": "tcp:192.0.2.7:2775"}, "outbind", "HOST:PORT"),
        ({"outbind": "bank_box:2775"}, "outbind", "no host name"),
        ({"outbind": "bank..box:2775"}, "outbind", "no host name"),
        ({"outbind": f"{'x' * 64}:2775"}, "outbind", "no host name"),
        ({"outbind": "-bank:2775"}, "outbind", "no host name"),
        ({"outbind": "{to: 'h:1', password: '123456789'}"}, "outbind.password", "8 characters"),
        ({"outbind": "{to: 'h'}"}, "outbind.to", "HOST:PORT"),
        ({"outbind": "{password: 'secret'}"}, "outbind.to", "required"),
        ({"outbind": "{too: 'h:1'}"}, "outbind.too", "did you mean to?"),
        ({"answer": "providr"}, "answer", "store"),
        ({"answer_within": "0s"}, "answer_within", "greater than 0"),
    ],
)
def test_faults_have_their_key(
    tmp_path: Path, keys: dict[str, str], key: str, message: str
) -> None:
    with pytest.raises(BadSettings) as caught:
        record(tmp_path, **keys)
    (fault,) = caught.value.faults
    assert fault.key == f"accounts[0].{key}"
    assert message in fault.message
    assert "123456789" not in str(fault)
