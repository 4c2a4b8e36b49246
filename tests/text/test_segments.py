from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text.coding import Alphabet, characters, in_smallest, octets
from smppbridge.text.errors import BadPosition, BadUdh, TooLong, Unencodable
from smppbridge.text.national import Language, decode, shift_in, without_shift
from smppbridge.text.segments import (
    Position,
    TextSegment,
    Transport,
    count,
    join,
    parts,
    position_in_sar,
    position_in_udh,
    room_left,
    smallest,
    split,
    surely_in,
)
from smppbridge.text.udh import parse

GSM7, UCS2, OCTETS = Alphabet.GSM7, Alphabet.UCS2, Alphabet.OCTETS
UDH8, UDH16, SAR = Transport
PORTS = bytes.fromhex("060504158a0000")
# Octets in one SM, and in each of several
ROOM = {
    (GSM7, UDH8): (160, 153),
    (GSM7, UDH16): (160, 152),
    (GSM7, SAR): (160, 153),
    (OCTETS, UDH8): (140, 134),
    (OCTETS, UDH16): (140, 133),
    (OCTETS, SAR): (140, 134),
    (UCS2, UDH8): (140, 134),
    (UCS2, UDH16): (140, 132),
    (UCS2, SAR): (140, 134),
}
TRICKY = {
    GSM7: "ab{€}é",
    UCS2: "aé日👍🏽",
    Alphabet.UTF8: "aé日👍",
    Alphabet.JIS: "aｶ日本",
    Alphabet.ISO2022JP: "ab日本",
    Alphabet.KANJI: "a日丂",
    Alphabet.KOREAN: "a한국",
    Alphabet.LATIN1: "aé",
}


@pytest.mark.parametrize(
    ("in_hex", "position", "other_udh", "content"),
    [
        ("050003a702027461696c", Position(0xA7, 2, 2, UDH8), b"", b"tail"),
        ("060804123403010416", Position(0x1234, 3, 1, UDH16), b"", b"\x04\x16"),
        ("0b0003a702010504158a000001", Position(0xA7, 2, 1, UDH8, PORTS), PORTS, b"\x01"),
        ("060504158a00000102", None, PORTS, b"\1\2"),
        ("05000301020078", None, b"", b"x"),  # number 0: a single message
        ("05000301010178", None, b"", b"x"),  # 1 of 1
        ("0078", None, b"", b"x"),
        # each segment names its own tables, so these are not common to the segments
        ("080003a7020124010161", Position(0xA7, 2, 1, UDH8), bytes.fromhex("03240101"), b"a"),
        ("0325010161", None, bytes.fromhex("03250101"), b"a"),
    ],
)
def test_position_in_udh(
    in_hex: str, position: Position | None, other_udh: bytes, content: bytes
) -> None:
    assert position_in_udh(bytes.fromhex(in_hex)) == (position, other_udh, content)


@pytest.mark.parametrize(
    ("reference", "total", "number", "position"),
    [
        (0x1234, 2, 1, Position(0x1234, 2, 1, SAR)),
        (0, 255, 255, Position(0, 255, 255, SAR)),
        (1, 1, 1, None),
        (1, 0, 1, None),
        (1, 2, 0, None),
        (1, None, None, None),
        (None, 2, 1, None),
        (1, None, 1, None),
        (1, 2, None, None),
    ],
)
def test_position_in_sar(
    reference: int | None, total: int | None, number: int | None, position: Position | None
) -> None:
    assert position_in_sar(reference, total, number) == position


@pytest.mark.parametrize(("total", "number"), [(2, 3), (1, 2)])
def test_a_number_above_the_total_is_told_apart(total: int, number: int) -> None:
    with pytest.raises(BadPosition):
        position_in_sar(1, total, number)


def test_the_kind_is_a_word() -> None:
    assert [str(kind) for kind in Transport] == ["udh8", "udh16", "sar"]


