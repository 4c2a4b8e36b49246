"""callbacks: /callbacks/<provider>/<callback_key>, answered when the reports are on disk."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.relay.ports import CountReason, Journal, uncounted
from smppbridge.store.port import StoreFailure
from smppbridge.web.forms import TooManyFields, form_of
from smppbridge.web.request import Admission, Request, not_allowed, not_found

LOGGED_AGAIN_AFTER = 3_600.0
"""Seconds; there are four reasons to refuse a callback."""

Read = Callable[[str, HttpRequest], Sequence[Received]]
"""Reads a callback of a provider; raises BadReply if it is none of its callbacks."""
Receive = Callable[[str, list[Received]], Coroutine[Any, Any, None]]
"""Receives the reports and messages of a provider; they are on disk when it returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Admission):
    """A provider that may call: its name and key, and the body of the answer that it expects."""

    provider: str
    key: bytes = field(repr=False)
    answer: bytes = b""


_NOBODY = Caller(provider="", key=b"\0" * 32)


@dataclass(slots=True)
class _Callbacks:
    """The requests of a provider in one turn, and the reports and messages in the requests."""

    requests: list[tuple[Request, bytes]] = field(default_factory=list)
    """Each with the body of its answer."""
    received: list[Received] = field(default_factory=list)


class RequestTap(Protocol):
    """Keeps requests of providers, and our answers, for a trace."""

    def called(self, request: Request) -> None:
        """Go by a whole request."""


class CallbacksResource:
    """The resource that providers call; to a stranger every path looks the same.

    All callbacks of one turn of the reactor are received together, with one commit.  *count* is
    called with the provider ("" if its key was wrong), the result of requests and how many they
    are; *log* logs the first request of an hour that was refused for a provider and a reason.
    *tap* is written by a trace.
    """

    _log = Logger()

    def __init__(
        self,
        read: Read,
        receive: Receive,
        reactor: IReactorTime,
        count: Callable[[str, str, int], None],
        log: Journal,
        reason: CountReason = uncounted,
    ) -> None:
        self._read, self._receive, self._reactor = read, receive, reactor
        self._count, self._journal, self._reason = count, log, reason
        self._logged: dict[tuple[str, str], float] = {}  # by provider and reason: few
        self._callers: Mapping[bytes, Caller] = {}  # by the path in front of the key
        self._waiting: dict[str, _Callbacks] = {}
        self.tap: RequestTap | None = None

    def admit(self, callers: Sequence[Caller]) -> None:
        """Let these providers call from now on, and no others."""
        if not all(caller.key for caller in callers):
            raise ValueError("a callback key is empty")
        self._callers = {b"/callbacks/" + caller.provider.encode(): caller for caller in callers}

    def judge(self, request: Request) -> Caller | None:
        """Return the caller whose path is requested; a stranger is counted."""
        path, _, key = request.path.rpartition(b"/")
        caller = self._callers.get(path, _NOBODY)
        if compare_digest(caller.key, key) and caller is not _NOBODY:
            return caller
        self._count("", "unknown", 1)
        if self.tap is not None and request.body_length() != 0:
            self.tap.called(request)  # it is not rendered: its body is not read
        self._note_refused(
            request, caller.provider, "wrong_path" if caller is _NOBODY else "wrong_key"
        )
        return None

    def render(self, request: Request) -> None:
        """Answer a request: at once if it is no callback, else when the callback is on disk."""
        if self.tap is not None:
            self.tap.called(request)
        caller = request.admission
        if not isinstance(caller, Caller):
            not_found(request)
            return
        provider = caller.provider
        if request.method not in (b"GET", b"POST"):
            self._count(provider, "bad_request", 1)
            self._note_refused(request, provider, "method")
            not_allowed(request, b"GET, POST")
            return
        try:
            received = self._read(provider, read_request(request, provider))
        except BadReply as error:
            self._count(provider, "bad_request", 1)
            self._note_refused(request, provider, "not_understood", why=error.reason)
            request.answer(HTTPStatus.BAD_REQUEST, b"not understood\n")
            return
        except Exception:  # a provider's fault must not look like a good answer to its caller
            self._log.failure("callback")
            self._count(provider, "failed", 1)
            request.answer(HTTPStatus.SERVICE_UNAVAILABLE, b"not stored\n")
            return
        callbacks = self._waiting.get(provider)
        if callbacks is None:
            if not self._waiting:
                self._reactor.callLater(0, self._receive_all)
            callbacks = self._waiting[provider] = _Callbacks()
        callbacks.requests.append((request, caller.answer))
        callbacks.received += received

    def _note_refused(self, request: Request, provider: str, reason: str, **more: str) -> None:
        now, kind = self._reactor.seconds(), (provider, reason)
        detail = ": ".join([f"from {request.host}", *more.values()])
        self._reason(reason, provider or "callbacks", detail=detail, first=False, others=False)
        if self._logged.get(kind, now) <= now:
            self._logged[kind] = now + LOGGED_AGAIN_AFTER
            self._journal(
                "callback_refused",
                provider=provider,
                reason=reason,
                address=request.host,
                **more,
            )

    def _receive_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for provider, callbacks in waiting.items():
            Deferred.fromCoroutine(self._receive_from(provider, callbacks))

    async def _receive_from(self, provider: str, callbacks: _Callbacks) -> None:
        stored = False
        try:
            await self._receive(provider, callbacks.received)
            stored = True
        except StoreFailure:
            pass  # the store has logged it
        except Exception:
            self._log.failure("callback")
        self._count(provider, "ok" if stored else "failed", len(callbacks.requests))
        for request, answer in callbacks.requests:
            if stored:
                request.answer(HTTPStatus.OK, answer)
            else:
                request.answer(HTTPStatus.SERVICE_UNAVAILABLE, b"not stored\n")


def read_request(request: Request, provider: str) -> HttpRequest:
    """Return a request as the provider modules read it: first values, header names in lower case.

    The URL is without the key, and has the query string as it came; the fields of a form stand in
    the query.  Raises BadReply.
    """
    body, query = bytes(request.body), request.query
    if body:
        content_type = request.header(b"content-type").decode("latin-1")
        try:
            query = {**query, **form_of(body, content_type)}
        except TooManyFields:
            raise BadReply("a form of too many fields") from None
    asked = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    return HttpRequest(
        method=request.method.decode("ascii"),
        url=f"/callbacks/{provider}{asked}",
        headers=tuple(
            [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.items()]
        ),
        body=body,
        query=query,
        operation="callback",
    )
