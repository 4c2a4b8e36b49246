"""The arguments of a message in Jasmin's inner API, and the complaints about bad arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smppbridge.text import coding, gsm7
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import TextError

MOST_PARTS = 5
_PATTERNS = {
    "to": re.compile(r"\+?\d+"),
    "from": None,
    "coding": re.compile(r"[0-9]|10|13|14"),
    "priority": re.compile(r"[0-3]"),
    "sdt": re.compile(r"\d{15}[-+R]"),
    "validity-period": re.compile(r"\d+"),
    "dlr": re.compile(r"yes|no"),
    "dlr-url": re.compile(r"https?://.*", re.DOTALL),
    "dlr-level": re.compile(r"[1-3]"),
    "dlr-method": re.compile(r"get|post", re.IGNORECASE),
    "tags": re.compile(r"[-a-zA-Z0-9,]*"),
    "content": None,
    "hex-content": None,
}
_SEVEN_BIT = (0, 1)


class JasminRefusal(Exception):
    """The inner API answers with *status* and these words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(frozen=True, slots=True)
class JasminMessage:
    """A message as Jasmin sends it; *text* is the text on the phone, or hex.

    *dlr_url* may be empty.
    """

    to: str
    text: str
    parts: int
    dlr_url: str = ""
    dlr_level: int = 0
    dlr_method: str = "POST"


def hyphened(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments under the names of the inner API, with hyphens."""
    return {str(name).replace("_", "-"): value for name, value in document.items()}


def read(document: Mapping[str, Any]) -> JasminMessage:
    """Read the arguments of one message, and cut a text that is too long; raises JasminRefusal."""
    given = _as_query(hyphened(document))
    _check(given)
    if "content" not in given and "hex-content" not in given:
        raise JasminRefusal(400, "content or hex-content not present.")
    if "content" in given and "hex-content" in given:
        raise JasminRefusal(400, "content and hex-content cannot be used both in same request.")
    data_coding = int(given.get("coding", "0"))
    octets, parts = _cut(_octets(given, data_coding), data_coding)
    text = _shown(octets, data_coding)
    if given.get("dlr") != "yes" and "dlr-url" not in given:
        return JasminMessage(given["to"], text, parts)
    return JasminMessage(
        to=given["to"],
        text=text,
        parts=parts,
        dlr_url=given.get("dlr-url", ""),
        dlr_level=int(given.get("dlr-level", "1")),
        dlr_method=given.get("dlr-method", "POST").upper(),
    )


def _as_query(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return *arguments* as they come out of the inner API's query string.

    Of a list only the first item comes out, of null nothing.
    """
    flat = {
        name: value[0] if isinstance(value, list) and value else value
        for name, value in arguments.items()
    }
    return {name: str(value) for name, value in flat.items() if value is not None and value != []}


def _check(given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name not in _PATTERNS:
            raise JasminRefusal(400, f"Argument [{name}] is unknown.")
        pattern = _PATTERNS[name]
        if pattern is not None and not pattern.fullmatch(value):
            raise JasminRefusal(400, f"Argument [{name}] has an invalid value: [{value}].")
    if "to" not in given:
        raise JasminRefusal(400, "Mandatory argument [to] is not found.")


def _octets(given: Mapping[str, str], data_coding: int) -> bytes:
    if "hex-content" in given:
        try:
            return bytes.fromhex(given["hex-content"])
        except ValueError:
            raise JasminRefusal(
                400, f"Invalid hex-content data: '{given['hex-content']}'"
            ) from None
    if data_coding != 0:
        return given["content"].encode("utf-8", "replace")
    return b"".join(_septets(character) for character in given["content"])


def _septets(character: str) -> bytes:
    try:
        return gsm7.encode(character)
    except TextError:
        return b"?"


def _cut(octets: bytes, data_coding: int) -> tuple[bytes, int]:
    alone, joined = (160, 153) if data_coding in _SEVEN_BIT else (140, 134)
    if len(octets) <= alone:
        return octets, 1
    parts = min(MOST_PARTS, math.ceil(len(octets) / joined))
    return octets[: parts * joined], parts


def _shown(octets: bytes, data_coding: int) -> str:
    alphabet = coding.alphabet(data_coding)
    try:
        return octets.hex() if alphabet is Alphabet.OCTETS else coding.characters(octets, alphabet)
    except TextError:
        return octets.hex()
