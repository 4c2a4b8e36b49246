"""local: the site of the admin socket: whoever can open it is known by the user's number."""

from __future__ import annotations

import socket
import struct

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory

from smppbridge.web.connection import ConnectionRoom, HttpConnection
from smppbridge.web.request import SiteResource

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7)


class LocalConnection(HttpConnection):
    """A connection over a unix socket; its host is the peer's uid, as uid:0.

    The Room goes by the host, so that the connection asks for its place once the uid is known.
    """

    def connectionMade(self) -> None:
        """Learn from the kernel who the peer is; end if there is no room for one more."""
        credentials = self.transport.socket.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        self.host = f"uid:{_CREDENTIALS.unpack(credentials)[1]}"
        super().connectionMade()
        if not self._room.admit(self):
            self.give_way()


class LocalSite(ServerFactory):
    """Makes the connections of the admin socket."""

    noisy = False

    def __init__(self, resource: SiteResource, reactor: IReactorTime, room: ConnectionRoom) -> None:
        self._resource, self._reactor, self._room = resource, reactor, room

    def buildProtocol(self, addr: IAddress | None) -> LocalConnection:
        """Return a connection."""
        return LocalConnection(self._resource, self._room, self._reactor, "local")
