"""MSpace, the legacy API: GET with every argument, and the password, in the path.

After the submission the API gives no report: there are no callbacks and no query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from smppbridge.providers.answers import said
from smppbridge.providers.exchange import (
    Abilities,
    HttpExchange,
    HttpRequest,
    Operation,
)
from smppbridge.providers.mspace.provider import MSpace, segments

# What answers is one service that writes JSON or plain text, whichever the operation has.
_ACCEPT = (("Accept", "application/json, text/plain;q=0.9, */*;q=0.1"),)
_EXISTS = re.compile(r"\W*user exists\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MSpaceLegacy(MSpace):
    """One account at the path-style API; each field is a setting with its description."""

    abilities: ClassVar[Abilities] = Abilities(balance=True)

    password: str = field(repr=False, metadata=said("The password of the account"))
    base_url: str = field(
        default="https://api.mspace.co.ke/mspaceservice/wr/sms",
        # documented with http://, which would show the password to everybody on the way
        metadata=said("Where sendtext is; with http:// the password travels in clear"),
    )

    def _credential(self) -> str:
        if not self.password:
            raise ValueError("password is empty")
        return self.password

    def _request(self, operation: str, arguments: Mapping[str, str]) -> HttpRequest:
        url = f"{self._base}/{operation}{self._account}{segments(arguments)}"
        return HttpRequest("GET", url, _ACCEPT)

    def _call_request(self, method: str, path: str, body: bytes) -> HttpRequest:
        operation, slash, rest = path.partition("/")
        url = f"{self._base}/{operation}{self._account}{slash}{rest}"
        return HttpRequest(method, url, _ACCEPT, body)

    def _identity(self) -> Mapping[str, str]:
        return {"username": self.username, "password": self.password}

    def _operations(self) -> Iterator[tuple[str, Operation]]:
        yield from MSpace._operations(self)  # super() does not know a slotted dataclass
        yield "login", Operation(run=self._login, description="Check username and password")

    def _login(self) -> HttpExchange[Mapping[str, Any]]:
        answer = yield from self._asked("login", {})
        if not _EXISTS.match(answer.words):
            raise self._bad_reply("not logged in", answer.words)
        return {"username": self.username, "exists": True}
