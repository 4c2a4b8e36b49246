"""No piece of a message's text is left in a provider's words, however they quote the text."""

from html import escape
from json import dumps
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.providers.answers import shown
from smppbridge.providers.pieces import MOST_TEXTS, PIECE

TEXT = "Your code is 482917, don't tell <anybody> caf\u00e9 & more"


@pytest.mark.parametrize(
    "quoted",
    [
        TEXT,
        quote(TEXT),
        quote_plus(TEXT),
        quote(quote(TEXT)),
        escape(TEXT),
        escape(quote(TEXT)),
        dumps(TEXT)[1:-1],
        TEXT.upper(),
        TEXT.replace(" ", "\u00a0"),
        TEXT.replace(" ", "\r\n  "),
        TEXT.replace(" ", ""),
        " ".join(TEXT),
        TEXT.replace("\u00e9", "e\u0301"),
        TEXT.replace("o", "&#111;"),
        TEXT[5:],
        TEXT[:-5],
        TEXT[8:20],
    ],
)
def test_a_text_that_is_quoted_in_any_writing_is_taken_out(quoted):
    words = shown(f"Spam: {quoted} :refuzed", TEXT)
    assert words == "Spam: *** :refuzed"


@pytest.mark.parametrize("quoted", ["482917", "482%3917", "4 8 2 9 1 7", "482\u200b917", "29 17"])
def test_a_code_of_six_digits_is_taken_out(quoted):
    words = shown(f"no {quoted} here", TEXT)
    assert words == "no *** here"


def test_several_pieces_are_taken_out_each_and_the_rest_stays():
    assert shown("482917 or tell, first", TEXT) == "*** or ***, first"
    assert shown("code, x, anybody", TEXT) == "***, x, ***"


def test_fewer_characters_than_a_piece_stay():
    assert shown("482 and you", TEXT) == "482 and you"


def test_a_text_shorter_than_a_piece_is_taken_out_whole():
    assert shown("not 77", "77") == "not ***"


def test_percent_signs_of_the_text_itself_are_no_encoding():
    for quoted in ("100%25 off", quote("100%25 off"), "100% off"):
        assert shown(f"bad {quoted}", "100%25 off") == "bad ***"


def test_secrets_are_taken_out_where_they_stand_whole():
    secrets = ("to ken/1",)
    for written in ("to ken/1", "TO KEN/1", quote("to ken/1", safe=""), "to+ken/1"):
        assert shown(f"bad {written}!", secrets=secrets) == "bad ***!"
    assert shown("bad token", secrets=secrets) == "bad token"


def test_empty_hidden_texts_hide_nothing():
    assert shown("Invalid number", "", secrets=("", " ")) == "Invalid number"


def test_words_about_too_many_texts_are_not_shown():
    texts = [f"Text {number}" for number in range(MOST_TEXTS)]
    assert shown("Bad numbers", *texts) == "Bad numbers"
    assert shown("Bad numbers", *texts, "one more") == ""


def test_words_are_short_printable_and_text():
    assert shown("a\x1b[2J\ud800" + "x" * 5_000, TEXT) == "a?[2J?" + "x" * 114
    assert shown(None) == shown(7) == shown(["x"]) == ""


@given(st.text(max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_whatever_stands_around_it_no_piece_of_a_text_is_left(text, before, after):
    for quoted in (text, quote(text, errors="replace"), escape(text)):
        words = shown(f"{before} {quoted} {after}", text)
        squeezed = "".join(c for c in words if c.isprintable() and not c.isspace() and c != "+")
        plain = "".join(c for c in text if c.isalnum())
        if plain.isascii() and plain == text:
            pieces = {text[n : n + PIECE].lower() for n in range(len(text) - PIECE + 1)}
            assert not any(piece in squeezed.lower() for piece in pieces)
