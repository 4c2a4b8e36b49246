"""words: secrets and numbers within octets, masked without a change of length."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from urllib.parse import quote, quote_plus

MASK = b"*"
SHORTEST_NUMBER = 7
"""Digits: fewer are no subscriber's number, but a service code, a status or an amount."""
_KEPT_FIRST, _KEPT_LAST, _LEAST_MASKED = 6, 3, 3
_NUMBER = re.compile(rb"[0-9](?:[ ().-]{0,2}[0-9]){6,}")
_DIGIT = re.compile(rb"[0-9]")


class HiddenWords:
    """Words that octets must not show, in all forms in which HTTP and SMPP write the words.

    The forms: UTF-8, Latin-1, UTF-16, percent-encoded, a JSON string, HTML or XML, Base64.
    """

    __slots__ = ("_pattern",)

    def __init__(self, words: Iterable[str]) -> None:
        forms = {form for word in words for form in forms_of(word)}
        self._pattern = re.compile(_any_of(sorted(forms))) if forms else None

    def hide(self, octets: bytes) -> bytes:
        """Return octets of the same length with ``*`` for each octet of a hidden word."""
        if self._pattern is None:
            return octets
        return self._pattern.sub(lambda found: MASK * len(found[0]), octets)


NO_WORDS = HiddenWords(())


def hide_texts(octets: bytes, texts: Iterable[str]) -> bytes:
    """Return octets of the same length with ``*`` for each octet of a text, in any form."""
    for text in texts:
        for form in forms_of(text):
            octets = octets.replace(form, MASK * len(form))
    return octets


def _any_of(forms: list[bytes]) -> bytes:
    """Return an expression for the longest of *forms*, sorted ones, that share no way twice.

    A plain list of alternatives takes milliseconds for a PDU where there are hundreds of secrets.
    """
    first, last = forms[0], forms[-1]
    same = next((at for at in range(len(first)) if first[at] != last[at]), len(first))
    head, rest = re.escape(first[:same]), [form[same:] for form in forms]
    whole = not rest[0]
    ways = [list(group) for _, group in groupby(rest[whole:], key=lambda form: form[0])]
    if not ways:
        return head
    return head + b"(?:" + b"|".join([_any_of(way) for way in ways]) + b")" + b"?" * whole


def masked_numbers(octets: bytes, mask: bytes = MASK) -> bytes:
    """Return octets of the same length, with the middle digits of each number masked.

    The first six and the last three digits of a number stay, of fewer than twelve digits fewer of
    the first ones; of seven to nine digits two and two.
    """
    return _NUMBER.sub(lambda found: _masked_number(found[0], mask), octets)


def _masked_number(number: bytes, mask: bytes) -> bytes:
    digits = [found.start() for found in _DIGIT.finditer(number)]
    most = len(digits) - _KEPT_LAST - _LEAST_MASKED
    first, last = (min(_KEPT_FIRST, most), _KEPT_LAST) if len(digits) > 9 else (2, 2)
    masked = bytearray(number)
    for at in digits[first:-last]:
        masked[at : at + 1] = mask
    return bytes(masked)


def forms_of(word: str) -> list[bytes]:
    """Return the forms of a word, the longest first."""
    return sorted({form for form in _forms(word) if form}, key=len, reverse=True)


def _forms(word: str) -> Iterator[bytes]:
    """Yield the forms of a word; one that an encoding does not have is empty."""
    octets = word.encode("utf-8", "surrogatepass")
    yield octets
    yield word.encode("latin-1", "ignore") if _is_latin(word) else b""
    yield word.encode("utf-16-be", "surrogatepass")
    yield word.encode("utf-16-le", "surrogatepass")
    yield base64.b64encode(octets)
    yield base64.urlsafe_b64encode(octets)
    for written in (quote(octets, safe=""), quote(octets), quote_plus(octets)):
        yield written.encode()
        yield _PERCENT.sub(lambda found: found[0].lower(), written).encode()
    for ascii_only in (True, False):
        text = json.dumps(word, ensure_ascii=ascii_only)[1:-1]
        yield text.encode("utf-8", "surrogatepass")
        yield text.replace("/", "\\/").encode("utf-8", "surrogatepass")
    for quotes in (True, False):
        yield html.escape(word, quote=quotes).encode("utf-8", "surrogatepass")


_PERCENT = re.compile("%[0-9A-F]{2}")


def _is_latin(word: str) -> bool:
    return all(ord(character) < 0x100 for character in word)
