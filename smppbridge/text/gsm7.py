"""The GSM 03.38 default alphabet, unpacked: one septet in each octet."""

from __future__ import annotations

import codecs
import re

from smppbridge.text.errors import Undecodable, Unencodable

ESC = 0x1B

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_ESCAPED = re.compile("\x1b(.?)", re.DOTALL)
# ESC ESC is kept for a further extension; a receiver shows a space (3GPP 23.038, 6.2.1.1)
_SHIFTED = {BASIC[code]: character for code, character in EXTENSION.items()} | {"\x1b": " "}

_CODES: dict[int, int | bytes] = {
    **{ord(character): code for code, character in enumerate(BASIC) if code != ESC},
    **{ord(character): bytes((ESC, code)) for code, character in EXTENSION.items()},
    ord("ç"): BASIC.index("Ç"),  # some tables have the small letter at 0x09
}


def decode(octets: bytes) -> str:
    """Return the characters of unpacked septets (3GPP 23.038, 6.2.1).

    After ESC an unknown code stands for its basic character; an ESC that ends the text is dropped.
    Raises Undecodable for an octet of 0x80 or more.
    """
    try:
        text, _ = codecs.charmap_decode(octets, "strict", BASIC)
    except UnicodeDecodeError as error:
        raise Undecodable(f"octet {error.start} is not a septet") from None
    return _ESCAPED.sub(_shift, text) if "\x1b" in text else text


def encode(text: str) -> bytes:
    """Return unpacked septets of `text` (3GPP 23.038, 6.2.1).

    Raises Unencodable with the first position that has no septet.
    """
    try:
        octets, _ = codecs.charmap_encode(text, "strict", _CODES)
    except UnicodeEncodeError as error:
        raise Unencodable("gsm7", error.start) from None
    return octets


def has(character: str) -> bool:
    """Return whether a character has a septet, or two (3GPP 23.038, 6.2.1)."""
    return ord(character) in _CODES


def length(text: str) -> int:
    """Return the number of septets of `text`, two for an extension character.

    Raises Unencodable as encode does.
    """
    return len(encode(text))


def _shift(found: re.Match[str]) -> str:
    return _SHIFTED.get(found[1], found[1])
