from __future__ import annotations

import socket
import warnings
from getpass import GetPassWarning
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from smppbridge.cli.listen import described
from smppbridge.cli.send import Sending, send
from smppbridge.cli.smpplib_session import date_of, printable, receipt_of

RECEIPT = (
    b"id:12 sub:001 dlvrd:001 submit date:2511202114 done date:2511202115 stat:DELIVRD err:000"
    b" text:stat:UNDELIV id:13"
)


def deliver_sm(**fields: Any) -> SimpleNamespace:
    given = {"esm_class": 0, "short_message": b"", "message_payload": None, "data_coding": 0}
    ends = {"source_addr": b"243810000001", "destination_addr": b"BANK"}
    return SimpleNamespace(**given | ends | {"receipted_message_id": None} | fields)


def test_a_receipt_is_read_up_to_its_text() -> None:
    found = receipt_of(deliver_sm(esm_class=4, short_message=RECEIPT))
    assert found == {
        "id": "12",
        "submit date": "2511202114",
        "done date": "2511202115",
        "stat": "DELIVRD",
        "err": "000",
    }


def test_the_id_of_a_receipt_may_be_in_its_tlv() -> None:
    assert receipt_of(deliver_sm(esm_class=4, receipted_message_id=b"14")) == {"id": "14"}
    assert receipt_of(deliver_sm(esm_class=4)) is None
    tagged = {"esm_class": 4, "receipted_message_id": b"14", "message_state": 5}
    assert receipt_of(deliver_sm(**tagged)) == {"id": "14", "stat": "UNDELIV"}
    assert receipt_of(deliver_sm(**tagged, short_message=b"id:1f stat:GONE err:1")) == {
        "id": "14",
        "stat": "UNDELIV",
        "err": "1",
    }


def test_a_data_sm_may_be_a_receipt() -> None:
    pdu = deliver_sm(esm_class=4, message_payload=RECEIPT)
    del pdu.short_message
    assert (receipt_of(pdu) or {})["stat"] == "DELIVRD"
    assert receipt_of(deliver_sm(short_message=RECEIPT)) is None


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"short_message": b"\0 \x1be"}, "@ €"),
        ({"short_message": b"\x04\x49", "data_coding": 8}, "щ"),
        ({"message_payload": b"payload"}, "payload"),
        ({"short_message": b"\x05\x00\x03\x01\x02\x01half", "esm_class": 0x40}, "half"),
        ({"short_message": b"\xff\x00", "data_coding": 4}, "ff00"),
    ],
)
def test_a_message_is_read(fields: dict[str, Any], text: str) -> None:
    said = described(deliver_sm(**fields))
    assert (said["event"], said["from"], said["text"]) == ("message", "243810000001", text)


def test_what_a_terminal_could_obey_is_escaped() -> None:
    assert printable("a\x1b[2J\u202eé\n") == "a\\x1b[2J\\u202e\xe9\\n"


@pytest.mark.parametrize(
    ("digits", "date"),
    [
        ("2511202114", "2025-11-20 21:14"),
        ("251120211459", "2025-11-20 21:14"),
        ("20251120211459", "2025-11-20 21:14"),
        ("", ""),
        ("never", "never"),
    ],
)
def test_dates(digits: str, date: str) -> None:
    assert date_of(digits) == date


@pytest.mark.parametrize(
    ("option", "value"), [("--password", "ninechars"), ("--system-id", "x" * 16), ("--to", "x")]
)
def test_what_smpplib_would_cut_is_refused(option: str, value: str) -> None:
    given = {"--to": "243810000001", "--password": "p", option: value}
    result = CliRunner().invoke(send, [*sum(given.items(), ()), "text"])
    assert result.exit_code == 2
    assert value not in result.stderr


def test_a_password_is_asked_for() -> None:
    arguments = ["--system-id", "bank", "--to", "243810000001", "text"]
    result = CliRunner().invoke(send, arguments, input="much too long\n")
    assert result.exit_code == 2
    assert "Password" in result.stderr
    assert "much" not in result.output


def test_a_password_that_nobody_can_type_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unseen(*_: object, **__: object) -> str:
        warnings.warn("Can not control echo on the terminal.", GetPassWarning, stacklevel=1)
        return "secret"

    monkeypatch.setattr(click, "prompt", unseen)
    result = CliRunner().invoke(send, ["--system-id", "bank", "--to", "243810000001", "text"])
    assert result.exit_code == 2
    assert "SMPPBRIDGE_PASSWORD" in result.stderr
    assert "echo" not in result.stderr


def test_a_receipt_that_is_not_final_is_told_from_none() -> None:
    accepted = deliver_sm(
        command="deliver_sm", esm_class=4, short_message=RECEIPT.replace(b"DELIVRD", b"ACCEPTD")
    )
    heard = [
        SimpleNamespace(command="submit_sm_resp", sequence=n, status=0, message_id=b"%d" % n)
        for n in (12, 14)
    ]
    pdus = iter([*heard, accepted, None])
    esme = SimpleNamespace(
        submit=iter([12, 14]).__next__, next=lambda _: next(pdus), answer=lambda *_: None
    )
    sending = Sending(lambda *_: None, receipts=True)
    sending.run(esme, [({}, "1/1"), ({}, "1/1")], 5)  # type: ignore[arg-type]
    assert sending.summary.startswith(
        "2 accepted, 0 delivered, 0 failed, 1 without final receipt, 1 without receipt ("
    )
    assert sending.status == 2


def test_nobody_is_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        result = CliRunner().invoke(send, ["--port", str(port), "--to", "243810000001", "x"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: cannot connect to 127.0.0.1:{port}: Connection refused\n"
