"""What providers call: /callbacks/<provider>/<callback_key>, answered when it is on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import BAD_REQUEST, OK, SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.store.port import StoreFailure
from smppbridge.web.site import Request, answer, not_allowed, not_found

Told = Callable[[str, HttpRequest], Deferred[None]]
"""Takes what a provider said; done when that is on disk.  Raises BadReply for what it is not."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A provider that may call: its key, and the body that it wants in return."""

    key: bytes = field(repr=False)
    answer: bytes = b""


_NOBODY = Caller(b"\0" * 32)


class Callbacks(Resource):
    """Hears providers; an unknown one, a wrong key and any other path look the same from outside.

    *counted* is called with the provider ("" if its key was wrong) and what came of the request.
    """

    isLeaf = True
    _log = Logger()

    def __init__(self, told: Told, counted: Callable[[str, str], None]) -> None:
        super().__init__()
        self._told = told
        self._counted = counted
        self._callers: Mapping[bytes, Caller] = {}

    def admit(self, callers: Mapping[str, Caller]) -> None:
        """Hear these providers from now on, and no others."""
        if not all(caller.key for caller in callers.values()):
            raise ValueError("a callback key is empty")
        self._callers = {name.encode(): caller for name, caller in callers.items()}

    def render(self, request: Request) -> bytes | int:
        """Answer one request, at once if it is not for us."""
        name, key = _addressed(request)
        caller = self._callers.get(name, _NOBODY)
        if not compare_digest(caller.key, key) or caller is _NOBODY:
            self._counted("", "unknown")
            return not_found(request)
        provider = name.decode()
        if request.method not in (b"GET", b"POST"):
            self._counted(provider, "bad_request")
            return not_allowed(request, b"GET, POST")
        told = maybeDeferred(self._told, provider, read_request(request, provider))
        told.addCallbacks(
            self._heard, self._failed, (request, provider, caller), {}, (request, provider)
        )
        return NOT_DONE_YET

    def _heard(self, _: object, request: Request, provider: str, caller: Caller) -> None:
        self._answer(request, OK, caller.answer)
        self._counted(provider, "ok")

    def _failed(self, failure: Failure, request: Request, provider: str) -> None:
        if failure.check(BadReply):
            self._answer(request, BAD_REQUEST, b"not understood\n")
            self._counted(provider, "bad_request")
            return
        if not failure.check(StoreFailure):  # which the store has told of
            self._log.failure("callback", failure)
        self._answer(request, SERVICE_UNAVAILABLE, b"not stored\n")
        self._counted(provider, "failed")

    def _answer(self, request: Request, status: int, body: bytes) -> None:
        if request.channel is None:  # the provider has gone meanwhile
            return
        if status == OK and not body:
            request.done()
            return
        request.setHeader(b"Content-Length", b"%d" % len(body))
        request.write(answer(request, status, body))
        request.finish()


def _addressed(request: Request) -> tuple[bytes, bytes]:
    """Return the provider and the key that a path names; empty ones if it is not such a path."""
    match request.path.split(b"/"):
        case [b"", b"callbacks", name, key]:
            return name, key
    return b"", b""


def read_request(request: Request, provider: str) -> HttpRequest:
    """Return what came as the provider modules read it: first values, names of headers lower case.

    Its URL goes without the key.
    """
    return HttpRequest(
        method=request.method.decode("ascii"),
        url=f"/callbacks/{provider}",
        headers=tuple(
            (name.decode("latin-1").lower(), values[0].decode("latin-1"))
            for name, values in request.requestHeaders.getAllRawHeaders()
        ),
        body=request.content.read(),
        query={
            name.decode("utf-8", "replace"): values[0].decode("utf-8", "replace")
            for name, values in request.args.items()
        },
        operation="callback",
    )
