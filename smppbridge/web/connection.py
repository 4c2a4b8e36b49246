"""A connection of HTTP/1.1: requests read and answered in order, every part bounded and timed."""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import Protocol as Typing

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection as TcpConnection
from twisted.logger import Logger
from twisted.python.failure import Failure

from smppbridge.net.sending import send
from smppbridge.web.forms import TooManyFields, read_fields
from smppbridge.web.request import Request, SiteResource

HEADERS_WITHIN = 10.0
"""Seconds from the connection, or from a later request's first octet, to the end of its headers."""
TIMEOUT = 60.0
"""Seconds that a connection may be idle, and that a body may take to come in."""
CLOSED_WITHIN = 15.0
"""Seconds that a peer may take to read our last octets and to close its end."""
MAX_PIECES = 4_000
"""Pieces in which a body may come: a megabyte of chunks of one octet costs a second of CPU."""
MAX_HEAD = 16_384
"""Octets of the target and the headers of a request."""
MAX_HEADERS = 200

_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class ConnectionRoom(Typing):
    """The connections of a listener: an idle one gives way to a newcomer if there are too many."""

    def admit(self, guest: HttpConnection, /) -> bool:
        """Take a new connection in, as an idle one; return whether it is in."""

    def leave(self, guest: HttpConnection, /) -> None:
        """Give back the place of a connection, if it has one."""


