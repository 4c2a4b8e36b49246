"""The sites of the web listener and of the callbacks listener, and the bounds both keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.python.failure import Failure
from twisted.web import http, server
from twisted.web.resource import IResource, Resource

MAX_BODY = 1 << 20  # SMS.CX sends up to 200 reports on long messages in one request
"""Octets in the body of a request."""
MAX_CONNECTIONS = 500
TIMEOUT = 60.0
"""Seconds that a connection may be idle, and that one request may take to come in."""

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"

_DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE = (
    b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)

PageContent = tuple[int, bytes, bytes]
"""A status, a content type and a body."""


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
    """A request whose body is bounded and in memory, and whose error pages hold no detail."""

    content: BytesIO
    _refused = False

    def gotLength(self, length: int | None) -> None:
        """Refuse a body of a Content-Length that is too large before it comes."""
        self.content = BytesIO()
        if length is not None and length > MAX_BODY:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep octets of the body, as long as there is room."""
        if self._refused:
            return
        if self.content.tell() + len(data) > MAX_BODY:
            self._refuse()
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Go on with a whole request, unless it was refused."""
        if not self._refused:
            super().requestReceived(command, path, version)

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

    def _refuse(self) -> None:
        self._refused = True
        self.channel.write(_TOO_LARGE)
        self.channel.loseConnection()


class BoundedChannel(http.HTTPChannel):
    """One HTTP/1.1 connection; a request that trickles in has no more time than any other."""

    site: BoundedSite
    transport: ITCPTransport

    _begun = False
    _admitted = False
    _host: IAddress | None = None

    def connectionMade(self) -> None:
        """Begin, unless there are too many connections already."""
        self._admitted = self.site.admit()
        if self._admitted:
            super().connectionMade()
        else:
            self.transport.abortConnection()

    def getHost(self) -> IAddress:
        """Return our end of the connection, found once: every request asks."""
        if self._host is None:
            self._host = super().getHost()
        return self._host

    def resetTimeout(self) -> None:
        """Begin the time-out anew with the first octets of a request only."""
        if not self._begun:
            self._begun = True
            super().resetTimeout()

    def requestDone(self, request: http.Request) -> None:
        """Be ready for the next request."""
        self._begun = False
        super().requestDone(request)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Make room for another connection."""
        super().connectionLost(reason)
        if self._admitted:
            self.site.release()


class BoundedSite(server.Site):
    """A Site that bounds connections, bodies and times, speaks HTTP/1.1 and logs no URL."""

    noisy = False
    protocol = BoundedChannel  # type: ignore[assignment]  # typed for HTTP/2, which is not offered
    requestFactory = BoundedRequest

    def __init__(
        self, resource: IResource, reactor: IReactorTime, connections: int = MAX_CONNECTIONS
    ) -> None:
        super().__init__(resource, timeout=TIMEOUT, reactor=reactor)
        self._room = connections

    def admit(self) -> bool:
        """Reserve room for a connection; return whether there was room."""
        if not self._room:
            return False
        self._room -= 1
        return True

    def release(self) -> None:
        """Give back the room of a connection that has ended."""
        self._room += 1

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
    return BoundedSite(Pages(pages), reactor)


def callbacks_site(callbacks: IResource, reactor: IReactorTime) -> BoundedSite:
    """Return the site for the callbacks of providers alone."""
    return BoundedSite(callbacks, reactor)