@given(st.binary(max_size=24))
def test_any_octets_have_a_position_or_a_bad_header(any_octets: bytes) -> None:
    try:
        position, other_udh, content = position_in_udh(any_octets)
    except BadUdh:
        return
    assert any_octets.endswith(content)
    assert position is None or 1 <= position.number <= position.total
    if position is not None:
        others = parse(other_udh)[0].elements if other_udh else ()
        common = parse(position.other_udh)[0].elements if position.other_udh else ()
        assert common == without_shift(others)


UCS2, UTF8, LATIN1 = Alphabet.UCS2, Alphabet.UTF8, Alphabet.LATIN1


@pytest.mark.parametrize(
    ("contents", "runs"),
    [
        ([], []),
        ([(GSM7, b"ab\x1b"), (GSM7, b"\x65c"), (GSM7, b"d")], [(GSM7, b"ab\x1b\x65cd")]),
        # each alphabet by itself: an escape that ends one begins nothing in the other
        (
            [
                (GSM7, b"a\x1b"),
                (GSM7, b"\x65 \x1b"),
                (UCS2, b"\x04"),
                (UCS2, b"\x36"),
                (GSM7, b"e"),
            ],
            [(GSM7, b"a\x1b\x65 \x1b"), (UCS2, b"\x04\x36"), (GSM7, b"e")],
        ),
        # NULs at the end of a segment, where they are no characters
        ([(LATIN1, b"a\0\0"), (LATIN1, b"b\0")], [(LATIN1, b"ab\0")]),
        ([(GSM7, b"a\0"), (GSM7, b"b\0")], [(GSM7, b"a\0b\0")]),
        ([(OCTETS, b"a\0"), (OCTETS, b"b\0")], [(OCTETS, b"a\0b\0")]),
        ([(UCS2, b"\0a\0\0\0\0"), (UCS2, b"\0b")], [(UCS2, b"\0a\0b")]),
        ([(UCS2, b"\x04\0\0\0"), (UCS2, b"\0b")], [(UCS2, b"\x04\0\0b")]),
        ([(UCS2, b"\0a\0"), (UCS2, b"\0\0b")], [(UCS2, b"\0a\0\0\0b")]),  # cut in two
        # byte order marks of later segments; that of the first says how to read them all
        ([(UCS2, b"\xfe\xff\0a"), (UCS2, b"\xfe\xff\0b")], [(UCS2, b"\xfe\xff\0a\0b")]),
        ([(UCS2, b"\0a"), (UCS2, b"\xfe\xff\0b")], [(UCS2, b"\0a\0b")]),
        ([(UCS2, b"\xff\xfea\0"), (UCS2, b"\xff\xfeb\0")], [(UCS2, b"\xff\xfea\0b\0")]),
        ([(UCS2, b"\0a\0"), (UCS2, b"\xfe\xff\0b")], [(UCS2, b"\0a\0\xfe\xff\0b")]),  # cut
        ([(UCS2, b""), (UCS2, b"\xff\xfeb\0")], [(UCS2, b"\xff\xfeb\0")]),
        ([(UTF8, b"\xef\xbb\xbfa"), (UTF8, b"\xef\xbb\xbfb")], [(UTF8, b"\xef\xbb\xbfab")]),
        ([(LATIN1, b"a"), (LATIN1, b"\xef\xbb\xbfb")], [(LATIN1, b"a\xef\xbb\xbfb")]),
    ],
)
def test_segments_are_joined_by_alphabet(
    contents: list[tuple[Alphabet, bytes]], runs: list[tuple[Alphabet, bytes]]
) -> None:
    assert join(contents) == runs


@pytest.mark.parametrize(("kind", "rooms"), ROOM.items())
def test_sizes(kind: tuple[Alphabet, Transport], rooms: tuple[int, int]) -> None:
    alphabet, transport = kind
    single, each = rooms
    assert split(bytes(single), alphabet, transport, 1) == [TextSegment(None, b"", bytes(single))]
    sizes = [len(s.content) for s in split(bytes(each * 2 + 2), alphabet, transport, 1)]
    assert sizes == [each, each, 2]


