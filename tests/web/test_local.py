"""The connections of the admin socket take places in its room, and give them back."""

from __future__ import annotations

import os
import socket

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smppbridge.net.room import Limits, Room
from smppbridge.web.local import LocalConnection, LocalSite
from smppbridge.web.site import web_pages
from tests.web.rooms import room

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Socket(StringTransport):
    """A transport over a unix socket, whose peer is this process."""

    def __init__(self) -> None:
        super().__init__()
        self.socket, self._peer = socket.socketpair()

    def loseConnection(self) -> None:
        super().loseConnection()
        self.close()

    def abortConnection(self) -> None:
        super().abortConnection()
        self.close()

    def close(self) -> None:
        """Close both ends."""
        self.socket.close()
        self._peer.close()


def site(of: Room) -> LocalSite:
    """Return a site with the pages of the web listener."""
    return LocalSite(web_pages(dict, lambda: b""), Clock(), of)


def connected(to: LocalSite) -> tuple[LocalConnection, Socket]:
    connection, transport = to.buildProtocol(None), Socket()
    connection.makeConnection(transport)
    return connection, transport


def test_a_connection_that_ended_has_no_place_any_more() -> None:
    here = room(Limits(3, 3, 3))
    own = site(here)
    for _ in range(10):
        connection, transport = connected(own)
        assert (connection.host, len(here)) == (f"uid:{os.getuid()}", 1)
        connection.dataReceived(GET)
        assert transport.value().startswith(b"HTTP/1.1 200 ")
        connection.connectionLost(Failure(ConnectionError()))
        transport.close()
        assert len(here) == 0


def test_the_longest_idle_connection_gives_way() -> None:
    failed: list[tuple[str, str]] = []
    own = site(Room(Limits(2, 2, 2), lambda host, reason: failed.append((host, reason))))
    transports = [connected(own)[1] for _ in range(3)]
    assert [each.disconnected for each in transports] == [True, False, False]
    assert failed == [(f"uid:{os.getuid()}", "gave_way")]
    for each in transports:
        each.close()


def test_without_an_idle_one_a_newcomer_is_turned_away() -> None:
    own = site(room(Limits(1, 1, 1)))
    busy, held = connected(own)
    busy.busy = True
    newcomer, turned_away = connected(own)
    assert (held.disconnected, turned_away.disconnected) == (False, True)
    newcomer.connectionLost(Failure(ConnectionError()))
    busy.connectionLost(Failure(ConnectionError()))
    held.close()
    _, last = connected(own)
    assert not last.disconnected
    last.close()
