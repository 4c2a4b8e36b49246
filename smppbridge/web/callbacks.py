"""The callbacks of providers: /callbacks/<provider>/<callback_key>, answered when on disk."""

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
from smppbridge.web.site import BoundedRequest, answer, not_allowed, not_found

RecordCallback = Callable[[str, HttpRequest], Deferred[None]]
"""Records a provider's callback; done when it is on disk.  Raises BadReply if it is no callback."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A provider that may call: its key, and the body of the answer that it expects."""

    key: bytes = field(repr=False)
    answer: bytes = b""


_NOBODY = Caller(b"\0" * 32)


class CallbacksResource(Resource):
    """Records callbacks; an unknown provider, a wrong key and any other path have the same answer.

    *count* is called with the provider ("" if its key was wrong) and a word for the answer.  Only
    `admit` writes which providers may call.
    """

    isLeaf = True
    _log = Logger()

    def __init__(self, record: RecordCallback, count: Callable[[str, str], None]) -> None:
        super().__init__()
        self._record, self._count = record, count
        self._callers: Mapping[bytes, Caller] = {}

    def admit(self, callers: Mapping[str, Caller]) -> None:
        """Admit these providers from now on, and no others.  Raises ValueError for an empty key."""
        if not all(caller.key for caller in callers.values()):
            raise ValueError("a callback key is empty")
        self._callers = {name.encode(): caller for name, caller in callers.items()}

    def render(self, request: BoundedRequest) -> bytes | int:
        """Answer a request: at once if it is no callback, else when the callback is on disk."""
        name, key = _addressed(request)
        caller = self._callers.get(name, _NOBODY)
        if not compare_digest(caller.key, key) or caller is _NOBODY:
            self._count("", "unknown")
            return not_found(request)
        provider = name.decode()
        if request.method not in (b"GET", b"POST"):
            self._count(provider, "bad_request")
            return not_allowed(request, b"GET, POST")
        recorded = maybeDeferred(self._record, provider, read_request(request, provider))
        recorded.addCallbacks(
            self._recorded, self._failed, (request, provider, caller), {}, (request, provider)
        )
        return NOT_DONE_YET

    def _recorded(self, _: object, request: BoundedRequest, provider: str, caller: Caller) -> None:
        self._answer(request, OK, caller.answer)
        self._count(provider, "ok")

    def _failed(self, failure: Failure, request: BoundedRequest, provider: str) -> None:
        if failure.check(BadReply):
            self._answer(request, BAD_REQUEST, b"not understood\n")
            self._count(provider, "bad_request")
            return
        if not failure.check(StoreFailure):  # the store has logged it
            self._log.failure("callback", failure)
        self._answer(request, SERVICE_UNAVAILABLE, b"not stored\n")
        self._count(provider, "failed")

    def _answer(self, request: BoundedRequest, status: int, body: bytes) -> None:
        if request.channel is None:  # the provider has gone meanwhile
            return
        if status == OK and not body:
            request.done()
            return
        request.setHeader(b"Content-Length", b"%d" % len(body))
        request.write(answer(request, status, body))
        request.finish()


def _addressed(request: BoundedRequest) -> tuple[bytes, bytes]:
    """Return the provider and the key in the path of a callback; empty names for other paths."""
    match request.path.split(b"/"):
        case [b"", b"callbacks", name, key]:
            return name, key
    return b"", b""


def read_request(request: BoundedRequest, provider: str) -> HttpRequest:
    """Return a request as the provider modules read it: first values, header names in lower case.

    The URL is without the key.
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