def test_segments_say_what_they_are() -> None:
    first, second = split("x" * 161, GSM7, UDH8, 0x1A7)
    assert first.short_message == bytes.fromhex("050003a70201") + b"x" * 153
    assert second.short_message == bytes.fromhex("050003a70202") + b"x" * 8
    wide = split("x" * 161, GSM7, UDH16, 0x51234)
    assert [s.udh.hex() for s in wide] == ["06080412340201", "06080412340202"]
    assert split("x" * 161, GSM7, SAR, 0x51234) == [
        TextSegment(Position(0x1234, 2, 1, SAR), b"", b"x" * 153),
        TextSegment(Position(0x1234, 2, 2, SAR), b"", b"x" * 8),
    ]


@pytest.mark.parametrize("transport", Transport)
def test_another_header_stands_in_every_segment(transport: Transport) -> None:
    whole = bytes(range(200))
    kind = UDH16 if transport is SAR else transport
    segments = split(whole, OCTETS, transport, 9, PORTS)
    assert len(segments[0].short_message) == 140
    for number, segment in enumerate(segments, 1):
        position, other_udh, content = position_in_udh(segment.short_message)
        assert position == segment.position == Position(9, 2, number, kind, PORTS)
        assert (other_udh, content) == (PORTS, segment.content)
    assert join((OCTETS, s.content) for s in segments) == [(OCTETS, whole)]
    assert split(whole[:133], OCTETS, transport, 9, PORTS) == [
        TextSegment(None, PORTS, whole[:133])
    ]


def test_content_is_not_shown() -> None:
    assert "secret" not in repr(split("secret", GSM7, UDH8, 1))


@pytest.mark.parametrize(
    ("text", "alphabet", "first"),
    [
        ("x" * 152 + "€" * 20, GSM7, "x" * 152),
        ("x" * 151 + "€" * 20, GSM7, "x" * 151 + "€"),
        ("x" * 66 + "👍" * 20, UCS2, "x" * 66),
        ("x" * 65 + "👍" * 20, UCS2, "x" * 65 + "👍"),
        ("x" * 132 + "日" * 20, Alphabet.UTF8, "x" * 132),
    ],
)
def test_no_pair_is_cut(text: str, alphabet: Alphabet, first: str) -> None:
    assert characters(split(text, alphabet, UDH8, 1)[0].content, alphabet) == first


@pytest.mark.parametrize("alphabet", sorted(TRICKY))
def test_no_character_is_cut_in_any_of_many_segments(alphabet: Alphabet) -> None:
    text = TRICKY[alphabet][0] + TRICKY[alphabet][-1] * 400
    segments = split(text, alphabet, UDH8, 1)
    assert len(segments) > 2
    whole = b""
    for segment in segments:  # ISO-2022 keeps its shift state from segment to segment
        whole += segment.content
        assert text.startswith(characters(whole, alphabet))


def test_escapes_in_a_row_are_pairs() -> None:
    even = b"x" * 151 + b"\x1b\x1b" + b"e" * 20
    odd = b"x" * 152 + b"\x1b\x1b" + b"e" * 20
    assert split(even, GSM7, UDH8, 1)[0].content == even[:153]
    assert split(odd, GSM7, UDH8, 1)[0].content == odd[:152]


@given(st.sampled_from(sorted(TRICKY)), st.sampled_from(Transport), st.data())
def test_any_text_is_split_between_characters_and_comes_back(
    alphabet: Alphabet, transport: Transport, data: st.DataObject
) -> None:
    seed, size = data.draw(st.integers(0, 1000)), data.draw(st.integers(0, 400))
    text = "".join(random.Random(seed).choices(TRICKY[alphabet], k=size))
    segments = split(text, alphabet, transport, 7)
    assert join((alphabet, s.content) for s in segments) == [(alphabet, octets(text, alphabet))]
    if alphabet is not Alphabet.ISO2022JP:  # its shift state goes over from segment to segment
        assert "".join(characters(s.content, alphabet) for s in segments) == text
    single, each = ROOM.get((alphabet, transport)) or ROOM[OCTETS, transport]
    assert all(len(s.content) <= (each if s.position else single) for s in segments)
    for number, segment in enumerate(segments, 1):
        if segment.position:
            assert segment.position == Position(7, len(segments), number, transport)


