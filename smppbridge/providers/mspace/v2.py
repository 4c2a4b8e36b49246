"""MSpace, version 2: JSON or XML in a body, or GET with all in the path; reports by query."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from smppbridge.model.identifiers import spelling_of
from smppbridge.model.message import Message
from smppbridge.model.outcome import Outcome, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.answers import StateName, blame_of, identifier_of, said, state_table
from smppbridge.providers.exchange import (
    Abilities,
    BadReply,
    HttpExchange,
    HttpRequest,
    NoAnswer,
    NotSent,
    ReportWord,
)
from smppbridge.providers.mspace.answers import (
    STATES,
    MSpaceAnswer,
    Record,
    description_of,
    state_of,
    status_of,
)
from smppbridge.providers.mspace.provider import MSpace, segments
from smppbridge.smpp.constants import CommandStatus, MessageState

Style = Literal["json", "xml", "get"]

_ROOTS: Mapping[str, str] = MappingProxyType(
    {
        "sendtext": "sms",
        "deliveryreport": "dlr",
        "balance": "user",
        "subusers": "user",
        "resellerclients": "user",
        "subacctopup": "subAccTopups",
        "resellerclienttopup": "resellerClientTopups",
    }
)
_SPELT: Mapping[str, str] = MappingProxyType({"senderid": "senderId", "messageid": "messageId"})
_SPELT_IN_BODIES: Mapping[str, str] = MappingProxyType({**_SPELT, "noofsms": "noOfSms"})
_TYPES: Mapping[str, str] = MappingProxyType({"json": "application/json", "xml": "application/xml"})
_ACCEPT = (("Accept", "application/json, text/plain;q=0.9, */*;q=0.1"),)
_BATCHES = range(1, 1_001)
_OF_ONE = frozenset((CommandStatus.ESME_RINVDSTADR, CommandStatus.ESME_RSUBMITFAIL))
_FAILED = frozenset(
    (MessageState.UNDELIVERABLE, MessageState.REJECTED, MessageState.EXPIRED, MessageState.DELETED)
)
_ERROR = re.compile(r"[0-9]{1,3}", re.ASCII)
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_NO_XML = re.compile("[^\t\n\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_encode = json.JSONEncoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class MSpaceV2(MSpace):
    """One account at version 2; each field is a setting with its description."""

    apikey: str = field(repr=False, metadata=said("The API key"))
    base_url: str = field(
        default="https://api.mspace.co.ke/smsapi/v2", metadata=said("Where sendtext is")
    )
    style: Style = field(
        default="json",
        # a path shows the key to every proxy on the way
        metadata=said("How requests are written: json, xml, or get (all in the path)"),
    )
    batch: int = field(
        default=1,
        # neither the limit is documented, nor the fate of the others if one is malformed
        metadata=said("How many recipients of one text may share a request, up to 1000"),
    )
    states: Mapping[str | int, StateName] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Statuses or descriptions in reports, before ours, as {6: expired}"),
    )

    _abilities: Abilities = field(init=False, repr=False, compare=False)
    _headers: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    _states: Mapping[str, MessageState] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        MSpace.__post_init__(self)  # super() does not know a slotted dataclass
        if self.style not in get_args(Style):
            raise ValueError("style must be one of " + ", ".join(get_args(Style)))
        if self.batch not in _BATCHES:
            raise ValueError(f"batch must be from {_BATCHES[0]} to {_BATCHES[-1]}")
        if self.batch > 1 and self.style == "get":
            raise ValueError("batch must be 1 where style is get: a path has no room for a list")
        derive = object.__setattr__
        derive(self, "_abilities", Abilities(polling=True, balance=True, batch=self.batch))
        derive(self, "_headers", self._written_headers())
        derive(self, "_states", state_table({}, {str(k): v for k, v in self.states.items()}))

    @property
    def abilities(self) -> Abilities:
        """The abilities of the API; batches as they are configured."""
        return self._abilities

    def _credential(self) -> str:
        if not self.apikey or not (self.apikey.isascii() and self.apikey.isprintable()):
            raise ValueError("apikey must be printable ASCII: it stands in a header")
        return self.apikey

    def _written_headers(self) -> tuple[tuple[str, str], ...]:
        if self.style == "get":
            return _ACCEPT
        kind = _TYPES[self.style]
        return (("apikey", self.apikey), ("Content-Type", kind), ("Accept", kind))

    # -- messages -------------------------------------------------------------------------------

    def group_of(self, message: Message) -> Hashable:
        """Return sender and text: a request has one of each."""
        return message.source.addr, message.text

    def submit_batch(self, messages: Sequence[Message], key: str) -> HttpExchange[list[Outcome]]:
        """Submit messages of one sender and text; a refused list is submitted one by one.

        No document says whether one bad recipient spoils a list.  Where an answer refuses the list
        as a whole, and not for a property that all share, no message was accepted: each is
        submitted alone.
        """
        response = yield self.submit_request(messages)
        outcome = self._reader.read(response, messages)
        if len(messages) > 1 and isinstance(outcome, Refused) and _is_of_one(outcome):
            return (yield from self._one_by_one(messages))
        return self._reader.outcomes(response, messages)

    def _one_by_one(self, messages: Sequence[Message]) -> HttpExchange[list[Outcome]]:
        outcomes: list[Outcome] = []
        for message in messages:
            try:
                outcome = yield from self.submit(message)
            except NotSent as fault:
                outcome = Postponed(str(fault))
            except NoAnswer as fault:
                outcome = Uncertain(str(fault))
            outcomes.append(outcome)
            if isinstance(outcome, Postponed | Uncertain):
                break
        rest = Postponed("a recipient before it was not answered for")
        return outcomes + [rest] * (len(messages) - len(outcomes))

    def query(self, message: Message, provider_message_id: str) -> HttpExchange[Report]:
        """Query the report of a message; raises BadReply."""
        answer = yield from self._asked("deliveryreport", {"messageid": provider_message_id})
        return self._report(answer, provider_message_id)

    def _report(self, answer: MSpaceAnswer, provider_message_id: str) -> Report:
        """Return the report; without the id a refused key would pass for a failed message."""
        if answer.nothing:  # assumed: the answer about an unknown id
            return Report(provider_message_id, MessageState.ENROUTE)
        named = [(identifier_of(e.get("messageid")), e) for e in answer.records]
        spelling = spelling_of(provider_message_id, {i for i, _ in named if i}, "zeros")
        about = [e for identifier, e in named if identifier == spelling is not None]
        if not about:
            raise self._bad_reply("not about the message asked for", answer.words)
        entry = next((e for e in about if description_of(e) or status_of(e)), None)
        if entry is None:
            raise BadReply("no status")
        words = description_of(entry)
        if blame_of(words, self._reader.blames) == "provider":
            raise self._bad_reply("no report", words)
        state = state_of(entry, self._states)
        if state is None:
            unknown = status_of(entry) or words
            return Report(spelling or "", MessageState.ENROUTE, unknown=unknown)
        return Report(spelling or "", state, _error_of(entry) if state in _FAILED else 0)

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the numbers of its statuses; it reports in words of its own, too."""
        return {
            status: ReportWord(state, _number_of(status) if state in _FAILED else 0)
            for status, state in {**STATES, **self._states}.items()
        }

    # -- requests -------------------------------------------------------------------------------

    def _request(self, operation: str, arguments: Mapping[str, str]) -> HttpRequest:
        url = f"{self._base}/{operation}"
        if self.style == "get":
            named = {_SPELT.get(name, name): value for name, value in arguments.items()}
            return HttpRequest("GET", f"{url}{self._account}{segments(named)}", self._headers)
        named = {_SPELT_IN_BODIES.get(name, name): value for name, value in arguments.items()}
        fields = {"username": self.username, **named}
        body = _encode(fields) if self.style == "json" else _xml(_ROOTS[operation], fields)
        return HttpRequest("POST", url, self._headers, body.encode())

    def _call_request(self, method: str, path: str, body: bytes) -> HttpRequest:
        if self.style == "get":
            operation, slash, rest = path.partition("/")
            path = f"{operation}{self._account}{slash}{rest}"
        return HttpRequest(method, f"{self._base}/{path}", self._headers, body)

    def _identity(self) -> Mapping[str, str]:
        return {"apikey": self.apikey, "username": self.username}


def _is_of_one(refused: Refused) -> bool:
    """Return whether the refusal may be of one recipient, not of a property that all share."""
    return not refused.provider_fault and refused.command_status in _OF_ONE


def _error_of(entry: Record) -> int:
    return _number_of(status_of(entry))


def _number_of(status: str) -> int:
    return int(status) if _ERROR.fullmatch(status) else 0


def _xml(root: str, fields: Mapping[str, str]) -> str:
    """Write a document; characters that XML cannot hold become ``?``."""
    inner = "".join(
        f"<{name}>{_NO_XML.sub('?', value).translate(_MARKUP)}</{name}>"
        for name, value in fields.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'
