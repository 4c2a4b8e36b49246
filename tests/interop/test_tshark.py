"""Wireshark's dissector against the PDUs that we write: each is SMPP, with the same fields."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from smppbridge.model.receipts import FORMS
from smppbridge.smpp import codec
from smppbridge.smpp.constants import CommandId, MessageState
from smppbridge.smpp.pdus import DECODE, Pdu
from smppbridge.smpp.receipt import STAT
from tests.interop.tapped import Tap, decoded, wrong_of_ours
from tests.interop.test_receipt_forms import octets
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.vectors.vectors import READ_BUT_NEVER_WRITTEN, VECTORS

if not shutil.which("tshark"):
    pytest.skip("TSHARK IS NOT TESTED, there is none: tshark", allow_module_level=True)


def capture(folder: Path, written: Iterable[bytes]) -> Path:
    """Return the capture of a connection on which the bridge's side sends octets."""
    port, path = kept_ports(1)[0], folder / "ours.pcap"
    with socket.create_server(("127.0.0.1", 0)) as bridge:
        tap = Tap(port, bridge.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            connection, _ = bridge.accept()
            with connection:
                for octets in written:
                    connection.sendall(octets)
            while client.recv(65_536):
                pass
        tap.close()
    tap.write(path)
    return path


def test_every_pdu_that_we_write_is_the_same_to_tshark(tmp_path: Path) -> None:
    written = VECTORS.keys() - READ_BUT_NEVER_WRITTEN
    pdus: list[Pdu] = [codec.decode(VECTORS[name].octets) for name in sorted(written)]
    path = capture(tmp_path, (pdu.encode() for pdu in pdus))
    assert wrong_of_ours(path) == ""
    fields = ["command_id", "sequence_number"]
    options = [word for name in fields for word in ("-e", f"smpp.{name}")]
    lines = decoded(path, "-Y", "smpp", "-T", "fields", *options).split("\n")
    found = [line.split("\t") for line in lines if line]
    numbers = [int(number, 0) for _, each in found for number in each.split(",")]
    commands = [int(command, 0) for each, _ in found for command in each.split(",")]
    assert commands == [pdu.command_id for pdu in pdus]
    assert numbers == [pdu.sequence_number for pdu in pdus]
    assert {CommandId(command) for command in commands} == {CommandId(each) for each in DECODE}


@pytest.mark.parametrize("by", ["deliver_sm", "data_sm"])
def test_receipts_of_every_form_are_receipts_to_tshark(by: str, tmp_path: Path) -> None:
    forms = [{"form": form, "by": by} for form in FORMS] + [{"tlvs": False, "by": by}]
    pdus = [octets(state, **keys) for keys in forms for state in STAT]
    path = capture(tmp_path, pdus)
    assert wrong_of_ours(path) == ""
    lines = decoded(path, "-Y", "smpp", "-T", "fields", "-e", "smpp.esm.submit.msg_type")
    found = [int(kind, 0) for line in lines.split() for kind in line.split(",")]
    assert found == [0x01 if MessageState(s).is_final else 0x08 for _ in forms for s in STAT]


@pytest.mark.parametrize(
    "octets",
    [
        bytes.fromhex("00000014 80000004 00000000 00000001 31323334"),
        bytes.fromhex("00000010 80000004 00000000 00000001") + b"no SMPP at all",
    ],
    ids=["no NUL at the end of the message_id", "octets that are no PDU"],
)
def test_a_pdu_that_is_wrong_is_found(octets: bytes, tmp_path: Path) -> None:
    assert wrong_of_ours(capture(tmp_path, [octets])) != ""
