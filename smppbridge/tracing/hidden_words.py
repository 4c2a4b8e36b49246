"""hidden_words: secrets and numbers within octets, masked without a change of length."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import re2

MASK = b"*"
SHORTEST_NUMBER = 7
"""Digits: fewer are no subscriber's number, but a service code, a status or an amount."""
_KEPT_FIRST, _KEPT_LAST, _LEAST_MASKED = 6, 3, 3
_LONGEST_COMPILED = 256  # octets: a key in a file would need too large an expression
_MEMORY = 256 << 20  # octets, at most, for tens of thousands of words
_NOTHING = rb"[^\x00-\xff]"
_NUMBER = re.compile(rb"[0-9](?:[ ().-]{0,2}[0-9]){6,}")
_DIGIT = re.compile(rb"[0-9]")
_PERCENT = re.compile("%[0-9A-F]{2}")


class HiddenWords:
    """Words that octets must not show, in all forms in which HTTP and SMPP write the words.

    The forms: UTF-8, Latin-1, UTF-16, percent-encoded, a JSON string, HTML or XML, Base64.  They
    are compiled at the first use: a thousand words take a third of a second, and without a trace
    nobody uses them.
    """

    __slots__ = ("_long", "_pattern", "words")

    def __init__(self, words: Iterable[str]) -> None:
        self.words = frozenset(word for word in words if word)
        self._pattern: Any = None
        self._long: list[bytes] = []

    def hide(self, octets: bytes) -> bytes:
        """Return octets of the same length with ``*`` for each octet of a hidden word."""
        if not self.words:
            return octets
        if self._pattern is None:
            self._compile()
        for form in self._long:
            octets = octets.replace(form, MASK * len(form))
        hidden: bytes = self._pattern.sub(lambda found: MASK * len(found[0]), octets)
        return hidden

    def _compile(self) -> None:
        forms = {form for word in self.words for form in forms_of(word)}
        long = [form for form in forms if len(form) > _LONGEST_COMPILED]
        self._long = sorted(long, key=len, reverse=True)
        short = sorted(form for form in forms if len(form) <= _LONGEST_COMPILED)
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # octets
        options.longest_match = True
        options.max_mem = _MEMORY
        written = [b"".join([b"\\x%02x" % octet for octet in form]) for form in short]
        self._pattern = re2.compile(b"|".join(written) or _NOTHING, options=options)


NO_WORDS = HiddenWords(())


def hide_texts(octets: bytes, texts: Iterable[str]) -> bytes:
    """Return octets of the same length with ``*`` for each octet of a text, in any form."""
    for text in texts:
        for form in forms_of(text):
            octets = octets.replace(form, MASK * len(form))
    return octets


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


def _is_latin(word: str) -> bool:
    return all(ord(character) < 0x100 for character in word)
