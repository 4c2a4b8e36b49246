"""The requests of a USSD provider: POST /ussd/<key>, answered with the next screen, CON or END."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from smppbridge.providers.answers import callback_fields, identifier_of
from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.relay.ussd.pdus import LONGEST_ADDRESS, AnswerScreen, Dialled, Screen
from smppbridge.web.callbacks import RequestTap, read_request
from smppbridge.web.request import Admission, Request, SiteResource, not_allowed

MAX_BODY = 65_536
"""Octets in the body of a request."""
LONGEST_INPUT = 4_000
"""Characters that a phone has typed in a dialogue, all inputs together."""
_COUNTED_AS = "ussd"

Going = TypeVar("Going")
"""A dialogue, or a request on its way to one: opaque here."""


class DialogueRequests(Protocol[Going]):
    """The dialogues that the requests of phones go on in."""

    def ask(self, dialled: Dialled, answer: AnswerScreen, /) -> Going:
        """Go on with the dialogue of a request, or begin one; *answer* gets one screen."""

    def left(self, going: Going, answer: AnswerScreen, /) -> None:
        """Note that the request of *answer* is gone."""


class UssdResource:
    """Serves one USSD provider; every other path and every wrong key is for *others* to answer.

    Only `admit` writes which key is served, and by which dialogues; *tap* is written by a trace.
    """

    def __init__(self, others: SiteResource, count: Callable[[str, str, int], None]) -> None:
        self._others, self._count = others, count
        self._dialogues: DialogueRequests[Any] | None = None
        self._path, self._admission = b"", Admission(most=MAX_BODY)
        self.tap: RequestTap | None = None

    def admit(self, key: str | None, dialogues: DialogueRequests[Any]) -> None:
        """Serve requests with *key* from now on; without a key serve no request."""
        self._path = f"/ussd/{key}".encode()
        self._dialogues = dialogues if key else None

    def judge(self, request: Request) -> Admission | None:
        """Let the requests of phones in; other paths are for *others* to judge."""
        if self._dialogues is not None and compare_digest(request.path, self._path):
            return self._admission
        return self._others.judge(request)

    def render(self, request: Request) -> None:
        """Answer a request: at once if it cannot be read, else with the dialogue's next screen."""
        if request.admission is not self._admission or self._dialogues is None:
            self._others.render(request)
            return
        if self.tap is not None:
            self.tap.called(request)
        if request.method != b"POST":
            self._count(_COUNTED_AS, "bad_request", 1)
            not_allowed(request, b"POST")
            return
        try:
            dialled = read_dialled(read_request(request, _COUNTED_AS))
        except BadReply:
            self._count(_COUNTED_AS, "bad_request", 1)
            request.answer(HTTPStatus.BAD_REQUEST, b"not understood\n")
            return
        self._count(_COUNTED_AS, "ok", 1)
        self._ask(request, dialled, self._dialogues)

    def _ask(self, request: Request, dialled: Dialled, dialogues: DialogueRequests[Any]) -> None:
        def show(screen: Screen) -> None:
            request.gone = None
            request.answer(HTTPStatus.OK, body_of(screen))

        dialogue = dialogues.ask(dialled, show)
        request.gone = lambda: dialogues.left(dialogue, show)


def body_of(screen: Screen) -> bytes:
    """Return a screen in the provider's form: CON or END, and the text."""
    return f"{'END' if screen.ends else 'CON'} {screen.text}".encode("utf-8", "replace")


def read_dialled(request: HttpRequest) -> Dialled:
    """Return the request of a phone, from JSON or a form; raises BadReply.

    The CALLBACK_URL in the request is our own, and is never called.
    """
    fields = callback_fields(request, "msisdn", "session_id", "service_code", "ussd_string")
    msisdn = (identifier_of(fields.get("msisdn")) or "").removeprefix("+")
    session_id = identifier_of(fields.get("session_id"))
    service_code = identifier_of(fields.get("service_code"))
    if not (msisdn.isascii() and msisdn.isdecimal() and len(msisdn) <= LONGEST_ADDRESS):
        raise BadReply("no MSISDN")
    if session_id is None or service_code is None:
        raise BadReply("no SESSION_ID or SERVICE_CODE")
    return Dialled(msisdn, session_id, service_code, _typed(fields))


def _typed(fields: dict[str, Any]) -> str:
    """Return the input: USSD_STRING, or USER_DATA, its other name in the provider's document."""
    text = fields.get("ussd_string")
    if text is None:
        text = fields.get("user_data")
    if text is None:
        return ""
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or len(text) > LONGEST_INPUT:
        raise BadReply("no USSD_STRING")
    return text
