"""Requests to Jasmin's REST layer, and the layer's answers, before any message is sent."""

from __future__ import annotations

import json
import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twisted.web.server import Request

from smppbridge.simulators.d7.arguments import JasminRefusal
from smppbridge.simulators.serving import Page, PageAnswer

_MAX_BODY = 1 << 22
_REASONS = {404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}
_MORE = {"text": "API documentation", "href": "http://127.0.0.1/", "rel": "help"}
_SECONDS = re.compile(r"(\d+)s")


class RestFault(Exception):
    """The REST layer itself answers with *status*, a title and perhaps a description."""

    def __init__(self, status: int, title: str = "", description: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.document: dict[str, Any] = {"title": title or f"{status} {_REASONS[status]}"}
        if description:
            self.document["description"] = description
        if status == 401:
            self.document["link"] = _MORE


class Path(Page):
    """One path of the REST API; the REST layer answers every error in its own form.

    The words of the inner API about a message are *quoted*, less the quotes at the ends.
    """

    def __init__(
        self, answer: Callable[[Request], PageAnswer], method: bytes, *, quoted: bool = True
    ) -> None:
        Page.__init__(self, answer, method)
        self._quoted = quoted

    def render(self, request: Request) -> PageAnswer:
        """Answer the request, also with an error."""
        try:
            if request.method not in self._methods:
                request.setHeader(b"allow", b", ".join(self._methods))
                raise RestFault(405)
            if not _takes_json(request):
                raise RestFault(415, "Unsupported media type", "Only JSON is spoken here.")
            return self._answer(request)
        except RestFault as fault:
            return answer(request, fault.document, fault.status)
        except JasminRefusal as refusal:
            words = relayed(refusal) if self._quoted else refusal.words
            return answer(request, {"message": words}, refusal.status)


def answer(request: Request, document: Mapping[str, Any], status: int = 200) -> bytes:
    """Return *document* as the body of an answer with *status*."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(document).encode()


def relayed(refusal: JasminRefusal) -> str:
    """Return the inner API's words about a message, less the quotes at the ends."""
    return f'Error "{refusal.words}"'.strip('"')


def user_of(request: Request) -> tuple[str, str]:
    """Return user and password of a request; raises RestFault."""
    header = request.getHeader("authorization")
    if header is None:
        raise RestFault(401, "Authentication required", "A Basic token is needed.")
    words = header.split(" ")
    if len(words) != 2:
        raise RestFault(401, f"Invalid token: {header}", "A Basic token is needed.")
    try:
        user, password = a2b_base64(words[1]).decode().split(":")
    except (NotBase64, ValueError):
        raise RestFault(500) from None
    return user, password


def json_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request, under any Content-Type; raises RestFault."""
    body = request.content.read(_MAX_BODY) if request.content else b""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        words = f"Got unparseable json data: {body[:200]!r}"
        raise RestFault(412, "Cannot parse JSON data", words) from None
    if not isinstance(document, dict):
        raise RestFault(500)
    return document


def countdown_of(schedule_at: object, now: datetime) -> float:
    """Return the seconds until a batch is due (0: at once); *now* is local time.

    Raises RestFault.
    """
    if schedule_at is None:
        return 0.0
    words = str(schedule_at)
    try:
        moment = datetime.strptime(words, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        seconds = _SECONDS.fullmatch(words)
        if seconds is None:
            raise RestFault(412, "Cannot parse scheduled_at value", "An unknown format.") from None
        return float(seconds[1])
    if moment < now:
        raise RestFault(412, "Cannot schedule batch in past date", "A moment that has passed.")
    return (moment - now).total_seconds()


def _takes_json(request: Request) -> bool:
    accepted = request.getHeader("accept") or "*/*"
    return any(kind in accepted for kind in ("*/*", "application/*", "application/json"))
