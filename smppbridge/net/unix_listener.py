"""unix_listener: sockets at paths: taken from the dead, and kept over an exec.

Twisted keeps a lock file with a pid beside such a socket, and ours need none: the pid in a lock of
the dead may be another process's by now, or our own in a container that was started again.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.unix import Port
from twisted.python.failure import Failure

_PATIENCE = 1.0  # seconds for a connect(2), which waits only where the backlog is full


class UnixPort(Port):
    """A listening socket at a path; the end of the port is no error if the path is gone."""

    def connectionLost(self, reason: Failure) -> None:
        """Close the socket and remove its file."""
        if os.path.lexists(self._bindPath):
            super().connectionLost(reason)  # type: ignore[no-untyped-call]
        else:
            tcp.Port.connectionLost(self, reason)


class _InheritedPort(UnixPort):
    """A port whose file is there and keeps its mode: Twisted would open the file to everybody."""

    def __init__(self, fileName: bytes, factory: IProtocolFactory, reactor: Any) -> None:
        mode = stat.S_IMODE(os.stat(fileName).st_mode)
        super().__init__(fileName, factory, mode=mode, reactor=reactor)


def listen(
    reactor: Any, path: str, factory: IProtocolFactory, *, mode: int = 0o666, backlog: int = 50
) -> UnixPort:
    """Listen at a path, where a socket that nobody listens at may be left.

    Raises CannotListenError.
    """
    _clear(path)
    port: Any = UnixPort(os.fsencode(path), factory, backlog, mode, reactor)
    port.startListening()
    listening: UnixPort = port
    return listening


def adopt(reactor: Any, fd: int, factory: IProtocolFactory) -> UnixPort:
    """Listen with the socket of the program before, which stays open.

    Raises OSError, CannotListenError.
    """
    inherited: Any = _InheritedPort
    port = inherited._fromListeningDescriptor(reactor, fd, factory)
    port.startListening()
    listening: UnixPort = port
    return listening


def path_of(fd: int) -> str:
    """Return the path of a socket, empty for a socket without one.  Raises OSError."""
    found = os.dup(fd)
    with socket.socket(fileno=found) as listening:
        name = listening.getsockname() if listening.family == socket.AF_UNIX else ""
    return name if isinstance(name, str) else ""  # octets: not in the file system


def _clear(path: str) -> None:
    """Remove the socket at a path if nobody listens there: whoever did was killed."""
    with suppress(OSError):  # nothing is there, or somebody listens: listening says which
        if stat.S_ISSOCK(os.stat(path).st_mode) and _refuses(path):
            os.unlink(path)


def _refuses(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False
