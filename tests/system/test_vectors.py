"""What the default account answers, octet for octet, and whether the session lives on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    EnquireLink,
    Pdu,
)
from tests.system.daemon import Daemon
from tests.system.esme import Esme
from tests.system.provider import Provider
from tests.vectors.vectors import MALFORMED, VECTORS, MalformedPdu, Vector, answers_match

ACCOUNTS = {"esme01": "secret08", "ABCDEFGHIJKLMNO": "12345678"}
"""Those that the vectors bind as."""
PASSWORD = "anyone"
KINDS = {"BOUND_TX": BindTransmitter, "BOUND_RX": BindReceiver, "BOUND_TRX": BindTransceiver}
FENCE = EnquireLink(0, 0x1234567)
BINDS = (CommandId.BIND_TRANSMITTER, CommandId.BIND_RECEIVER, CommandId.BIND_TRANSCEIVER)

# Keccel takes texts only, so octets and headers that are no concatenation cannot be sent.
NO_OCTETS = Status.ESME_RSUBMITFAIL
REFUSED = {
    "submit_sm_address_20_digits": Status.ESME_RINVDSTADR,  # E.164 has 15
    "submit_sm_binary": NO_OCTETS,
    "submit_sm_binary_port_addressing": NO_OCTETS,
    "submit_sm_default_message": Status.ESME_RINVDFTMSGID,
    "submit_sm_empty": Status.ESME_RINVMSGLEN,
    "query_sm": Status.ESME_RQUERYFAIL,
    "cancel_sm_by_id": Status.ESME_RCANCELFAIL,
    "cancel_sm_by_destination": Status.ESME_RCANCELFAIL,
    "replace_sm": Status.ESME_RREPLACEFAIL,
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder: Path = tmp_path_factory.mktemp("vectors")
    provider = Provider()
    daemon = Daemon(folder, provider.url)
    accounts = ACCOUNTS | dict.fromkeys(
        map(account_of, [*MALFORMED, *VECTORS, DAY, TRICKLE]), PASSWORD
    )
    daemon.settings["accounts"] = [
        {"system_id": name, "password": password, "binds": 500}
        for name, password in accounts.items()
    ]
    try:
        yield daemon.start()
    finally:
        daemon.close()
        provider.close()


DAY, TRICKLE = "a long day", "octet by octet"


def account_of(case: str) -> str:
    """Return a system_id of a case's own: nobody's receipts and segments are another's."""
    return f"{crc32(case.encode()):x}"


def opened(daemon: Daemon, state: str, case: str) -> Esme:
    """Connect and, unless the state is OPEN, bind as the case's account."""
    esme = Esme(daemon.smpp)
    if state != "OPEN":
        assert esme.bind(KINDS[state], account_of(case), PASSWORD) == 0
    return esme


def until_fence(esme: Esme, count: int) -> list[Pdu]:
    """Return what comes before the session has shown that it lives, *count* PDUs at least."""
    found: list[Pdu] = []
    fenced = False
    while not fenced or len(found) < count:
        pdu = esme.read()
        if pdu.sequence_number == FENCE.sequence_number:
            fenced = True
        else:
            found.append(pdu)
    return found


@pytest.mark.parametrize(
    "vector", [m for m in MALFORMED.values() if m.from_esme], ids=lambda vector: vector.name
)
def test_what_is_wrong_is_answered_as_it_should_be(daemon: Daemon, vector: MalformedPdu) -> None:
    with opened(daemon, vector.state, vector.name) as esme:
        if vector.closes:
            esme.send(vector.octets)
            answer = esme.await_end()
        else:
            esme.send(vector.octets, FENCE)  # in one go: no receipt comes in between
            answer = b"".join(p.encode() for p in until_fence(esme, bool(vector.answer)))
    assert answers_match(answer, vector.answer), answer.hex()


def from_esme() -> list[Vector]:
    sent = [v for v in VECTORS.values() if v.name not in TO_ESME]
    assert len(sent) > 50
    return sent


TO_ESME = {
    name
    for name, vector in VECTORS.items()
    if vector.fields["command_id"]
    in (CommandId.DELIVER_SM, CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION)
    or (
        vector.fields["command_id"] & 0x80000000
        and vector.fields["command_id"] != CommandId.DELIVER_SM_RESP
        and not name.endswith("_from_esme")
    )
    or name == "data_sm_receipt"
}


@pytest.mark.parametrize("vector", from_esme(), ids=lambda vector: vector.name)
def test_what_is_right_is_answered(daemon: Daemon, vector: Vector) -> None:
    command_id, number = vector.fields["command_id"], vector.fields["sequence_number"]
    with opened(daemon, "OPEN" if command_id in BINDS else "BOUND_TRX", vector.name) as esme:
        alone = command_id in (*BINDS, CommandId.UNBIND)
        esme.send(vector.octets, *(() if alone else (FENCE,)))
        if command_id == CommandId.UNBIND:
            assert len(esme.await_end()) == 16
            return
        status = REFUSED.get(vector.name, Status.ESME_ROK)
        if command_id in BINDS:
            known = ACCOUNTS.get(vector.fields["system_id"]) == vector.fields["password"]
            status = Status.ESME_ROK if known else Status.ESME_RINVPASWD
            if not known:
                assert esme.read().command_status == status
                assert esme.await_end() == b""
                return
            esme.send(FENCE)
        answers = until_fence(esme, not command_id & 0x80000000)
    wanted = [] if command_id & 0x80000000 else [(command_id | 0x80000000, status, number)]
    assert [(a.command_id, a.command_status, a.sequence_number) for a in answers] == wanted


def test_a_long_day_of_strange_pdus_on_one_session(daemon: Daemon) -> None:
    lived = [m for m in MALFORMED.values() if m.from_esme and not m.closes]
    with opened(daemon, "BOUND_TRX", DAY) as esme:
        for vector in lived:
            esme.send(vector.octets)
        esme.send(FENCE)
        until_fence(esme, 0)
        assert esme.submit("still there").command_status == 0


def test_a_stream_octet_by_octet(daemon: Daemon) -> None:
    with Esme(daemon.smpp) as esme:
        system_id, password = account_of(TRICKLE).encode(), PASSWORD.encode()
        bind = BindTransceiver(0, 1, system_id, password).encode()
        for octet in bind + VECTORS["submit_sm_gsm7_plain"].octets + FENCE.encode():
            esme.send(bytes((octet,)))
        came = until_fence(esme, 2)
    answers = [pdu for pdu in came if pdu.command_id & 0x80000000]  # a receipt may be quicker
    assert [pdu.command_status for pdu in answers] == [0, 0]
