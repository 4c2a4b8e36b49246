"""pcapng: a trace as a file of exported PDUs, which Wireshark hands to its dissectors by name."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from smppbridge.tracing.recording import Packet, PacketEnd

_SECTION, _INTERFACE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 4, 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_EXPORTED_PDU: Final = 252  # the link type: Wireshark's "upper PDU"
_COMMENT, _END = 1, 0
_APPLICATION: Final = 4
_INTERFACE_NAME, _INTERFACE_WORDS, _RESOLUTION = 2, 3, 9
_FLAGS: Final = 2
_IN, _OUT = 1, 2
# Tags in front of an exported PDU (Wireshark, epan/exported_pdu.h).
_DISSECTOR, _IPV4, _IPV6, _PORT_TYPE, _PORTS = 12, 20, 22, 24, 25
_TCP: Final = 2
_DISSECTORS: Final = {"smpp": b"smpp", "http": b"http", "words": b"data-text-lines"}
_LONGEST: Final = 0xFFFF


def pcapng(packets: Iterable[Packet], words: str, application: str) -> bytes:
    """Return a whole file; *words* are its comment, times are in nanoseconds of UTC.

    A peer that is known by its name alone stands as 0.0.0.n, and the file has its name.
    """
    return b"".join(_blocks(list(packets), words, application))


def _blocks(packets: list[Packet], words: str, application: str) -> Iterator[bytes]:
    yield _block(
        _SECTION,
        struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1),
        [(_COMMENT, words.encode()), (_APPLICATION, application.encode())],
    )
    places = _addresses(packets)
    if named := {name: place for name, place in places.items() if place.packed[0] == 0}:
        yield _names(named)
    interfaces: dict[str, int] = {}
    for packet in packets:
        if packet.line not in interfaces:
            interfaces[packet.line] = len(interfaces)
            yield _interface(packet.line)
        yield _packet(packet, interfaces[packet.line], places)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _addresses(packets: Iterable[Packet]) -> dict[str, _Address]:
    places: dict[str, _Address] = {}
    unknown = 0
    for packet in packets:
        for end in (packet.source, packet.destination):
            if end.host in places:
                continue
            try:
                places[end.host] = ipaddress.ip_address(end.host.partition("%")[0])
            except ValueError:
                unknown += 1
                places[end.host] = ipaddress.IPv4Address(min(unknown, 0xFFFFFF))
    return places


def _interface(line: str) -> bytes:
    """One for each session or provider; they are numbered from 0."""
    return _block(
        _INTERFACE,
        struct.pack("<HHI", _EXPORTED_PDU, 0, 0),
        [(_INTERFACE_NAME, line.encode()), (_RESOLUTION, b"\x09")],
    )


def _names(places: Mapping[str, _Address]) -> bytes:
    records = [
        _option(1, place.packed + name.encode() + b"\0")
        for name, place in places.items()
        if place.version == 4 and name
    ]
    return _block(_NAMES, b"".join(records) + struct.pack("<HH", 0, 0), [])


def _packet(packet: Packet, interface: int, places: Mapping[str, _Address]) -> bytes:
    data = _tags(packet, places) + packet.octets
    head = struct.pack(
        "<IIIII", interface, packet.at >> 32, packet.at & 0xFFFFFFFF, len(data), len(data)
    )
    options = [(_COMMENT, packet.words.encode())] if packet.words else []
    options.append((_FLAGS, struct.pack("<I", _IN if packet.inbound else _OUT)))
    return _block(_PACKET, head + _padded(data), options)


def _tags(packet: Packet, places: Mapping[str, _Address]) -> bytes:
    source, destination = packet.source, packet.destination
    addresses = places[source.host], places[destination.host]
    both_four = all(address.version == 4 for address in addresses)
    tags = [_tag(_DISSECTOR, _DISSECTORS[packet.protocol])]
    for at, address in enumerate(addresses):
        octets = address.packed if both_four else _as_six(address)
        tags.append(_tag((_IPV4 if both_four else _IPV6) + at, octets))
    tags.append(_tag(_PORT_TYPE, struct.pack(">I", _TCP)))
    tags += [_tag(_PORTS + at, _port(end)) for at, end in enumerate((source, destination))]
    return b"".join(tags) + struct.pack(">HH", 0, 0)


def _as_six(address: _Address) -> bytes:
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def _port(end: PacketEnd) -> bytes:
    return struct.pack(">I", end.port)


def _tag(code: int, value: bytes) -> bytes:
    padded = _padded(value)
    return struct.pack(">HH", code, len(padded)) + padded


def _block(kind: int, body: bytes, options: list[tuple[int, bytes]]) -> bytes:
    written = b"".join([_option(code, value) for code, value in options])
    if options:
        written += _option(_END, b"")
    length = 12 + len(body) + len(written)
    return struct.pack("<II", kind, length) + body + written + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    value = value[:_LONGEST]
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
