"""The header of the PROXY protocol, versions 1 and 2, read from octets: no I/O, bounded.

The protocol is HAProxy's: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

MOST = 4_096
"""Octets of a header, at most: the TLVs of version 2 may hold a client's certificate."""

_TEXT, _LONGEST_LINE = b"PROXY ", 107  # 2.1: with CR and LF
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # 2.2
_FIXED = len(_SIGNATURE) + 4
_LOCAL, _PROXY = 0x20, 0x21  # version 2 in the upper four bits
_STREAM, _DATAGRAM = 1, 2
_INET, _INET6, _UNIX = 1, 2, 3
_SIZES = {_INET: 12, _INET6: 36, _UNIX: 216}
_HIGHEST_PORT = 65_535


class BadHeader(ValueError):
    """The octets are no header of the PROXY protocol."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header of *length* octets; *host* and *port* are the client's.

    *host* is None where the connection is the balancer's own (a health check), or its client has no
    IP address: then the connection goes by the address that it comes from.
    """

    length: int
    host: str | None = None
    port: int = 0


def read(octets: bytes) -> Header | None:
    """Return the header that *octets* begin with, None while more of them are needed.

    Raises BadHeader as soon as no octet to come could complete a header of at most MOST octets.
    """
    if octets.startswith(_TEXT):
        return _read_line(octets)
    if octets.startswith(_SIGNATURE):
        return _read_binary(octets)
    if _TEXT.startswith(octets) or _SIGNATURE.startswith(octets):
        return None
    raise BadHeader("begins like no header")


def _read_line(octets: bytes) -> Header | None:
    end = octets.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(octets) >= _LONGEST_LINE:
            raise BadHeader("the line is longer than 107 octets")
        return None
    line, length = octets[len(_TEXT) : end], end + 2
    if line == b"UNKNOWN" or line.startswith(b"UNKNOWN "):
        return Header(length)
    try:
        family, source, destination, *ports = line.decode("ascii").split(" ")
        kind = {"TCP4": IPv4Address, "TCP6": IPv6Address}[family]
        host, _ = str(kind(source)), kind(destination)
        port, _ = map(_port, ports)
    except (ValueError, KeyError):
        raise BadHeader("the line is not TCP4 or TCP6, two addresses and two ports") from None
    if "%" in source or "%" in destination:
        raise BadHeader("an address has a zone")
    return Header(length, host, port)


def _port(text: str) -> int:
    # int() alone would take signs, underscores and leading zeros
    if str(port := int(text)) != text or not 0 <= port <= _HIGHEST_PORT:
        raise ValueError(text)
    return port


def _read_binary(octets: bytes) -> Header | None:
    if len(octets) > len(_SIGNATURE) and octets[12] not in (_LOCAL, _PROXY):
        raise BadHeader("neither LOCAL nor PROXY of version 2")
    if len(octets) < _FIXED - 2:
        return None
    # Of a LOCAL header the family is to be ignored.
    family, transport = divmod(octets[13], 16) if octets[12] == _PROXY else (0, 0)
    if family > _UNIX or transport > _DATAGRAM:
        raise BadHeader("an address family or transport that version 2 does not have")
    if len(octets) < _FIXED:
        return None
    size = _number(octets[14:16])
    if transport and size < _SIZES.get(family, 0):
        raise BadHeader("shorter than its addresses")
    if (length := _FIXED + size) > MOST:
        raise BadHeader(f"longer than {MOST} octets")
    if len(octets) < length:
        return None
    if transport != _STREAM or family not in (_INET, _INET6):
        return Header(length)
    if family == _INET:
        return Header(length, str(IPv4Address(octets[16:20])), _number(octets[24:26]))
    return Header(length, str(IPv6Address(octets[16:32])), _number(octets[48:50]))


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