@given(
    st.binary(max_size=60),
    st.integers(1, 12),
    st.sampled_from(sorted(Alphabet)),
    st.binary(max_size=3).map(lambda data: bytes((len(data) + 2, 0x70, len(data))) + data),
)
def test_any_octets_are_split_and_come_back(
    some: bytes, times: int, alphabet: Alphabet, header: bytes
) -> None:
    segments = split(some * times, alphabet, UDH8, 7, header)
    assert b"".join(s.content for s in segments) == some * times


def test_octets_that_only_look_like_iso_2022_are_split_too() -> None:
    junk = b"a" * 124 + b"\x1b" + b"$" * 300
    segments = split(junk, Alphabet.ISO2022JP, UDH8, 1)
    assert b"".join(s.content for s in segments) == junk


def test_255_segments_are_the_most() -> None:
    assert len(split(bytes(255 * 134), OCTETS, UDH8, 1)) == 255
    with pytest.raises(TooLong):
        split(bytes(255 * 134 + 1), OCTETS, UDH8, 1)


def test_a_header_must_leave_room() -> None:
    header = bytes((130, 0x70, 128)) + bytes(128)
    with pytest.raises(TooLong):
        split(b"x", OCTETS, UDH8, 1, header)


@pytest.mark.parametrize(("size", "fits"), [(124, True), (125, False)])
def test_a_header_leaves_sixteen_octets_at_least(size: int, fits: bool) -> None:
    header = bytes((size - 1, 0x70, size - 3)) + bytes(size - 3)
    if fits:
        assert split(bytes(16), OCTETS, UDH8, 1, header) == [TextSegment(None, header, bytes(16))]
    else:
        with pytest.raises(TooLong):
            split(b"x", OCTETS, UDH8, 1, header)


@pytest.mark.parametrize(
    ("text", "total", "left"),
    [
        ("", 1, 160),
        ("x" * 160, 1, 0),
        ("x" * 161, 2, 145),
        ("x" * 306, 2, 0),
        ("x" * 152 + "€" * 77, 3, 151),  # no escape is cut: two segments have 152 septets
        ("щ" * 70, 1, 0),
        ("щ" * 71, 2, 126),
        ("щ" * 66 + "😀" + "щ" * 10, 2, 110),  # nor is a pair
    ],
)
def test_the_room_that_is_left_in_the_last_segment(text: str, total: int, left: int) -> None:
    alphabet, written = in_smallest(text)
    assert room_left(written, alphabet) == (total, left)
    assert count(text) == (alphabet, total)


def test_a_character_that_is_not_in_the_alphabet() -> None:
    with pytest.raises(Unencodable):
        split("日", GSM7, UDH8, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (GSM7, 1)),
        ("x" * 160, (GSM7, 1)),
        ("x" * 161, (GSM7, 2)),
        ("€" * 80, (GSM7, 1)),
        ("€" * 81, (GSM7, 2)),
        ("€" * 153, (GSM7, 3)),  # 76 to a segment, the odd septet stays empty
        ("x" * 306, (GSM7, 2)),
        ("x" * 307, (GSM7, 3)),
        ("日" * 70, (UCS2, 1)),
        ("日" * 71, (UCS2, 2)),
        ("日" * 134, (UCS2, 2)),
        ("日" * 135, (UCS2, 3)),
        ("👍" * 35, (UCS2, 1)),
        ("👍" * 67, (UCS2, 3)),
    ],
)
def test_count(text: str, expected: tuple[Alphabet, int]) -> None:
    assert count(text) == expected


