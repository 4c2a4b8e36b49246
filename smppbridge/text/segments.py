"""Long messages: the position of a segment, segments joined, and texts cut into segments."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from smppbridge.text import coding, national, udh
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadPosition, TooLong, Unencodable

MOST_SEGMENTS = 255
_SM_OCTETS = 140
_OF_ALL_OCTETS = (Alphabet.GSM7, Alphabet.OCTETS)  # 0x00 is ``@``, or means what it means
_LEAST_ROOM = 16  # octets: a codec keeps at most 8 of half a character


class Transport(StrEnum):
    """The place of a segment's position (3GPP 23.040, 9.2.3.24; SMPP 3.4, 5.3.2.22)."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"


@dataclass(frozen=True, slots=True)
class Position:
    """The number (from 1) of a segment and its message; only `number` differs between segments.

    `other_udh` has no national language elements: each segment names its own tables.
    """

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

    The second is b"" if no other element is left. The position's `other_udh` lacks the elements of
    national languages too. No position if the message is in one segment; BadUdh as for udh.parse
    (3GPP 23.040, 9.2.3.24).
    """
    header, content = udh.parse(octets)
    other_udh = _encoded(header.others)
    found = header.concatenation
    if found is None or found.total == 1:
        return None, other_udh, content
    kind = Transport.UDH16 if found.wide else Transport.UDH8
    common = _encoded(national.without_shift(header.others)) if other_udh else b""
    position = Position(found.reference, found.total, found.number, kind, common)
    return position, other_udh, content


def _encoded(elements: tuple[udh.Element, ...]) -> bytes:
    return udh.Udh(elements).encode() if elements else b""


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


def join(contents: Iterable[tuple[Alphabet, bytes]]) -> list[tuple[Alphabet, bytes]]:
    """Return the octets of segments in order, those of neighbours in one alphabet joined.

    A character or an escape that was cut between such neighbours becomes whole.  Where segments
    meet, NULs at an end and a byte order mark at a start are dropped, if they are no characters.
    """
    runs: list[tuple[Alphabet, bytearray]] = []
    for alphabet, octets in contents:
        if not runs or runs[-1][0] is not alphabet:
            runs.append((alphabet, bytearray(octets)))
            continue
        run = runs[-1][1]
        if alphabet is Alphabet.UCS2:
            octets = _meet_ucs2(run, octets)
        elif alphabet not in _OF_ALL_OCTETS:
            while run.endswith(b"\0"):
                del run[-1]
            if alphabet is Alphabet.UTF8:
                octets = octets.removeprefix(codecs.BOM_UTF8) if run else octets
        run += octets
    return [(alphabet, bytes(run)) for alphabet, run in runs]


def _meet_ucs2(run: bytearray, octets: bytes) -> bytes:
    """Take NULs off the end of *run*; return *octets* without a byte order mark."""
    if len(run) % 2:
        return octets  # a character was cut
    while run.endswith(b"\0\0"):
        del run[-2:]
    if not run:
        return octets
    little = run.startswith(codecs.BOM_UTF16_LE)
    return octets.removeprefix(codecs.BOM_UTF16_LE if little else codecs.BOM_UTF16_BE)


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
    return alphabet, parts(octets, alphabet)


def parts(octets: bytes, alphabet: Alphabet, other_udh: bytes = b"") -> int:
    """Return the number of segments over the air; TooLong if *other_udh* leaves no room."""
    if len(octets) <= _room(alphabet, len(other_udh)):
        return 1
    header = _header_length(Transport.UDH8, other_udh)
    return len(_cut(octets, alphabet, _room(alphabet, header)))


def room_left(octets: bytes, alphabet: Alphabet) -> tuple[int, int]:
    """Return the number of segments over the air, and the octets free in the last of them."""
    room = _room(alphabet, 0)
    if len(octets) <= room:
        return 1, room - len(octets)
    room = _room(alphabet, _header_length(Transport.UDH8))
    cut = _cut(octets, alphabet, room)
    return len(cut), room - len(cut[-1])


def smallest(text: str, languages: frozenset[int]) -> tuple[Alphabet, bytes, bytes]:
    """Return the alphabet, the octets and the UDH by which `text` takes the fewest segments.

    A text that GSM7 has is in GSM7, without a UDH. For any other the tables of `languages` compete
    with UCS2, together with the UDH that names them (3GPP 23.040, 9.2.3.24.15 and .16); of as many
    segments the fewest octets over the air count. Raises Unencodable for a lone surrogate.
    """
    alphabet, octets = coding.in_smallest(text)
    found = [(alphabet, octets, b"")]
    if alphabet is not Alphabet.GSM7:
        found += [(Alphabet.GSM7, *each) for each in _in_tables(text, languages)]
    return min(found, key=lambda each: _cost(*each))


def _in_tables(text: str, languages: frozenset[int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the septets of a text and the UDH, for each pair of tables that has the text."""
    for shift in national.shifts(languages):
        try:
            yield national.encode(text, shift), shift.header
        except Unencodable:
            continue


def _cost(alphabet: Alphabet, octets: bytes, other_udh: bytes) -> tuple[int, int]:
    """Return the segments of a text, and its octets over the air in one segment."""
    length = len(octets)
    packed = (length * 7 + 7) // 8 if alphabet is Alphabet.GSM7 else length
    return parts(octets, alphabet, other_udh), len(other_udh) + packed


def surely_in(parts: int) -> int:
    """Return the octets of which any text, in whatever alphabet, fits into so many segments."""
    return parts * ((_SM_OCTETS - _header_length(Transport.UDH8)) // 2)


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