class HttpConnection(Protocol):
    """One HTTP/1.1 connection; a request that trickles in has no more time than any other.

    The connection has one timer, which looks whether the deadline has come: a request that comes
    whole moves the deadline, and sets no timer.  Requests that come while one is being answered
    wait, and are answered in their order; answers to requests that came together leave together.
    Only the connection writes its state.
    """

    transport: TcpConnection
    _log = Logger()

    def __init__(
        self, resource: SiteResource, room: ConnectionRoom, clock: IReactorTime, host: str
    ) -> None:
        self.host, self.busy, self.since = host, False, 0.0  # as the Room reads them
        self._resource, self._room, self._clock = resource, room, clock
        self._parser = HttpRequestParser(self)
        self._coming: Request | None = None  # its headers are in, its body is not
        self._whole: deque[Request] = deque()  # the first is being answered
        self._rendered: Request | None = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_count = self._head = self._pieces = 0
        self._begun = self._in_render = self._paused = self._closing = self._streaming = False
        self._out: list[bytes] = []  # answers that have not left
        self._timed: str | None = "head"  # the part that the deadline is for; None: idle
        self._deadline = 0.0
        self._timer: IDelayedCall | None = None

    # -- Twisted --------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Begin: the first request has a deadline from now on."""
        self.since = self._clock.seconds()
        self._end_in(HEADERS_WITHIN)

    def dataReceived(self, data: bytes) -> None:
        """Feed octets; a request that does not come whole with them has a deadline from now on."""
        if self._closing:
            return
        try:
            self._feed(data)
        except HttpParserCallbackError:
            self._log.failure("a request could not be judged")
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
        except HttpParserError:
            if not self._closing:
                self._refuse(HTTPStatus.BAD_REQUEST)
        if self._begun and not self._closing:
            self._bound_head(len(data))
            self._time("body" if self._coming else "head")
        if self._out:
            self._send()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Make room for another connection; nobody waits for the answers."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._room.leave(self)
        for request in self._whole:
            request.abandon()

    def give_way(self) -> None:
        """Cut the connection off: a newcomer takes its place, or the peer does not let it close."""
        self.transport.abortConnection()

    # -- the parser -----------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        while data and not self._closing:
            try:
                self._parser.feed_data(data)
                return
            except HttpParserUpgrade as ended:  # Java's client offers h2c: answered, and ignored
                data = data[ended.args[0] :]
                self._parser = HttpRequestParser(self)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._begun, self._target, self._headers = True, b"", {}
        self._header_count = self._head = self._pieces = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target of a request."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._header_count += 1
        self._headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Judge a request: no body is read for a stranger."""
        parser = self._parser
        request = self._coming = Request(self, parser.get_method(), self._target)
        request.headers = self._headers
        if self._closing:
            return
        if self._header_count > MAX_HEADERS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        request.closing = not parser.should_keep_alive()
        admission = request.admission = self._resource.judge(request)
        length = request.body_length()
        if length == 0:
            return
        if admission is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif length is not None and length > admission.most:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif request.header(b"expect").lower() == b"100-continue" and not self._whole:
            self._out.append(_GO_ON)

    def on_body(self, octets: bytes) -> None:
        """Keep octets of a body, as long as there is room."""
        request = self._coming
        if self._closing or request is None or request.admission is None:
            return
        self._pieces += 1
        room = request.admission.most - len(request.body)
        if len(octets) > room or self._pieces > MAX_PIECES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            request.body += octets

    def on_message_complete(self) -> None:
        """Answer a whole request, after those before it."""
        request, self._coming, self._begun = self._coming, None, False
        if self._closing or request is None:
            return
        if request.query_string and request.admission is not None:
            try:
                request.query = read_fields(request.query_string)
            except TooManyFields:
                self._refuse(HTTPStatus.BAD_REQUEST)
                return
        self._whole.append(request)
        self.busy = True
        if len(self._whole) == 1:
            self._render()
        elif not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _bound_head(self, octets: int) -> None:
        self._head += octets
        if self._coming is None and self._head > MAX_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # -- answers --------------------------------------------------------------------------------

    def _render(self) -> None:
        """Have requests answered in their order: the next one once the first is answered."""
        self._in_render = True
        while self._whole and self._whole[0] is not self._rendered and not self._closing:
            request = self._rendered = self._whole[0]
            try:
                self._resource.render(request)
            except Exception:
                self._log.failure("a request could not be answered")
                request.answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"internal error\n")
        self._in_render = False

    def answered(self, request: Request, octets: bytes) -> None:
        """Send the answer to the request that is being answered, and begin with the next."""
        self._out.append(octets)
        self._whole.popleft()
        if request.closing:
            self._close()
        elif not self._whole:
            self._be_idle()
        elif not self._in_render:
            self._render()
        if not self._in_render:
            self._send()

    def streamed(self, octets: bytes, producer: object) -> None:
        """Send the beginning of an answer that goes on: its request is busy until it is answered.

        *producer* is told when the peer reads too slowly.
        """
        self._out.append(octets)
        self._streaming = True
        self.transport.registerProducer(producer, True)
        if not self._in_render:
            self._send()

    def push(self, octets: bytes) -> None:
        """Send more of an answer that goes on."""
        self._out.append(octets)
        self._send()

    def _send(self) -> None:
        out, self._out = self._out, []
        if out:
            send(self.transport, b"".join(out))

    def _be_idle(self) -> None:
        self.since = now = self._clock.seconds()
        self.busy, self._timed, self._deadline = False, None, now + TIMEOUT
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer a request that cannot be read any further, and close."""
        refused = Request(self, b"GET", b"")
        refused.closing = True
        self._closing = True
        if not self._whole:
            self._out.append(refused.octets(status))
        self._close()

    def _close(self) -> None:
        """Close the connection; a peer that does not let it close is cut off."""
        self._closing = True
        if self._streaming:  # a transport with a producer waits for its end before it closes
            self._streaming = False
            self.transport.unregisterProducer()
        self._end_in(CLOSED_WITHIN)
        self._send()  # over TLS nothing leaves that is written behind loseConnection
        self.transport.loseConnection()

    # -- time -----------------------------------------------------------------------------------

    def _time(self, part: str) -> None:
        if self._timed != part and not (self._whole or self._closing):
            self._timed = part
            self._end_in(TIMEOUT if part == "body" else HEADERS_WITHIN)

    def _end_in(self, seconds: float) -> None:
        self._deadline = deadline = self._clock.seconds() + seconds
        if self._timer is not None and self._timer.getTime() > deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        left = TIMEOUT if self.busy else self._deadline - self._clock.seconds()
        self._timer = self._clock.callLater(left, self._look) if left > 0 else None
        if left > 0:
            return
        if self._closing:
            self.give_way()
        else:
            self._close()