@pytest.mark.parametrize("number", [1, 2, 10])
@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ("ж", Alphabet.CYRILLIC),
        ("^", LATIN1),
        ("日", UCS2),
        ("👍", UCS2),
        ("👍", UTF8),
        ("ж€", UTF8),
    ],
)
def test_so_many_octets_fit_surely(number: int, text: str, alphabet: Alphabet) -> None:
    assert surely_in(number) == 67 * number
    most = surely_in(number) // len(octets(text, alphabet))
    assert count(text * most)[1] <= number


def test_octets_take_parts_too() -> None:
    assert [parts(bytes(size), OCTETS) for size in (140, 141, 268, 269)] == [1, 2, 2, 3]
    assert [parts(bytes(size), OCTETS, PORTS) for size in (133, 134, 256, 257)] == [1, 2, 2, 3]
    with pytest.raises(TooLong):
        parts(b"x", OCTETS, bytes(130))


TURKISH = frozenset({Language.TURKISH})
ALL = frozenset(Language)


@pytest.mark.parametrize(
    ("text", "languages", "alphabet", "header", "septets"),
    [
        ("abc€", ALL, GSM7, "", 5),  # GSM7 has it: no header
        ("şeker", TURKISH, GSM7, "03250101", 5),
        ("şeker", frozenset({Language.SPANISH}), UCS2, "", 10),
        ("şeker", frozenset(), UCS2, "", 10),
        ("ş", TURKISH, UCS2, "", 2),  # the header would take more
        ("á" + "è" * 20, frozenset({Language.SPANISH}), GSM7, "03240102", 22),
        ("ŞİĞ" + "è" * 20, TURKISH, GSM7, "03240101", 26),  # è is in no Turkish locking table
        ("çãõ^`", frozenset({Language.PORTUGUESE, Language.TURKISH}), GSM7, "03250103", 5),
        ("नमस्ते", frozenset({Language.HINDI}), GSM7, "03250106", 6),
        ("नमस्ते JI९", frozenset({Language.HINDI}), GSM7, "06240106250106", 13),
        ("şж", ALL, UCS2, "", 4),
    ],
)
def test_the_smallest_way_to_write_a_text(
    text: str, languages: frozenset[int], alphabet: Alphabet, header: str, septets: int
) -> None:
    found, octets_, udh = smallest(text, languages)
    assert (found, udh.hex(), len(octets_)) == (alphabet, header, septets)


@pytest.mark.parametrize(
    ("length", "in_one", "segments"),
    [(155, True, 1), (156, False, 2), (149 * 2, False, 2), (149 * 2 + 1, False, 3)],
)
def test_the_header_of_a_shift_takes_its_room(length: int, in_one: bool, segments: int) -> None:
    text = "ş" * length
    alphabet, octets_, udh = smallest(text, TURKISH)
    assert alphabet is GSM7
    assert parts(octets_, alphabet, udh) == segments
    cut = split(octets_, alphabet, UDH8, 1, udh)
    assert (len(cut) == 1) == in_one
    assert len(cut) == segments
    for each in cut:  # 140 octets over the air
        assert len(each.udh) + (len(each.content) * 7 + 7) // 8 <= 140
        assert shift_in(position_in_udh(each.short_message)[1])[0].locking == Language.TURKISH


@given(
    st.text(alphabet="abcç{şŞıİğĞáãõठन€ж", max_size=200),
    st.frozensets(st.sampled_from(Language)),
)
def test_a_smallest_text_comes_back_and_takes_no_more_segments(
    text: str, languages: frozenset[int]
) -> None:
    alphabet, octets_, udh = smallest(text, languages)
    plain = count(text)
    assert parts(octets_, alphabet, udh) <= plain[1]
    if not udh:
        assert (alphabet, octets_) == (plain[0], octets(text, plain[0]))
        return
    shift, others = shift_in(udh)
    assert (alphabet, others) == (GSM7, b"")
    assert {shift.locking, shift.single} <= {0, *languages}
    assert "".join(decode(s.content, shift) for s in split(octets_, GSM7, UDH8, 1, udh)) == text


def test_a_lone_surrogate_is_in_no_alphabet() -> None:
    with pytest.raises(Unencodable):
        smallest("ş\ud800", TURKISH)
