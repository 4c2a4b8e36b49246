from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.mo import Mo
from smppbridge.relay.mo import address_of, contents, heading, shown_id
from smppbridge.text import coding, gsm7, packed
from smppbridge.text.coding import Alphabet
from smppbridge.text.segments import position_in_udh

GSM, LATIN1 = "gsm7", "latin1"


def mo(text: str = "", **more: object) -> Mo:
    said: dict[str, object] = {"provider_message_id": "1", "source": "1", "destination": "2"}
    return Mo(**{**said, "text": text, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "alphabet_0", "octets", "data_coding"),
    [
        ("@é€", GSM, b"\x00\x05\x1be", 0),
        ("@é", LATIN1, b"@\xe9", 0),
        ("@é€", LATIN1, "@é€".encode("utf-16-be"), 8),
        ("abc", "ia5", b"abc", 0),
        ("é", "ia5", b"\x00\xe9", 8),
        ("é😀", "utf8", "é😀".encode(), 0),
        ("é", "ucs2", b"\x00\xe9", 0),
        ("ñ😀", GSM, "ñ😀".encode("utf-16-be"), 8),
        ("\ud83d\ude00", GSM, "😀".encode("utf-16-be"), 8),
        ("a\ud800", GSM, "a\ufffd".encode("utf-16-be"), 8),
        ("\0", GSM, b"\0\0", 8),
        ("", GSM, b"", 0),
    ],
)
def test_a_text_is_coded_as_the_account_reads_it(
    text: str, alphabet_0: str, octets: bytes, data_coding: int
) -> None:
    (content,) = contents(mo(text), alphabet_0, 7)
    assert (content.octets, content.data_coding, content.esm_class) == (octets, data_coding, 0)


def test_a_text_that_0_lacks_goes_as_the_account_reads_8() -> None:
    (content,) = contents(mo("ñ😀"), GSM, 7, "utf8")
    assert (content.octets, content.data_coding) == ("ñ😀".encode(), 8)
    long = contents(mo("ж" * 100), GSM, 7, "utf8")
    whole = b"".join(position_in_udh(each.octets)[2] for each in long)
    assert (len(long), whole.decode()) == (2, "ж" * 100)


@pytest.mark.parametrize(
    ("text", "alphabet_0", "count"),
    [
        ("x" * 160, GSM, 1),
        ("x" * 161, GSM, 2),
        ("x" * 306, GSM, 2),
        ("x" * 307, GSM, 3),
        ("é" * 140, LATIN1, 1),
        ("é" * 141, LATIN1, 2),
        ("ж" * 70, GSM, 1),
        ("ж" * 71, GSM, 2),
        ("ж" * 67 * 255, GSM, 255),
    ],
)
def test_a_long_text_takes_several(text: str, alphabet_0: str, count: int) -> None:
    found = contents(mo(text), alphabet_0, 0x1FF)
    assert len(found) == count
    if count == 1:
        assert found[0].esm_class == 0
        return
    cut = [position_in_udh(each.octets) for each in found]
    places = [position for position, _, _ in cut if position]
    assert [place.number for place in places] == list(range(1, count + 1))
    assert {(place.reference, place.total) for place in places} == {(0xFF, count)}
    assert {each.esm_class for each in found} == {0x40}
    assert all(len(each.octets) <= 159 for each in found)
    alphabet = Alphabet.UCS2 if found[0].data_coding else Alphabet(alphabet_0)
    whole = b"".join(octets for _, _, octets in cut)
    assert coding.characters(whole, alphabet) == text


def test_what_255_segments_do_not_hold_goes_whole_as_long_as_a_tlv_holds_it() -> None:
    (content,) = contents(mo("é" * 40_000), LATIN1, 1)
    assert (len(content.octets), content.esm_class) == (40_000, 0)
    assert contents(mo("é" * 65_536), LATIN1, 1) == []
    assert contents(mo(octets=b"x" * 65_536), GSM, 1) == []


@given(st.text(max_size=400), st.sampled_from(["gsm7", "latin1", "ia5", "utf8", "ucs2"]))
def test_any_text_is_coded(text: str, alphabet_0: str) -> None:
    found = contents(mo(text), alphabet_0, 1)
    assert found
    assert len({each.data_coding for each in found}) == 1


@pytest.mark.parametrize(
    ("esm_class", "passed"),
    [(0, 0), (0x40, 0x40), (0xC3, 0xC3), (0x04, 0), (0x60, 0x40), (0x08, 0x08), (0x140, 0x40)],
)
def test_octets_pass_as_they_are_and_never_as_a_receipt(esm_class: int, passed: int) -> None:
    given_octets = b"\x05\x00\x03\x01\x02\x01\xff\x00"
    (content,) = contents(mo(octets=given_octets, data_coding=4, esm_class=esm_class), GSM, 1)
    assert (content.octets, content.data_coding, content.esm_class) == (given_octets, 4, passed)


