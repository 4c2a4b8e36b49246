"""smpp.twisted3 against the bridge: the stack beneath Jasmin, which knows every operation."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import Program
from tests.interop import operations
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.interop.operations import Part
from tests.interop.tapped import tapped
from tests.interop.venvs import python_with
from tests.patience import PATIENCE
from tests.ports import kept_ports

SCRIPT = Path(__file__).parent / "smpp_twisted_esme.py"
NUMBER = "243810000001"
CALLED, LISTEN = kept_ports(2)  # where the bridge calls, and where the script is behind a tap
KINDS = [
    "_data, profile: smpp_twisted, receipts: {by: data_sm}",
    "_profile, profile: smpp_twisted",
    f"_called, outbind: {{to: 127.0.0.1:{CALLED}, password: outpw}}",
]
_COMMON = (
    "source_addr_ton=AddrTon.ALPHANUMERIC, source_addr=b'ACME', "
    "esm_class=EsmClass(EsmClassMode.{mode}, EsmClassType.DEFAULT, {features}), "
    "registered_delivery=RegisteredDelivery("
    "RegisteredDeliveryReceipt.SMSC_DELIVERY_RECEIPT_REQUESTED), "
    "data_coding=DataCoding(DataCodingScheme.DEFAULT, DataCodingDefault.{coding})"
)
_ONE = "dest_addr_ton=AddrTon.INTERNATIONAL, dest_addr_npi=AddrNpi.ISDN, destination_addr=b'{to}'"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a venv that has smpp.twisted3."""
    folder = tmp_path_factory.mktemp("smpp_twisted3")
    return python_with(folder, "smpp.twisted3==0.8", "pyOpenSSL")


@pytest.fixture(scope="module")
def place(
    python: Path, simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    accounts = [f"twisted{kind}" for kind in ("", *KINDS)]
    return settle(tmp_path_factory.mktemp("smpp_twisted"), simulator, accounts)


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.served() as bridge:
        yield bridge


def said(
    python: Path,
    port: str,
    kind: str,
    requests: Sequence[str] = (),
    deliveries: int = 0,
    password: str = PASSWORD,
    **more: Any,
) -> dict[str, Any]:
    """Run the ESME; return the answers to its requests, and what it was delivered."""
    job = {
        "port": int(port),
        "kind": kind,
        "password": password,
        "requests": requests,
        "deliveries": deliveries,
        **more,
    }
    done = subprocess.run(
        [python, SCRIPT, json.dumps(job)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # it prints times
    return found


def submit(octets: bytes, coding: str = "SMSC_DEFAULT_ALPHABET", more: str = "", **how: str) -> str:
    """Return a submit_sm for the ESME to send; *more* are further fields."""
    common = _COMMON.format(mode="DEFAULT", features=how.get("features", "[]"), coding=coding)
    one = _ONE.format(to=how.get("to", NUMBER))
    return f"SubmitSM({common}, {one}, short_message={octets!r}{more})"


def payload(octets: bytes) -> str:
    """Return the TLV, as the stack writes one unseen: it knows message_payload's length badly."""
    return f", custom_tlvs=[(0x0424, None, 'OctetString', {octets!r})]"


def receipts(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return message_id, state and source of each receipt, as the stack's own parser has them."""
    return sorted(
        (each["receipted_message_id"], each["message_state"], each["source_addr"])
        for each in found["deliveries"]
    )


UDH = "[EsmClassGsmFeatures.UDHI_INDICATOR_SET]"
UCS2 = "😀 Дa" * 40
SUBMISSIONS = {
    "gsm": [submit(b"Caf\x05 @ \x1be 3")],
    "latin1": [submit("Café ñ".encode("latin-1"), "LATIN_1")],
    "ucs2": [submit("Дa 😀".encode("utf-16-be"), "UCS2")],
    "octets": [submit(b"plain", "IA5_ASCII")],
    "message_payload": [
        submit(b"", "UCS2", payload(UCS2.encode("utf-16-be"))),
    ],
    "udh": [
        submit(b"\5\0\3\7\2\2" + b"b" * 60, features=UDH),
        submit(b"\5\0\3\7\2\1" + b"a" * 153, features=UDH),
    ],
    "sar": [
        submit(
            part * 100,
            more=f", sar_msg_ref_num=9, sar_total_segments=2, sar_segment_seqnum={number}",
        )
        for number, part in ((1, b"a"), (2, b"b"))
    ],
}
TEXTS = {
    "gsm": "Café ¡ € 3",
    "latin1": "Café ñ",
    "ucs2": "Дa 😀",
    "octets": "plain",
    "message_payload": UCS2,
    "udh": "a" * 153 + "b" * 60,
    "sar": "a" * 100 + "b" * 100,
}


@pytest.mark.parametrize("way", SUBMISSIONS)
@in_thread
def test_submissions_are_whole_and_their_receipts_are_read(
    way: str, python: Path, place: Place, bridge: Program, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    requests = SUBMISSIONS[way]
    found = said(python, place.port, "transceiver", requests, len(requests))
    assert [each["status"] for each in found["answers"]] == ["ESME_ROK"] * len(requests)
    ids = [each["message_id"] for each in found["answers"]]
    assert receipts(found) == sorted((each, "DELIVERED", NUMBER) for each in ids)
    assert simulator.taken == {(NUMBER, TEXTS[way]): 1}


@pytest.mark.parametrize("kind", ["transmitter", "receiver", "transceiver"])
@in_thread
def test_each_bind_and_a_wrong_password(
    kind: str, python: Path, place: Place, bridge: Program
) -> None:
    assert "error" not in said(python, place.port, kind)
    refused = said(python, place.port, kind, password="wrong")
    assert "ESME_RINVPASWD" in refused["error"] or "ESME_RBINDFAIL" in refused["error"]


def spoken(
    python: Path, place: Place, name: str, parts: Sequence[Part], kind: str, **more: Any
) -> dict[str, Any]:
    """Run a conversation."""
    steps = operations.written(parts)
    found = said(python, place.port, kind, system_id=name, steps=steps, **more)
    assert "error" not in found
    return found


@in_thread
def test_every_operation_that_it_has(
    python: Path, place: Place, bridge: Program, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    parts = [
        operations.queried("243810000011"),
        operations.cancelled("243810000012"),
        operations.superseded("243810000013"),
        operations.on_its_way(replaces=False),
        operations.by_data_sm("243810000014"),
        operations.in_transactions("243810000015"),
    ]
    operations.check(parts, spoken(python, place, "twisted", parts, "transceiver"))
    assert simulator.taken == operations.taken(parts)


@in_thread
def test_data_sm_both_ways(python: Path, place: Place, bridge: Program) -> None:
    parts = [operations.by_data_sm("243810000016"), operations.cancelled("243810000017")]
    found = spoken(python, place, "twisted_data", parts, "transceiver")
    operations.check(parts, found, by="data_sm")


@in_thread
def test_a_failure_is_read_with_the_profile(python: Path, place: Place, bridge: Program) -> None:
    failing = operations.failing("243810000090")
    found = spoken(python, place, "twisted_profile", [failing], "transceiver")
    operations.check([failing], found)


@in_thread
def test_it_is_called(python: Path, place: Place, bridge: Program, tmp_path: Path) -> None:
    parts = [operations.queried("243810000018"), operations.cancelled("243810000019")]
    with tapped(CALLED, LISTEN, tmp_path, called=True):
        found = spoken(python, place, "twisted_called", parts, "transmitter", listen=LISTEN)
    operations.check(parts, found)
    assert found["called"] == [{"system_id": "SMPPBRIDGE", "password": "outpw", "status": 0}]
