"""Long messages: the position of a segment, segments joined, and texts cut into segments."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from smppbridge.text import coding, udh
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadPosition, TooLong

MOST_SEGMENTS = 255
_SM_OCTETS = 140
_LEAST_ROOM = 16  # octets: a codec keeps at most 8 of half a character


class Transport(StrEnum):
    """The place of a segment's position (3GPP 23.040, 9.2.3.24; SMPP 3.4, 5.3.2.22)."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"


@dataclass(frozen=True, slots=True)
class Position:
    """The number (from 1) of a segment and its message; only `number` differs between segments."""

    reference: int
    total: int
    number: int
    kind: Transport
    other_udh: bytes = b""


@dataclass(frozen=True, slots=True)
class TextSegment:
    """One segment cut from a text; without a position the segment is the whole message."""

    position: Position | None
    udh: bytes
    content: bytes = field(repr=False)

    @property
    def short_message(self) -> bytes:
        """The header, if any (then UDHI must be set), and the content."""
        return self.udh + self.content


def position_in_udh(octets: bytes) -> tuple[Position | None, bytes, bytes]:
    """Return the position, the UDH without the position's element, and the content.

    The second is b"" if no other element is left. No position if the message is in one segment;
    BadUdh as for udh.parse (3GPP 23.040, 9.2.3.24).
    """
    header, content = udh.parse(octets)
    others = udh.Udh(header.others)
    other_udh = others.encode() if others.elements else b""
    found = header.concatenation
    if found is None or found.total == 1:
        return None, other_udh, content
    kind = Transport.UDH16 if found.wide else Transport.UDH8
    position = Position(found.reference, found.total, found.number, kind, other_udh)
    return position, other_udh, content


def position_in_sar(
    reference: int | None, total: int | None, number: int | None
) -> Position | None:
    """Return the position in the three sar_ TLVs (SMPP 3.4, 5.3.2.22 to 24).

    Raises BadPosition if number > total. No position if a TLV is missing, total or number is 0, or
    the message is in one segment.
    """
    if reference is None or not total or not number:
        return None
    if number > total:
        raise BadPosition(f"segment {number} of {total}")
    return Position(reference, total, number, Transport.SAR) if total > 1 else None


def join(segments: Mapping[int, bytes]) -> bytes:
    """Return the octets of the whole in the order of the numbers; a cut character becomes whole."""
    return b"".join(segments[number] for number in sorted(segments))


def split(
    text: str | bytes,
    alphabet: Alphabet,
    transport: Transport,
    reference: int,
    other_udh: bytes = b"",
) -> list[TextSegment]:
    """Return segments of at most 140 octets over the air, no character cut.

    Octets must be in `alphabet` already (UCS2 big-endian). `other_udh` stands in every segment; it
    rules out SAR, which becomes UDH16. Unencodable as for coding.octets; TooLong above 255 segments
    (3GPP 23.040, 9.2.3.24.1).
    """
    octets = coding.octets(text, alphabet) if isinstance(text, str) else text
    if len(octets) <= _room(alphabet, len(other_udh)):
        return [TextSegment(None, other_udh, octets)]
    if other_udh and transport is Transport.SAR:
        transport = Transport.UDH16  # SAR and UDHI exclude each other
    reference &= 0xFF if transport is Transport.UDH8 else 0xFFFF
    others = udh.parse(other_udh)[0].elements if other_udh else ()
    contents = _cut(octets, alphabet, _room(alphabet, _header_length(transport, other_udh)))
    total = len(contents)
    if total > MOST_SEGMENTS:
        raise TooLong(f"{total} segments")
    segments = []
    for number, content in enumerate(contents, 1):
        position = Position(reference, total, number, transport, other_udh)
        segments.append(TextSegment(position, _header(position, others), content))
    return segments


def count(text: str) -> tuple[Alphabet, int]:
    """Return the smallest alphabet of `text` and its number of segments over the air.

    A segment holds 160 septets alone and 153 joined, or 70 and 67 characters of UCS2.
    """
    alphabet, octets = coding.in_smallest(text)
    if len(octets) <= _room(alphabet, 0):
        return alphabet, 1
    return alphabet, len(_cut(octets, alphabet, _room(alphabet, _header_length(Transport.UDH8))))


def _header_length(transport: Transport, other_udh: bytes = b"") -> int:
    """Return the octets of a header over the air: with SAR the SMSC puts the 8-bit element in."""
    element = 6 if transport is Transport.UDH16 else 5
    return max(1, len(other_udh)) + element


def _header(position: Position, others: tuple[udh.Element, ...]) -> bytes:
    if position.kind is Transport.SAR:
        return b""
    wide = position.kind is Transport.UDH16
    element = udh.concatenation_element(
        udh.Concatenation(position.reference, position.total, position.number, wide)
    )
    return udh.Udh((element, *others)).encode()


def _room(alphabet: Alphabet, header: int) -> int:
    """Return the octets of short_message beside a header of so many (3GPP 23.040, 9.2.3.24.1)."""
    room = _SM_OCTETS - header
    if room < _LEAST_ROOM:
        raise TooLong(f"a header of {header} octets")
    return room * 8 // 7 if alphabet is Alphabet.GSM7 else room


def _cut(octets: bytes, alphabet: Alphabet, room: int) -> list[bytes]:
    unfinished = _unfinished_escape if alphabet is Alphabet.GSM7 else _unfinished_by_codec(alphabet)
    pieces = []
    start = 0
    while len(octets) - start > room:
        piece = octets[start : start + room]
        whole = room - unfinished(piece)
        pieces.append(piece[:whole])
        start += whole
    return [*pieces, octets[start:]]


def _unfinished_escape(piece: bytes) -> int:
    """Return 1 if `piece`, which begins with a whole character, ends in a bare ESC, else 0."""
    return (len(piece) - len(piece.rstrip(b"\x1b"))) % 2


def _unfinished_by_codec(alphabet: Alphabet) -> Callable[[bytes], int]:
    """Return a count of the octets of half a character at the end of each piece, in order."""
    if alphabet is Alphabet.OCTETS:
        return lambda piece: 0
    decoder = codecs.getincrementaldecoder(coding.CODECS[alphabet])("replace")

    def unfinished(piece: bytes) -> int:
        try:
            decoder.decode(piece)
        except UnicodeError:  # ISO-2022 escapes without end: not text, so it may be cut anywhere
            decoder.reset()
        half, shift_state = decoder.getstate()
        decoder.setstate((b"", shift_state))
        return len(half)

    return unfinished
