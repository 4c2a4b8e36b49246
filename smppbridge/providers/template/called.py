"""The reports and the messages from phones in a template's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.answers import identifier_of
from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.providers.template.answered import PlaceCompiler
from smppbridge.providers.template.faults import Faults
from smppbridge.providers.template.meanings import Meanings
from smppbridge.providers.template.places import (
    MAX_LIST,
    READERS,
    Find,
    find,
    read_form,
    word_of,
)
from smppbridge.providers.template.sections import BodyKind, CallbackSection, PhoneSection

T = TypeVar("T", Mo, Report)

_MAX_TEXT = 65_536
_MAX_MESSAGE_ID = 18
_MAX_ADDRESS = 20  # SMPP 3.4, 5.2.8


@dataclass(frozen=True, slots=True)
class _Call:
    """A callback, or one item of it: its query string and its document."""

    query: Mapping[str, str] = field(repr=False)
    document: Any = field(repr=False)


class _CallPlaces(PlaceCompiler):
    """Places in a callback; ``?name`` is in its query string."""

    def _find(self, name: str, place: str) -> Find:
        if place.startswith("?"):
            return partial(_in_query, find(place[1:] or "?", "form"))
        return partial(_in_document, super()._find(name, place))


class _Reader:
    """Reads a callback into calls, one for each item."""

    def __init__(self, kind: BodyKind, items: Callable[[Any], list[Any] | None] | None) -> None:
        self.kind, self._items = kind, items

    def calls(self, request: HttpRequest) -> list[_Call]:
        if self.kind == "form":
            form = read_form(request.body, MAX_LIST) if request.body else {}
            return [_Call(request.query, {**form, **request.query})]
        document = READERS[self.kind](request.body, MAX_LIST)
        items = self._items(document) if self._items else [document]
        if items is None:
            raise BadReply("no list")
        return [_Call(request.query, item) for item in items]


class ReportCallbacks:
    """Reads the reports in callbacks."""

    def __init__(self, section: CallbackSection, meanings: Meanings, faults: Faults) -> None:
        places = _CallPlaces(faults, "callback", section.read)
        self._meanings = meanings
        self._reader = _Reader(section.read, places.items("items", section.items))
        self._id = places.one("id", section.id)
        self._message_id = places.one("message_id", section.message_id)
        self._status = places.required("status", section.status)
        self._error = places.one("error", section.error)

    def read(self, request: HttpRequest, phones: PhoneCallbacks | None) -> tuple[Report, ...]:
        """Return the reports in *request*, but for items that *phones* reads; raises BadReply."""
        calls = self._reader.calls(request)
        if phones is not None and phones.reads_beside(self):
            calls = [call for call in calls if not phones.has_text(call)]
        return _all_good(calls, self._report)

    @property
    def kind(self) -> BodyKind:
        """How callbacks are read."""
        return self._reader.kind

    def _report(self, call: _Call) -> Report:
        identifier = identifier_of(self._id(call)) if self._id else None
        message_id = _our_id(word_of(self._message_id(call))) if self._message_id else None
        if identifier is None and message_id is None:
            raise BadReply("no id")
        status = word_of(self._status(call))
        error = word_of(self._error(call)) if self._error else ""
        return self._meanings.report(identifier or "", status, error, message_id)


class PhoneCallbacks:
    """Reads the messages from phones in callbacks."""

    def __init__(self, section: PhoneSection, faults: Faults) -> None:
        places = _CallPlaces(faults, "mo", section.read)
        self._reader = _Reader(section.read, places.items("items", section.items))
        self._id = places.required("id", section.id)
        self._from = places.required("from", section.from_)
        self._to = places.required("to", section.to)
        self._text = places.required("text", section.text)

    def read(self, request: HttpRequest) -> tuple[Mo, ...]:
        """Return the messages in *request*, none without a text; raises BadReply."""
        try:
            calls = self._reader.calls(request)
        except BadReply:
            return ()
        return _all_good([call for call in calls if self.has_text(call)], self._message)

    def reads_beside(self, reports: ReportCallbacks) -> bool:
        """Return whether a list of *reports* can hold messages too."""
        return self._reader.kind == reports.kind

    def has_text(self, call: _Call) -> bool:
        """Return whether *call* is a message, readable or not."""
        return isinstance(self._text(call), str)

    def _message(self, call: _Call) -> Mo:
        identifier = identifier_of(self._id(call))
        source, destination = (
            _plain_number(word_of(self._from(call))),
            _plain_number(word_of(self._to(call))),
        )
        if identifier is None or not source:
            raise BadReply("a message from nobody, or without id")
        text = self._text(call)
        if len(text) > _MAX_TEXT:
            raise BadReply(f"a message of {len(text)} characters")
        return Mo(provider_message_id=identifier, source=source, destination=destination, text=text)


def received(
    request: HttpRequest, phones: PhoneCallbacks | None, reports: ReportCallbacks | None
) -> tuple[Received, ...]:
    """Return the messages and reports in *request*; raises BadReply if none of them can be read."""
    found: list[Received] = []
    faults: list[BadReply] = []
    try:
        found += phones.read(request) if phones else ()
    except BadReply as fault:
        faults.append(fault)
    nothing = not (found or faults)
    if reports and (nothing or (phones and phones.reads_beside(reports))):
        try:
            found += reports.read(request, phones)
        except BadReply as fault:
            faults.append(fault)
    elif nothing:
        raise BadReply("no message")
    if faults and not found:
        raise faults[0]
    return tuple(found)


def _all_good(calls: list[_Call], read: Callable[[_Call], T]) -> tuple[T, ...]:
    """Read each of *calls*; an unreadable call does not spoil the others."""
    good: list[T] = []
    fault: BadReply | None = None
    for call in calls:
        try:
            good.append(read(call))
        except BadReply as error:
            fault = error
    if fault and not good:
        raise fault
    return tuple(good)


def _our_id(word: str) -> int | None:
    decimal = word.isascii() and word.isdecimal() and len(word) <= _MAX_MESSAGE_ID
    return int(word) or None if decimal else None


def _plain_number(word: str) -> str:
    """Return a number without the sign before its digits; a name unchanged."""
    digits = word.removeprefix("+").strip()
    return digits if digits.isascii() and digits.isdecimal() else word[:_MAX_ADDRESS]


def _in_query(inner: Find, call: _Call) -> Any:
    return inner(call.query)


def _in_document(inner: Find, call: _Call) -> Any:
    return inner(call.document)
