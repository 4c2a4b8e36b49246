from __future__ import annotations

import pytest

from smppbridge.model.account import Account, Secret
from smppbridge.relay.accept.reading import Reader
from smppbridge.relay.ussd.pdus import (
    BadInput,
    Dialogue,
    Op,
    Screen,
    deliver_sm,
    dialled,
    screen_of,
    session_of,
    typed,
)
from smppbridge.smpp import codec
from smppbridge.smpp.pdus import SubmitSm
from tests.vectors.vectors import VECTORS

READER = Reader(Account(system_id="bank", password=Secret("x")))


@pytest.mark.parametrize(
    ("code", "text", "whole"),
    [
        ("*384*77#", "", "*384*77#"),
        ("*384*77#", "5", "*384*77*5#"),
        ("*384*77#", "5*1", "*384*77*5*1#"),
        ("*384*77#", "*384*77*5#", "*384*77*5#"),
        ("384*77", "5", "384*77*5"),
        ("100", "", "100"),
    ],
)
def test_the_string_that_was_dialled(code: str, text: str, whole: str) -> None:
    assert dialled(code, text) == whole


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("", "", ""),
        ("", "1", "1"),
        ("1", "1*2", "2"),
        ("1*2", "1*2*2", "2"),
        ("1", "1*2*3", "2*3"),
        ("1", "1*", ""),
        ("1", "1", ""),
        ("1", "12", "12"),
        ("*384*77#", "1", "1"),
        ("1*2", "7", "7"),
    ],
)
def test_what_was_typed_since(before: str, now: str, new: str) -> None:
    assert typed(before, now) == new


@pytest.mark.parametrize(
    ("name", "op", "text", "sequence"),
    [
        ("deliver_sm_ussd_pssr_indication", Op.PSSR_INDICATION, "*100#", 0),
        ("deliver_sm_ussd_ussr_confirm", Op.USSR_CONFIRM, "1", 1),
    ],
)
def test_deliver_sm_are_those_of_other_stacks(name: str, op: int, text: str, sequence: int) -> None:
    dialogue = Dialogue("bank", "447700900123", "s", "100", 0x2A, sequence)
    vector = VECTORS[name].octets
    pdu = deliver_sm(dialogue, op, text, by_reference=False)
    pdu.sequence_number = int.from_bytes(vector[12:16], "big")
    assert pdu.encode() == vector


@pytest.mark.parametrize(
    ("name", "screen"),
    [
        ("submit_sm_ussd_ussr_request", Screen("1 Pay\n2 Exit", False)),
        ("submit_sm_ussd_pssr_response", Screen("Balance: 10", True)),
    ],
)
def test_submit_sm_of_other_stacks_are_read(name: str, screen: Screen) -> None:
    pdu = codec.decode(VECTORS[name].octets)
    assert isinstance(pdu, SubmitSm)
    assert session_of(pdu, by_reference=False) == (0x2A, screen.ends)
    assert screen_of(pdu, READER, 182, ends=False) == screen


@pytest.mark.parametrize(
    ("text", "data_coding", "octets"),
    [("1€", 0x0F, b"1\x1be"), ("да", 0x08, "да".encode("utf-16-be")), ("", 0x0F, b"")],
)
def test_input_goes_in_the_smallest_alphabet(text: str, data_coding: int, octets: bytes) -> None:
    pdu = deliver_sm(Dialogue("bank", "1", "s", "100", 1), 18, text, by_reference=False)
    assert (pdu.data_coding, pdu.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("text", "fits"), [("x" * 254, True), ("x" * 255, False), ("ш" * 128, False)]
)
def test_input_is_bounded_by_short_message(text: str, fits: bool) -> None:
    dialogue = Dialogue("bank", "1", "s", "100", 1)
    if fits:
        assert deliver_sm(dialogue, 18, text, by_reference=False).encode()
    else:
        with pytest.raises(BadInput, match="octets"):
            deliver_sm(dialogue, 18, text, by_reference=False)
