"""Wireshark's dissector against the PDUs that we write: each is SMPP, with the same fields."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from smppbridge.smpp import codec
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.pdus import DECODE, Pdu
from tests.interop.tapped import Tap, decoded, wrong_of_ours
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
