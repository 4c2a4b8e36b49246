"""A record of one message, as a line of JSON or of CSV; never with the message's text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from smppbridge.model.masking import mask
from smppbridge.observe.shown import escaped
from smppbridge.smpp.constants import MessageState
from smppbridge.store.cdr import CdrRow
from smppbridge.text.coding import Alphabet, alphabet

Format = Literal["jsonl", "csv"]
Numbers = Literal["whole", "masked"]
FIELDS = (
    "message_id",
    "account",
    "source",
    "destination",
    "number",
    "segments",
    "alphabet",
    "state",
    "error",
    "provider",
    "provider_message_id",
    "attempts",
    "route",
    "accepted_at",
    "begun_at",
    "answered_at",
    "done_at",
    "report_source",
    "answered_id",
    "service_type",
    "priority",
)
_STATES = {int(state): state.name for state in MessageState}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_encode = json.JSONEncoder(separators=(",", ":")).encode
_NUMBER_IN_ID = re.compile(r"(?<=:)\d{7,15}$")


def record(row: CdrRow, numbers: Numbers) -> dict[str, Any]:
    """Return the fields of a message's record, in the order of FIELDS."""
    shown = _masked if numbers == "masked" else escaped
    theirs = row.provider_message_id
    if theirs is not None:
        theirs = escaped(theirs)
        if numbers == "masked":
            theirs = _NUMBER_IN_ID.sub(lambda found: mask(found[0]), theirs)
    values = (
        str(row.message_id),
        escaped(row.system_id),
        shown(row.source),
        shown(row.destination),
        shown(row.number),
        row.segments,
        str(Alphabet.OCTETS if row.binary else alphabet(row.data_coding & 0xFF)),
        _STATES.get(row.state, str(row.state)),
        row.error,
        row.provider,
        theirs,
        row.attempts,
        row.route.split(",") if row.route else [],
        when(row.accepted_at),
        when(row.begun_at),
        when(row.answered_at),
        when(row.done_at),
        row.report_source,
        str(row.multi or row.message_id),
        escaped(row.service_type or ""),
        row.priority,
    )
    return dict(zip(FIELDS, values, strict=True))


def header(form: Format) -> bytes:
    """Return the octets before the first record."""
    return _row(FIELDS) if form == "csv" else b""


def line_of(form: Format) -> Callable[[dict[str, Any]], bytes]:
    """Return the function that writes a record as a line."""
    return _as_csv if form == "csv" else _as_json


def when(at: float | None) -> str | None:
    """Return a time (UNIX seconds) in ISO 8601, UTC with milliseconds."""
    if at is None:
        return None
    return f"{datetime.fromtimestamp(at, UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def inert(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe stands before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _masked(addr: str) -> str:
    hidden = addr.removeprefix("+").isdecimal()
    return mask(escaped(addr)) if hidden else escaped(addr)


def _as_json(fields: dict[str, Any]) -> bytes:
    return _encode(fields).encode() + b"\n"


def _as_csv(fields: dict[str, Any]) -> bytes:
    return _row([_cell(value) for value in fields.values()])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return inert(",".join(value) if isinstance(value, list) else str(value))


def _row(cells: Any) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # RFC 4180
    return line.getvalue().encode()
