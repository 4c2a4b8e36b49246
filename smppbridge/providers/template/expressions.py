r"""Regular expressions of a configuration, compiled by RE2: a search takes linear time.

Python's ``re`` goes back and tries again: an answer of 500 octets can stop the bridge for minutes.
RE2 never does, and so has neither references back, ``\1``, nor lookaround, ``(?=...)``.
``\w \d \s \b`` know ASCII only; ``\pL`` is a letter of any alphabet, ``\p{Nd}`` a digit.  ``\Z``,
``{,9}`` and a ``$`` before the last newline mean nothing or something else to RE2: here they mean
the same as in Python.
"""

from __future__ import annotations

import re
from typing import Any

import re2

MAX_STEPS = 2_500
"""Instructions of an expression: a search carries out so many a character, at worst."""

_MAX_MEMORY = 1 << 18  # octets, for the instructions and for the states that a search remembers
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{,", re.DOTALL)
_IN_RE2 = {r"\Z": r"\z", "{,": "{0,"}
_OF_RE2_ALONE = (r"\C", r"\Q")  # an octet, which may be half a character; the plain text to \E
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
_REFERS = re.compile(r"\\[1-9]|\(\?P")


def expression(place: str) -> Any:
    """Return *place* compiled; raises ValueError with words for an operator."""
    try:
        compiled = re2.compile(_TOKEN.sub(_in_re2, place), _options())
    except re2.error as error:
        raise ValueError(_in_words(error)) from None
    except UnicodeEncodeError:
        raise ValueError("is not a regular expression: half a character") from None
    if compiled.groups > 1:
        raise ValueError("has more than one group: write (?:...) for those that are not meant")
    if compiled.programsize > MAX_STEPS:
        raise ValueError(_TOO_LARGE)
    return compiled


def first(compiled: Any, text: str) -> str | None:
    """Return the group of an expression in *text*, or the whole match if it has no group."""
    found = compiled.search(text)
    if found is None and text.endswith("\n"):
        found = compiled.search(text[:-1])
    return found[compiled.groups] if found else None


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    return options


def _in_re2(token: re.Match[str]) -> str:
    if token[0] in _OF_RE2_ALONE:
        raise ValueError(f"is not a regular expression: invalid escape sequence: {token[0]}")
    return _IN_RE2.get(token[0], token[0])


_TOO_LARGE = f"is too large, more than {MAX_STEPS} steps: write * or + for a large repeat"


def _in_words(error: Exception) -> str:
    said = error.args[0]
    reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    wrong, _, where = reason.partition(": ")
    if wrong == "pattern too large - compile failed":
        return _TOO_LARGE
    if where in _LOOKS:
        return f"looks ahead or behind, {where}...): put a group around the part that is meant"
    if _REFERS.fullmatch(where):
        return f"refers back to a group, {where}: write out the characters that stand there"
    return f"is not a regular expression: {reason}"
