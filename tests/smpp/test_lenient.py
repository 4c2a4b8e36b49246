"""Faulty requests that a session reads all the same, and those that it never reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.events import FaultyPdu
from smppbridge.smpp.lenient import LONGEST_TEXT, Indulgence
from smppbridge.smpp.matrix import State
from smppbridge.smpp.oddities import FORGIVABLE, Oddity
from smppbridge.smpp.pdus import (
    BindTransceiver,
    CancelSm,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    SubmitSm,
)
from tests.smpp.sessions import consume, feed, sent, smsc
from tests.vectors.vectors import JUDGED_BY_VALUE, MALFORMED, VECTORS, answers_match

FROM_ESMES = sorted(n for n in set(MALFORMED) - JUDGED_BY_VALUE if MALFORMED[n].from_esme)
PDU = SubmitSm(0, 7, b"", 0, 1, b"447700900001", 1, 1, b"447700900123", short_message=b"Hello")


def spoilt(pdu: Pdu, cut: int, more: bytes = b"") -> bytes:
    """Return a PDU without its last octets, and with others in their place."""
    body = pdu.encode()[4:]
    octets = body[: len(body) - cut] + more
    return (len(octets) + 4).to_bytes(4, "big") + octets


def read(octets: bytes, *forgives: str, state: State = State.BOUND_TRX) -> tuple[Any, list[str]]:
    """Return the event of a PDU, and the oddities noted."""
    noted: list[str] = []
    session = smsc(state, indulgence=Indulgence(frozenset(forgives), noted.append))
    [event] = session.receive(octets, 0.0)
    return event, noted


NO_NUL = spoilt(CancelSm(0, 7, b"", b"12", 1, 1, b"BANK", 1, 1, b"447700900123"), 1)
LONG = SubmitSm(0, 7, source_addr=b"x" * 20, destination_addr=b"1", short_message=b"x")
TOO_LONG_AT = 16 + 3


def stretched(size: int) -> bytes:
    """Return a submit_sm whose source address has *size* octets."""
    octets = LONG.encode()
    body = octets[4:TOO_LONG_AT] + b"y" * size + octets[TOO_LONG_AT + 20 :]
    return (len(body) + 4).to_bytes(4, "big") + body


CASES: dict[str, tuple[bytes, State, str, dict[str, Any]]] = {
    "bind_truncated_after_system_id": (
        MALFORMED["bind_truncated_after_system_id"].octets,
        State.OPEN,
        "short_body",
        {"system_id": b"esme01", "password": b"", "interface_version": 0, "address_range": b""},
    ),
    "bind_system_type_13_chars": (
        MALFORMED["bind_system_type_13_chars"].octets,
        State.OPEN,
        "long_field",
        {"system_type": b"ABCDEFGHIJKLM", "interface_version": 0x34, "password": b"pw"},
    ),
    "bind_without_nul": (
        spoilt(BindTransceiver(0, 1, b"esme01", b"pw", address_range=b"44*"), 1),
        State.OPEN,
        "no_nul",
        {"system_id": b"esme01", "password": b"pw", "address_range": b"44*"},
    ),
    "destination_addr_21_chars": (
        MALFORMED["destination_addr_21_chars"].octets,
        State.BOUND_TRX,
        "long_field",
        {"short_message": b"Hello world"},
    ),
    "empty_body": (
        MALFORMED["empty_body"].octets,
        State.BOUND_TRX,
        "short_body",
        {"destination_addr": b"", "short_message": b"", "tlvs": ()},
    ),
    "without sm_length": (
        spoilt(SubmitSm(0, 7, destination_addr=b"1", data_coding=8), 2),
        State.BOUND_TRX,
        "short_body",
        {"destination_addr": b"1", "data_coding": 8, "short_message": b""},
    ),
    "cancel_sm without NUL": (
        NO_NUL,
        State.BOUND_TRX,
        "no_nul",
        {"destination_addr": b"447700900123", "message_id": b"12"},
    ),
    "sm_length beyond": (
        spoilt(PDU, 2),
        State.BOUND_TRX,
        "sm_length",
        {"short_message": b"Hel", "tlvs": ()},
    ),
    "sm_length in characters": (
        spoilt(PDU, 6, b"\x03" + "При".encode("utf-16-be")),
        State.BOUND_TRX,
        "sm_length",
        {"short_message": "При".encode("utf-16-be"), "tlvs": ()},
    ),
    "tlv_stray_3_octets": (
        MALFORMED["tlv_stray_3_octets"].octets,
        State.BOUND_TRX,
        "broken_tlvs",
        {"short_message": b"Hello world", "tlvs": ()},
    ),
    "tlv_int_wrong_length": (
        MALFORMED["tlv_int_wrong_length"].octets,
        State.BOUND_TRX,
        "broken_tlvs",
        {"short_message": b"Hello world", "tlvs": ((0x020C, b"\0\x12"),)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_forgiven_is_read_and_noted(name: str) -> None:
    octets, state, word, fields = CASES[name]
    event, noted = read(octets, word, state=state)
    assert isinstance(event, Pdu)
    assert {key: getattr(event, key) for key in fields} == fields
    assert noted == [word]


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_forgiven_is_refused_with_its_oddity(name: str) -> None:
    octets, state, word, _ = CASES[name]
    others = FORGIVABLE - {word} - ({"broken_tlvs"} if name == "sm_length in characters" else set())
    event, noted = read(octets, *others, state=state)
    assert isinstance(event, FaultyPdu)
    expected = "broken_tlvs" if name == "sm_length in characters" else word
    assert (event.oddity, noted) == (expected, [])


@pytest.mark.parametrize("name", FROM_ESMES)
def test_a_session_that_forgives_nothing_answers_by_the_letter(name: str) -> None:
    vector = MALFORMED[name]
    session = smsc(State[vector.state], indulgence=Indulgence())
    consume(session, session.receive(vector.octets, 0.0))
    assert answers_match(session.octets_to_send(), vector.answer)


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_a_sound_pdu_is_read_alike_whatever_is_forgiven(name: str) -> None:
    octets, found = VECTORS[name].octets, []
    for forgives in (frozenset[str](), FORGIVABLE):
        noted: list[str] = []
        session = smsc(indulgence=Indulgence(forgives, noted.append))
        found.append((list(session.receive(octets, 0.0)), session.octets_to_send()))
        assert set(noted) <= {Oddity.ENQUIRE_LINK_BODY}
    assert found[0] == found[1]


@pytest.mark.parametrize(("size", "read_over"), [(21, True), (LONGEST_TEXT, True), (65, False)])
def test_a_forgiven_text_has_a_bound(size: int, read_over: bool) -> None:
    event, _ = read(stretched(size), "long_field")
    assert isinstance(event, SubmitSm) is read_over
    if not read_over:
        assert event.status == Status.ESME_RINVSRCADR


def test_a_text_without_nul_has_the_same_bound() -> None:
    octets = spoilt(CancelSm(0, 7, destination_addr=b"1"), 2, b"1" * 65)
    event, _ = read(octets, "no_nul", "long_field")
    assert (event.status, event.oddity) == (Status.ESME_RINVDSTADR, Oddity.LONG_FIELD)


def test_every_fault_of_a_request_has_to_be_forgiven() -> None:
    octets = stretched(30)[4:-1]
    octets = (len(octets) + 4).to_bytes(4, "big") + octets
    event, noted = read(octets, "long_field", "sm_length")
    assert isinstance(event, SubmitSm)
    assert noted == ["long_field", "sm_length"]
    event, noted = read(octets, "long_field")
    assert (event.oddity, event.status, noted) == ("sm_length", Status.ESME_RINVMSGLEN, [])


def test_destinations_are_never_guessed() -> None:
    body = bytes.fromhex("00000021000000000000000700050000") + b"\x02\x01\x01\x01\x34"
    event, _ = read((len(body) + 4).to_bytes(4, "big") + body, *FORGIVABLE)
    assert (event.status, event.oddity) == (Status.ESME_RINVCMDLEN, None)


def test_an_enquire_link_with_a_body_is_noted_and_answered() -> None:
    noted: list[str] = []
    session = smsc(indulgence=Indulgence(note=noted.append))
    consume(session, session.receive(spoilt(EnquireLink(0, 9), 0, b"\0"), 0.0))
    feed(session, EnquireLink(0, 10))
    answers = [one for one in sent(session) if isinstance(one, EnquireLinkResp)]
    assert [one.sequence_number for one in answers] == [9, 10]
    assert noted == [Oddity.ENQUIRE_LINK_BODY]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(0, b"", [Oddity.BARE_DELIVER_SM_RESP]), (0, b"\0", []), (8, b"", []), (0, b"id\0", [])],
)
def test_a_deliver_sm_resp_without_its_nul_is_noted(
    status: int, body: bytes, expected: list[str]
) -> None:
    noted: list[str] = []
    session = smsc(indulgence=Indulgence(note=noted.append))
    number = session.ask(DeliverSm(), "about", 0.0)
    head = (16 + len(body), 0x80000005, status, number)
    list(session.receive(b"".join(n.to_bytes(4, "big") for n in head) + body, 0.0))
    assert noted == expected


@given(st.binary(max_size=120), st.sampled_from([4, 9, 3, 8, 7, 0x21, 0x103]))
@settings(max_examples=300)
def test_any_octets_are_read_or_refused(body: bytes, command_id: int) -> None:
    octets = b"".join(n.to_bytes(4, "big") for n in (16 + len(body), command_id, 0, 7)) + body
    state = State.OPEN if command_id == 9 else State.BOUND_TRX
    event, _ = read(octets, *FORGIVABLE, state=state)
    assert isinstance(event, Pdu | FaultyPdu)