@pytest.mark.parametrize(
    ("said", "place", "keyword"),
    [
        ({"text": "Bal 7"}, None, "bal"),
        ({"octets": b"Bal 7"}, None, "bal"),
        ({"octets": b"\x00B\x00a\x00l", "data_coding": 8}, None, "bal"),
        ({"octets": b"\x00B\x00", "data_coding": 8}, None, ""),
        ({"octets": b"Bal", "data_coding": 4}, None, ""),
        ({"octets": b"", "esm_class": 0x40}, None, ""),
        ({"octets": b"\x09Bal", "esm_class": 0x40}, None, ""),
        ({"octets": b"\x05\x00\x03\x09\x02\x01Bal 7", "esm_class": 0x40}, (9, 2, 1), "bal"),
        ({"octets": b"\x05\x00\x03\x09\x02\x02Bal 7", "esm_class": 0x40}, (9, 2, 2), ""),
        ({"octets": b"\x05\x00\x03\x09\x01\x01Bal 7", "esm_class": 0x40}, None, "bal"),
        ({"octets": b"Bal", "data_coding": 0x1F4}, None, ""),
    ],
)
def test_a_message_begins_with_its_keyword(
    said: dict[str, object], place: tuple[int, int, int] | None, keyword: str
) -> None:
    position, found = heading(mo(**said))  # type: ignore[arg-type]
    where = position and (position.reference, position.total, position.number)
    assert (where, found) == (place, keyword)


@pytest.mark.parametrize(
    ("number", "address"),
    [
        ("243810000001", ("243810000001", 1, 1)),
        ("+243810000001", ("243810000001", 1, 1)),
        ("12345", ("12345", 3, 0)),
        ("BANK 1", ("BANK 1", 5, 0)),
        ("É\0\n*100#", ("???*100#", 5, 0)),
        ("x" * 30, ("x" * 20, 5, 0)),
        ("١٢", ("??", 5, 0)),
        ("", ("", 0, 0)),
        ("+", ("", 0, 0)),
    ],
)
def test_an_address_says_what_it_is(number: str, address: tuple[str, int, int]) -> None:
    assert address_of(number) == Address(*address)


def test_any_id_can_be_kept() -> None:
    assert shown_id("a1-é") == "a1-é"
    assert shown_id("\udc80" + "x" * 300).encode() == "\ufffd".encode() + b"x" * 254


PACKED_HELLO = bytes.fromhex("e8329bfd06")  # hello


@pytest.mark.parametrize(
    ("fields", "octets", "data_coding"),
    [
        ({"text": "hello"}, PACKED_HELLO, 0),
        ({"text": "жук"}, "жук".encode("utf-16-be"), 8),
        ({"octets": b"hello"}, PACKED_HELLO, 0),
        ({"octets": b"hello", "data_coding": 0x11}, PACKED_HELLO, 0x11),
        ({"octets": b"hello", "data_coding": 1}, b"hello", 1),
        ({"octets": b"\0h", "data_coding": 8}, b"\0h", 8),
        ({"octets": b"h\xe9", "data_coding": 0}, packed.pack(b"h\x05"), 0),  # Latin-1
        ({"octets": b"h\xea", "data_coding": 0}, b"\0h\0\xea", 8),
        ({"octets": b"", "data_coding": 0}, b"", 0),
    ],
)
def test_septets_are_packed_for_an_account_that_packs(
    fields: dict[str, object], octets: bytes, data_coding: int
) -> None:
    (content,) = contents(mo(**fields), GSM, 7, packed=True)  # type: ignore[arg-type]
    assert (content.octets, content.data_coding) == (octets, data_coding)


@pytest.mark.parametrize("header", ["050003070201", "0b0804020102010003070201", "03240101", "00"])
def test_fill_bits_stand_behind_a_header(header: str) -> None:
    udh = bytes.fromhex(header)
    (content,) = contents(mo(octets=udh + b"hello", esm_class=0x40), GSM, 7, packed=True)
    assert content.octets == udh + packed.pack(b"hello", len(udh))
    assert content.esm_class == 0x40


@pytest.mark.parametrize("octets", [b"", b"\x05", b"\x05\0\3"])
def test_a_bad_header_stays_as_it_is(octets: bytes) -> None:
    (content,) = contents(mo(octets=octets, esm_class=0x40), GSM, 7, packed=True)
    assert content.octets == octets


@given(st.text(alphabet=gsm7.BASIC.replace("\x1b", "") + "{€}", max_size=400))
def test_a_packed_text_comes_back(text: str) -> None:
    whole = b""
    for each in contents(mo(text), GSM, 7, packed=True):
        length = 1 + each.octets[0] if each.esm_class else 0
        septets = packed.unpack(each.octets[length:], length)
        plain = len(contents(mo(text), GSM, 7)) == 1
        assert plain or len(each.octets) <= 141  # a CR more behind an @ or CR that ends it
        whole += septets
    written = gsm7.encode(text)
    assert whole.replace(b"\r", b"") == written.replace(b"\r", b"")


def test_the_keyword_is_read_by_the_tables_of_the_header() -> None:
    octets = bytes.fromhex("03250101") + b"\x1cTOP"
    assert heading(mo(octets=octets, esm_class=0x40))[1] == heading(mo("ŞTOP"))[1]
