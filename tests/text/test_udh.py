from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text.errors import BadUdh
from smppbridge.text.udh import Concatenation, Udh, concatenation_element, parse

PORTS = (0x05, bytes.fromhex("158a0000"))
ELEMENTS = st.tuples(st.integers(0, 255), st.binary(max_size=6))


@pytest.mark.parametrize(
    ("in_hex", "concatenation", "others", "rest"),
    [
        ("050003a702027461696c", Concatenation(0xA7, 2, 2, False), (), b"tail"),
        ("06080412340301", Concatenation(0x1234, 3, 1, True), (), b""),
        ("0b0003a702010504158a0000010203", Concatenation(0xA7, 2, 1, False), (PORTS,), b"\1\2\3"),
        ("0b0504158a00000003a70201", Concatenation(0xA7, 2, 1, False), (PORTS,), b""),
        ("0b0504158a00000003a70200", None, (PORTS,), b""),
        ("050003010200", None, (), b""),  # number 0
        ("050003010001", None, (), b""),  # total 0
        ("050003010203", None, (), b""),  # 3 of 2
        ("050003010203" + "78", None, (), b"x"),
        ("0400020102", None, (), b""),  # an 8-bit element of two octets
        ("0a00030102010003050302", Concatenation(5, 3, 2, False), (), b""),  # the last one holds
        ("0a00030102010003050304", Concatenation(1, 2, 1, False), (), b""),  # the last valid one
        ("00", None, (), b""),
        ("0041", None, (), b"A"),
        ("027000", None, ((0x70, b""),), b""),
    ],
)
def test_headers(
    in_hex: str,
    concatenation: Concatenation | None,
    others: tuple[tuple[int, bytes], ...],
    rest: bytes,
) -> None:
    udh, content = parse(bytes.fromhex(in_hex))
    assert (udh.concatenation, udh.others, content) == (concatenation, others, rest)
    assert udh.encode() + content == bytes.fromhex(in_hex)


@pytest.mark.parametrize(
    "in_hex",
    [
        "",
        "05",
        "050003a702",
        "ff0003a70201",
        "050004a70201",  # the element is longer than UDHL
        "0100",  # an IEI without a length
        "060003a7020100",  # another, behind a whole element
        "0500",
    ],
)
def test_broken_headers(in_hex: str) -> None:
    with pytest.raises(BadUdh):
        parse(bytes.fromhex(in_hex))


@given(st.lists(ELEMENTS, max_size=8), st.binary(max_size=20))
def test_any_header_comes_back(elements: list[tuple[int, bytes]], content: bytes) -> None:
    udh = Udh(tuple(elements))
    assert parse(udh.encode() + content) == (udh, content)


@given(st.binary(max_size=40))
def test_any_octets_are_a_header_or_bad(octets: bytes) -> None:
    try:
        udh, rest = parse(octets)
    except BadUdh:
        return
    assert udh.encode() + rest == octets


@given(st.integers(0, 0xFFFF), st.integers(1, 255), st.integers(1, 255), st.booleans())
def test_any_concatenation_comes_back(reference: int, total: int, number: int, wide: bool) -> None:
    number = min(number, total)
    said = Concatenation(reference if wide else reference & 0xFF, total, number, wide)
    assert Udh((PORTS, concatenation_element(said))).concatenation == said


def test_a_header_that_udhl_cannot_count() -> None:
    with pytest.raises(BadUdh):
        Udh(((1, bytes(200)), (2, bytes(52)))).encode()
    with pytest.raises(BadUdh):
        Udh(((1, bytes(256)),)).encode()
    assert len(Udh(((1, bytes(253)),)).encode()) == 256
