"""Access to SMS.CX's simulator: keys, tokens, scopes, the rate limit."""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from uuid import uuid4

from twisted.web.server import Request

from smppbridge.simulators.magic import Remembered
from smppbridge.simulators.serving import wall_of
from smppbridge.simulators.smscx.bodies import SmsCxFault

SCOPES = (
    "sms",
    "groups",
    "templates",
    "numbers",
    "shortlinks",
    "attachments",
    "originators",
    "reports",
    "viber",
    "whatsapp",
    "otp",
)
FORBIDDEN = "wrong"


class Access:
    """Accepts any key and secret but ``wrong``; *rate* requests a second for each key or token."""

    def __init__(self, reactor: Any, lifetime: int, rate: int) -> None:
        self.lifetime, self.rate = lifetime, rate
        self._wall = wall_of(reactor)
        self._tokens: Remembered[str, tuple[float | None, frozenset[str]]] = Remembered()
        self._asked: Remembered[str, tuple[int, int]] = Remembered()

    def forget_tokens(self) -> None:
        """Make all tokens invalid."""
        self._tokens.clear()

    def token(self, request: Request, form: dict[str, str]) -> dict[str, Any]:
        """Log an application in and return its token; raises SmsCxFault."""
        secret = _basic_secret(request)
        if secret is None or FORBIDDEN in secret:
            raise SmsCxFault(401, "invalid_client", 1600, "Client authentication failed")
        kind = form.get("grant_type")
        if not kind:
            raise SmsCxFault(400, "invalid_request", 1600, "grant_type is missing")
        if kind != "client_credentials":
            raise SmsCxFault(
                400, "unsupported_grant_type", 1600, "Only client_credentials is supported"
            )
        scopes = form.get("scope", "").split() or list(SCOPES)
        if not set(scopes) <= set(SCOPES):
            raise SmsCxFault(400, "invalid_scope", 1600, "There is no such scope")
        token, lifetime = uuid4().hex, self.lifetime
        expires_at = self._wall() + lifetime if lifetime > 0 else None
        self._tokens[token] = expires_at, frozenset(scopes)
        return {
            "access_token": token,
            "expires_in": lifetime,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def check(self, request: Request, segment: str) -> None:
        """Check a request for a path that begins with *segment*; raises SmsCxFault."""
        key = request.getHeader("x-api-key")
        scheme, _, token = (request.getHeader("authorization") or "").partition(" ")
        if key:
            if key == FORBIDDEN:
                raise SmsCxFault(401, "invalid_api_key", 1601, "The API key is not valid")
        elif scheme.lower() == "bearer":
            self._check_token(token.strip(), segment)
        else:
            raise SmsCxFault(401, "invalid_api_key", 1601, "There is no API key or access token")
        self._count(request, key or token)

    def _check_token(self, token: str, segment: str) -> None:
        expires_at, scopes = self._tokens.get(token, (0.0, frozenset()))
        if expires_at is not None and expires_at <= self._wall():
            raise SmsCxFault(401, "invalid_client", 1601, "The access token is not valid")
        if segment in SCOPES and segment not in scopes:
            raise SmsCxFault(403, "insufficient_scope", 1602, f"The token does not allow {segment}")

    def _count(self, request: Request, who: str) -> None:
        second = int(self._wall())
        since, asked = self._asked.get(who, (second, 0))
        asked = asked + 1 if since == second else 1
        self._asked[who] = second, asked
        left = str(max(self.rate - asked, 0)).encode()
        request.setHeader(b"x-rate-limit-limit", str(self.rate).encode())
        request.setHeader(b"x-rate-limit-remaining", left)
        if asked > self.rate:
            raise self.too_fast()

    def too_fast(self) -> SmsCxFault:
        """Return the fault of a request above the rate."""
        reset = {"x-rate-limit-reset": str(int(self._wall()) + 1)}
        return SmsCxFault(429, "rate_limit", 1604, "Too many requests", headers=reset)


def _basic_secret(request: Request) -> list[str] | None:
    """Return id and secret of HTTP Basic; None without them."""
    scheme, _, pair = (request.getHeader("authorization") or "").partition(" ")
    try:
        decoded = b64decode(pair, validate=True).decode()
    except ValueError:
        return None
    name, colon, secret = decoded.partition(":")
    return [name, secret] if scheme.lower() == "basic" and colon and name and secret else None
