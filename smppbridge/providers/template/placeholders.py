"""Placeholders in braces, each escaped for its place; compiled once, filled in per message.

``{{`` and ``}}`` are braces.  Values known beforehand (secrets, our callback URL) are put in at
once; the other placeholders are left open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

from smppbridge.providers.template.faults import Faults, nearest

Escape = Callable[[Any], str]

MEANINGS: Mapping[str, str] = {
    "number": "the destination's digits",
    "sender": "the source address",
    "text": "the text",
    "alphabet": "gsm or unicode, or what alphabets says",
    "message_id": "our id of the message, digits",
    "flash": "true for a message of class 0, which phones show at once, or what flash says",
    "message_class": "0 (flash) to 3; nothing where the message has no class",
    "mwi": "message waiting: 0 voicemail, 1 fax, 2 e-mail, 3 other; 4 to 7: none waits any more",
    "key": "the same for a request that is repeated, and for no other: a UUID",
    "callback_url": "where the provider is to call us; what holds it is left out if there is none",
    "provider_message_id": "the provider's id of the message",
    "numbers": "the destinations of a batch",
    "messages": "the messages of a batch, each as `each` says",
}
_MARKS = frozenset(("flash", "message_class", "mwi"))
_OF_MESSAGE = frozenset(("number", "sender", "text", "alphabet", "message_id")) | _MARKS
SHARED = frozenset(("sender", "text", "alphabet")) | _MARKS
TLV, TLV_MEANING = "tlv.", "a TLV by its name under tlvs; nothing where the message has none"
"""The beginning of a placeholder for a TLV: {tlv.dlt_entity_id}, by the names under `tlvs`."""
WITH_TLVS = frozenset(("submit", "batch", "each"))
ALLOWED: Mapping[str, frozenset[str]] = {
    "submit": _OF_MESSAGE | {"key", "callback_url"},
    "batch": SHARED | {"key", "callback_url", "numbers", "messages"},
    "each": _OF_MESSAGE,
    "query": frozenset(("provider_message_id", "message_id", "number", "sender")),
    "anything": frozenset(),
}
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]{0,80})\}|[{}]")
_XML = str.maketrans(
    {c: f"&#{ord(c)};" for c in "&<>\"'\t\n\r"}
    | {chr(c): "\ufffd" for c in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)}
    | dict.fromkeys(map(chr, range(0xD800, 0xE000)), "\ufffd")
)
_quote = json.JSONEncoder().encode


def in_json(value: str) -> str:
    """Escape for the inside of a JSON string."""
    return _quote(value)[1:-1]


def in_url(value: str) -> str:
    """Escape for a segment of a path; ``.`` and ``..`` would mean the folder and its parent."""
    quoted = quote(value, safe="", errors="replace")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def in_form(value: str) -> str:
    """Escape for a form, or a query string."""
    return quote_plus(value, errors="replace")


def in_xml(value: str) -> str:
    """Escape for XML's text or an attribute; characters that XML 1.0 cannot write are replaced."""
    return value.translate(_XML)


def in_header(value: str) -> str:
    """Return *value* for a header: every character but printable ASCII is replaced."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in value)


def _joined(escape: Escape, join: str, numbers: Sequence[str]) -> str:
    return escape(join.join(numbers))


def as_is(value: str) -> str:
    """Escape nothing: plain text knows no escapes."""
    return value


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder that is left open."""

    name: str
    escape: Escape = field(repr=False)


Part = str | Slot


class Pattern:
    """Text with open placeholders."""

    __slots__ = ("_constant", "_format", "_slots")

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        parts = tuple(parts)
        self._slots = tuple((p.name, p.escape) for p in parts if isinstance(p, Slot))
        texts = [part for part in parts if isinstance(part, str)]
        self._constant = None if self._slots else "".join(texts)
        self._format = "".join(
            "%s" if isinstance(part, Slot) else part.replace("%", "%%") for part in parts
        )

    @property
    def names(self) -> frozenset[str]:
        """The names of the open placeholders."""
        return frozenset(name for name, _ in self._slots)

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the text with *values*, which have all its names."""
        if self._constant is not None:
            return self._constant
        return self._format % tuple([escape(values[name]) for name, escape in self._slots])


class Scope:
    """The placeholders that the texts of one operation may hold; *used* records those found.

    *join* stands between {numbers} that are one text; *tlvs* are the names of TLVs.
    """

    def __init__(
        self,
        operation: str,
        fixed: Mapping[str, str],
        faults: Faults,
        join: str = ",",
        tlvs: Iterable[str] = (),
    ) -> None:
        self.used: set[str] = set()
        self.faults = faults
        self._join = join
        self._operation = operation
        named = frozenset(TLV + name for name in tlvs) if operation in WITH_TLVS else frozenset()
        self._allowed = ALLOWED[operation] | named
        self._fixed = fixed

    def parts(
        self, text: str, key: str, escape: Escape, literal: Escape = as_is, *, lists: bool = False
    ) -> tuple[Part, ...]:
        """Return *text*, which stands at *key*, in parts; a wrong placeholder becomes a fault.

        Without *lists* {messages} is wrong.
        """
        parts = tuple(self._parts(text, key, escape, literal))
        if not lists and any(isinstance(part, Slot) and part.name == "messages" for part in parts):
            self.wrong(key, "cannot hold {messages}: it stands alone in JSON, or in XML and text")
        return parts

    def lacks_callback_url(self, text: object, key: str) -> bool:
        """Return whether *text*, which stands at *key*, wants a callback URL where we have none.

        All placeholders in the text are checked nevertheless.
        """
        if not (isinstance(text, str) and "{callback_url}" in text):
            return False
        self.parts(text, key, as_is)
        return "callback_url" in self._allowed and not self._fixed.get("callback_url")

    def wrong(self, key: str, message: str) -> None:
        """Record a fault."""
        self.faults.add(key, message)

    def _parts(self, text: str, key: str, escape: Escape, literal: Escape) -> Iterator[Part]:
        end = 0
        for found in _BRACES.finditer(text):
            if found.start() > end:
                yield literal(text[end : found.start()])
            end = found.end()
            name = found[1]
            if found[0] in ("{{", "}}"):
                yield literal(found[0][0])
            elif name is None or not PLAIN_NAME.fullmatch(name.removeprefix(TLV)):
                self.wrong(key, "has a brace that belongs to no placeholder: write {{ or }} for it")
            else:
                yield from self._named(name, key, escape)
        if end < len(text):
            yield literal(text[end:])

    def _named(self, name: str, key: str, escape: Escape) -> Iterator[Part]:
        self.used.add(name)
        if name in self._fixed and (name not in MEANINGS or name in self._allowed):
            yield escape(self._fixed[name])
        elif name == "numbers" and name in self._allowed:
            yield Slot(name, partial(_joined, escape, self._join))
        elif name in self._allowed:
            yield Slot(name, escape)
        elif name in MEANINGS:
            message = f"{{{name}}} ({MEANINGS[name]}) means nothing here"
            self.wrong(key, f"{message}: there is {self._there_is()}")
        else:
            known = {*self._allowed, *self._fixed}
            self.wrong(key, f"unknown placeholder {{{name}}}" + nearest(name, known))

    def _there_is(self) -> str:
        secrets = {name for name in self._fixed if name not in MEANINGS}
        names = sorted(self._allowed | secrets)
        return ", ".join(f"{{{name}}}" for name in names) or "none; secrets can be named"
