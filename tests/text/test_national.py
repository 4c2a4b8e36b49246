from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text import gsm7, packed, udh
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadUdh, Undecodable, Unencodable
from smppbridge.text.national import (
    DEFAULT,
    Language,
    Shift,
    characters,
    decode,
    encode,
    shift_in,
    shifts,
)

ALL = frozenset(Language)
LOCKED = [each for each in Language if each is not Language.SPANISH]


def _published() -> dict[tuple[str, int], list[str | None]]:
    found: dict[tuple[str, int], list[str | None]] = {}
    for line in Path(__file__).with_name("national.txt").read_text("ascii").splitlines():
        if line.startswith("#"):
            continue
        kind, *rest = line.split()
        if kind in ("locking", "single"):
            table = found[kind, int(rest[0])] = []
        else:
            table += [None if each == "-" else chr(int(each, 16)) for each in (kind, *rest)]
    return found


PUBLISHED = _published()


def test_the_published_tables_are_whole() -> None:
    assert {language for kind, language in PUBLISHED if kind == "single"} == set(Language)
    assert {language for kind, language in PUBLISHED if kind == "locking"} == set(LOCKED)
    assert all(len(table) == 128 for table in PUBLISHED.values())


@pytest.mark.parametrize("language", LOCKED)
def test_a_locking_table_stands_for_the_default_alphabet(language: Language) -> None:
    shift = Shift(locking=language)
    for code, character in enumerate(PUBLISHED["locking", language]):
        if code == gsm7.ESC:
            continue
        assert decode(bytes((code,)), shift) == (character or " "), hex(code)
        if character:
            # a character may have two codes: the one that is written is read the same
            assert len(encode(character, shift)) == 1
            assert decode(encode(character, shift), shift) == character
    assert decode(b"\x1b\x65", shift) == "€"  # the default extension table stays


@pytest.mark.parametrize("language", Language)
def test_a_single_shift_table_stands_for_the_extension(language: Language) -> None:
    shift = Shift(single=language)
    for code, character in enumerate(PUBLISHED["single", language]):
        if code == gsm7.ESC:
            continue
        # an unknown code stands for its character of the other table
        assert decode(bytes((gsm7.ESC, code)), shift) == (character or gsm7.BASIC[code]), hex(code)
        if character:
            assert decode(encode(character, shift), shift) == character
    assert decode(b"\x1b\x1b\x05", shift) == " é"


@pytest.mark.parametrize(
    ("octets", "shift", "text"),
    [
        (b"", Shift(1, 1), ""),
        (b"\x1b", Shift(1, 1), ""),
        (b"a\x1b", Shift(single=2), "a"),
        (b"\x1ba\x1bA", Shift(single=2), "áÁ"),
        (b"\x1c\x1d\x07\x40", Shift(1), "Şşıİ"),
        (b"\x1bG\x1bg\x1bI\x1bi\x1bS\x1bs\x1bc", Shift(single=1), "ĞğİıŞşç"),
        (b"\x1b\x04", Shift(1, 3), "€"),  # no code there: the locking table's character
        (b"\x0c", Shift(4), " "),  # a code of no character
        (b"\x1b\x0d", Shift(1, 1), "\r"),
    ],
)
def test_septets_are_read_by_both_tables(octets: bytes, shift: Shift, text: str) -> None:
    assert decode(octets, shift) == text


@pytest.mark.parametrize(
    ("octets", "septets", "shift", "text"),
    [  # two messages of oFono's tests, as on the air
        (
            "9bc446b1a16c509bd4e6b5e16d7a1bdf06b8096e929be7a6ba096fca9bf4e6bda903",
            38,
            Shift(0, 2),
            "ç\f^{}\\[~]|ÁÍÓÚá€íóú",
        ),
        (
            "84c446b160381e1bc96662d9543696cd6583d9643c1bd42675d9f0c01b9f8602cc74b75c0ee68030ecf91d",
            49,
            Shift(3, 3),
            "êç\fÔôÁáΦΓ^ΩΠΨΣΘÊ{}\\[~]|ÀÍÓÚÃÕÂ€íóúãõâ",
        ),
    ],
)
def test_packed_messages_of_another_stack(
    octets: str, septets: int, shift: Shift, text: str
) -> None:
    unpacked = packed.unpack(bytes.fromhex(octets))
    assert (len(unpacked), decode(unpacked, shift)) == (septets, text)


