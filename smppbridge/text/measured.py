"""The segments that a text takes over the air, and the characters that make it take more."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.text import gsm7, segments
from smppbridge.text.coding import Alphabet, in_smallest
from smppbridge.text.transliteration import transliterated


@dataclass(frozen=True, slots=True)
class Measure:
    """A text in its smallest alphabet; *left* characters fit into its last segment yet."""

    alphabet: Alphabet
    characters: int
    octets: int
    segments: int
    left: int


def measured(text: str) -> Measure:
    """Return the measure of a text; raises Unencodable for a lone surrogate.

    Segments are those of 3GPP 23.040 with a reference of 8 bits (9.2.3.24.1).
    """
    alphabet, octets = in_smallest(text)
    count, left = segments.room_left(octets, alphabet)
    if alphabet is Alphabet.UCS2:
        left //= 2
    return Measure(alphabet, len(text), len(octets), count, left)


def culprits(text: str) -> dict[str, list[int]]:
    """Return the characters that GSM 03.38 lacks, with their positions from 1."""
    places: dict[str, list[int]] = {}
    for position, character in enumerate(text, 1):
        if not gsm7.has(character):
            places.setdefault(character, []).append(position)
    return places


def counterpart(character: str) -> str | None:
    """Return the characters of GSM 03.38 for one that GSM 03.38 lacks; None without any."""
    found = transliterated(character)
    return None if found == character else found
