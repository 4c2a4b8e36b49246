"""A connection of HTTP: how long each part of a request may take, and when it gives way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.python.failure import Failure
from twisted.web import http

if TYPE_CHECKING:
    from smppbridge.web.site import BoundedSite

HEADERS_WITHIN = 10.0
"""Seconds from the connection, or from a later request's first octet, to the end of its headers."""
TIMEOUT = 60.0
"""Seconds that a connection may be idle, and that a body may take to come in."""
CLOSED_WITHIN = 15.0
"""Seconds that a peer may take to read our last octets and to close its end."""


class Room(Protocol):
    """The connections of a listener: an idle one gives way to a newcomer if there are too many."""

    def admit(self, guest: BoundedChannel, /) -> bool:
        """Take a new connection in, as an idle one; return whether it is in."""

    def leave(self, guest: BoundedChannel, /) -> None:
        """Give back the place of a connection, if it has one."""


class BoundedChannel(http.HTTPChannel):
    """One HTTP/1.1 connection; a request that trickles in has no more time than any other.

    The channel has one timer, which looks whether the deadline has come: a request that comes whole
    moves the deadline, and sets no timer.
    """

    site: BoundedSite
    transport: ITCPTransport
    host = "local"
    busy = False  # a request is being answered
    since = 0.0  # when the connection became idle

    _path: bytes  # of HTTPChannel, which names it to the request only when the body is in
    _in_body = _closing = False
    _timed: bool | None = None  # whether the deadline is a body's; None: an idle connection's
    _answered = 0
    _deadline = 0.0
    _timer: IDelayedCall | None = None
    _local: IAddress | None = None

    def connectionMade(self) -> None:
        """Begin: the first request has a deadline from now on."""
        super().connectionMade()
        self.since = self.site.seconds()
        self._timed = False
        self._end_in(HEADERS_WITHIN)

    def await_body(self) -> bytes:
        """Await the body of a request whose headers are in; return its path and query string."""
        self._in_body = True
        return self._path

    def getHost(self) -> IAddress:
        """Return our end of the connection, found once: every request asks."""
        if self._local is None:
            self._local = super().getHost()
        return self._local

    def dataReceived(self, data: bytes) -> None:
        """Feed octets; a request that does not come whole with them has a deadline from now on."""
        if self._closing:
            return
        answered = self._answered
        super().dataReceived(data)
        if self._closing or self.busy or self._answered != answered:
            return
        if self._timed is not self._in_body:
            self._timed = self._in_body
            self._end_in(TIMEOUT if self._in_body else HEADERS_WITHIN)

    def allContentReceived(self) -> None:
        """Answer a request, unless it was refused: its connection is closing."""
        if not self._closing:
            self.busy = True
            super().allContentReceived()

    def requestDone(self, request: http.Request) -> None:
        """Be ready for the next request."""
        self.since = now = self.site.seconds()
        self.busy = self._in_body = False
        self._timed, self._deadline = None, now + TIMEOUT
        self._answered += 1
        super().requestDone(request)

    def loseConnection(self) -> None:
        """Close the connection; a peer that does not let it close is cut off."""
        self._closing = True
        self._end_in(CLOSED_WITHIN)
        super().loseConnection()

    def give_way(self) -> None:
        """Cut the connection off: a newcomer takes its place, or the peer does not let it close."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Make room for another connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connectionLost(reason)
        self.site.room.leave(self)

    def _end_in(self, seconds: float) -> None:
        self._deadline = deadline = self.site.seconds() + seconds
        if self._timer is not None and self._timer.getTime() > deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.callLater(seconds, self._look)

    def _look(self) -> None:
        left = TIMEOUT if self.busy else self._deadline - self.site.seconds()
        self._timer = self.callLater(left, self._look) if left > 0 else None
        if left > 0:
            return
        if self._closing:
            self.give_way()
        else:
            self.loseConnection()