def test_an_octet_that_is_no_septet() -> None:
    with pytest.raises(Undecodable, match="octet 1 "):
        decode(b"a\x80", Shift(1))
    with pytest.raises(Unencodable) as error:
        encode("şж", Shift(1))
    assert error.value.position == 1


SHIFTS = st.sampled_from(shifts(ALL))


@given(SHIFTS, st.data())
def test_a_text_of_the_tables_comes_back(shift: Shift, data: st.DataObject) -> None:
    known = decode(bytes(each for each in range(128) if each != gsm7.ESC), shift)
    known += decode(bytes(x for each in range(128) for x in (gsm7.ESC, each)), shift)
    text = data.draw(st.text(alphabet=sorted(set(known)), max_size=40))
    octets = encode(text, shift)
    assert octets.isascii()
    assert decode(octets, shift) == text
    assert shift_in(shift.header) == (shift, b"")


@given(SHIFTS, st.binary(max_size=40))
def test_any_octets_are_characters_or_undecodable(shift: Shift, octets: bytes) -> None:
    try:
        text = decode(octets, shift)
    except Undecodable:
        assert not octets.isascii()
    else:
        assert len(text) <= len(octets)
        assert "\0" not in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("text", "shift", "octets"),
    [
        ("ş", Shift(1, 1), b"\x1d"),  # one septet where the locking table has it
        ("ş", Shift(0, 1), b"\x1bs"),
        ("*¡", Shift(6, 6), b"\x1b\x0b\x1b\x13"),  # each has two codes there
        ("P", Shift(0, 6), b"P"),
        ("P", Shift(6, 6), b"\x1bP"),
        (" \n\r", Shift(6, 6), b" \n\r"),
    ],
)
def test_the_shortest_and_first_code_is_written(text: str, shift: Shift, octets: bytes) -> None:
    assert encode(text, shift) == octets


def test_the_default_tables_are_gsm7() -> None:
    octets = bytes(range(128)) + b"\x1b\x1b\x1be\x1b"
    assert decode(octets, DEFAULT) == gsm7.decode(octets)
    assert DEFAULT.header == b""
    with pytest.raises(Unencodable):
        encode("ç", DEFAULT)  # read back it would be another letter


@pytest.mark.parametrize(
    ("header", "shift", "others"),
    [
        ("03240101", Shift(0, 1), ""),
        ("03250101", Shift(1, 0), ""),
        ("06240103250106", Shift(6, 3), ""),
        ("06250106240103", Shift(6, 3), ""),
        ("06240101240102", Shift(0, 2), ""),  # the last one counts
        ("03240100", DEFAULT, ""),
        ("0324010e", DEFAULT, ""),  # reserved: as if it were not there
        ("032401ff", DEFAULT, ""),
        ("03250102", DEFAULT, ""),  # Spanish has no locking table
        ("06250101250102", DEFAULT, ""),
        ("0424020101", DEFAULT, "0424020101"),  # not one octet: another element
        ("022400", DEFAULT, "022400"),
        ("09240101050400500051", Shift(0, 1), "06050400500051"),
        ("00", DEFAULT, ""),
        ("", DEFAULT, ""),
    ],
)
def test_a_header_names_tables(header: str, shift: Shift, others: str) -> None:
    assert shift_in(bytes.fromhex(header)) == (shift, bytes.fromhex(others))


def test_the_header_of_a_shift() -> None:
    assert Shift(0, 1).header.hex() == "03240101"
    assert Shift(1, 0).header.hex() == "03250101"
    assert Shift(13, 2).header.hex() == "0624010225010d"


@given(st.binary(max_size=20))
def test_any_header_names_tables_or_is_bad(header: bytes) -> None:
    try:
        shift, others = shift_in(header)
    except BadUdh:
        return
    assert shift in shifts(ALL)
    kept = udh.parse(others)[0].elements if others else ()
    assert set(kept) <= set(udh.parse(header)[0].elements if header else ())


def test_pairs_of_tables() -> None:
    assert shifts(frozenset()) == [DEFAULT]
    assert shifts(frozenset({2})) == [DEFAULT, Shift(0, 2)]
    assert shifts(frozenset({1})) == [DEFAULT, Shift(0, 1), Shift(1, 0), Shift(1, 1)]


def test_only_septets_are_shifted() -> None:
    assert characters(b"\x1c", Alphabet.GSM7, Shift(1)) == "Ş"
    assert characters(b"\x00\x1c", Alphabet.UCS2, Shift(1)) == "\x1c"
    assert characters(b"\xfc", Alphabet.GSM7, Shift(1)) == "ü"  # Latin-1, as without a shift
