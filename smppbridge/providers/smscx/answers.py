"""Answers and callbacks of SMS.CX: outcomes, reports, messages from phones, opt-outs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from smppbridge.model.address import Address, BadAddress, number_of
from smppbridge.model.identifiers import spelling_of
from smppbridge.model.message import Message
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.answers import (
    MAX_ANSWER,
    Blame,
    account_fault,
    bad_status,
    http_fault,
    identifier_of,
    json_object,
    refusal,
    shown,
    unknown_status,
)
from smppbridge.providers.exchange import BadReply, HttpResponse, Received, ReportWord
from smppbridge.providers.smscx.error_object import (
    DUPLICATES,
    FAULTS,
    INVALID_NUMBERS,
    NO_ROUTE,
    ErrorObject,
    error_in,
    error_of,
    integer_of,
    listed,
    pause_of,
)
from smppbridge.smpp.constants import CommandStatus, MessageState

STATES: Mapping[str, MessageState] = MappingProxyType(
    {
        "ACCEPTED": MessageState.ENROUTE,
        "SENT": MessageState.ENROUTE,
        "SCHEDULED": MessageState.ENROUTE,
        "DELIVERED": MessageState.DELIVERED,
        "FAILED": MessageState.UNDELIVERABLE,
        "REJECTED": MessageState.REJECTED,
        "NO COVERAGE": MessageState.REJECTED,
    }
)
_TAKEN = frozenset((MessageState.ENROUTE, MessageState.ACCEPTED, MessageState.DELIVERED))
_NETWORK_ERRORS: Mapping[MessageState, int] = MappingProxyType(
    {
        MessageState.UNDELIVERABLE: 1,
        MessageState.REJECTED: 2,
        MessageState.EXPIRED: 3,
        MessageState.UNKNOWN: 255,
    }
)
_NO_COVERAGE = "NO COVERAGE"
_NO_COVERAGE_ERROR = 3

MAX_CALLBACK = 1 << 20
_PER_MESSAGE = 640
_MAX_NUMBER = 32
_MAX_ADDRESS = 20
_AMONG_DIGITS = str.maketrans("", "", " -.()")
_MAX_TEXT = 10_000
_INVALID = Refused("invalid number", CommandStatus.ESME_RINVDSTADR)
_UNMENTIONED = Uncertain("the answer does not mention it")


def answer_bound(messages: int) -> int:
    """Return the octets that the answer to a request of so many messages may have."""
    return MAX_ANSWER + messages * _PER_MESSAGE


def items_of(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list, or the one object in the place of a list."""
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, dict)]


