"""The outcome, report or credit in the answer to a template's request."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import fields
from typing import Any

from smppbridge.model.identifiers import is_alike
from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Outcome, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.answers import (
    MAX_ANSWER,
    bad_reply,
    bad_status,
    identifier_of,
    refusal,
    unknown_status,
)
from smppbridge.providers.exchange import BadReply, Balance, HttpResponse
from smppbridge.providers.joined import joined
from smppbridge.providers.template.faults import Faults
from smppbridge.providers.template.meanings import Meanings
from smppbridge.providers.template.places import (
    MAX_LIST,
    READERS,
    Find,
    find,
    find_all,
    word_of,
)
from smppbridge.providers.template.sections import (
    BatchSection,
    BodyKind,
    CreditSection,
    QuerySection,
    SubmitSection,
    listed,
)
from smppbridge.smpp.constants import MessageState

_CODE = re.compile(r"-?[0-9]+", re.ASCII)
_AMOUNT = re.compile(r"[^0-9+-]{0,20}([+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?)[^0-9]{0,20}", re.ASCII)
_SUFFIX = 9  # digits that a national and an international form of a number share


class PlaceCompiler:
    """Compiles the places that a section names; a wrong place becomes a fault of its key."""

    def __init__(
        self, faults: Faults, key: str, kind: BodyKind, inherited: Container[str] = ()
    ) -> None:
        self._faults, self._key, self._kind = faults, key, kind
        self._inherited = inherited

    def one(self, name: str, place: object) -> Find | None:
        """Return a function that finds *place*, which stands at *name*; None without a place."""
        return None if place is None else self._find(name, str(place))

    def required(self, name: str, place: str) -> Find:
        """Return a function that finds *place*, which stands at *name*."""
        return self._find(name, place)

    def several(self, name: str, places: object) -> tuple[Find, ...]:
        """Return a function for each of *places* that finds the place."""
        return tuple(self._find(name, place) for place in listed(places))

    def items(self, name: str, place: str | None) -> Callable[[Any], list[Any] | None] | None:
        """Return a function that finds the list at *place*; None without a place."""
        if place is None:
            return None
        try:
            return find_all(place, self._kind)
        except ValueError as error:
            self._wrong(name, error)
            return None

    def _wrong(self, name: str, error: ValueError) -> None:
        if name not in self._inherited:  # a fault of submit already
            self._faults.add(f"{self._key}.{name}", str(error))

    def _find(self, name: str, place: str) -> Find:
        try:
            return find(place, self._kind)
        except ValueError as error:
            self._wrong(name, error)
            return _nothing


class Submitted:
    """Reads the outcomes of a submission, of one message or of each message in a list.

    *alone* reads the answer for one message: its error places explain an answer without list.
    """

    def __init__(
        self,
        key: str,
        section: SubmitSection,
        meanings: Meanings,
        faults: Faults,
        *,
        batch: BatchSection | None = None,
        alone: Submitted | None = None,
    ) -> None:
        inherited = () if batch is None else _inherited(batch, section)
        places = PlaceCompiler(faults, key, section.read, inherited)
        self._meanings = meanings
        self._alone = alone or self
        self._read = READERS[section.read]
        self._limit = MAX_LIST if batch else MAX_ANSWER
        self._id = places.one("id", section.id)
        self._status = places.one("status", section.status)
        self._accepted = frozenset(word.upper() for word in listed(section.accepted))
        self._refused = frozenset(word.upper() for word in listed(section.refused))
        self._error = places.several("error", section.error)
        if section.read == "text" and not self._error:
            self._error = (_whole,)
        self._parts = places.items("parts", section.parts)
        self._by = section.delivered_by
        self._items = places.items("items", batch.items) if batch else None
        self._number = places.one("number", batch.number) if batch else None
        if section.status is not None and not self._accepted and "status" not in inherited:
            faults.add(f"{key}.accepted", "is required with status: what it is when all is well")
        if section.status is None and (self._accepted or self._refused):
            faults.add(f"{key}.status", "is required with accepted and refused: where the word is")

    def outcome(self, response: HttpResponse, message: Message) -> Outcome:
        """Return the outcome of *message*."""
        texts = (message.text,)
        if not 200 <= response.status < 300:
            return self._http_outcome(response, texts)
        try:
            document = self._read(response.body, self._limit)
        except BadReply as fault:
            return Uncertain(fault.reason)
        return self._in_parts(document, message)

    def outcomes(self, response: HttpResponse, messages: Sequence[Message]) -> list[Outcome]:
        """Return the outcome of each of *messages*."""
        texts = tuple({message.text for message in messages})
        if not 200 <= response.status < 300:
            return [self._http_outcome(response, texts)] * len(messages)
        try:
            document = self._read(response.body, self._limit)
        except BadReply as fault:
            return [Uncertain(fault.reason)] * len(messages)
        if self._items is None:
            return [self._in_parts(document, message) for message in messages]
        items = self._items(document)
        if not items:
            words = self._alone._explanation(document)
            explanation = self._meanings.shown(words, *texts)
            return [self._unexplained(words, message, explanation) for message in messages]
        if self._number is not None:
            matched = _by_number(items, self._number, messages)
        elif len(items) == len(messages):
            matched = [[item] for item in items]
        else:
            return [Uncertain(f"{len(items)} items for {len(messages)} messages")] * len(messages)
        return [
            joined([self._judged(item, message) for item in mine], self._by)
            for mine, message in zip(matched, messages, strict=True)
        ]

    def _in_parts(self, document: Any, message: Message) -> Outcome:
        """Return the outcome of *message* in a document about nothing else, part by part."""
        parts = self._parts(document) if self._parts else None
        return joined([self._judged(part, message) for part in parts or [document]], self._by)

    def _judged(self, document: Any, message: Message) -> Outcome:
        status = word_of(self._status(document)) if self._status else ""
        if self._status and status.upper() not in self._accepted:
            return self._not_accepted(document, status, message)
        identifier = self._identifier(document, message)
        if identifier:
            return Accepted(identifier)
        if self._status:
            return Uncertain("taken, but without id")
        return self._unexplained(self._words(document), message)

    def _not_accepted(self, document: Any, status: str, message: Message) -> Outcome:
        """Return the outcome under a status that is not accepted.

        Only a status that is known to be a refusal is a refusal, whatever stands beside the status.
        """
        words = self._words(document)
        if not status and self._id and not self._identifier(document, message):
            return self._unexplained(words, message)
        word = self._meanings.shown((status,), message.text)
        blame = self._meanings.exactly(status)
        if blame or (status and (status.upper() in self._refused or "*" in self._refused)):
            explanation = self._meanings.shown(words, message.text) or word
            blame = blame or self._meanings.blame(words, message.text) or "message"
            return refusal("", blame, explanation, raw=" ".join(words))
        return unknown_status(word)

    def _unexplained(
        self, words: Sequence[str], message: Message, explanation: str | None = None
    ) -> Outcome:
        """Return the outcome of an answer that has neither status nor id, but perhaps an error.

        *explanation* are the words as they may be shown, None if nobody has made them yet.
        """
        blame = self._meanings.blame(words, message.text)
        if explanation is None:
            explanation = self._meanings.shown(words, message.text)
        if blame:
            return refusal("", blame, explanation, raw=" ".join(words))
        return Uncertain("no id", explanation)

    def _identifier(self, document: Any, message: Message) -> str | None:
        return identifier_of(self._id(document)) if self._id else str(message.message_id)

    def _words(self, document: Any) -> list[str]:
        return [word_of(place(document)) for place in self._error]

    def _explanation(self, document: Any) -> list[str]:
        """Return the words of an error about all parts: those of the first, if there are parts."""
        parts = self._parts(document) if self._parts else None
        return self._words(parts[0] if parts else document)

    def _http_outcome(self, response: HttpResponse, texts: Sequence[str]) -> Outcome:
        try:
            words = self._alone._explanation(self._read(response.body, self._limit))
        except BadReply:
            words = []
        return self._meanings.http_outcome(response, words, texts)


class Queried:
    """Reads the report in the answer to a query."""

    def __init__(self, section: QuerySection, meanings: Meanings, faults: Faults) -> None:
        places = PlaceCompiler(faults, "query", section.read)
        self._meanings = meanings
        self._read = READERS[section.read]
        self._id = places.one("id", section.id)
        self._status = places.required("status", section.status)
        self._error = places.several("error", section.error)
        self._missing = section.missing

    def report(self, response: HttpResponse, identifier: str) -> Report:
        """Return the report in the answer; raises BadReply."""
        if response.status == self._missing:
            return Report(identifier, MessageState.ENROUTE)
        document = _answered(response, self._read)
        words = [word_of(place(document)) for place in self._error]
        if self._meanings.blame(words) == "provider":
            raise bad_reply("no report", " ".join(words), secrets=self._meanings.secrets)
        if self._id:
            found = identifier_of(self._id(document))
            if found is None or not is_alike(found, identifier, "zeros"):
                raise BadReply("not about the message asked for")
            identifier = found
        status = word_of(self._status(document))
        code = next((word for word in words if _CODE.fullmatch(word)), "")
        return self._meanings.report(identifier, status, code)


class Credited:
    """Reads the credit left."""

    def __init__(self, section: CreditSection, faults: Faults) -> None:
        self._read = READERS[section.read]
        self._amount = PlaceCompiler(faults, "balance", section.read).required(
            "amount", section.amount
        )
        self._unit = section.unit

    def balance(self, response: HttpResponse) -> Balance:
        """Return the credit in the answer; raises BadReply."""
        document = _answered(response, self._read)
        amount = _amount(self._amount(document))
        if amount is None:
            raise BadReply("no balance")
        return Balance(amount, self._unit)


def _inherited(batch: BatchSection, section: SubmitSection) -> frozenset[str]:
    """Return the keys that *section* has from submit, not from *batch*."""
    names = (each.name for each in fields(section))
    return frozenset(name for name in names if getattr(batch, name, None) in (None, ()))


def _answered(response: HttpResponse, read: Callable[[bytes, int], Any]) -> Any:
    if not 200 <= response.status < 300:
        raise BadReply(bad_status(response))
    return read(response.body, MAX_ANSWER)


def _amount(found: object) -> float | None:
    """Return the amount in ``12.5``, ``"12.50"`` or ``"KES 12.50"``."""
    if isinstance(found, str):
        match = _AMOUNT.fullmatch(found.strip())
        found = float(match[1]) if match else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        amount = float(found)
    except OverflowError:
        return None
    return amount if math.isfinite(amount) else None


def _by_number(items: Sequence[Any], number: Find, messages: Sequence[Message]) -> list[list[Any]]:
    """Return the items of each message: by its last digits, by all if another has the same."""
    whole: dict[str, list[Any]] = {}
    ends: dict[str, list[Any]] = {}
    for item in items:
        digits = _digits(word_of(number(item)))
        whole.setdefault(digits, []).append(item)
        ends.setdefault(digits[-_SUFFIX:], []).append(item)
    wanted = [_digits(message.number) for message in messages]
    shared = Counter(digits[-_SUFFIX:] for digits in wanted)
    return [
        whole.get(digits, []) if shared[digits[-_SUFFIX:]] > 1 else ends.get(digits[-_SUFFIX:], [])
        for digits in wanted
    ]


def _digits(number: str) -> str:
    return "".join(c for c in number if c in "0123456789")


def _whole(document: Any) -> Any:
    return document


def _nothing(document: Any) -> Any:
    return None
