"""OAuth 2 client credentials (RFC 6749, 4.4): a token fetched once, renewed in time, and on 401.

A provider needs only `authorized`::

    response = yield from self._login.authorized(request)

A failed login has submitted no message: the exchange ends in NotSent or LoginFailed, never in
NoAnswer.
"""

from __future__ import annotations

import math
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlencode

from smppbridge.model.outcome import Postponed, Refused
from smppbridge.providers.answers import account_fault, http_fault, json_object, shown
from smppbridge.providers.exchange import (
    NOW,
    BadReply,
    Exchange,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
    Once,
)

Headers = tuple[tuple[str, str], ...]

MAX_TOKEN = 8192
_MARGIN = 60.0
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))


class LoginFailed(BadReply):
    """The provider gave no token; *outcome* is the outcome for the message, which was not sent."""

    def __init__(self, outcome: Postponed | Refused) -> None:
        super().__init__(outcome.reason, outcome.words)
        self.outcome = outcome


@dataclass(slots=True)
class _Held:
    """The token at hand ("" if there is none), and the headers last made with the token."""

    token: str = field(default="", repr=False)
    expires_at: float = math.inf
    plain: Headers = field(default=(), repr=False)
    signed: Headers = field(default=(), repr=False)

    def take(self, token: str, expires_at: float) -> None:
        self.token, self.expires_at = token, expires_at
        self.signed = ()

    def forget(self, token: str) -> None:
        """Drop *token*; a newer token stays."""
        if self.token == token:
            self.take("", math.inf)

    def sign(self, headers: Headers) -> Headers:
        """Return one tuple for all requests of a kind, so that the client sets headers once."""
        if not self.signed or headers is not self.plain:
            self.plain = headers
            self.signed = (*headers, ("Authorization", f"Bearer {self.token}"))
        return self.signed


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """An application at a provider, and its token.

    *credentials* says whether id and secret go as HTTP Basic (``header``) or into the form.
    """

    token_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    scope: str = ""
    credentials: Literal["header", "body"] = "header"

    _request: HttpRequest = field(init=False, repr=False, compare=False)
    _held: _Held = field(init=False, repr=False, compare=False, default_factory=_Held)

    def __post_init__(self) -> None:
        if not (self.client_id and self.client_secret):
            raise ValueError("the id or the secret of the application is empty")
        if self.credentials not in ("header", "body"):
            raise ValueError("credentials must be header or body")
        object.__setattr__(self, "_request", self._login_request())

    def authorized(self, request: HttpRequest) -> Exchange[HttpResponse]:
        """Make *request* with the token; after a 401, once more with a new token.

        Raises LoginFailed, or NotSent, if the provider gives no token.
        """
        held = self._held
        yield from self._logged_in()
        token = held.token
        response: HttpResponse = yield replace(request, headers=held.sign(request.headers))
        if response.status != 401:
            return response
        held.forget(token)
        yield from self._logged_in()
        response = yield replace(request, headers=held.sign(request.headers))
        return response

    def _logged_in(self) -> Exchange[None]:
        held = self._held
        if held.token and (held.expires_at == math.inf or (yield NOW) < held.expires_at):
            return
        # By whose token it is: a reload makes a provider anew, perhaps with another secret.
        yield Once(f"token {id(held)}", self._login)

    def _login(self) -> Exchange[None]:
        asked_at: float = yield NOW
        try:
            response: HttpResponse = yield self._request
        except NoAnswer as silence:
            raise NotSent(f"login: {silence}") from None
        token, lifetime = self._read_login(response)
        self._held.take(token, asked_at + lifetime)

    def _login_request(self) -> HttpRequest:
        form = {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        headers: Headers = _FORM
        if self.credentials == "body":
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            # RFC 6749, 2.3.1 wants both form-encoded first; hardly a server decodes them.
            pair = f"{self.client_id}:{self.client_secret}".encode()
            headers = (*_FORM, ("Authorization", f"Basic {b64encode(pair).decode()}"))
        body = urlencode(form).encode()
        return HttpRequest("POST", self.token_url, headers, body, operation="login")

    def _read_login(self, response: HttpResponse) -> tuple[str, float]:
        if not 200 <= response.status < 300:
            raise LoginFailed(_login_fault(response, self.client_id, self.client_secret))
        try:
            fields = json_object(response.body)
        except BadReply as fault:
            raise LoginFailed(_postponed(f"login: {fault.reason}")) from None
        kind, token = fields.get("token_type", "bearer"), _bearer(fields.get("access_token"))
        if token is None or not isinstance(kind, str) or kind.lower() != "bearer":
            raise LoginFailed(_postponed("login: no bearer token"))
        return token, _lifetime(fields.get("expires_in"))


def _bearer(value: object) -> str | None:
    """Return the token in *value*; None if *value* cannot stand in a header."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN:
        return None
    return value if value.isascii() and value.isprintable() and " " not in value else None


def _lifetime(value: object) -> float:
    """Return the seconds during which a token is used, a little less than its validity.

    Without ``expires_in``, or with 0 or less or nonsense, a token is used until a 401.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.inf
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return math.inf
    if not seconds > 0:
        return math.inf
    return seconds - min(_MARGIN, seconds / 10)


def _login_fault(response: HttpResponse, *secrets: str) -> Postponed | Refused:
    """Return the outcome of a message after a refused login: another provider, or later."""
    said = _error_of(response)
    words = shown(said, secrets=secrets)
    fault = http_fault(response, "retry")
    if isinstance(fault, Refused):
        kind = account_fault(said)
        reason = f"login: HTTP {response.status}: {kind}" if kind else f"login: {fault.reason}"
        return Refused(reason, fault.command_status, provider_fault=True, words=words)
    after = fault.after if isinstance(fault, Postponed) else None
    return _postponed(f"login: HTTP {response.status}", after, words)


def _error_of(response: HttpResponse) -> str:
    """Return the error word of RFC 6749, 5.2, or the type of an error object in its place."""
    try:
        error: Any = json_object(response.body).get("error")
    except BadReply:
        return ""
    if isinstance(error, dict):
        error = error.get("type")
    return error if isinstance(error, str) else ""


def _postponed(reason: str, after: float | None = None, words: str = "") -> Postponed:
    return Postponed(reason, after, whole_lane=True, words=words)