def seconds_of(value: object) -> float | None:
    """Read ``2026-01-02 03:04:05``, with T or without, in UTC unless the text has a zone."""
    if not isinstance(value, str) or len(value) > _MAX_NUMBER:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class SmsCxReader:
    """Reads answers by *states* and *errors* (codes and types beyond the known ones).

    *country* is the country of national numbers; no reason shows any of *secrets*.
    """

    states: Mapping[str, MessageState]
    errors: Mapping[int | str, Blame]
    country: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def outcomes(
        self, response: HttpResponse, messages: Sequence[Message], now: float
    ) -> list[Outcome]:
        """Return the outcome of each of *messages*, which share one text."""
        text = messages[0].text
        if not 200 <= response.status < 300:
            fault = error_in(response)
            outcome = self._refusal(fault, response, text, now)
            return self._but_for_invalid(outcome, fault, messages)
        try:
            fields = json_object(response.body, answer_bound(len(messages)))
        except BadReply as nonsense:
            return [Uncertain(nonsense.reason)] * len(messages)
        items = items_of(fields.get("data"))
        if items or not isinstance(fields.get("error"), dict):
            return self._one_by_one(items, fields.get("info"), messages)
        fault = error_of(response.status, fields)
        outcome = self._judged(fault, text) or Uncertain("an error", self._words(fault, text))
        return self._but_for_invalid(outcome, fault, messages)

    def report_words(self) -> dict[str, ReportWord]:
        """Return the statuses of reports, with the errors of those that come without a code."""
        return {
            word: ReportWord(state, _network_error(word, state, None))
            for word, state in self.states.items()
        }

    def report(self, item: Mapping[str, Any]) -> Report | None:
        """Return the report in *item*, from any endpoint; None if *item* is no report."""
        identifier, word = identifier_of(item.get("msgId")), _word(item.get("status"))
        if identifier is None or not word:
            return None
        state = self.states.get(word)
        if state is None:
            return Report(identifier, MessageState.ENROUTE, unknown=word)
        return Report(identifier, state, _network_error(word, state, item.get("errorCode")))

    def report_about(
        self, provider_message_id: str, items: Sequence[Mapping[str, Any]]
    ) -> Report | None:
        """Return the report about a message among *items*; None if there is none."""
        found = [self.report(item) for item in items]
        named = {report.provider_message_id: report for report in reversed(found) if report}
        spelling = spelling_of(provider_message_id, named, "zeros")
        return None if spelling is None else named[spelling]

    def callback(self, body: bytes) -> tuple[Received, ...]:
        """Read the valid items of a callback; raises BadReply if no item is valid."""
        fields = json_object(body, MAX_CALLBACK)
        event = fields.get("event")
        if not isinstance(event, str):
            raise BadReply("no event")
        readers: dict[str, Callable[[dict[str, Any]], Received | None]] = {
            "dlr_update": self.report,
            "receive_sms": mo_of,
            "new_optout": self._optout,
        }
        read, data = readers.get(event), fields.get("data")
        if read is None or data == []:
            return ()
        found = tuple(one for item in items_of(data) if (one := read(item)) is not None)
        if not found:
            raise BadReply(f"nothing that makes sense in {event}")
        return found

    def bad_reply(self, response: HttpResponse) -> BadReply:
        """Return the error for an answer other than 2xx to a question that is no submission."""
        fault = error_in(response)
        reason = f"{fault.kind} {fault.words}"
        said = account_fault(reason)
        reason = f"HTTP {fault.status}: {said}" if said else bad_status(response)
        return BadReply(reason, self._words(fault))

    def _one_by_one(
        self, items: list[dict[str, Any]], info: object, messages: Sequence[Message]
    ) -> list[Outcome]:
        """Return the outcome of each number; the order of the answer is not documented."""
        text = messages[0].text
        if len(items) == len(messages) == 1 and "to" not in items[0]:
            return [self._outcome(items[0], text)]
        said: dict[str, Outcome] = {}
        for item in items:
            number, outcome = self._number(item.get("to")), self._outcome(item, text)
            if not isinstance(said.get(number), Accepted):
                said[number] = outcome
        for invalid in listed(info.get("invalid") if isinstance(info, dict) else None):
            said.setdefault(self._number(invalid), _INVALID)
        said.pop("", None)
        return [said.get(self._number(message.number), _UNMENTIONED) for message in messages]

    def _outcome(self, item: Mapping[str, Any], text: str) -> Outcome:
        word = _word(item.get("status"))
        state = self.states.get(word)
        if state in _TAKEN:
            identifier = identifier_of(item.get("msgId"))
            return Accepted(identifier) if identifier else Uncertain("taken, but without msgId")
        if word == _NO_COVERAGE:
            return Refused(word, *NO_ROUTE)
        if state is None or state == MessageState.UNKNOWN:
            return unknown_status(shown(item.get("status"), text, secrets=self.secrets))
        return Refused(word)

    def _refusal(
        self, fault: ErrorObject, response: HttpResponse, text: str, now: float
    ) -> Outcome:
        words = self._words(fault, text)
        if fault.status == 429 or fault.kind == "rate_limit":
            reason = f"HTTP {fault.status}: too many requests"
            return Postponed(reason, pause_of(response, now), whole_lane=True, words=words)
        judged = self._judged(fault, text) if 400 <= fault.status < 500 else None
        # Uncertain, a request is repeated under its key; Postponed, it would leave under a new one
        outcome = judged or http_fault(response, "uncertain", "uncertain")
        return outcome if isinstance(outcome, Accepted) else replace(outcome, words=words)

    def _judged(self, fault: ErrorObject, text: str) -> Outcome | None:
        """Return the outcome for an error's code, or else for its type; None for unknown ones."""
        words, reason = self._words(fault, text), f"HTTP {fault.status}"
        if fault.kind in DUPLICATES:
            return Uncertain(f"{reason}: known already", words)
        for name in (fault.code, fault.kind):
            if name is not None and name in self.errors:
                return refusal(reason, self.errors[name], words, raw=f"{fault.kind} {fault.words}")
            if name is not None and name in FAULTS:
                status, provider_fault = FAULTS[name]
                said = account_fault(f"{fault.kind} {fault.words}") if provider_fault else ""
                known = name if isinstance(name, int) else fault.code
                code = f" error {known}" if known is not None else ""
                reason = f"{reason}{code}: {said or 'refused'}"
                return Refused(reason, status, provider_fault, words)
        return None

    def _but_for_invalid(
        self, outcome: Outcome, fault: ErrorObject, messages: Sequence[Message]
    ) -> list[Outcome]:
        """Return outcomes; invalid numbers that an error names do not condemn the others."""
        if isinstance(outcome, Refused) and fault.code in INVALID_NUMBERS:
            invalid = {self._number(number) for number in fault.invalid}
            named = [self._number(message.number) in invalid for message in messages]
            if any(named):
                others = Postponed("not sent for the invalid numbers beside it")
                return [outcome if one else others for one in named]
        return [outcome] * len(messages)

    def _optout(self, item: Mapping[str, Any]) -> OptOut | None:
        number = self._number(item.get("phoneNumber"))
        return OptOut(number) if number.isascii() and number.isdecimal() else None

    def _number(self, value: object) -> str:
        """Return the digits of a number in any form; "" if *value* is no number."""
        if isinstance(value, int):
            value = str(value)
        if not isinstance(value, str) or len(value) > _MAX_NUMBER:
            return ""
        try:
            return number_of(Address(value), self.country or None)
        except BadAddress:
            return value.strip().removeprefix("+")

    def _words(self, fault: ErrorObject, *texts: str) -> str:
        said = " ".join(str(part) for part in (fault.kind, fault.code) if part)
        words = ": ".join(filter(None, (said, fault.words)))
        return shown(words, *texts, secrets=self.secrets)


