"""Connections that balancers pass on: each begins with a header that names the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from smppbridge.model.account import Network, in_networks
from smppbridge.net.failed_connections import NoteFailed
from smppbridge.net.proxy_header import BadHeader, Header, read
from smppbridge.net.room import NO_ROOM

DEADLINE = 5.0  # seconds for the header; the protocol asks for 3 at least: a segment may be lost
NO_HEADER, BAD_HEADER = "no_proxy_header", "bad_proxy_header"
"""Why a balancer's connection came to nothing: too little of a header came, or no header."""


class ProxiedFactory(WrappingFactory):
    """Makes the connections of a listener to which balancers pass clients on.

    A connection from one of *proxies* has to begin with a header of the PROXY protocol, and is then
    made by the wrapped factory for the address in the header; any other connection is the wrapped
    factory's from its beginning, which knows no such header.  *most* connections wait for a header
    at once.  Only the connections write *waiting*.
    """

    noisy = False

    def __init__(
        self,
        proxies: Sequence[Network],
        wrapped: Any,
        clock: IReactorTime,
        failed: NoteFailed,
        most: int,
    ) -> None:
        super().__init__(wrapped)
        self.clock, self.failed = clock, failed
        self.waiting: set[ProxiedConnection] = set()
        self._proxies, self._most = tuple(proxies), most

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Return a connection, None if there is no room for one more."""
        host = getattr(addr, "host", "local")
        if not in_networks(host, self._proxies):
            return self.wrappedFactory.buildProtocol(addr)
        if len(self.waiting) >= self._most:
            self.failed(host, NO_ROOM)
            return None
        return ProxiedConnection(self, addr, host)


class ProxiedConnection(Protocol):
    """A connection from a balancer, until its header is there; then another protocol has it."""

    transport: Any

    def __init__(self, factory: ProxiedFactory, addr: IAddress | None, host: str) -> None:
        self._factory, self._addr, self._host = factory, addr, host
        self._octets = b""
        self._over = False

    def connectionMade(self) -> None:
        """Await the header."""
        self._factory.waiting.add(self)
        self._late = self._factory.clock.callLater(DEADLINE, self._give_up, NO_HEADER)

    def dataReceived(self, data: bytes) -> None:
        """Read the header; octets behind it are the client's."""
        if self._over:  # what was in the socket when the connection was cut
            return
        self._octets += data
        try:
            header = read(self._octets)
        except BadHeader as error:
            self._give_up(BAD_HEADER, str(error))
            return
        if header is not None:
            self._pass_on(header)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End; a balancer that only knocks, as health checks without a header do, is no failure."""
        if not self._over and self._octets:
            self._factory.failed(self._host, NO_HEADER)
        self._leave()

    def _pass_on(self, header: Header) -> None:
        self._leave()
        wrapped: Any = self._factory.wrappedFactory
        protocol: IProtocol | None = wrapped.buildProtocol(self._client(header))
        if protocol is None:  # noted by whoever made none
            self.transport.abortConnection()
            return
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        if rest := self._octets[header.length :]:
            protocol.dataReceived(rest)

    def _client(self, header: Header) -> IAddress | None:
        if header.host is None:
            return self._addr
        kind = IPv6Address if ":" in header.host else IPv4Address
        return kind("TCP", header.host, header.port)

    def _give_up(self, reason: str, why: str = "") -> None:
        self._factory.failed(self._host, reason, why)
        self._leave()
        self.transport.abortConnection()

    def _leave(self) -> None:
        self._over = True
        self._factory.waiting.discard(self)
        if self._late.active():
            self._late.cancel()
