"""A request of HTTP/1.1 and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol, cast

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"

_DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_NO_FIELDS: Mapping[str, str] = MappingProxyType({})
_NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})
_STATUS_LINES = {int(s): b"HTTP/1.1 %d %s\r\n" % (s, s.phrase.encode()) for s in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The terms of a request that may come in: its body has at most *most* octets."""

    most: int = 0


class AnsweredConnection(Protocol):
    """The connection that a request came over."""

    host: str

    def answered(self, request: Request, octets: bytes) -> None:
        """Write the answer to a request."""


class StreamingConnection(AnsweredConnection, Protocol):
    """A connection, as far as an answer that goes on is concerned."""

    def streamed(self, octets: bytes, producer: object) -> None:
        """Write the beginning of an answer that goes on; *producer* is told to pause and resume."""

    def push(self, octets: bytes) -> None:
        """Write more of an answer that goes on."""

    def give_way(self) -> None:
        """Cut the connection off."""


class Request:
    """A request whose headers are in, then whole; its resource answers once.

    *query* and *headers* hold the first value of each name; names of headers are in lower case.
    *gone* is called if the connection ends before the answer, *tap* with the octets of the answer.
    """

    __slots__ = (
        "_connection",
        "admission",
        "body",
        "closing",
        "gone",
        "headers",
        "method",
        "path",
        "query",
        "query_string",
        "tap",
    )

    def __init__(self, connection: AnsweredConnection, method: bytes, target: bytes) -> None:
        self.method = method
        self.path, _, self.query_string = target.partition(b"?")
        self.query = _NO_FIELDS
        self.headers = _NO_HEADERS
        self.body = bytearray()
        self.admission: Admission | None = None
        self.gone: Callable[[], None] | None = None
        self.tap: Callable[[bytes], None] | None = None
        self.closing = False  # the connection closes after the answer
        self._connection: AnsweredConnection | None = connection

    @property
    def host(self) -> str:
        """The peer's address."""
        return self._connection.host if self._connection else ""

    def answer(
        self,
        status: int,
        body: bytes = b"",
        content_type: bytes = TEXT,
        headers: bytes = b"",
        cache: bytes = b"no-store",
    ) -> None:
        """Answer, if the peer is there still; *headers* are whole lines.  A HEAD gets no body."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        octets = self.octets(status, body, content_type, headers, cache)
        if self.tap is not None:
            self.tap(octets)
        connection.answered(self, octets)

    def stream(self, content_type: bytes, headers: bytes = b"") -> Outflow | None:
        """Begin an answer that goes on until it is ended; None if the peer has gone.

        The connection closes at its end.  *headers* are whole lines.
        """
        connection = self._connection
        if connection is None:
            return None
        streaming = cast(StreamingConnection, connection)
        self.closing = True
        head = _STATUS_LINES[HTTPStatus.OK] + b"Content-Type: %s\r\n" % content_type
        outflow = Outflow(self, streaming)
        head += b"Cache-Control: no-store\r\n" + headers + b"Connection: close\r\n\r\n"
        streaming.streamed(head, outflow)
        return outflow

    def end(self) -> None:
        """End an answer that goes on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.answered(self, b"")

    def abandon(self) -> None:
        """Note that the connection has ended: nobody waits for the answer."""
        if self._connection is not None:
            self._connection = None
            if self.gone is not None:
                self.gone()

    def octets(
        self,
        status: int,
        body: bytes = b"",
        content_type: bytes = TEXT,
        headers: bytes = b"",
        cache: bytes = b"no-store",
    ) -> bytes:
        """Return an answer in octets; *cache* is its Cache-Control."""
        if status == HTTPStatus.OK and not body and not self.closing:
            return _DONE  # to thousands of callbacks a second
        head = b"".join(
            (
                _STATUS_LINES[status],
                b"Content-Type: %s\r\nCache-Control: %s\r\n" % (content_type, cache),
                b"Content-Length: %d\r\n" % len(body),
                headers,
                b"Connection: close\r\n" if self.closing else b"",
                b"\r\n",
            )
        )
        return head if self.method == b"HEAD" else head + body

    def header(self, name: bytes) -> bytes:
        """Return the first value of a header, by its name in lower case; empty without one."""
        return self.headers.get(name, b"")

    def body_length(self) -> int | None:
        """Return the octets of the body that is to come, None for a body in chunks."""
        if self.headers.get(b"transfer-encoding"):
            return None
        length = self.headers.get(b"content-length")
        return int(length) if length else 0


class Outflow:
    """An answer that goes on; *is_full*: the peer reads too slowly, and nothing may be pushed.

    Twisted's transports call the three methods of an IPushProducer; they alone write *is_full*.
    """

    def __init__(self, request: Request, connection: StreamingConnection) -> None:
        self.is_full = False
        self._request, self._connection = request, connection

    def watch(self, gone: Callable[[], None]) -> None:
        """Call *gone* if the connection ends before the answer does."""
        self._request.gone = gone

    def push(self, octets: bytes) -> None:
        """Write more of the answer."""
        self._connection.push(octets)

    def end(self) -> None:
        """End the answer, and close."""
        self._request.end()

    def cut(self) -> None:
        """Cut the connection off: octets that its peer has not read are lost."""
        self._connection.give_way()

    def pauseProducing(self) -> None:
        """Note that the transport has as many octets in line as it takes."""
        self.is_full = True

    def resumeProducing(self) -> None:
        """Note that the transport's octets have left."""
        self.is_full = False

    def stopProducing(self) -> None:
        """Note that the connection has ended: nothing leaves any more."""
        self.is_full = True


class SiteResource(Protocol):
    """The one resource of a site."""

    def judge(self, request: Request) -> Admission | None:
        """Return the terms of a request whose headers are in; None for a stranger's.

        Called once for each request.
        """

    def render(self, request: Request) -> None:
        """Answer a whole request, now or later; `judge` has made its *admission*."""


def not_found(request: Request) -> None:
    """Answer every unknown path and every wrong key alike."""
    request.answer(HTTPStatus.NOT_FOUND, b"not found\n")


def not_allowed(request: Request, allowed: bytes) -> None:
    """Answer a method that the path does not serve."""
    headers = b"Allow: %s\r\n" % allowed
    request.answer(HTTPStatus.METHOD_NOT_ALLOWED, b"method not allowed\n", headers=headers)
