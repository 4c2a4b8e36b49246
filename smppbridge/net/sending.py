"""sending: the octets of a connection leave at once, as far as its socket takes them."""

from __future__ import annotations

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection


def send(transport: ITransport, octets: bytes) -> None:
    """Send octets; those that the socket does not take are in line, as after transport.write.

    Twisted's `write` sends nothing: it has epoll watch the socket, sends in the next turn of the
    reactor, and has epoll watch the socket no more.  That is a tenth of the CPU of a message.  Only
    a plain connection (TCP or unix:) without octets in line is sent to at once; over TLS octets go
    Twisted's way.  Nobody is called from here but, by Twisted, a producer that must pause: an error
    of the socket is met again, and the end of the connection reported, in a later turn.
    """
    if isinstance(transport, Connection) and _may_send(transport):
        try:
            sent = transport.socket.send(octets)
        except OSError:  # the socket is full, or the connection is lost
            sent = 0
        if sent == len(octets):
            return
        octets = octets[sent:]
    transport.write(octets)


def in_line(transport: Connection) -> bytes:
    """Return the octets that were sent and that the socket has not taken yet.

    Raises AttributeError with a Twisted that keeps them elsewhere.
    """
    rest = bytes(transport.dataBuffer)[transport.offset :]
    return b"".join((rest, *transport._tempDataBuffer))


def _may_send(transport: Connection) -> bool:
    """Return whether octets may leave at once: none are in line before them, none are dropped.

    The names with an underscore are Twisted's own, alike from 23.10 to 26.10.
    """
    try:
        return not (
            transport._tempDataBuffer
            or transport.dataBuffer
            or transport.TLS
            or transport._aborting
            or not transport.connected
        )
    except AttributeError:  # a Twisted that keeps its line elsewhere: its own way is right
        return False
