"""Jasmin's answers to submissions, as D7 gives them: ids in odd quotes, refusals in two shapes.

The HTTP statuses mix everything (403 is no credit, too fast or a wrong password), so that the words
go first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.answers import (
    MAX_ANSWER,
    Blame,
    On5xx,
    bad_reply,
    bad_status,
    blame_of,
    http_fault,
    identifier_of,
    json_object,
    refusal,
    shown,
)
from smppbridge.providers.d7.content import forms_of
from smppbridge.providers.exchange import BadReply, HttpResponse
from smppbridge.smpp.constants import CommandStatus, MessageState

NotTaken = Refused | Postponed

UNLIMITED: Final = "ND"

_CREDENTIALS: Final = Refused("credentials refused", provider_fault=True)
_CREDIT: Final = Refused("no credit", provider_fault=True)
_RIGHTS: Final = Refused("account refused", provider_fault=True)
_OURS: Final = Refused("request refused", CommandStatus.ESME_RSYSERR, provider_fault=True)


def _status(reason: str, command_status: CommandStatus, *, elsewhere: bool = False) -> Refused:
    return Refused(reason, command_status, elsewhere)


_TO: Final = _status("destination refused", CommandStatus.ESME_RINVDSTADR)
_FROM: Final = _status("source refused", CommandStatus.ESME_RINVSRCADR)
_LENGTH: Final = _status("content refused", CommandStatus.ESME_RINVMSGLEN)
_SCHEDULE: Final = _status("schedule refused", CommandStatus.ESME_RINVSCHED)
_PRIORITY: Final = _status("priority refused", CommandStatus.ESME_RINVPRTFLG)
_VALIDITY: Final = _status("validity refused", CommandStatus.ESME_RINVEXPIRY)


def _elsewhere(fault: Refused) -> Refused:
    """Return a refusal for the account's sake (rights, filters): another provider may accept."""
    return replace(fault, provider_fault=True)


# Jasmin has done nothing yet when it says one of these: also with HTTP 500 or 503.
FAULTS: Mapping[str, NotTaken] = MappingProxyType(
    {
        "user throughput exceeded": Postponed("too many requests", whole_lane=True),
        "authentication fail": _CREDENTIALS,
        "authentication required": _CREDENTIALS,
        "invalid token": _CREDENTIALS,
        "cannot charge": _CREDIT,
        "setting source address": _elsewhere(_FROM),
        "long content not": _elsewhere(_LENGTH),
        "authorization failed": _RIGHTS,
        "destination_address filter": _elsewhere(_TO),
        "source_address filter": _elsewhere(_FROM),
        "priority filter": _elsewhere(_PRIORITY),
        "validity_period filter": _elsewhere(_VALIDITY),
        "value filter failed": _RIGHTS,
        "no route found": _status("no route", CommandStatus.ESME_RINVDSTADR, elsewhere=True),
        "no bound connectors": Postponed("no connector is bound"),
        "interceptorpb not": Postponed("no interceptor"),
        "cannot send submit_sm": Postponed("no broker or connector"),
        "failed running interception": _OURS,
        "mandatory arguments not": _OURS,
        "hex-content not present": _LENGTH,
        "content and hex-content": _LENGTH,
        "invalid hex-content": _LENGTH,
        "cannot schedule batch": _SCHEDULE,
        "cannot parse scheduled_at": _SCHEDULE,
        "cannot parse json": _OURS,
        "unsupported media type": _OURS,
    }
)
_ARGUMENTS: Mapping[str, NotTaken] = MappingProxyType(
    {
        "to": _TO,
        "from": _FROM,
        "content": _LENGTH,
        "hex-content": _LENGTH,
        "sdt": _SCHEDULE,
        "validity-period": _VALIDITY,
        "priority": _PRIORITY,
        "username": _CREDENTIALS,
        "password": _CREDENTIALS,
    }
)
# Older versions write the names without brackets.
_ARGUMENT = re.compile(r"\bargument \[?([\w-]+)\]? (is unknown|is not found|has an invalid)")
_SUCCESS = re.compile(
    r"\W*Success\b.*?\b([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\b",
    re.ASCII | re.DOTALL,
)
_INTERCEPTED = re.compile(r"interception specific error code (\d{3})")
# requests' words; a text cannot counterfeit them, for the URL that is quoted has no blanks.
_NO_CONNECTION = "failed to establish a new connection"
_UNSURE = ("unknown error", "connection error", "internal server error")
# Each run of letters is gone through once: without \b a long one would be from each of its letters.
_URL = re.compile(r"(?:\burl\b|\b\w+://|[?&]\w+=).*", re.IGNORECASE | re.DOTALL)


def named(words: object) -> str:
    """Return the id in ``Success "<id>"``, with or without quotes; "" if there is none."""
    found = _SUCCESS.match(words) if isinstance(words, str) else None
    return found[1] if found else ""


def words_of(fields: Mapping[str, Any]) -> str:
    """Return the words of a refusal in either shape.

    The description is never shown: that of a failed connection holds the inner URL with the
    password.
    """
    for name in ("message", "title", "data"):
        words = fields.get(name)
        if isinstance(words, str):
            return words[:MAX_ANSWER]
    return ""


def fault_of(words: str, more: Iterable[tuple[str, Blame]] = ()) -> NotTaken | None:
    """Return the outcome for the *words* of a refusal; None for unknown words.

    The fragments of *more* go first.  An error that Jasmin itself did not expect gives None: the
    error may have come after the message was sent.
    """
    if (blame := blame_of(words, more)) is not None:
        return refusal("", blame)
    lowered = words.lower()
    if any(fragment in lowered for fragment in _UNSURE):
        return None
    if argument := _ARGUMENT.search(lowered):
        name, complaint = argument.groups()
        return _OURS if complaint == "is unknown" else _ARGUMENTS.get(name, _OURS)
    if intercepted := _INTERCEPTED.search(lowered):
        return _intercepted(int(intercepted[1]))
    return next((fault for fragment, fault in FAULTS.items() if fragment in lowered), None)


