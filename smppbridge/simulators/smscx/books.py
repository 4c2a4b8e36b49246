"""The memory of SMS.CX's simulator: messages, credit, opt-outs, originators, rented numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import uuid4

import phonenumbers

from smppbridge.simulators.magic import Remembered
from smppbridge.simulators.smscx.bodies import invalid_param, moment
from smppbridge.text import coding, segments

PRICE = 0.041
CHARGED_LOOKUP = 0.005
RENTED = ("0d5c1a7e-2f44-4c6b-9a3d-5b1e8f7a6c01", "+447700900001")
STATUS_CODES = {
    "ACCEPTED": 1,
    "SENT": 2,
    "DELIVERED": 3,
    "FAILED": 4,
    "SCHEDULED": 5,
    "REJECTED": 6,
    "NO COVERAGE": 7,
}
_LONGEST_NUMBER = 32
_LONGEST_PAGE = 500


@dataclass(slots=True)
class BookedMessage:
    """An accepted message: *status* until *due*, then *final* (None: *status* for good)."""

    to: str
    sender: str
    text: str = field(repr=False)
    campaign_id: str
    status: str
    final: str | None
    error_code: int | None
    created_at: float
    due: float
    scheduled_at: float | None = None
    track_data: str | None = None
    cost: float = 0.0
    analysis: Mapping[str, Any] = field(default_factory=dict)
    msg_id: str = field(default_factory=lambda: str(uuid4()))

    def status_at(self, now: float) -> tuple[str, int | None]:
        """Return the status at *now*, and the error code of a failure."""
        if self.final is None or now < self.due:
            return self.status, None
        return self.final, self.error_code

    def sent(self) -> dict[str, Any]:
        """Return the message's entry in the answer to its submission."""
        said = {
            "msgId": self.msg_id,
            "status": self.status,
            "statusCode": STATUS_CODES[self.status],
            "errorCode": None,
            "createdAt": moment(self.created_at),
            "inQuietHours": False,
            "cost": self.cost,
            "to": self.to,
            "countryIso": country_of(self.to),
            "from": self.sender,
            "text": self.text,
            "parts": self.analysis["parts"],
            "textAnalysis": self.analysis,
        }
        if self.track_data:
            said["trackData"] = self.track_data
        if self.scheduled_at is not None:
            said["scheduledAt"] = moment(self.scheduled_at)
        return said

    def report(self, now: float) -> dict[str, Any]:
        """Return the message's entry in a report at *now*."""
        status, error_code = self.status_at(now)
        said = self.sent()
        for name in ("parts", "trackData"):
            said.pop(name, None)
        return said | {
            "status": status,
            "statusCode": STATUS_CODES[status],
            "errorCode": error_code,
            "updatedAt": moment(self.due) if status == self.final else None,
            "source": "api",
            "channel": "sms",
        }

    def update(self, now: float) -> dict[str, Any]:
        """Return the message's entry in a webhook about its final status."""
        assert self.final is not None
        return {
            "campaignId": self.campaign_id,
            "msgId": self.msg_id,
            "statusCode": STATUS_CODES[self.final],
            "status": self.final,
            "errorCode": self.error_code,
            "datetime": moment(now),
            "trackData": self.track_data,
        }


@dataclass(slots=True)
class Books:
    """All of the memory; of each kind the oldest entries over 100,000 are forgotten."""

    credit: float
    messages: Remembered[str, BookedMessage] = field(default_factory=Remembered)
    optouts: Remembered[str, dict[str, Any]] = field(default_factory=Remembered)
    originators: dict[int, dict[str, Any]] = field(default_factory=dict)
    rented: dict[str, str] = field(default_factory=lambda: dict([RENTED]))
    inbox: Remembered[str, dict[str, Any]] = field(default_factory=Remembered)
    _identifier: int = 0

    def identifier(self) -> int:
        """Return the next number for numbered entries."""
        self._identifier += 1
        return self._identifier

    def opted_out(self, number: str, now: float, origin: str = "admin") -> dict[str, Any]:
        """Add a number to the opt-outs and return the entry."""
        entry = {
            "id": self.identifier(),
            "phoneNumber": number,
            "countryIso": country_of(number),
            "optoutFrom": origin,
            "datetime": moment(now),
            "campaignId": None,
            "groupId": None,
            "groupName": None,
            "campaignName": None,
        }
        self.optouts[number] = entry
        return entry


def analysis_of(text: str) -> dict[str, Any]:
    """Return the length of a text as SMS.CX counts characters and parts."""
    alphabet, parts = segments.count(text)
    unicode = alphabet is coding.Alphabet.UCS2
    return {"length": len(text), "unicode": unicode, "parts": parts}


@lru_cache(10_000)
def number_in(written: str, country: str | None = None) -> str | None:
    """Return a number in E.164 with its sign; None if *written* is no number."""
    if len(written) > _LONGEST_NUMBER:
        return None
    try:
        parsed = phonenumbers.parse(written, country and country.upper())
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(10_000)
def country_of(number: str) -> str:
    """Return the country of an E.164 number; ZZ for one of no country (a satellite phone)."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "ZZ"
    codes = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    found = phonenumbers.region_code_for_number(parsed) or (codes[0] if codes else "ZZ")
    return found if found.isalpha() else "ZZ"


def page_of(rows: Sequence[Any], query: Mapping[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """Return one page of *rows* and the marks of the other pages; raises SmsCxFault."""
    try:
        size = min(max(int(query.get("limit") or _LONGEST_PAGE), 1), _LONGEST_PAGE)
        if "previous" in query:
            start = int(query["previous"]) - size
        else:
            start = int(query.get("next") or 0)
    except ValueError:
        raise invalid_param(1828, "limit, next or previous is not valid") from None
    start = max(start, 0)
    end = start + size
    paging = {
        "next": str(end) if end < len(rows) else None,
        "previous": str(start) if start else None,
        "size": size,
    }
    return list(rows[start:end]), paging