def mo_of(item: Mapping[str, Any]) -> Mo | None:
    """Return the message from a phone in *item*; None if *item* is no such message."""
    identifier, text = identifier_of(item.get("msgId")), item.get("text")
    source, destination = _address(item.get("from")), _address(item.get("to"))
    if not (identifier and source and destination) or not isinstance(text, str):
        return None
    return Mo(
        provider_message_id=identifier,
        source=source,
        destination=destination,
        text=_without_lone_surrogates(text[:_MAX_TEXT]),
        received_at=seconds_of(item.get("receivedAt")),
    )


def _word(status: object) -> str:
    return " ".join(status.upper().replace("_", " ").split()) if isinstance(status, str) else ""


def _network_error(word: str, state: MessageState, code: object) -> int:
    if word == _NO_COVERAGE and state == MessageState.REJECTED:
        return _NO_COVERAGE_ERROR
    number = integer_of(code) if state == MessageState.UNDELIVERABLE else None
    return (number or 0) % 1000 or _NETWORK_ERRORS.get(state, 0)


def _address(value: object) -> str:
    address = value.strip().removeprefix("+") if isinstance(value, str) else ""
    digits = address.translate(_AMONG_DIGITS)
    address = digits if digits.isdecimal() else address
    fits = len(address) <= _MAX_ADDRESS and address.isascii() and address.isprintable()
    return address if fits else ""


def _without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
