"""A submission to SMS.CX's simulator, checked field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unicodedata import category, normalize
from urllib.parse import urlsplit
from uuid import UUID

from smppbridge.simulators.smscx.bodies import invalid_param
from smppbridge.simulators.smscx.books import number_in

ALPHABETS = (
    "NONE",
    "NON_GSM",
    "POLISH",
    "TURKISH",
    "GREEK",
    "ROMANIAN",
    "RUSSIAN_CYRILLIC",
    "BULGARIAN_CYRILLIC",
    "UKRAINIAN_CYRILLIC",
    "BELARUSIAN_CYRILLIC",
    "SERBIAN_CYRILLIC",
    "MACEDONIAN_CYRILLIC",
)
MOST_NUMBERS = 25_000
_LONGEST_TEXT = 1530
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_LATIN = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True, slots=True)
class SmsCxSubmission:
    """A submission: *numbers* are valid, *invalid* are as they came."""

    numbers: tuple[str, ...]
    invalid: tuple[str, ...]
    sender: str
    text: str = field(repr=False)
    url: str | None
    scheduled_at: float | None
    track_data: str | None
    short: bool
    no_text: bool
    timezone: bool


def read_submission(fields: Mapping[str, Any], now: float) -> SmsCxSubmission:
    """Return the submission in *fields*; raises SmsCxFault."""
    numbers, invalid = _recipients(fields)
    sender = fields.get("from")
    if not isinstance(sender, str) or not sender:
        raise invalid_param(1105, "The parameter from is missing")
    if not 3 <= len(sender) <= 15:
        raise invalid_param(1106, "The parameter from must have 3 to 15 characters")
    track_data = fields.get("trackData")
    return SmsCxSubmission(
        numbers=numbers,
        invalid=invalid,
        sender=sender,
        text=_text(fields, now),
        url=_url(fields.get("dlrCallbackUrl")),
        scheduled_at=_scheduled(fields.get("scheduledDate"), now),
        track_data=track_data if is_uuid(track_data) else None,
        short=fields.get("shortResponse") is True,
        no_text=fields.get("noTextDetails") is True,
        timezone=fields.get("showTimezone") is True,
    )


def is_uuid(value: object) -> bool:
    """Return whether *value* is a UUID of versions 1 to 5, in lower case."""
    if not isinstance(value, str):
        return False
    try:
        parsed = UUID(value)
    except ValueError:
        return False
    return str(parsed) == value and parsed.version in (1, 2, 3, 4, 5)


def _recipients(fields: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    to = fields.get("to")
    listed = [to] if isinstance(to, str) else to
    if not isinstance(listed, list) or not listed:
        raise invalid_param(1104, "The parameter to is missing")
    if len(listed) > MOST_NUMBERS:
        raise invalid_param(1103, f"More than {MOST_NUMBERS} numbers")
    country = fields.get("countryIso")
    numbers: dict[str, None] = {}
    invalid: list[str] = []
    for one in map(str, listed):
        number = number_in(one, country if isinstance(country, str) else None)
        if number is None:
            invalid.append(one)
        else:
            numbers[number] = None
    if invalid and not (numbers and fields.get("allowInvalid") is True):
        raise invalid_param(1210, "The phone numbers provided are invalid", invalid)
    return tuple(numbers), tuple(invalid)


def _text(fields: Mapping[str, Any], now: float) -> str:
    text = fields.get("text")
    if not isinstance(text, str) or not text:
        raise invalid_param(1107, "The parameter text is missing")
    if len(text) > _LONGEST_TEXT:
        raise invalid_param(1107, f"The text has more than {_LONGEST_TEXT} characters")
    today = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    text = _PLACEHOLDER.sub(lambda found: today if found[1] == "today" else "", text)
    return _transliterated(text, fields.get("transliteration"))


def _transliterated(text: str, wanted: object) -> str:
    """Remove emojis, and marks on Latin letters: enough to show that the field has an effect."""
    if wanted is None:
        return text
    if not isinstance(wanted, dict) or wanted.get("alphabet", "NONE") not in ALPHABETS:
        raise invalid_param(1110, "The parameter transliteration is not valid")
    if wanted.get("removeEmojis") is True:
        text = "".join(c for c in text if category(c) != "So")
    if wanted.get("alphabet", "NONE") != "NONE":
        text = normalize("NFC", _LATIN.sub("", normalize("NFD", text)))
    return text


def _url(value: object) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid_param(1109, "The parameter dlrCallbackUrl is not a URL")
    return str(value)


def _scheduled(value: object, now: float) -> float | None:
    """Return UNIX seconds; dates are in UTC, the zone of all destinations of the simulator."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise invalid_param(1108, "The parameter scheduledDate is not a date")
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if seconds < now:
        raise invalid_param(1116, "The parameter scheduledDate is in the past")
    return seconds
