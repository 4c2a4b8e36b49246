"""The sites of the web listener and of the callbacks listener, and how both bound requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.python.failure import Failure
from twisted.web import http, server
from twisted.web.resource import IResource, Resource

from smppbridge.web.channel import BoundedChannel, Room
from smppbridge.web.forms import TooManyFields, read_fields

MAX_PIECES = 4_000
"""Pieces in which a body may come: a megabyte of chunks of one octet costs a second of CPU."""

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"

_DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_CLOSING = b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

PageContent = tuple[int, bytes, bytes]
"""A status, a content type and a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The terms of a request that may come in: its body has at most *most* octets."""

    most: int = 0


_NO_BODY = Admission()


class Served(Protocol):
    """The one resource of a site."""

    def judge(self, request: BoundedRequest) -> Admission | None:
        """Return the terms of a request whose headers are in; None for a stranger's.

        Called once for each request.
        """

    def render(self, request: BoundedRequest) -> bytes | int:
        """Answer a whole request; `judge` has made its *admission*."""


def answer(request: server.Request, status: int, body: bytes, content_type: bytes = TEXT) -> bytes:
    """Set the status and headers of an answer, and return its body for a Resource to return."""
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", content_type)
    request.setHeader(b"Cache-Control", b"no-store")
    return body


def not_found(request: server.Request) -> bytes:
    """Answer every unknown path and every wrong key alike."""
    return answer(request, http.NOT_FOUND, b"not found\n")


def not_allowed(request: server.Request, allowed: bytes) -> bytes:
    """Answer a method that the path does not serve."""
    request.setHeader(b"Allow", allowed)
    return answer(request, http.NOT_ALLOWED, b"method not allowed\n")


class BoundedRequest(server.Request):
    """A request whose body is bounded and in memory, and whose error pages hold no detail.

    *query* holds the first value of each name of the query string.
    """

    content: BytesIO
    admission: Admission | None = None
    query: Mapping[str, str] = MappingProxyType({})
    _fields = b""
    _pieces = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:
        """Judge a request whose headers are in: no body is read for a stranger."""
        self.content = BytesIO()
        channel = cast(BoundedChannel, self.channel)
        self.path, _, self._fields = channel.await_body().partition(b"?")
        self.admission = channel.site.resource.judge(self)
        if length == 0:
            return
        if self.admission is None:
            self._refuse(http.NOT_FOUND)
        elif length is not None and length > self.admission.most:
            self._refuse(http.REQUEST_ENTITY_TOO_LARGE)

    def peer(self) -> str:
        """Return the peer's address."""
        return str(getattr(self.getClientAddress(), "host", "local"))

    def handleContentChunk(self, data: bytes) -> None:
        """Keep octets of the body, as long as there is room."""
        if self._refused or self.admission is None:
            return
        self._pieces += 1
        if self.content.tell() + len(data) > self.admission.most or self._pieces > MAX_PIECES:
            self._refuse(http.REQUEST_ENTITY_TOO_LARGE)
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer a whole request, unless it was refused; its form is for the resource to read."""
        if self._refused:
            return
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        if self._fields and self.admission is not None:
            try:
                self.query = read_fields(self._fields)
            except TooManyFields:
                self._refuse(http.BAD_REQUEST)
                return
        self.process()

    def process(self) -> None:
        """Let the site's one resource answer: no tree of resources, no Server header."""
        self.site = cast(BoundedChannel, self.channel).site
        try:
            self.render(self.site.resource)
        except Exception:
            self.processingFailed(Failure())

    def done(self) -> None:
        """Answer 200 without a body, the answer to thousands of callbacks a second."""
        if self.responseHeaders.hasHeader(b"Connection"):  # the peer must know that we close
            self.setHeader(b"Content-Length", b"0")
        else:
            self.startedWriting = 1
            self.channel.write(_DONE)
        self.finish()

    def processingFailed(self, reason: Failure) -> Failure:
        """Log a failure of ours with its place, and answer the peer without any detail."""
        self._log.failure("", failure=reason)
        if self.channel is not None and not self.startedWriting:
            body = answer(self, http.INTERNAL_SERVER_ERROR, b"internal error\n")
            self.setHeader(b"Content-Length", b"%d" % len(body))
            self.write(body)
            self.finish()
        return reason

    def _refuse(self, status: int) -> None:
        self._refused = True
        self.channel.write(_CLOSING % (status, http.RESPONSES[status]))
        self.channel.loseConnection()


class BoundedSite(server.Site):
    """A Site that bounds connections, bodies and times, speaks HTTP/1.1 and logs no URL."""

    noisy = False
    resource: Served
    protocol = BoundedChannel  # type: ignore[assignment]  # typed for HTTP/2, which is not offered
    requestFactory = BoundedRequest

    def __init__(self, resource: Served, reactor: IReactorTime, room: Room) -> None:
        super().__init__(cast(IResource, resource), timeout=None, reactor=reactor)
        self.room, self.seconds = room, reactor.seconds

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Return a channel for a connection, None if there is no room for one more."""
        channel: BoundedChannel = cast(Any, super().buildProtocol(addr))
        channel.host = getattr(addr, "host", "local")
        return channel if self.room.admit(channel) else None

    def acceptableProtocols(self) -> list[bytes]:
        """Offer no HTTP/2: the bounds are those of HTTP/1.1's channel."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Write no access log: URLs carry keys."""


class Pages(Resource):
    """Exact paths, each with a function that makes its content; any other path is not found."""

    isLeaf = True

    def __init__(self, pages: Mapping[bytes, Callable[[], PageContent]]) -> None:
        super().__init__()
        self._pages = pages

    def judge(self, request: BoundedRequest) -> Admission | None:
        """Let requests without a body in, where there is a page."""
        return _NO_BODY if request.path in self._pages else None

    def render(self, request: server.Request) -> bytes:
        """Answer GET and HEAD."""
        page = self._pages.get(request.path)
        if page is None:
            return not_found(request)
        if request.method not in (b"GET", b"HEAD"):
            return not_allowed(request, b"GET, HEAD")
        status, content_type, body = page()
        return answer(request, status, body, content_type)


def web_site(
    ready: Callable[[], Mapping[str, bool]],
    exposition: Callable[[], bytes],
    reactor: IReactorTime,
    room: Room,
) -> BoundedSite:
    """Return the site for operators: /healthz, /readyz and /metrics.

    *ready* returns by name the conditions that must all be true for messages to be accepted.
    """

    def readiness() -> PageContent:
        checks = dict(ready())
        well = all(checks.values())
        body = json.dumps({"ready": well, "checks": checks}).encode() + b"\n"
        return (http.OK if well else http.SERVICE_UNAVAILABLE), JSON, body

    pages: dict[bytes, Callable[[], PageContent]] = {
        b"/healthz": lambda: (http.OK, TEXT, b"ok\n"),
        b"/readyz": readiness,
        b"/metrics": lambda: (http.OK, EXPOSITION, exposition()),
    }
    return BoundedSite(Pages(pages), reactor, room)


def callbacks_site(callbacks: Served, reactor: IReactorTime, room: Room) -> BoundedSite:
    """Return the site for the callbacks of providers alone."""
    return BoundedSite(callbacks, reactor, room)
