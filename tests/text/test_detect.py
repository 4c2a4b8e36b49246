from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text import gsm7
from smppbridge.text.detect import looks_ucs2, looks_utf8
from tests.text.test_gsm7 import CHARACTERS

TEXTS = [
    "OK",
    "Hello, world",
    "Votre code : 482 913",
    "Grüße aus Köln",
    "Your code – “482913” – expires soon",
    "Привет",
    "Ваш код: 4829, действует до 18:00 — не сообщайте",
    "Цена 5 € за № 7, без доплат и очередей",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "สวัสดีครับ",
    "Γειά σου Κόσμε",
    "שלום עולם",
    "世界今天天气很好吗我们去看看吧",
    "🙂 ok",
    "Привет 🙂",
]
LATIN1 = [
    "Café",
    "Cafés\0",
    "déjà vu\0\0",
    "Çok güzel bir gün",
    "naïve café – 5 € “ok”",
    "äöüß",
    "Bush hid the facts",
    "é" * 40,
    "Ünïcödé\r\n\tñ",
]
GSM = [
    "",
    "@",
    "@a",
    "@ab@cd",
    "user@example.org",
    "a@b@c@d@",
    "òlòlòlòlòl",
    "èlèlèlèlèl",
    "ùùùùùùùù",
    "éaéaéaéa",
    "hahahaha",
    "Bush hid the facts",
    "¡Hola! ¿Qué tal?",
    "ΔΦΓΛΩΠΨΣ",
    "£5 £6 £7 £8",
    "@@@@@@@",
    "@@@@@@@@",
    "1 é 2 è 3 ù",
]


@pytest.mark.parametrize("text", TEXTS)
def test_ucs2_is_plain(text: str) -> None:
    octets = text.encode("utf-16-be")
    assert looks_ucs2(octets)
    assert looks_ucs2(codecs.BOM_UTF16_BE + octets)
    assert looks_ucs2(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))
    assert not looks_ucs2(octets + b"\0")  # an odd one


@pytest.mark.parametrize("text", [each for each in TEXTS if not each.isascii()])
def test_utf8_is_plain(text: str) -> None:
    assert looks_utf8(text.encode())
    assert looks_utf8(text.encode() + b"\0")
    assert looks_utf8(codecs.BOM_UTF8 + text.encode())
    assert not looks_ucs2(text.encode())


@pytest.mark.parametrize("text", LATIN1)
def test_latin1_is_neither(text: str) -> None:
    for octets in (text.encode("cp1252"), b" " + text.encode("cp1252")):
        assert not looks_ucs2(octets)
        assert not looks_utf8(octets)


@pytest.mark.parametrize("text", GSM)
def test_gsm_is_neither(text: str) -> None:
    assert not looks_utf8(gsm7.encode(text))
    assert not looks_ucs2(gsm7.encode(text))


@given(st.text(alphabet=CHARACTERS, max_size=60))
def test_no_gsm_text_is_utf8(text: str) -> None:
    assert not looks_utf8(gsm7.encode(text))


@given(
    st.text(alphabet=CHARACTERS, max_size=60),
    st.sampled_from("abcxyzABCXYZ0123456789"),
    st.integers(0, 30),
)
def test_no_gsm_text_with_a_letter_in_an_odd_place_is_ucs2(text: str, one: str, at: int) -> None:
    octets = gsm7.encode(text)
    place = 2 * at
    octets = octets[:place].ljust(place, b" ") + one.encode() + octets[place:]
    assert not looks_ucs2(octets)


WORDS = ["the", "quick", "brown", "señor", "über", "café", "año", "5", "¿qué?", "ok!", "a@b.c"]


@given(st.lists(st.sampled_from(WORDS)))
def test_no_gsm_words_are_ucs2(words: list[str]) -> None:
    assert not looks_ucs2(gsm7.encode(" ".join(words)))


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=2))
def test_all_ascii_in_ucs2_is_plain(text: str) -> None:
    assert looks_ucs2(text.encode("utf-16-be"))


@given(st.text(alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюя ,.0123", min_size=2, max_size=60))
def test_cyrillic_is_plain_when_it_has_letters_enough(text: str) -> None:
    letters = [each for each in text if each > "\x7f"]
    plain = len(letters) >= 4 and len(set(letters)) >= 3
    if letters:
        assert looks_ucs2(text.encode("utf-16-be")) == plain


@given(st.binary(max_size=40))
def test_any_octets_are_judged(octets: bytes) -> None:
    if looks_ucs2(octets):
        assert len(octets) % 2 == 0
        octets.decode("utf-16" if octets.startswith(b"\xff\xfe") else "utf-16-be")
    if looks_utf8(octets):
        octets.decode()
