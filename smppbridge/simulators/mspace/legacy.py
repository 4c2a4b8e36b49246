"""MSpace's legacy API, played on loopback: everything in the path, errors as text with HTTP 200."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from twisted.web.server import Request

from smppbridge.simulators.mspace.simulator import (
    TOP_UPS,
    Arguments,
    MSpaceSimulator,
    SentRecipient,
    ServedOperation,
    path_arguments,
)
from smppbridge.simulators.serving import PageAnswer

_LISTS = {
    "subusers": ("subacctopup", "subUserName"),
    "resellerclients": ("resellerclienttopup", "clientname"),
}
# Only number 100 is documented, and only for "Authentication Failure"; the others are assumed.
_ERRORS = {
    "Insufficient Balance": "Error 101: Insufficient Balance",
    "Invalid sender ID": "Error 102: Invalid sender ID",
    "Invalid recipient": "Error 104: Invalid recipient",
}


class MSpaceLegacySimulator(MSpaceSimulator):
    """MSpace legacy: accepts any username and password but ``wrong``, and never reports."""

    folder = "mspaceservice/wr/sms"
    methods = (b"GET",)

    def operations(self) -> Mapping[str, ServedOperation]:
        """Return the operations, by their names in paths."""
        lists = {name: partial(self._list, *what) for name, what in _LISTS.items()}
        top_ups = {name: partial(self._top_up, name) for name in TOP_UPS}
        named = {"sendtext": self._send, "balance": self._balance, "login": self._login}
        return {**named, **lists, **top_ups}

    def _serve(self, operation: ServedOperation, request: Request) -> PageAnswer:
        fields = path_arguments(request)
        credentials = (fields.get("username", ""), fields.get("password", ""))
        if all(credentials) and "wrong" not in credentials:
            return operation(request, fields)
        if operation == self._send:
            return _text(request, "Error 100: Authentication Failure")
        return _text(request, "Athentication failure")  # as their table of errors spells it

    def _handed_over(
        self, sender: str, recipients: Sequence[str], text: str
    ) -> list[SentRecipient]:
        """Accept no recipient if one is bad: an error text cannot name the bad one."""
        faults = [self.fault_of(sender, recipient) for recipient in recipients]
        if fault := next(filter(None, faults), ""):
            return [SentRecipient(recipients[0], fault)]
        return super()._handed_over(sender, recipients, text)

    def _sent(self, request: Request, sent: Sequence[SentRecipient]) -> bytes:
        if sent[0].fault:
            return _text(request, _ERRORS[sent[0].fault])
        now = datetime.now(UTC)
        moment = f"{now:%Y-%m-%d %H:%M:%S}:{now.microsecond // 1000:03}"
        answers = [
            {"messageId": each.identifier, "responseTime": moment, "status": "successful"}
            for each in sent
        ]
        return _json(request, answers)

    def _balance(self, request: Request, fields: Arguments) -> bytes:
        return _text(request, str(self.credit))

    def _login(self, request: Request, fields: Arguments) -> bytes:
        # both spellings are documented: the capital is for names that have one
        return _text(request, "User exists." if fields["username"][0].isupper() else "user exists.")

    def _list(self, kept: str, name: str, request: Request, fields: Arguments) -> bytes:
        rows = [{"smsBalance": str(left), name: who} for who, left in self.topped_up[kept].items()]
        return _json(request, rows)

    def _top_up(self, operation: str, request: Request, fields: Arguments) -> bytes:
        words = self.top_up(operation, fields)
        return _text(request, f"{words}." if words.startswith("Successful") else words)


def _text(request: Request, words: str) -> bytes:
    request.setHeader(b"content-type", b"text/plain")
    return words.encode()


def _json(request: Request, rows: Sequence[Mapping[str, str]]) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(rows).encode()
