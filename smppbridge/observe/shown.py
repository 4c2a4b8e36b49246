"""Fields of events as they are shown: no secret, no text, no whole number, printable only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from structlog.typing import EventDict, Processor

from smppbridge.model.address import Address
from smppbridge.model.masking import mask
from smppbridge.smpp.constants import MessageState, status_name

_LONGEST = 500
_MOST = 20
_PRIVATE = re.compile(
    "(^|_)(authorization|body|cookie|headers|key|octets|password|query|secret|text|token|udh"
    "|uri|url)(_|$)"
)
_NUMBERS = frozenset(("destination", "msisdn", "number", "source_addr", "destination_addr"))
_IDENTIFIERS = frozenset(("message_id", "parent", "answered_id", "provider_message_id"))
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONG_DIGITS = re.compile(r"(?<!\d)\d{9,15}(?!\d)")
_NUMBER_IN_ID = re.compile(r"(?<=:)\d{7,15}$")
_PLAIN_WORD = re.compile(r"[^\s\"=]+")
_STATES = {int(state): state.name for state in MessageState}
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}


def escaped(text: str) -> str:
    """Return *text*, bounded, with the characters that a terminal could obey as escapes."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def words(text: str) -> str:
    """Return a text of ours or a provider's as a log shows it: whole numbers masked, bounded."""
    return escaped(_without_numbers(text[: _LONGEST + 1]))


def stamped(clock: Callable[[], float], *, words: bool = False) -> Processor:
    """Return a structlog processor: time, level and event before the shown fields.

    A provider's *words* are among the fields only on demand: a reason of ours says enough.
    """

    def stamp(logger: Any, level: str, event: EventDict) -> EventDict:
        if not words:
            event.pop("words", None)
        when = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="milliseconds")
        return {
            "ts": f"{when[:-6]}Z",
            "level": level,
            "event": event.pop("event"),
            **_shown_fields(event),
        }

    return stamp


def renderer(form: Literal["json", "text"], *, colour: bool) -> Processor:
    """Return a structlog processor: fields as a line of JSON, or of ``key=value`` for humans."""
    encode = json.JSONEncoder(separators=(",", ":")).encode

    def as_json(logger: Any, level: str, event: EventDict) -> str:
        return encode(event)

    def as_text(logger: Any, level: str, event: EventDict) -> str:
        ts, name = event.pop("ts"), event.pop("event")
        label = f"{event.pop('level'):<7}"
        if colour:
            label = f"{_COLOURS[level]}{label}\x1b[0m"
        return " ".join((ts, label, name, *(f"{k}={_quoted(v)}" for k, v in event.items())))

    return as_json if form == "json" else as_text


def _shown_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: show(value) for name, value in fields.items() if (show := _rule(name)) is not None
    }


@cache
def _rule(name: str) -> Callable[[Any], Any] | None:
    """Return how fields of a name are shown; None for fields that never are."""
    if _PRIVATE.search(name):
        return None
    if name in _NUMBERS:
        return _masked
    if name in _IDENTIFIERS:
        return _identifier
    if name == "segments":
        return _segments
    if name == "command_status":
        return _status_name
    if name in ("state", "message_state"):
        return _state_name
    return _shown


def _shown(value: Any) -> Any:
    """Show a value of a safe kind, or else only the name of its kind."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return words(value)
    if isinstance(value, Address):
        return _masked(value)
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value[:_MOST]]
    return type(value).__name__


def _without_numbers(text: str) -> str:
    return _LONG_DIGITS.sub(lambda found: mask(found[0]), text) if len(text) > 8 else text


def _masked(value: Any) -> str:
    addr = value.addr if isinstance(value, Address) else str(value)
    return mask(escaped(addr)) if addr.removeprefix("+").isdecimal() else escaped(addr)


def _identifier(value: Any) -> Any:
    """Show an id without a number at its end: a stand-in for a provider_message_id can have one."""
    return value and _NUMBER_IN_ID.sub(lambda found: mask(found[0]), escaped(str(value)))


def _segments(value: Any) -> Any:
    """Show the ids of segments as strings: numbers of JSON lose digits beyond 2^53."""
    return list(map(str, value[:_MOST])) if isinstance(value, list) else _shown(value)


def _status_name(value: Any) -> str:
    return status_name(value) if isinstance(value, int) else escaped(str(value))


def _state_name(value: Any) -> str:
    return _STATES.get(value) or escaped(str(value))


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _PLAIN_WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)
