"""The error object in an answer of SMS.CX, and the meanings of its codes and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from smppbridge.providers.answers import MAX_PAUSE, json_object, retry_after
from smppbridge.providers.exchange import BadReply, HttpResponse
from smppbridge.smpp.constants import CommandStatus

# A status, and whether another provider might take the message.
_BUG = (CommandStatus.ESME_RSYSERR, True)
_DESTINATION = (CommandStatus.ESME_RINVDSTADR, False)
NO_ROUTE = (CommandStatus.ESME_RINVDSTADR, True)
_PROVIDER = (CommandStatus.ESME_RSUBMITFAIL, True)
_SCHEDULE = (CommandStatus.ESME_RINVSCHED, False)
_SOURCE = (CommandStatus.ESME_RINVSRCADR, False)
FAULTS: Mapping[int | str, tuple[CommandStatus, bool]] = MappingProxyType(
    {
        1101: _BUG,
        1102: _BUG,
        1103: (CommandStatus.ESME_RINVNUMDESTS, True),
        1104: _DESTINATION,
        1105: _SOURCE,
        1106: _SOURCE,
        1107: (CommandStatus.ESME_RINVMSGLEN, False),
        1108: _SCHEDULE,
        1109: _BUG,
        1110: _BUG,
        1111: _BUG,
        1112: _BUG,
        1113: _PROVIDER,
        1114: _PROVIDER,
        1116: _SCHEDULE,
        1119: NO_ROUTE,
        1135: _BUG,
        1136: _BUG,
        1137: _BUG,
        1140: _BUG,
        1207: _DESTINATION,
        1210: _DESTINATION,
        1503: _BUG,
        # Not all numbers are published: the type is next.
        "access_denied": _PROVIDER,
        "insufficient_credit": _PROVIDER,
        "insufficient_scope": _PROVIDER,
        "invalid_api_key": _PROVIDER,
        "invalid_client": _PROVIDER,
        "invalid_scope": _PROVIDER,
        "no_coverage": NO_ROUTE,
        "not_found": _PROVIDER,
        "invalid_body": _BUG,
        "invalid_method": _BUG,
        "invalid_request": _BUG,
        "invalid_param": (CommandStatus.ESME_RSUBMITFAIL, False),
    }
)
INVALID_NUMBERS = frozenset((1207, 1210))
# The request was known already; the answer does not repeat the first outcome.
DUPLICATES = frozenset(("duplicate_id", "duplicate_value"))
_NOT_SCHEDULED = frozenset((1100, 1115, 1118))
_UNKNOWN_IDS = frozenset((1160, 1165))

_MAX_BODY = 1 << 20
_MAX_DIGITS = 32
_LEAST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """The error in an answer; *kind* is its type, *invalid* the numbers that it lists."""

    status: int
    code: int | None = None
    kind: str = ""
    words: str = field(default="", repr=False)
    invalid: tuple[object, ...] = ()


def error_in(response: HttpResponse) -> ErrorObject:
    """Return the error of an answer other than 2xx."""
    return error_of(response.status, _document(response.body))


def unknown_id(response: HttpResponse) -> bool:
    """Return whether an answer says that no message has the id."""
    return response.status in (400, 404) and error_in(response).code in _UNKNOWN_IDS


def not_scheduled(response: HttpResponse) -> bool:
    """Return whether an answer says that no scheduled message has the id."""
    return response.status in (400, 403, 404) and error_in(response).code in _NOT_SCHEDULED


def integer_of(value: object) -> int | None:
    """Return the integer in *value*, a number or decimal digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:_MAX_DIGITS])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _document(body: bytes) -> dict[str, Any]:
    try:
        return json_object(body, _MAX_BODY)
    except BadReply:
        return {}


def error_of(status: int, document: Mapping[str, Any]) -> ErrorObject:
    """Return the error object in *document*; missing fields are empty."""
    error = document.get("error")
    error = error if isinstance(error, dict) else {}
    kind, words = error.get("type"), error.get("message")
    return ErrorObject(
        status,
        integer_of(error.get("code")),
        kind if isinstance(kind, str) else "",
        words if isinstance(words, str) else "",
        # Their READMEs find the list inside the error, their models beside it.
        tuple(listed(error.get("invalid"))) + tuple(listed(document.get("invalid"))),
    )


def listed(value: object) -> Iterator[object]:
    """Yield the items of a list; nothing for any other value."""
    yield from value if isinstance(value, list) else ()


def pause_of(response: HttpResponse, now: float) -> float | None:
    """Return the seconds until X-Rate-Limit-Reset, which is UNIX time."""
    reset = response.headers.get("x-rate-limit-reset", "").strip().partition(".")[0]
    if not (reset.isascii() and reset.isdecimal()):
        return retry_after(response)
    return min(max(float(reset[:_MAX_DIGITS]) - now, _LEAST_PAUSE), float(MAX_PAUSE))