def _intercepted(status: int) -> NotTaken:
    """Return the outcome of a script of Jasmin's operator, which runs before a message is sent."""
    if status >= 500 or status in (408, 429):
        return Postponed("held up by an interceptor", whole_lane=status in (429, 503))
    return Refused("refused by an interceptor", provider_fault=status in (401, 403))


def failed_state(words: object, more: Iterable[tuple[str, Blame]]) -> MessageState:
    """Return the state of a message of a batch that failed with these *words*.

    The batch was acknowledged already: the state is REJECTED only if a new submission would not
    help.
    """
    text = _without_url(words[:MAX_ANSWER]) if isinstance(words, str) else ""
    fault = fault_of(text, more)
    if fault is None:
        again = any(fragment in text.lower() for fragment in _UNSURE)
    else:
        again = isinstance(fault, Postponed) or fault in (_CREDENTIALS, _CREDIT, _RIGHTS, _OURS)
    return MessageState.UNDELIVERABLE if again else MessageState.REJECTED


@dataclass(frozen=True, slots=True)
class D7Reader:
    """Reads the answers to one account; *blames* are of its settings, *secrets* are never shown."""

    on_5xx: On5xx
    blames: tuple[tuple[str, Blame], ...]
    secrets: tuple[str, ...] = field(repr=False)

    def submission(self, response: HttpResponse, message: Message) -> Outcome:
        """Read the outcome of *message*."""
        fields = _fields_of(response)
        if 200 <= response.status < 300 and (identifier := named(fields.get("data"))):
            return Accepted(identifier)
        return self._fault(response, fields, (message,), self.on_5xx)

    def batch(
        self, response: HttpResponse, messages: Sequence[Message], key: str
    ) -> Sequence[Outcome]:
        """Read the outcomes of a batch; the answer has no ids: *key* and number stand in for them.

        After a 5xx nobody knows how much of the batch Jasmin had accepted.
        """
        fields, status = _fields_of(response), response.status
        data = fields.get("data")
        if 200 <= status < 300 and isinstance(data, dict):
            if not identifier_of(data.get("batchId")):
                return [Uncertain("a batch without batchId")] * len(messages)
            count = identifier_of(data.get("messageCount")) or "none"
            if count != str(len(messages)):
                reason = f"{count[:9]} of {len(messages)} messages were taken"
                return [Uncertain(reason)] * len(messages)
            return [Accepted(f"{key}:{message.number}") for message in messages]
        on_5xx = "uncertain" if self.on_5xx == "retry" else self.on_5xx
        outcome = self._fault(response, fields, messages, on_5xx)
        if isinstance(outcome, Refused) and status < 500:  # nobody says for which message
            outcome = replace(outcome, provider_fault=True)
        return [outcome] * len(messages)

    def amounts(
        self, response: HttpResponse, needed: Iterable[str], others: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Return numbers, or ND where there is no limit, by name; raises BadReply."""
        fields = _fields_of(response)
        data = fields.get("data")
        if not (200 <= response.status < 300 and isinstance(data, dict)):
            words = _without_url(words_of(fields))
            raise bad_reply(bad_status(response), words, secrets=self.secrets)
        found = {name: _amount(data.get(name)) for name in needed}
        found |= {name: _amount(data.get(name, UNLIMITED)) for name in others}
        for name, amount in found.items():
            if amount is None:
                raise BadReply(f"no {name}")
        return found

    def _fault(
        self,
        response: HttpResponse,
        fields: Mapping[str, Any],
        messages: Sequence[Message],
        on_5xx: On5xx,
    ) -> Outcome:
        status, words = response.status, words_of(fields)
        # 429 is no status of Jasmin's own: whoever gives it may say for how long
        known = None if status == 429 else fault_of(words, self.blames)
        known = _not_connected(fields) if known is None else known
        if known is not None:
            reason = f"HTTP {status}: {known.reason}"
            return replace(known, reason=reason, words=self._shown(words, messages))
        if 200 <= status < 300:
            return Uncertain(f"HTTP {status} without an id", self._shown(words, messages))
        outcome = http_fault(response, on_5xx)
        if isinstance(outcome, Accepted):
            return outcome
        return replace(outcome, words=self._shown(words, messages))

    def _shown(self, words: str, messages: Iterable[Message]) -> str:
        """Return Jasmin's words without our own fields, which Jasmin may repeat."""
        texts = [form for message in messages for form in forms_of(message)]
        return shown(_without_url(words), *texts, secrets=self.secrets)


def _not_connected(fields: Mapping[str, Any]) -> Postponed | None:
    """Return the outcome where the REST layer had no connection to the inner API; else None."""
    description = fields.get("description")
    if isinstance(description, str) and _NO_CONNECTION in description[:MAX_ANSWER].lower():
        return Postponed("no connection to the inner API")
    return None


def _fields_of(response: HttpResponse) -> dict[str, Any]:
    """Return the JSON object in an answer, or an empty one."""
    try:
        return json_object(response.body)
    except BadReply:
        return {}


def _without_url(words: str) -> str:
    """Return *words* up to the beginning of a URL, which would repeat our fields."""
    return _URL.sub("...", words)


def _amount(value: object) -> float | int | str | None:
    if value == UNLIMITED:
        return UNLIMITED
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(amount):
        return None
    return int(amount) if amount.is_integer() else amount
