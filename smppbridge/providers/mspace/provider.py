"""MSpace (Kenya, Uganda): the operations that its two HTTP APIs share.

A subclass only builds the requests of its API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, get_args
from urllib.parse import quote

from smppbridge.model.message import Message
from smppbridge.model.outcome import Outcome, Refused
from smppbridge.providers.answers import (
    MAX_ANSWER,
    Blame,
    On5xx,
    bad_reply,
    bad_status,
    blame_of,
    blame_table,
    said,
    shown,
)
from smppbridge.providers.exchange import (
    BadReply,
    Balance,
    HttpExchange,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    Operation,
    Provider,
)
from smppbridge.providers.mspace.answers import BALANCES, MSpaceAnswer, Record, amount_of, answer_in
from smppbridge.providers.mspace.outcomes import ERRORS, SubmitReader, quoted, words_of
from smppbridge.smpp.constants import CommandStatus

_TOP_UPS = MappingProxyType({"subacctopup": "subaccname", "resellerclienttopup": "clientname"})
_LISTS = MappingProxyType({"subusers": "sub-users", "resellerclients": "reseller clients"})
_NAMES = ("subusername", "clientname", "clientusername")
_MAX_LIST = 1 << 20
_URLS = range(512, 65_537)
_TOPPED_UP = re.compile(r"\W*successful top ?up\b", re.IGNORECASE)
_HALF_DONE = re.compile(r"failed to|not successful|deduct|internal", re.IGNORECASE)
_COUNT = re.compile(r"0*([1-9][0-9]{0,8})", re.ASCII)
_PERHAPS = "the top-up may have been made: compare the balances before another"
_SEPARATORS = "/=%?&,:;+@!$'()*~"


@dataclass(frozen=True, slots=True, kw_only=True)
class MSpace(Provider):
    """One MSpace account at either API; each field is a setting with its description."""

    username: str = field(metadata=said("The name of the account"))
    base_url: str = field(metadata=said("Where sendtext is"))
    accepted: tuple[str | int, ...] = field(
        default=(111, "successful", "success"),
        metadata=said("Statuses of a message that was taken"),
    )
    errors: Mapping[str, Blame] = field(
        default_factory=dict,
        hash=False,
        metadata=said("Fragments of error texts and what they blame, as {quota: provider}"),
    )
    on_5xx: On5xx = field(
        default="uncertain",
        metadata=said("What a server error means for a submission: uncertain, retry or fail"),
    )
    max_url: int = field(
        default=7_500,
        # servlet containers give request line and headers 8,192 octets together
        metadata=said("Octets of a URL at most; a text that needs more is refused as too long"),
    )

    _base: str = field(init=False, repr=False, compare=False)
    _account: str = field(init=False, repr=False, compare=False)
    _reader: SubmitReader = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.username:
            raise ValueError("username is empty")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must start with https:// or http://")
        if self.on_5xx not in get_args(On5xx):
            raise ValueError("on_5xx must be one of " + ", ".join(get_args(On5xx)))
        if self.max_url not in _URLS:
            raise ValueError(f"max_url must be from {_URLS[0]} to {_URLS[-1]}")
        if not self.accepted:
            raise ValueError("accepted is empty: no message could ever be taken")
        accepted = frozenset(str(each).strip().upper() for each in self.accepted)
        credential = self._credential()
        secrets = (credential, quoted(credential))
        blames = blame_table(self.errors, ERRORS)
        derive = object.__setattr__
        derive(self, "_base", self.base_url.rstrip("/"))
        derive(self, "_account", segments(self._identity()))
        derive(self, "_reader", SubmitReader(accepted, blames, self.on_5xx, secrets))

    # -- the parts of a subclass ----------------------------------------------------------------

    def _credential(self) -> str:
        """Return the secret; raises ValueError if the secret cannot be sent."""
        raise NotImplementedError

    def _identity(self) -> Mapping[str, str]:
        """Return the arguments that begin a path, credential among them."""
        raise NotImplementedError

    def _request(self, operation: str, arguments: Mapping[str, str]) -> HttpRequest:
        """Build the request of an operation; the names of *arguments* are those of paths."""
        raise NotImplementedError

    def _call_request(self, method: str, path: str, body: bytes) -> HttpRequest:
        """Build any request; *path* is encoded, and has no slash before it."""
        raise NotImplementedError

    # -- messages -------------------------------------------------------------------------------

    def submit(self, message: Message) -> HttpExchange[Outcome]:
        """Submit one message."""
        request = self.submit_request((message,))
        if len(request.url) > self.max_url:
            # Only here it is too long: a provider that takes a body may have it.
            reason = f"a URL of {len(request.url)} octets"
            return Refused(reason, CommandStatus.ESME_RINVMSGLEN, provider_fault=True)
        response = yield request
        return self._reader.outcomes(response, (message,))[0]

    def submit_request(self, messages: Sequence[Message]) -> HttpRequest:
        """Build the request that submits *messages*, which share sender and text."""
        arguments = {
            "senderid": messages[0].source.addr,
            "recipient": ",".join(message.number for message in messages),
            "message": messages[0].text,
        }
        return self._request("sendtext", arguments)

    # -- the account ----------------------------------------------------------------------------

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The further operations on the account."""
        return MappingProxyType(dict(self._operations()))

    def _operations(self) -> Iterator[tuple[str, Operation]]:
        yield "balance", Operation(run=self._balance_row, description="Credit left")
        for name, whose in _LISTS.items():
            words = f"The {whose} and the balance of each"
            yield name, Operation(run=partial(self._listed, name), description=words)
        for name, argument in _TOP_UPS.items():
            top_up = Operation(
                run=partial(self._top_up, name),
                description="Move messages from this account's credit to another's",
                arguments=(argument, "noofsms"),
                moves_money=True,
            )
            yield name, top_up

    def balance(self) -> HttpExchange[Balance]:
        """Query the credit left; raises BadReply."""
        answer = yield from self._asked("balance", {})
        amount = answer.amount
        if amount is None:
            raise self._bad_reply("no balance", answer.words)
        return Balance(amount, "SMS")

    def _balance_row(self) -> HttpExchange[Mapping[str, Any]]:
        balance = yield from self.balance()
        return {"balance": balance.amount, "unit": balance.unit}

    def _listed(self, operation: str) -> HttpExchange[Sequence[Mapping[str, Any]]]:
        answer = yield from self._asked(operation, {}, _MAX_LIST)
        rows = [row for row in map(self._row, answer.records) if row]
        if not rows and not answer.nothing:
            raise self._bad_reply(f"no list of {_LISTS[operation]}", answer.words)
        return rows

    def _row(self, record: Record) -> Mapping[str, Any] | None:
        name = next((record[each] for each in _NAMES if each in record), None)
        balance = next((record[each] for each in BALANCES if each in record), None)
        if not isinstance(name, str | int) or balance is None:
            return None
        amount = amount_of(balance)
        words_shown = self._shown(balance) if amount is None else amount
        return {"name": self._shown(f"{name}"), "balance": words_shown}

    def _shown(self, words: object) -> str:
        return shown(words, secrets=self._reader.secrets)

    def _top_up(self, operation: str, who: str, count: str) -> HttpExchange[Mapping[str, Any]]:
        """Move credit; unless the answer is a plain refusal, the credit may have moved."""
        number = _COUNT.fullmatch(count.strip())
        if number is None or not who.strip():
            raise BadReply("a name is needed, and a whole number of messages below 1000000000")
        request = self._fitting(operation, {_TOP_UPS[operation]: who, "noofsms": number[1]})
        try:
            response = yield request
        except NoAnswer as silence:
            raise BadReply(f"{silence}; {_PERHAPS}") from None
        words = words_of(response)
        if 200 <= response.status < 300 and _TOPPED_UP.match(words):
            words_shown = self._shown(words)
            return {"name": who, "messages": int(number[1]), "answer": words_shown}
        words_shown = f"HTTP {response.status}: {self._shown(words)}".removesuffix(": ")
        # MSpace's texts repeat the name, which may itself read like a refusal.
        half_done = _HALF_DONE.search(words)
        if not half_done and self._declined(response.status, words.replace(who, "")):
            raise BadReply(f"not topped up: {words_shown}")
        raise BadReply(f"{words_shown}; {_PERHAPS}")

    def _declined(self, status: int, words: str) -> bool:
        if 400 <= status < 500 and status != 408:
            return True
        return 200 <= status < 300 and blame_of(words, self._reader.blames) == "provider"

    def call(self, method: str, path: str, body: bytes = b"") -> HttpExchange[HttpResponse]:
        """Make any request of the API, with the credentials added; raises BadReply."""
        if not (method.isascii() and method.isalpha()):
            raise BadReply("no such method")
        path = quote(path.lstrip("/"), safe=_SEPARATORS, errors="replace")
        request = self._call_request(method.upper(), path, body)
        request.operation = "call"
        response = yield request
        return response

    def _asked(
        self, operation: str, arguments: Mapping[str, str], limit: int = MAX_ANSWER
    ) -> HttpExchange[MSpaceAnswer]:
        response = yield self._fitting(operation, arguments)
        if not 200 <= response.status < 300:
            raise self._bad_reply(bad_status(response), words_of(response))
        return answer_in(response.body, limit)

    def _fitting(self, operation: str, arguments: Mapping[str, str]) -> HttpRequest:
        request = self._request(operation, arguments)
        if len(request.url) > self.max_url:
            raise BadReply(f"nothing was sent: a URL of {len(request.url)} octets")
        request.operation = "query" if operation == "deliveryreport" else operation
        return request

    def _bad_reply(self, reason: str, words: str) -> BadReply:
        return bad_reply(reason, words, secrets=self._reader.secrets)


def segments(arguments: Mapping[str, str]) -> str:
    """Write arguments as the segments of a path: ``/name=value/name=value``."""
    return "".join(f"/{name}={quoted(value)}" for name, value in arguments.items())
