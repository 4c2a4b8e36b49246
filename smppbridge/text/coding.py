"""data_coding: the alphabet of a message's octets, and the characters that octets stand for."""

from __future__ import annotations

import codecs
import functools
from enum import StrEnum

from smppbridge.text import gsm7
from smppbridge.text.errors import OddLength, Undecodable, Unencodable


class Alphabet(StrEnum):
    """A meaning of octets (SMPP 3.4, 5.2.19)."""

    GSM7 = "gsm7"
    IA5 = "ia5"
    LATIN1 = "latin1"
    UCS2 = "ucs2"
    UTF8 = "utf8"
    OCTETS = "octets"
    CYRILLIC = "cyrillic"
    HEBREW = "hebrew"
    JIS = "jis"
    ISO2022JP = "iso2022jp"
    KANJI = "kanji"
    KOREAN = "korean"


# GSM7 has a module of its own, OCTETS are no characters.
CODECS = {
    Alphabet.IA5: "ascii",
    Alphabet.LATIN1: "latin-1",
    Alphabet.UCS2: "utf-16-be",
    Alphabet.UTF8: "utf-8",
    Alphabet.CYRILLIC: "iso8859-5",
    Alphabet.HEBREW: "iso8859-8",
    Alphabet.JIS: "shift_jis",
    Alphabet.ISO2022JP: "iso2022_jp",
    Alphabet.KANJI: "euc_jp",  # the 8-bit form that holds JIS X 0212
    Alphabet.KOREAN: "euc_kr",
}

# 0x00, 0x01, 0x03 and UCS2 are for the account to say; 0x0B and 0x0C are reserved. 0x0F is not
# SMPP's but GSM's: the default alphabet, language unspecified, as USSD uses it.
_SMPP = {
    0x02: Alphabet.OCTETS,
    0x04: Alphabet.OCTETS,
    0x05: Alphabet.JIS,
    0x06: Alphabet.CYRILLIC,
    0x07: Alphabet.HEBREW,
    0x08: Alphabet.UCS2,
    0x09: Alphabet.OCTETS,  # pictograms, by agreement
    0x0A: Alphabet.ISO2022JP,
    0x0D: Alphabet.KANJI,
    0x0E: Alphabet.KOREAN,
}
_GENERAL_GROUP = (None, Alphabet.OCTETS, Alphabet.UCS2, None)
_C1 = (  # of Windows-1252, what nearly every peer means by Latin-1; five octets are undefined
    "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ"
)
_LATIN1 = "".join(map(chr, range(0x80))) + _C1 + "".join(map(chr, range(0xA0, 0x100)))


def alphabet(data_coding: int, default: Alphabet = Alphabet.GSM7) -> Alphabet:
    """Return the alphabet of a data_coding of 0 to 255 (SMPP 3.4, 5.2.19; 3GPP 23.038, 4).

    `default` is the alphabet meant by 0.
    """
    return alphabets(default)[data_coding]


@functools.cache
def alphabets(
    default: Alphabet = Alphabet.GSM7,
    *,
    one: Alphabet = Alphabet.IA5,
    three: Alphabet = Alphabet.LATIN1,
    eight: Alphabet = Alphabet.UCS2,
) -> tuple[Alphabet, ...]:
    """Return the alphabets of all 256 values of data_coding, in order.

    `default` is the alphabet that the account means by 0, and by every value of 3GPP 23.038 that
    says default alphabet or is reserved; `eight` by 8 and by every value that says UCS2. `one` is
    the alphabet meant by 1 (node-smpp writes GSM 03.38 there), and `three` the one of 3.
    """
    said = {None: default, Alphabet.UCS2: eight}
    meant = [said.get(each) or each or default for each in map(_standard, range(256))]
    meant[0x01], meant[0x03] = one, three
    return tuple(meant)


def says_default(data_coding: int) -> bool:
    """Return whether a data_coding of 0 to 255 says default alphabet (3GPP 23.038, 4)."""
    return data_coding not in (0x01, 0x03) and _standard(data_coding) is None


