"""Ports for programs that are started, possibly again and again: nobody else gets them."""

from __future__ import annotations

import socket

_KEPT: list[socket.socket] = []


def kept_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that stay free, until this process ends, for who listens there.

    Nobody listens on them yet: who connects is refused.  A listener with SO_REUSEADDR, as Twisted's
    have it, is let in by Linux; what a connection is given as its own port is another.
    """
    found = [socket.socket() for _ in range(count)]
    for each in found:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("127.0.0.1", 0))
    _KEPT.extend(found)
    return [int(each.getsockname()[1]) for each in found]
