from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.text import gsm7
from smppbridge.text.errors import Undecodable, Unencodable

PUBLISHED = [
    (bytes.fromhex(code), chr(int(character, 16)))
    for code, character in (
        line.split()
        for line in Path(__file__).with_name("gsm0338.txt").read_text("ascii").splitlines()
        if not line.startswith("#")
    )
]
CHARACTERS = "".join(character for _, character in PUBLISHED)


def test_the_published_table_is_whole() -> None:
    assert len(PUBLISHED) == 127 + 10
    assert len(set(CHARACTERS)) == 137


@pytest.mark.parametrize(("octets", "character"), PUBLISHED)
def test_every_code_stands_for_its_character_and_back(octets: bytes, character: str) -> None:
    assert gsm7.decode(octets) == character
    assert gsm7.encode(character) == octets
    assert gsm7.length(character) == len(octets)


def test_no_other_character_of_the_first_plane_is_encoded() -> None:
    accepted = set()
    for code in range(0x10000):
        try:
            gsm7.encode(chr(code))
        except Unencodable:
            continue
        accepted.add(chr(code))
    assert accepted == set(CHARACTERS) | {"ç"}


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", ""),
        (b"\x1b", ""),
        (b"a\x1b", "a"),
        (b"\x1ba", "a"),  # an unknown code stands for its basic character
        (b"\x1b\x0d", "\r"),
        (b"\x1b\x00", "@"),
        (b"\x1b\x0a", "\f"),
        (b"\x1b\x1b", " "),
        (b"\x1b\x1b\x65", " e"),
        (b"\x1b\x1b\x1b\x65", " €"),
        (b"\x1b\x28\x1b\x29", "{}"),
        (b"\x1b\x65\x1b", "€"),
    ],
)
def test_what_follows_escape(octets: bytes, text: str) -> None:
    assert gsm7.decode(octets) == text


def test_small_c_cedilla_becomes_the_capital() -> None:
    assert gsm7.encode("ça") == b"\x09a"
    assert gsm7.decode(b"\x09") == "Ç"


@pytest.mark.parametrize(
    ("text", "position"), [("secret `", 7), ("ok 👍", 3), ("\x1b", 0), ("€€ñ’", 3), ("\ud800", 0)]
)
def test_unencodable_names_the_position_and_not_the_text(text: str, position: int) -> None:
    with pytest.raises(Unencodable) as caught:
        gsm7.encode(text)
    assert (caught.value.position, caught.value.alphabet) == (position, "gsm7")
    assert str(caught.value) == f"the character at position {position} is not in gsm7"


def test_octets_above_7f_are_no_septets() -> None:
    with pytest.raises(Undecodable, match=r"^octet 2 is not a septet$"):
        gsm7.decode(b"ab\x80")


@given(st.text(st.sampled_from(CHARACTERS), max_size=80))
def test_text_comes_back(text: str) -> None:
    assert gsm7.decode(gsm7.encode(text)) == text
    assert gsm7.length(text) == len(text) + sum(text.count(c) for c in "\f^{}\\[~]|€")


@given(st.binary(max_size=80))
def test_any_octets_are_read_or_undecodable(octets: bytes) -> None:
    if octets.isascii():
        assert len(gsm7.decode(octets)) <= len(octets)
    else:
        with pytest.raises(Undecodable):
            gsm7.decode(octets)


def test_perl_has_the_same_table() -> None:
    perl = shutil.which("perl")
    if perl is None:
        pytest.skip("perl is not installed: GSM 03.38 is checked against the checked-in table only")
    if subprocess.run([perl, "-MEncode", "-e", "1"], check=False, capture_output=True).returncode:
        pytest.skip("perl has no Encode (perl-base): GSM 03.38 is checked against the table only")
    script = 'use Encode; print encode("gsm0338", decode("UTF-8", join("", <STDIN>)))'
    run = subprocess.run(
        [perl, "-e", script], input=CHARACTERS.encode(), capture_output=True, check=True
    )
    assert run.stdout == gsm7.encode(CHARACTERS)
