from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.net.proxy_header import MOST, BadHeader, Header, read

SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")
INET, INET6, UNIX = 0x10, 0x20, 0x30
TLVS = bytes.fromhex("03 0004 00000000 EA 000C") + b"vpce-0123456"


def binary(command: int, family: int, block: bytes = b"", size: int | None = None) -> bytes:
    length = len(block) if size is None else size
    return SIGNATURE + bytes((0x20 | command, family)) + length.to_bytes(2, "big") + block


def inet(source: str, port: int = 4_660) -> bytes:
    address = IPv6Address if ":" in source else IPv4Address
    ends = address(source).packed + address(source).packed[::-1]
    return ends + port.to_bytes(2, "big") + (2_775).to_bytes(2, "big")


GOOD = [
    (b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775\r\n", "192.0.2.7", 4_660),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65_535),
    (b"PROXY TCP6 2001:DB8::7 ::1 0 2775\r\n", "2001:db8::7", 0),
    (b"PROXY TCP6 " + 2 * (b"ffff:" * 7 + b"ffff ") + b"65535 65535\r\n", "ffff:" * 7 + "ffff",
     65_535),
    (b"PROXY UNKNOWN\r\n", None, 0),
    (b"PROXY UNKNOWN who knows\n or cares\r\n", None, 0),
    (b"PROXY UNKNOWN " + 2 * (b"ffff:" * 7 + b"ffff ") + b"65535 65535\r\n", None, 0),  # 107 octets
    (binary(1, INET | 1, inet("192.0.2.7")), "192.0.2.7", 4_660),
    (binary(1, INET | 1, inet("192.0.2.7") + TLVS), "192.0.2.7", 4_660),
    (binary(1, INET6 | 1, inet("2001:db8::7") + TLVS), "2001:db8::7", 4_660),
    (binary(1, INET6 | 1, inet("::ffff:192.0.2.7")), str(IPv6Address("::ffff:192.0.2.7")), 4_660),
    (binary(1, INET | 1, inet("192.0.2.7") + bytes(MOST - 28)), "192.0.2.7", 4_660),
    (binary(1, UNIX | 1, bytes(216)), None, 0),
    (binary(1, UNIX | 2, bytes(216) + TLVS), None, 0),
    (binary(1, INET | 2, inet("192.0.2.7")), None, 0),  # UDP: no connection of ours
    (binary(1, INET, inet("192.0.2.7")), None, 0),
    (binary(1, 0, TLVS), None, 0),
    (binary(1, 1), None, 0),
    (binary(0, 0), None, 0),
    (binary(0, 0, TLVS), None, 0),
    (binary(0, INET | 1, inet("192.0.2.7")), None, 0),
    (binary(0, 0xFF, b"xy"), None, 0),  # the family of LOCAL is to be ignored
]  # fmt: skip

BAD = [
    b"\0\0\0\x2f\0\0\0\x09",
    b"\x16\x03\x01\x02\x00",
    b"GET / HTTP/1.1\r\n",
    b"PROXy TCP4",
    b"proxy TCP4",
    b" PROXY",
    b"PROXY \r\n",
    b"PROXY\tTCP4 192.0.2.7 10.0.0.9 4660 2775\r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP5 192.0.2.7 10.0.0.9 4660 2775\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY TCP4  192.0.2.7 10.0.0.9 4660 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775 \r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775 1\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 4660\r\n",
    b"PROXY TCP4 192.0.2.07 10.0.0.9 4660 2775\r\n",
    b"PROXY TCP4 192.0.2.256 10.0.0.9 4660 2775\r\n",
    b"PROXY TCP4 192.0.2 10.0.0.9 4660 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0 4660 2775\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::8 4660 2775\r\n",
    b"PROXY TCP6 192.0.2.7 10.0.0.9 4660 2775\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 4660 2775\r\n",
    b"PROXY TCP6 ::1 fe80::1%eth0 4660 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 65536 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 -1 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 +1 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 04660 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 4_6 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 \xd9\xa3 2775\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775\n" + 70 * b" ",
    b"PROXY UNKNOWN " + 93 * b"x",  # 107 octets without CR and LF
    b"PROXY UNKNOWN " + 92 * b"x" + b"\r",
    b"\r\n\r\n\0\r\nQUIT\r",
    SIGNATURE + b"\x11",  # version 1
    SIGNATURE + b"\x31",
    SIGNATURE + b"\x22",  # no such command
    SIGNATURE + b"\x21\x41",  # no such family
    SIGNATURE + b"\x21\x13",  # no such transport
    binary(1, INET | 1, size=11),
    binary(1, INET6 | 1, size=35),
    binary(1, UNIX | 1, size=215),
    binary(1, 0, size=MOST - 15),
    binary(0, 0, size=65_535),
]


@pytest.mark.parametrize(("octets", "host", "port"), GOOD)
def test_a_header_is_read_octet_by_octet_and_what_follows_is_left(
    octets: bytes, host: str | None, port: int
) -> None:
    for end in range(len(octets)):
        assert read(octets[:end]) is None
    assert read(octets) == Header(len(octets), host, port)
    for more in (b"\r\n", b"PROXY ", octets):
        assert read(octets + more) == Header(len(octets), host, port)


@pytest.mark.parametrize("octets", BAD)
def test_octets_that_are_no_header_are_refused(octets: bytes) -> None:
    with pytest.raises(BadHeader):
        read(octets)
    with pytest.raises(BadHeader):
        read(octets + b"x")


@pytest.mark.parametrize("octets", [b"\0\0\0\x2f", b"PROXy", SIGNATURE[:11] + b"x"])
def test_octets_are_refused_with_the_first_that_is_wrong(octets: bytes) -> None:
    assert read(octets[:-1] if octets[0] else b"") is None
    with pytest.raises(BadHeader):
        read(octets)


def outcome(octets: bytes) -> Header | str | None:
    try:
        return read(octets)
    except BadHeader:
        return "bad"


LIKE = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=120).map(lambda rest: b"PROXY " + rest),
    st.text("TCP46UNKNOWN .:0123456789\r\n", max_size=110).map(lambda t: b"PROXY " + t.encode()),
    st.binary(max_size=300).map(lambda rest: SIGNATURE + rest),
    st.builds(
        lambda command, family, block, cut: binary(command, family, block)[: cut or None],
        st.integers(0, 2),
        st.sampled_from([0, 0x11, 0x12, 0x21, 0x31, 0x32, 0x41]),
        st.binary(max_size=260),
        st.integers(0, 40),
    ),
)


@settings(max_examples=300)
@given(LIKE)
def test_any_octets_end_in_a_header_or_a_refusal_wherever_they_are_cut(octets: bytes) -> None:
    """Once there is an outcome no further octet changes it, and none is awaited for ever."""
    whole = outcome(octets)
    for end in range(len(octets)):
        early = outcome(octets[:end])
        assert early in (None, whole)
        assert not isinstance(early, Header) or early.length <= end
    if whole is None:
        assert outcome(octets + bytes(MOST)) is not None


@settings(max_examples=200)
@given(st.ip_addresses(), st.integers(0, 65_535), st.binary(max_size=64))
def test_both_versions_say_the_same(
    address: IPv4Address | IPv6Address, port: int, rest: bytes
) -> None:
    source, v6 = str(address), address.version == 6
    line = f"PROXY TCP{4 + 2 * v6} {source} {source} {port} 2775\r\n".encode()
    block = binary(1, (INET6 if v6 else INET) | 1, inet(source, port))
    for octets in (line, block):
        assert read(octets + rest) == Header(len(octets), source, port)
