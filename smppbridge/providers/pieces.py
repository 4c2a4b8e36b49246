"""Pieces of a message's text, and secrets, found again in a provider's words and taken out.

A provider quotes a text whole or in part, as it came, URL-encoded, HTML-escaped, with JSON's
escapes, with other blanks, in other case: both sides are compared without all that.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

PIECE = 4  # characters of a text in a row: fewer show nothing of the text
MOST_READ = 600  # characters of words
MOST_TEXTS = 100
_ROUNDS = 3  # of encodings on top of each other
_ENCODED = re.compile(r"[%&\\]")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_BETWEEN = "\0"
_HIDDEN = "***"


def taken_out(words: str, texts: Sequence[str], secrets: Sequence[str]) -> str:
    """Return *words*, decoded, without pieces of *texts* and without any whole of *secrets*.

    Of more than `MOST_TEXTS` texts nobody says which the words are about: then no word is returned.
    """
    if len(texts) > MOST_TEXTS:
        return ""
    plain, squeezed = _read(words[:MOST_READ])
    covered: set[int] = set()
    forms = [form for text in texts if text for form in _forms(text)]
    among = _BETWEEN.join(forms)
    for at in range(len(squeezed) - PIECE + 1 if among else 0):
        if squeezed[at : at + PIECE] in among:
            covered.update(range(at, at + PIECE))
    wholes = [form for form in forms if len(form) < PIECE]
    wholes += [form for secret in secrets for form in _forms(secret) if len(form) >= PIECE]
    for whole in wholes:
        if whole and whole in squeezed:
            for found in re.finditer(re.escape(whole), squeezed):
                covered.update(range(*found.span()))
    if not covered:
        return plain
    places = [place for place, c in enumerate(plain) if _counts(c)]
    return _starred(plain, [places[at] for at in sorted(covered)], places)


@lru_cache(maxsize=64)  # one fault is told of many messages in the same words
def _read(words: str) -> tuple[str, str]:
    plain = _decoded(words)
    return plain, _squeezed(plain)


def _starred(plain: str, covered: Iterable[int], places: Sequence[int]) -> str:
    """Return *plain* with stars for each run of *covered* places; blanks within a run go too."""
    follows = dict(pairwise(places))
    parts: list[str] = []
    at, awaited = 0, -1
    for place in covered:
        if place != awaited:
            parts += (plain[at:place], _HIDDEN)
        at, awaited = place + 1, follows.get(place, -1)
    return "".join((*parts, plain[at:]))


def _decoded(words: str) -> str:
    for _ in range(_ROUNDS if _ENCODED.search(words) else 0):
        before = words
        words = html.unescape(unquote(words, errors="replace"))
        words = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), words)
        if words == before:
            break
    return words if words.isascii() else unicodedata.normalize("NFKC", words)


def _forms(text: str) -> set[str]:
    """Return a text as it is compared: as it is, and decoded like the words that may quote it."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if not _ENCODED.search(text):
        return {_squeezed(plain)}
    return {_squeezed(plain), _squeezed(_decoded(text))}


def _counts(c: str) -> bool:
    """Return whether a character is compared; a plus sign may stand for a blank."""
    return c.isprintable() and not c.isspace() and c != "+"


def _squeezed(text: str) -> str:
    squeezed = "".join(text.split()).replace("+", "")
    if not squeezed.isprintable():
        squeezed = "".join(filter(_counts, squeezed))
    lowered = squeezed.lower()
    if len(lowered) == len(squeezed):
        return lowered
    return "".join(c.lower()[:1] for c in squeezed)
