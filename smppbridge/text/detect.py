"""Octets that say default alphabet and plainly are UCS2 or UTF-8, or say nothing of their UDH.

The rules are narrow: a text that people write in GSM 03.38 or Latin-1 is never read otherwise.
"""

from __future__ import annotations

import codecs
import unicodedata

_BOMS = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
_HEADERS = (b"\x05\x00\x03", b"\x06\x08\x04")
_FIRST_GRAPHIC = 0x20
_SPACES = "\t\n\r"
_PUNCTUATION = (0x20, 0x21)  # rows of U+20.. and U+21..: dashes, quotes, the euro, the numero sign
_FEWEST_LATIN = 2  # characters
_FEWEST_LETTERS = 4  # of another script, and of them
_FEWEST_DIFFERENT = 3
_UNUSED = ("Cn", "Co", "Cs", "Cc")
_CONTROLS = frozenset({*range(0x20), 0x7F} - set(b"\t\n\r"))  # in no text of 8 bits


def looks_ucs2(octets: bytes) -> bool:
    """Return whether octets plainly are UCS2, big-endian or with a byte order mark.

    All their characters are assigned ones, and

    - the octets begin with a byte order mark, or
    - one of them is no septet, so that this is no GSM 03.38, and one is a control that no text in
      Latin-1 or UTF-8 has, NULs at the end apart, or
    - all are septets, and in every pair of them the first is 0x00 (two characters or more of
      Latin), or 0x00 and another one below 0x20 (four letters or more of one script, three of them
      different); a few pairs may begin with 0x20 or 0x21 (punctuation).

    So no text in GSM 03.38 that has a letter or digit in an odd place, counted from 1, is UCS2.
    """
    if len(octets) % 2 or len(octets) < 2 * _FEWEST_LATIN:
        return False
    if octets.startswith(_BOMS):
        little = octets.startswith(codecs.BOM_UTF16_LE)
        return _is_text(octets[2:], "utf-16-le" if little else "utf-16-be")
    if not _is_text(octets, "utf-16-be"):
        return False
    if octets.isascii():
        return _is_regular(octets)
    return not _CONTROLS.isdisjoint(octets.rstrip(b"\0"))


def looks_udh(octets: bytes) -> bool:
    """Return whether octets begin with a UDH that has the position of a segment, and nothing else.

    That is an element of concatenation, of 8 or 16 bits (3GPP 23.040, 9.2.3.24.1 and .8), with the
    number of one of two segments or more.
    """
    if not octets.startswith(_HEADERS):
        return False
    length = octets[0]
    total, number = octets[length - 1 : length + 1].ljust(2, b"\0")
    return total > 1 and 0 < number <= total


def looks_utf8(octets: bytes) -> bool:
    """Return whether octets plainly are UTF-8: valid, of assigned characters, one of many octets.

    No text in septets is.
    """
    return not octets.isascii() and _is_text(octets, "utf-8")


def _is_text(octets: bytes, codec: str) -> bool:
    try:
        text = octets.decode(codec)
    except UnicodeDecodeError:
        return False
    text = text.rstrip("\0")
    return bool(text) and all(
        each in _SPACES or unicodedata.category(each) not in _UNUSED for each in text
    )


def _is_regular(septets: bytes) -> bool:
    """Return whether the first of every pair of septets is that of one script."""
    rows = septets[::2]
    latin, punctuation = rows.count(0), sum(map(rows.count, _PUNCTUATION))
    if 4 * punctuation > len(rows):
        return False
    others = set(rows) - {0, *_PUNCTUATION}
    if not others:
        return latin >= _FEWEST_LATIN
    row = others.pop()
    letters = [low for high, low in zip(rows, septets[1::2], strict=True) if high == row]
    return (
        not others
        and row < _FIRST_GRAPHIC
        and len(letters) >= _FEWEST_LETTERS
        and len(set(letters)) >= _FEWEST_DIFFERENT
    )
