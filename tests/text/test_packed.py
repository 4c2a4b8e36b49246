from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text.errors import Undecodable
from smppbridge.text.packed import pack, unpack

SEPTETS = st.binary(max_size=170).map(lambda octets: bytes(each & 0x7F for each in octets))
HEADERS = st.integers(0, 20)


@pytest.mark.parametrize(
    ("septets", "octets"),
    [
        (b"", ""),
        (b"A", "41"),
        (b"AB", "4121"),
        (b"hellohello", "e8329bfd4697d9ec37"),
        (b"Design\0Home", "c4f23c7d760390ef7619"),
        (b"Line1\x1b\nLine2", "ccb4bb1cdb289869775906"),
        (
            b"It is easy to send text messages.",
            "493a283d0795c3f33c88fe06cdcb6e32885ec6d341edf27c1e3e97e72e",
        ),
        # the case of seven spare bits (3GPP 23.038, 6.1.2.3.1)
        (b"0123456", "b0986c46abd91a"),
        (b"01234567", "b0986c46abd96e"),
        (b"01234567\r", "b0986c46abd96e0d"),
        (b"012345\r", "b0986c46ab351a"),
    ],
)
def test_published_vectors(septets: bytes, octets: str) -> None:
    assert pack(septets).hex() == octets
    assert unpack(bytes.fromhex(octets)) == septets


def test_a_fill_bit_stands_behind_a_header_of_six_octets() -> None:
    octets = bytes.fromhex("906536fb0dbabfe56c32")
    assert pack(b"Hello world", 6) == octets
    assert unpack(octets, 6) == b"Hello world"
    assert pack(b"Hello world", 7) == pack(b"Hello world")  # 56 bits: no fill bit
    assert len(pack(b"x" * 153, 6)) == 134  # a whole segment
    assert len(pack(b"x" * 160)) == 140


def test_zeros_in_seven_spare_bits_are_no_at_sign() -> None:
    assert unpack(bytes.fromhex("d430390cd2a500")) == b"Tada :)"  # padded with zeros
    assert pack(b"Tada :)").hex() == "d430390cd2a51a"


def test_an_end_that_would_be_read_as_padding_gets_a_cr_more() -> None:
    assert unpack(pack(b"abcdefg\0")) == b"abcdefg\0\r"
    assert unpack(pack(b"abcdefg\r")) == b"abcdefg\r\r"
    assert unpack(pack(b"abcdef\0")) == b"abcdef\0"
    assert unpack(pack(b"\0")) == b"\0"
    assert unpack(b"\0") == b"\0"


@pytest.mark.parametrize("header", range(16))
def test_fewer_octets_than_fill_bits(header: int) -> None:
    assert unpack(b"", header) == b""
    assert unpack(b"\0", header) in (b"", b"\0")


def test_only_septets_are_packed() -> None:
    with pytest.raises(Undecodable):
        pack(b"a\x80")


@given(SEPTETS, HEADERS)
def test_septets_come_back(septets: bytes, header: int) -> None:
    octets = pack(septets, header)
    bits = -8 * header % 7 + 7 * len(septets)
    more = b""
    if septets and bits % 8 == 0 and septets[-1] in b"\0\r":
        more = b"\r"
    assert unpack(octets, header) == septets + more
    assert len(octets) == ((bits + 7 * len(more) + 7) // 8 if septets else 0)


@given(SEPTETS, HEADERS)
def test_septets_that_others_pack_without_a_rule_come_back(septets: bytes, header: int) -> None:
    fill = -8 * header % 7
    bits = sum(septet << fill + 7 * n for n, septet in enumerate(septets))
    foreign = bits.to_bytes((fill + 7 * len(septets) + 7) // 8, "little")
    full = septets and (fill + 7 * len(septets)) % 8 == 0 and septets[-1] in b"\0\r"
    assert unpack(foreign, header) == (septets[:-1] if full else septets)


@given(st.binary(max_size=64), HEADERS)
def test_any_octets_are_septets(octets: bytes, header: int) -> None:
    found = unpack(octets, header)
    assert found.isascii()
    assert len(found) <= len(octets) * 8 // 7


def test_a_long_payload_takes_no_time_to_speak_of() -> None:
    septets = b"abcdefgh" * 9_000
    assert unpack(pack(septets, 6), 6) == septets
