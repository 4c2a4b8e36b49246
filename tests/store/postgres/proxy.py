"""A way to a server that can be cut: answers kept back while requests still pass."""

from __future__ import annotations

import select
import socket
import threading
from pathlib import Path

from tests.store.postgres.server import server


class Proxy:
    """Passes octets between clients and the server of all tests, by a Unix socket in a folder.

    Only its own thread touches the connections; the switches are set by the test.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers = True  # whether what the server says is passed on
        self.refuses = False  # whether new connections are closed at once
        self._woken, self._wake = socket.socketpair()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._servers: set[socket.socket] = set()
        self._cut = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def dsn(self, dsn: str) -> str:
        """Return the dsn of a database behind the proxy."""
        return dsn.replace(str(server().folder), str(self.folder))

    def cut(self) -> None:
        """Reset all connections; what was kept back is lost."""
        self._cut.set()
        self._wake.send(b"x")
        while self._cut.is_set():
            self._thread.join(0.01)

    def stop(self) -> None:
        """End the proxy."""
        self._wake.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            ready = [self._listener, self._woken, *self._pairs]
            for each in select.select(ready, [], [])[0]:
                if each is self._listener:
                    self._connect()
                elif each is not self._woken:
                    self._pass(each)
                elif not self._woken.recv(1):
                    self._end()
                    self._listener.close()
                    self._woken.close()
                    return
                else:
                    self._end()
                    self._cut.clear()
                    break

    def _connect(self) -> None:
        client, _ = self._listener.accept()
        if self.refuses:
            client.close()
            return
        target = socket.socket(socket.AF_UNIX)
        target.connect(str(server().folder / ".s.PGSQL.5432"))
        self._pairs |= {client: target, target: client}
        self._servers.add(target)

    def _pass(self, each: socket.socket) -> None:
        if each not in self._pairs:
            return
        try:
            octets = each.recv(65_536)
        except OSError:
            octets = b""
        other = self._pairs[each]
        if not octets:
            del self._pairs[each], self._pairs[other]
            each.close()
            other.close()
        elif self.answers or each not in self._servers:
            other.sendall(octets)

    def _end(self) -> None:
        for each in self._pairs:
            each.close()
        self._pairs.clear()
        self._servers.clear()