def is_reserved(data_coding: int) -> bool:
    """Return whether a data_coding of 0 to 255 says nothing: SMPP 3.4, 5.2.19; 3GPP 23.038, 4."""
    return data_coding in (0x0B, 0x0C) or 0x80 <= data_coding < 0xC0


def message_class(data_coding: int) -> int | None:
    """Return 0 flash, 1 handset, 2 SIM, 3 terminal equipment, or None (3GPP 23.038, 4)."""
    has_class = data_coding >> 4 == 0xF or data_coding & 0x90 == 0x10
    return data_coding & 0x03 if has_class else None


def looks_latin1(octets: bytes) -> bool:
    """Return whether octets under the name of GSM7 or IA5 are Latin-1: an octet exceeds 0x7F."""
    return not octets.isascii()


def characters(octets: bytes, alphabet: Alphabet) -> str:
    """Return the text of `octets`.

    Raises Undecodable for octets that stand for no characters, OddLength for half a UCS2 character.
    GSM7 and IA5 that `looks_latin1` are read as Latin-1, and Latin-1 as Windows-1252; U+FFFD stands
    for lone surrogates of UCS2 and for the five octets that Windows-1252 leaves undefined.
    """
    reader = _READERS.get(alphabet)
    if reader:
        return reader(octets)
    if alphabet is Alphabet.OCTETS:
        raise Undecodable("binary octets are no characters")
    try:
        return octets.decode(CODECS[alphabet])
    except UnicodeDecodeError as error:
        raise Undecodable(f"octet {error.start} is no character in {alphabet}") from None


def octets(text: str, alphabet: Alphabet) -> bytes:
    """Return the octets of `text`; Unencodable names the first position that `alphabet` lacks."""
    if alphabet is Alphabet.GSM7:
        return gsm7.encode(text)
    if alphabet is Alphabet.OCTETS:
        raise Unencodable(alphabet, 0)
    try:
        return text.encode(CODECS[alphabet])
    except UnicodeEncodeError as error:
        raise Unencodable(alphabet, error.start) from None


def smallest(text: str) -> Alphabet:
    """Return GSM7 if GSM7 has every character of `text`, else UCS2.

    Raises Unencodable for a lone surrogate.
    """
    return in_smallest(text)[0]


def in_smallest(text: str) -> tuple[Alphabet, bytes]:
    """Return the smallest alphabet and the octets of `text` in it.

    Raises Unencodable for a lone surrogate.
    """
    try:
        return Alphabet.GSM7, gsm7.encode(text)
    except Unencodable:
        return Alphabet.UCS2, octets(text, Alphabet.UCS2)


def _standard(data_coding: int) -> Alphabet | None:
    """Return the alphabet of a data_coding; None for the default alphabet and reserved values."""
    group = data_coding >> 4
    if group == 0x0:
        return _SMPP.get(data_coding)
    if group < 0x8:
        compressed = data_coding & 0x20
        return Alphabet.OCTETS if compressed else _GENERAL_GROUP[data_coding >> 2 & 0x03]
    if group == 0xE:
        return Alphabet.UCS2
    return Alphabet.OCTETS if group == 0xF and data_coding & 0x04 else None


def _read_gsm7(octets: bytes) -> str:
    return gsm7.decode(octets) if octets.isascii() else _read_latin1(octets)


def _read_latin1(octets: bytes) -> str:
    return codecs.charmap_decode(octets, "strict", _LATIN1)[0]


def _read_ucs2(octets: bytes) -> str:
    if len(octets) % 2:
        raise OddLength(f"UCS2 of {len(octets)} octets")
    if octets.startswith(b"\xff\xfe"):  # little-endian, from Windows
        return octets[2:].decode("utf-16-le", "replace")
    return octets.decode("utf-16-be", "replace").removeprefix("\ufeff")


_READERS = {
    Alphabet.GSM7: _read_gsm7,
    Alphabet.IA5: _read_latin1,
    Alphabet.LATIN1: _read_latin1,
    Alphabet.UCS2: _read_ucs2,
}
