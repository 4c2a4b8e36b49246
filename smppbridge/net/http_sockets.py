"""The sockets towards a provider: which of them has news, and which its server has closed."""

from __future__ import annotations

import os
import select
import socket
from typing import Any, Final

import pycurl

Name = tuple[str, int]
_EDGES: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_SOCKOPT_OK: Final = 0
_SOCKOPT_ERROR: Final = 1


class Sockets:
    """Opens the sockets of a libcurl multi and watches them in an epoll; belongs to one thread.

    libcurl uses a connection again without a look at it, if its last answer is younger than a
    second.  A request on a connection that its server has closed cannot be answered, and its
    message would be Uncertain: so who is about to send on a kept connection asks *closed* first.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lent: list[socket.socket] = []
        self.closed: set[Name] = set()
        """Connections whose server sends no more, by the address and port at our side.

        One that libcurl has closed may stay until its descriptor is used again.
        """
        self._names: dict[int, Name] = {}  # of these, by descriptor

    def fileno(self) -> int:
        """Return the descriptor that is readable after an edge of a socket."""
        return self._epoll.fileno()

    def look(self) -> None:
        """Consume the edges, and see who has closed."""
        for descriptor, edges in self._epoll.poll(0):
            if edges & select.EPOLLRDHUP:
                self._note(descriptor)

    def open(self, _purpose: int, address: Any) -> socket.socket | int:
        """Open a socket for libcurl (OPENSOCKETFUNCTION)."""
        try:
            opened = socket.socket(address.family, address.socktype, address.protocol)
        except OSError:
            return int(pycurl.SOCKET_BAD)
        self._lent.append(opened)
        return opened

    def watch(self, descriptor: int) -> int:
        """Watch a socket before it connects (SOCKOPTFUNCTION); no other program inherits it."""
        # pycurl duplicates the descriptor that `open` gives, and this is the duplicate.  The kernel
        # forgets the socket when both are closed.
        try:
            os.set_inheritable(descriptor, False)
            self._epoll.register(descriptor, _EDGES)
        except OSError:
            return _SOCKOPT_ERROR
        if descriptor in self._names:  # libcurl has closed the socket that had this descriptor
            self.closed.discard(self._names.pop(descriptor))
        return _SOCKOPT_OK

    def take_back(self) -> None:
        """Close our side of the sockets that libcurl has by now."""
        while self._lent:
            self._lent.pop().close()

    def close(self) -> None:
        """End the watch; libcurl closes the sockets."""
        self._epoll.close()

    def _note(self, descriptor: int) -> None:
        try:
            with socket.socket(fileno=os.dup(descriptor)) as same:
                address, port = same.getsockname()[:2]
        except OSError:  # no descriptor left: the connection is used as if it were not closed
            return
        self.closed.add((address, port))
        self._names[descriptor] = (address, port)
