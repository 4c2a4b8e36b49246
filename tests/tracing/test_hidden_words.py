"""Words and numbers are masked in every form, and nothing grows or shrinks."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.tracing.hidden_words import NO_WORDS, HiddenWords, hide_texts, masked_numbers

SECRET = 'pä/ss "w&rd"'
LETTERS = st.text("ab/ é", min_size=1, max_size=4)


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        SECRET.encode("latin-1"),
        SECRET.encode("utf-16-be"),
        quote(SECRET).encode(),
        quote(SECRET, safe="").encode(),
        quote(SECRET, safe="").lower().encode(),
        quote_plus(SECRET).encode(),
        json.dumps(SECRET)[1:-1].encode(),
        json.dumps(SECRET, ensure_ascii=False)[1:-1].encode(),
        json.dumps(SECRET)[1:-1].replace("/", "\\/").encode(),
        html.escape(SECRET).encode(),
        base64.b64encode(SECRET.encode()),
    ],
)
@pytest.mark.parametrize("hide", [HiddenWords([SECRET]).hide, lambda o: hide_texts(o, [SECRET])])
def test_every_form_of_a_secret_is_masked(form, hide):
    assert hide(b"<" + form + b">") == b"<" + b"*" * len(form) + b">"


def test_of_two_words_the_longer_is_masked_whole():
    words = HiddenWords(["pass", "password", "word", ""])
    assert words.hide(b"password pass passwor word") == b"******** **** ****wor ****"


def test_without_words_nothing_is_masked():
    assert NO_WORDS.hide(b"any") == b"any"


def test_a_thousand_secrets_are_one_expression():
    words = HiddenWords(f"secret-{number}-of-many" for number in range(1000))
    assert words.hide(
        b"x secret-999-of-many y secret-1-of"
    ) == b"x ****************** y secret-1-of".replace(b"******************", b"*" * 18)


def test_a_secret_as_long_as_a_key_is_hidden():
    long = "k" * 60_000
    assert HiddenWords([long, long[:-1] + "x"]).hide(long.encode()) == b"*" * 60_000


@settings(max_examples=80)
@given(st.lists(LETTERS, max_size=5), st.lists(LETTERS, max_size=8))
def test_no_word_survives(hidden, written):
    octets = "".join(written).encode()
    found = HiddenWords(hidden).hide(octets)
    assert len(found) == len(octets)
    assert not any(word.encode() in found for word in hidden)


@settings(max_examples=80)
@given(st.text("0123456789 +-a", max_size=40))
def test_numbers_keep_their_length_and_few_digits(text):
    octets = text.encode()
    found = masked_numbers(octets)
    assert len(found) == len(octets)
    assert not re.search(rb"[0-9]{10}", found)
    assert all(a == b or b == ord("*") for a, b in zip(octets, found, strict=True))


def test_numbers_within_a_text():
    assert masked_numbers(b"a 243810555042, b 0815 4711 99.") == b"a 243810***042, b 0815 ***1 99."
    assert masked_numbers(b"243810555042", b"0") == b"243810000042"
