from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text.coding import (
    Alphabet,
    alphabet,
    alphabets,
    characters,
    in_smallest,
    looks_latin1,
    message_class,
    octets,
    smallest,
)
from smppbridge.text.errors import OddLength, Undecodable, Unencodable

GSM7, LATIN1, UCS2, OCTETS = Alphabet.GSM7, Alphabet.LATIN1, Alphabet.UCS2, Alphabet.OCTETS

# Sixteen values a line, as in LETTERS; a dot is the account's default, i its one, 3 its own three,
# u its eight.
EXPECTED = """
    .ib3bjchubm..xk.
    ....bbbbuuuu....
    bbbbbbbbbbbbbbbb
    bbbbbbbbbbbbbbbb
    ....bbbbuuuu....
    ....bbbbuuuu....
    bbbbbbbbbbbbbbbb
    bbbbbbbbbbbbbbbb
    ................
    ................
    ................
    ................
    ................
    ................
    uuuuuuuuuuuuuuuu
    ....bbbb....bbbb
"""
LETTERS = {
    "b": OCTETS,
    "j": Alphabet.JIS,
    "c": Alphabet.CYRILLIC,
    "h": Alphabet.HEBREW,
    "m": Alphabet.ISO2022JP,
    "x": Alphabet.KANJI,
    "k": Alphabet.KOREAN,
}
# The same way: the class, or none.
CLASSES = """
    ................
    0123012301230123
    ................
    0123012301230123
    ................
    0123012301230123
    ................
    0123012301230123
    ................
    ................
    ................
    ................
    ................
    ................
    ................
    0123012301230123
"""
SAMPLES = {
    GSM7: "@£_ Ωé{€}\n",
    Alphabet.IA5: "`plain` ~",
    LATIN1: "Çau éüß",
    UCS2: "OK 👍🏽 Жуки 日本",
    Alphabet.UTF8: "OK 👍🏽 Жуки 日本",
    Alphabet.CYRILLIC: "Жуки ё",
    Alphabet.HEBREW: "שלום",
    Alphabet.JIS: "日本ｶﾅ",
    Alphabet.ISO2022JP: "abc日本def",
    Alphabet.KANJI: "日本丂",
    Alphabet.KOREAN: "한국",
}
READABLE = sorted(SAMPLES)


@pytest.mark.parametrize("default", [GSM7, LATIN1, Alphabet.UTF8, UCS2])
@pytest.mark.parametrize(
    ("one", "three", "eight"),
    [(Alphabet.IA5, LATIN1, UCS2), (GSM7, GSM7, Alphabet.UTF8), (LATIN1, Alphabet.IA5, UCS2)],
)
def test_all_values_of_data_coding(
    default: Alphabet, one: Alphabet, three: Alphabet, eight: Alphabet
) -> None:
    letters = LETTERS | {".": default, "i": one, "3": three, "u": eight}
    expected = [letters[letter] for letter in "".join(EXPECTED.split())]
    assert list(alphabets(default, one=one, three=three, eight=eight)) == expected


def test_what_is_left_unsaid_is_as_in_smpp() -> None:
    said = alphabets(GSM7, one=Alphabet.IA5, three=LATIN1, eight=UCS2)
    assert tuple(alphabet(value) for value in range(256)) == alphabets() == said
    assert [alphabet(value, LATIN1) for value in (0, 0x11, 8)] == [LATIN1, LATIN1, UCS2]


def test_all_message_classes() -> None:
    expected = [None if c == "." else int(c) for c in "".join(CLASSES.split())]
    assert [message_class(value) for value in range(256)] == expected


@pytest.mark.parametrize(
    ("in_hex", "data_coding", "text"),
    [
        ("c7617520e9fcdf", 0x03, "Çau éüß"),
        ("c7617520e9fcdf", 0x00, "Çau éüß"),  # called GSM7, but Latin-1 by its octets
        ("636166e9", 0x01, "café"),
        ("93353080 94".replace(" ", ""), 0x03, "“50€”"),  # Windows-1252 by its octets
        ("9935308099", 0x00, "™50€™"),
        ("93358085", 0x01, "“5€…"),
        ("81418d8f90c39d", 0x03, "\ufffdA\ufffd\ufffd\ufffdÃ\ufffd"),
        ("004f004b0020d83ddc4dd83cdffd", 0x08, "OK 👍🏽"),
        ("feff0041", 0x08, "A"),
        ("fffe4100", 0x08, "A"),
        ("fffe3dd84ddc", 0x08, "👍"),
        ("feff", 0x08, ""),
        ("0041d83d", 0x08, "A\ufffd"),
        ("dc4d0041", 0x08, "\ufffdA"),
        ("0041", 0xE0, "A"),
        ("666c617368", 0x10, "flash"),
        ("596f752068617665206d61696c", 0xC8, "You have mail"),  # 0xC8 & 0x0F is not UCS2
        ("001b65", 0x0F, "@€"),
        ("", 0x00, ""),
        ("", 0x08, ""),
    ],
)
def test_octets_are_read_by_data_coding(in_hex: str, data_coding: int, text: str) -> None:
    assert characters(bytes.fromhex(in_hex), alphabet(data_coding)) == text


