"""National language shift tables: septets whose UDH names a language (3GPP 23.038, 6.2.1.2).

A locking table stands for the default alphabet, a single shift table for its extension table. An
information element names each, 0x25 and 0x24 (3GPP 23.040, 9.2.3.24.15 and .16); without an
element, or with the number of a language that has no such table, the default table stays.
"""

from __future__ import annotations

import codecs
import functools
from dataclasses import dataclass
from enum import IntEnum

from smppbridge.text import coding, gsm7, udh
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import Undecodable, Unencodable
from smppbridge.text.national_tables import (
    EUROPEAN,
    INDIAN,
    INDIAN_END,
    INDIAN_START,
    LOCKING,
    NOTHING,
)

SINGLE_SHIFT = 0x24
LOCKING_SHIFT = 0x25


class Language(IntEnum):
    """A national language identifier (3GPP 23.038, 6.2.1.2.4)."""

    TURKISH = 1
    SPANISH = 2
    PORTUGUESE = 3
    BENGALI = 4
    GUJARATI = 5
    HINDI = 6
    KANNADA = 7
    MALAYALAM = 8
    ORIYA = 9
    PUNJABI = 10
    TAMIL = 11
    TELUGU = 12
    URDU = 13


def _single_tables() -> dict[int, dict[int, str]]:
    """Return the characters of each single shift table by code; language 0 is the default table."""
    tables = {0: dict(gsm7.EXTENSION)}
    tables |= {language: {**gsm7.EXTENSION, **own} for language, own in EUROPEAN.items()}
    for language, middle in INDIAN.items():
        whole = enumerate(INDIAN_START + middle + INDIAN_END)
        tables[language] = {code: each for code, each in whole if each != NOTHING}
    # ESC ESC is kept for a further extension; a receiver shows a space (3GPP 23.038, 6.2.1.1)
    return {language: table | {gsm7.ESC: " "} for language, table in tables.items()}


_SINGLE = _single_tables()
_LOCKING = {0: gsm7.BASIC, **LOCKING}


@dataclass(frozen=True, slots=True)
class Shift:
    """The languages of a text's locking and single shift table; 0 is the default table."""

    locking: int = 0
    single: int = 0

    @property
    def header(self) -> bytes:
        """The UDH that names the tables, b"" for the default ones."""
        named = ((SINGLE_SHIFT, self.single), (LOCKING_SHIFT, self.locking))
        elements = tuple((iei, bytes((language,))) for iei, language in named if language)
        return udh.Udh(elements).encode() if elements else b""


DEFAULT = Shift()


def without_shift(elements: tuple[udh.Element, ...]) -> tuple[udh.Element, ...]:
    """Return the elements that name no table; one that is not of one octet names none."""
    return tuple(each for each in elements if not _names(each))


def shift_in(header: bytes) -> tuple[Shift, bytes]:
    """Return the shift that a UDH names, and the UDH without those elements (b"" if none is left).

    The last element of a kind counts; a language without a table is no language (3GPP 23.040,
    9.2.3.24). BadUdh as for udh.parse, but of no octets.
    """
    if not header:
        return DEFAULT, b""
    found, _ = udh.parse(header)
    named = {iei: data[0] for iei, data in found.elements if _names((iei, data))}
    others = without_shift(found.elements)
    locking, single = named.get(LOCKING_SHIFT, 0), named.get(SINGLE_SHIFT, 0)
    shift = Shift(locking if locking in _LOCKING else 0, single if single in _SINGLE else 0)
    return shift, udh.Udh(others).encode() if others else b""


def characters(octets: bytes, alphabet: Alphabet, shift: Shift) -> str:
    """Return the text of `octets`, in the tables of `shift` if they are septets.

    Raises TextError as coding.characters does (3GPP 23.040, 9.2.3.24.15: 7 bits only).
    """
    if alphabet is Alphabet.GSM7 and octets.isascii():
        return decode(octets, shift)
    return coding.characters(octets, alphabet)


def decode(octets: bytes, shift: Shift) -> str:
    """Return the characters of unpacked septets in the tables of `shift` (3GPP 23.038, 6.2.1.2).

    After ESC an unknown code stands for the character of the locking table; a code without a
    character is a space; an ESC that ends the text is dropped. Raises Undecodable for an octet of
    0x80 or more.
    """
    if not octets.isascii():
        at = next(at for at, octet in enumerate(octets) if octet > 0x7F)
        raise Undecodable(f"octet {at} is not a septet")
    basic, single = _LOCKING[shift.locking].replace(NOTHING, " "), _SINGLE[shift.single]
    found = []
    codes = iter(octets)
    for code in codes:
        if code != gsm7.ESC:
            found.append(basic[code])
        elif (shifted := next(codes, None)) is not None:
            found.append(single.get(shifted, basic[shifted]))
    return "".join(found)


def encode(text: str, shift: Shift) -> bytes:
    """Return unpacked septets of `text` in the tables of `shift` (3GPP 23.038, 6.2.1.2).

    Raises Unencodable with the first position that neither table has.
    """
    try:
        octets, _ = codecs.charmap_encode(text, "strict", _writing(shift))
    except UnicodeEncodeError as error:
        raise Unencodable("gsm7", error.start) from None
    return octets


def shifts(languages: frozenset[int]) -> list[Shift]:
    """Return every pair of tables of some languages and the default one, the default pair first."""
    locking = [each for each in sorted({0, *languages}) if each in _LOCKING]
    single = [each for each in sorted({0, *languages}) if each in _SINGLE]
    return [Shift(first, second) for first in locking for second in single]


def _names(element: udh.Element) -> bool:
    iei, data = element
    return iei in (SINGLE_SHIFT, LOCKING_SHIFT) and len(data) == 1


@functools.cache
def _writing(shift: Shift) -> dict[int, int | bytes]:
    codes: dict[int, int | bytes] = {}
    # of two codes of a character the first counts, and one without ESC before both
    for code, each in reversed(_SINGLE[shift.single].items()):
        codes[ord(each)] = bytes((gsm7.ESC, code))
    for code, each in reversed(list(enumerate(_LOCKING[shift.locking]))):
        if each != NOTHING and code != gsm7.ESC:
            codes[ord(each)] = code
    return codes
