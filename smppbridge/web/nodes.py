"""The requests that nodes make of each other, on a listener of their own: about USSD dialogues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus

from smppbridge.relay.ussd import words
from smppbridge.relay.ussd.pdus import Screen
from smppbridge.relay.ussd.served import Declined, ServedDialogues
from smppbridge.web.request import JSON, Admission, Request, not_allowed, not_found

MAX_BODY = 131_072
"""Octets in the body of a request: a submit_sm with the longest message_payload, in base64."""


def authorization_of(key: str) -> str:
    """Return the Authorization header of requests between nodes that share a key.

    The key itself is not sent.
    """
    return f"Bearer {sha256(key.encode()).hexdigest()}"


class NodesResource:
    """Serves the other nodes, who have the key; to a stranger every path looks the same."""

    def __init__(self, key: str, dialogues: ServedDialogues) -> None:
        self._authorization = authorization_of(key).encode()
        self._dialogues, self._admission = dialogues, Admission(most=MAX_BODY)
        self._paths: Mapping[bytes, Callable[[Request], None]] = {
            words.ASK.encode(): self._ask,
            words.LEAVE.encode(): self._leave,
            words.SHOW.encode(): self._show,
        }

    def judge(self, request: Request) -> Admission | None:
        """Let the requests of nodes in."""
        known = compare_digest(request.header(b"authorization"), self._authorization)
        return self._admission if known and request.path in self._paths else None

    def render(self, request: Request) -> None:
        """Answer a request: a phone's when its screen is there, the others at once."""
        if request.admission is None:
            not_found(request)
        elif request.method != b"POST":
            not_allowed(request, b"POST")
        else:
            try:
                self._paths[request.path](request)
            except words.BadWords:
                request.answer(HTTPStatus.BAD_REQUEST, b"not understood\n")
            except Declined:
                request.answer(HTTPStatus.CONFLICT, b"not here\n")

    def _ask(self, request: Request) -> None:
        def show(screen: Screen) -> None:
            request.gone = None
            request.answer(HTTPStatus.OK, words.screen_of(screen), JSON)

        asked = self._dialogues.ask(words.read_ask(bytes(request.body)), show)
        request.gone = lambda: self._dialogues.left(asked)

    def _leave(self, request: Request) -> None:
        self._dialogues.leave(words.read_ask(bytes(request.body)).dialled)
        request.answer(HTTPStatus.OK)

    def _show(self, request: Request) -> None:
        refusal = self._dialogues.show(words.read_show(bytes(request.body)))
        request.answer(HTTPStatus.OK, words.refusal_of(refusal), JSON)