@pytest.mark.parametrize(
    ("spoiled", "coding"),
    [
        (b"secret\xff", Alphabet.UTF8),
        (b"secret\xa1", Alphabet.HEBREW),
        (b"secret\x81", Alphabet.JIS),
        (b"secret\xff", Alphabet.KOREAN),
        (b"secret", OCTETS),
    ],
)
def test_what_cannot_be_read_is_not_shown_either(spoiled: bytes, coding: Alphabet) -> None:
    with pytest.raises(Undecodable) as caught:
        characters(spoiled, coding)
    assert "secret" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("odd", [b"\x00", b"\x04\x1f\x04", b"\xff\xfeA"])
def test_odd_ucs2_is_told_apart(odd: bytes) -> None:
    with pytest.raises(OddLength):
        characters(odd, UCS2)


@pytest.mark.parametrize(("alphabet_", "text"), SAMPLES.items())
def test_every_alphabet_gives_its_text_back(alphabet_: Alphabet, text: str) -> None:
    assert characters(octets(text, alphabet_), alphabet_) == text


def test_every_alphabet_but_octets_has_a_sample() -> None:
    assert set(SAMPLES) == set(Alphabet) - {OCTETS}


@given(st.sampled_from(READABLE), st.data())
def test_any_text_of_an_alphabet_comes_back(alphabet_: Alphabet, data: st.DataObject) -> None:
    text = data.draw(st.text(st.sampled_from(SAMPLES[alphabet_]), max_size=20))
    assert characters(octets(text, alphabet_), alphabet_) == text


@given(st.text(max_size=20).filter(lambda text: text[:1] not in ("\ufeff", "\ufffe")))
def test_unicode_comes_back(text: str) -> None:
    for alphabet_ in (UCS2, Alphabet.UTF8):
        assert characters(octets(text, alphabet_), alphabet_) == text


@given(st.binary(max_size=24), st.sampled_from(sorted(Alphabet)))
def test_any_octets_are_read_or_undecodable(any_octets: bytes, alphabet_: Alphabet) -> None:
    try:
        text = characters(any_octets, alphabet_)
    except Undecodable:
        return
    assert len(text) <= len(any_octets)


@given(st.text(st.characters(), max_size=12), st.sampled_from(sorted(Alphabet)))
def test_any_text_is_encoded_or_unencodable(text: str, alphabet_: Alphabet) -> None:
    try:
        encoded = octets(text, alphabet_)
    except Unencodable:
        return
    assert len(encoded) >= len(text)


@pytest.mark.parametrize(
    ("text", "coding", "position"),
    [("naïve", Alphabet.IA5, 2), ("5 €", LATIN1, 2), ("a\ud800", UCS2, 1), ("a", OCTETS, 0)],
)
def test_unencodable_names_the_position(text: str, coding: Alphabet, position: int) -> None:
    with pytest.raises(Unencodable) as caught:
        octets(text, coding)
    assert caught.value.position == position


def test_latin1_is_noticed_in_what_is_called_gsm7() -> None:
    assert looks_latin1(b"caf\xe9")
    assert not looks_latin1(b"caf\x05\x7f")


@pytest.mark.parametrize(
    ("text", "expected", "in_hex"),
    [("", GSM7, ""), ("€", GSM7, "1b65"), ("`", UCS2, "0060"), ("👍", UCS2, "d83ddc4d")],
)
def test_smallest(text: str, expected: Alphabet, in_hex: str) -> None:
    assert smallest(text) is expected
    assert in_smallest(text) == (expected, bytes.fromhex(in_hex))


def test_a_lone_surrogate_has_no_smallest_alphabet() -> None:
    with pytest.raises(Unencodable):
        smallest("\ud83d")
