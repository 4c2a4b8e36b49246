"""SMS.CX's API played on loopback; POST /simulator/receive and /optout are for a person's try."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred, succeed
from twisted.web.server import Request

from smppbridge.simulators.magic import Remembered
from smppbridge.simulators.serving import Page, PageAnswer, WebSimulator, wall_of
from smppbridge.simulators.smscx.access import Access
from smppbridge.simulators.smscx.account_paths import AccountPaths
from smppbridge.simulators.smscx.bodies import (
    SmsCxFault,
    fields_of,
    invalid_param,
    moment,
    not_found,
    query_of,
    refused,
    written,
)
from smppbridge.simulators.smscx.books import RENTED, Books, country_of, number_in
from smppbridge.simulators.smscx.sms_paths import SmsPaths, webhook

_JSON = {"Content-Type": "application/json"}
_METHODS = (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE")
_ROOTS = ("account", "applications", "numbers", "oauth", "optouts", "originators", "reports")
_OPEN = ("oauth", "simulator")
ServedPath = tuple[str, re.Pattern[str], Callable[..., PageAnswer]]


class SmsCxSimulator(WebSimulator):
    """SMS.CX: any key or application but ``wrong``; *rate* requests a second for each.

    *requests* counts submissions, *accepted* the accepted messages, *taken* the number of times
    that each (destination, text) was accepted.  Webhooks go to *callback_url*, unless a request
    names another URL.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        callback_url: str | None = None,
        delay: float = 1.0,
        credit: float = 10_000.0,
        token_lifetime: int = 86_400,
        rate: int = 10,
    ) -> None:
        page = Page(self._serve, *_METHODS)
        pages = dict.fromkeys((*_ROOTS, "sms", "simulator"), page)
        super().__init__(reactor, pages, callback_url)
        self.requests = 0
        self._wall = wall_of(reactor)
        self.books = Books(credit)
        self.access = Access(reactor, token_lifetime, rate)
        self.sending = SmsPaths(reactor, self.books, self.access, self._send_webhook, delay)
        self._routes = self._table(AccountPaths(reactor, self.books))

    @property
    def accepted(self) -> int:
        """The number of accepted messages."""
        return self.sending.accepted

    @property
    def taken(self) -> Remembered[tuple[str, str], int]:
        """The number of times that each (destination digits, text) was accepted."""
        return self.sending.taken

    def receive(self, source: str, destination: str, text: str) -> Deferred[None]:
        """Let a phone send *text* to a number; a webhook brings the message, pulling too."""
        msg_id = str(uuid4())
        came = {
            "msgId": msg_id,
            "from": source,
            "countryIso": country_of(source),
            "to": destination,
            "text": text,
            "cost": 0,
            "receivedAt": moment(self._wall()),
        }
        self.books.inbox[msg_id] = came
        return self._send_webhook(None, "receive_sms", [came], 0.0)

    def opt_out(self, number: str) -> Deferred[None]:
        """Let a phone follow the opt-out link: messages to *number* are REJECTED from now on."""
        entry = self.books.opted_out(number, self._wall(), "link")
        hit = {
            "hitId": str(uuid4()),
            "optoutId": str(entry["id"]),
            "optoutUrl": "https://sms.example/o/1",
            "optoutType": "link",
            "countryIso": entry["countryIso"],
            "datetime": entry["datetime"],
            "phoneNumber": number,
            "campaignId": None,
            "groupId": None,
        }
        return self._send_webhook(None, "new_optout", [hit], 0.0)

    async def _close(self) -> None:
        self.sending.close()
        await super()._close()

    def _table(self, desk: AccountPaths) -> tuple[ServedPath, ...]:
        sending = self.sending
        rows: Sequence[tuple[str, str, Callable[..., PageAnswer]]] = (
            ("POST", "oauth/token", self._token),
            ("POST", "sms", self._send),
            ("POST", "sms/estimate", sending.estimate),
            ("DELETE", "sms/scheduled/{}", sending.delete),
            ("DELETE", "sms/scheduled/campaign/{}", sending.delete_campaign),
            ("GET", "reports", desk.reports),
            ("GET", "reports/single/{}", desk.report),
            ("GET", "account/balance", desk.balance),
            ("GET", "account/channels/status", desk.channels),
            ("GET", "account/pricing/{}/{}", desk.pricing),
            ("GET", "account/pricing/{}/{}/{}", desk.pricing),
            ("GET", "applications", desk.applications),
            ("GET", "applications/scopes", desk.scopes),
            ("GET", "applications/{}", desk.application),
            ("GET", "numbers/validate/{}", desk.validate),
            ("POST", "numbers/validate", desk.validate_all),
            ("GET", "numbers/lookup/{}", desk.lookup),
            ("GET", "numbers/rent/{}/inbound", desk.inbound),
            ("GET", "optouts", desk.optouts),
            ("POST", "optouts", desk.add_optouts),
            ("DELETE", "optouts/{}", desk.delete_optout),
            ("GET", "originators", desk.originators),
            ("POST", "originators", desk.add_originator),
            ("DELETE", "originators/{}", desk.delete_originator),
            ("POST", "simulator/receive", self._receive),
            ("POST", "simulator/optout", self._opt_out),
        )
        return tuple(
            (method, re.compile(path.replace("{}", "([^/]+)")), answer)
            for method, path, answer in rows
        )

    def _serve(self, request: Request) -> PageAnswer:
        segments: list[bytes] = request.prepath + request.postpath  # type: ignore[operator]
        path = b"/".join(filter(None, segments)).decode("utf-8", "replace")
        root = path.partition("/")[0]
        try:
            if root not in _OPEN:
                self.access.check(request, root)
            answer, parts = self._found(request.method.decode("latin-1"), path)
            return answer(request, *parts)
        except SmsCxFault as fault:
            return refused(request, fault)

    def _found(self, method: str, path: str) -> tuple[Callable[..., PageAnswer], tuple[str, ...]]:
        there = False
        for known, pattern, answer in self._routes:
            match = pattern.fullmatch(path)
            if match and known == method:
                return answer, match.groups()
            there = there or match is not None
        if there:
            raise SmsCxFault(405, "invalid_method", 1603, "The method is not allowed here")
        raise not_found(1000, "There is nothing here")

    def _token(self, request: Request) -> PageAnswer:
        return written(request, self.access.token(request, query_of(request)))

    def _send(self, request: Request) -> PageAnswer:
        self.requests += 1
        return self.sending.send(request)

    def _receive(self, request: Request) -> PageAnswer:
        fields = fields_of(request)
        source, text = fields.get("from"), fields.get("text")
        if not isinstance(source, str) or not isinstance(text, str):
            raise invalid_param(1104, "from and text are needed, to is a rented number")
        self.receive(source, str(fields.get("to", RENTED[1])), text)
        return written(request, {"received": True})

    def _opt_out(self, request: Request) -> PageAnswer:
        number = number_in(str(fields_of(request).get("phoneNumber")))
        if number is None:
            raise invalid_param(1207, "phoneNumber is needed, with its sign")
        self.opt_out(number)
        return written(request, {"optedOut": number})

    def _send_webhook(
        self, url: str | None, event: str, data: Sequence[dict[str, Any]], after: float
    ) -> Deferred[None]:
        url = url or self.callback_url
        if url is None:
            return succeed(None)
        body = webhook(event, data)
        return self.pusher.push("POST", url, headers=_JSON, body=body, after=after)
