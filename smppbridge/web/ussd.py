"""Where a USSD provider calls: POST /ussd/<key>, answered with the next screen, CON or END."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.web.http import BAD_REQUEST, OK
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from smppbridge.providers.answers import callback_fields, identifier_of
from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.relay.ussd.dialogues import Answer
from smppbridge.relay.ussd.pdus import LONGEST_ADDRESS, Dialled, Dialogue, Screen
from smppbridge.web.callbacks import read_request
from smppbridge.web.site import Request, answer, not_allowed

LONGEST_INPUT = 4_000
"""Characters of all that a phone has typed in a dialogue."""
_COUNTED_AS = "ussd"


class Phones(Protocol):
    """Who takes what phones send."""

    def ask(self, said: Dialled, answer: Answer) -> Dialogue:
        """Take a request; *answer* gets the screen, once."""

    def left(self, dialogue: Dialogue, answer: Answer) -> None:
        """Note that the request of *answer* is gone."""


class Ussd(Resource):
    """Hears one USSD provider; all that is not for it is for *others*, which know no such path."""

    isLeaf = True

    def __init__(self, others: IResource, counted: Callable[[str, str], None]) -> None:
        super().__init__()
        self._others, self._counted = others, counted
        self._phones: Phones | None = None
        self._path = b""

    def admit(self, key: str | None, phones: Phones) -> None:
        """Hear whoever knows *key* from now on; nobody if there is none."""
        self._path = f"/ussd/{key}".encode()
        self._phones = phones if key else None

    def render(self, request: Request) -> bytes | int:
        """Answer one request, in time."""
        if not compare_digest(request.path, self._path) or self._phones is None:
            rendered: bytes | int = self._others.render(request)
            return rendered
        if request.method != b"POST":
            self._counted(_COUNTED_AS, "bad_request")
            return not_allowed(request, b"POST")
        try:
            said = read_dialled(read_request(request, _COUNTED_AS))
        except BadReply:
            self._counted(_COUNTED_AS, "bad_request")
            return answer(request, BAD_REQUEST, b"not understood\n")
        self._counted(_COUNTED_AS, "ok")
        self._ask(request, said, self._phones)
        return NOT_DONE_YET

    def _ask(self, request: Request, said: Dialled, phones: Phones) -> None:
        finished: Deferred[None] = request.notifyFinish()

        def show(screen: Screen) -> None:
            if request.channel is None:  # the provider has gone meanwhile
                return
            body = body_of(screen)
            request.setHeader(b"Content-Length", b"%d" % len(body))
            request.write(answer(request, OK, body))
            request.finish()

        dialogue = phones.ask(said, show)
        finished.addErrback(lambda _: phones.left(dialogue, show))


def body_of(screen: Screen) -> bytes:
    """Return a screen as the provider wants it."""
    return f"{'END' if screen.ends else 'CON'} {screen.text}".encode("utf-8", "replace")


def read_dialled(request: HttpRequest) -> Dialled:
    """Return what a phone sent, from JSON or a form; raises BadReply.

    The CALLBACK_URL that comes along is our own, and is never called.
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
    """Return the input: USSD_STRING, or USER_DATA, as it is called elsewhere in the document."""
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
