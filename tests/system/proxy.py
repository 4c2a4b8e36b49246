"""A TCP proxy before a database, a provider or a bridge: it can stop, keep octets back, cut off."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tests.patience import PATIENCE

Mode = Literal["open", "closed", "stopped", "answers", "requests"]


class Proxy:
    """Forwards connections to a Unix socket, or to a port.

    *mode*: open; closed (new connections are refused too); stopped (nothing passes either way);
    answers (requests pass, answers are kept back); requests (those are kept back, answers pass).
    New connections are refused unless it is open; a proxy that *holds* takes them, and keeps back
    what they say.
    """

    def __init__(self, target: Path | int, *, holds: bool = False) -> None:
        self.target, self.holds = target, holds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._mode: Mode = "open"
        self._halved = False
        self._changed = threading.Condition()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def be(self, mode: Mode) -> None:
        """Change the mode."""
        with self._changed:
            self._mode, self._halved = mode, False
            self._changed.notify_all()

    def halve(self) -> None:
        """Let the next octets towards the database pass by half, and then stop."""
        with self._changed:
            self._halved = True

    def await_halved(self, seconds: float) -> None:
        """Wait until it has stopped in the middle of a request."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._halved, seconds)

    def cut(self) -> None:
        """Reset all connections: what was kept back is lost."""
        with self._changed:
            pairs, self._pairs = self._pairs, []
        hard = struct.pack("ii", 1, 0)
        for client, server in pairs:
            with suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End, with all connections."""
        self.be("closed")
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._threads[0].join(PATIENCE)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        unix = isinstance(self.target, Path)
        server = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        try:
            if self._mode != "open" and not self.holds:
                raise ConnectionRefusedError
            server.connect(str(self.target) if unix else ("127.0.0.1", self.target))
        except OSError:
            client.close()
            server.close()
            return
        with self._changed:
            self._pairs.append((client, server))
        self._start(self._forward, client, server)

    def _start(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Forward both ways until both have ended."""
        with client, server:
            down = self._start(self._pump, server, client, False)
            self._pump(client, server, True)
            down.join()
        self.ended(client)

    def came(self, client: socket.socket, octets: bytes, *, up: bool) -> None:
        """Note octets before they go on: to the target (*up*), or from it."""

    def ended(self, client: socket.socket) -> None:
        """Note that a connection has ended."""

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while octets := source.recv(65_536):
                if up and self._halved and len(octets) > 200:
                    sink.sendall(octets[: len(octets) // 2])
                    self.be("stopped")
                    octets = octets[len(octets) // 2 :]
                if up:
                    self.came(source, octets, up=True)
                with self._changed:
                    self._changed.wait_for(lambda: self._passes(up))
                sink.sendall(octets)
                if not up:
                    self.came(sink, octets, up=False)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _passes(self, up: bool) -> bool:
        return self._mode in ("open", "closed", "answers" if up else "requests")


class Conversations(Proxy):
    """Forwards HTTP, and keeps the requests that were *unanswered* when their connection ended."""

    def __init__(self, target: int) -> None:
        self._asked: dict[socket.socket, bytes] = {}
        self.unanswered: list[bytes] = []
        super().__init__(target, holds=True)

    def came(self, client: socket.socket, octets: bytes, *, up: bool) -> None:
        """Note a request, until its answer came through: a connection has one at a time."""
        self._asked[client] = self._asked.get(client, b"") + octets if up else b""

    def ended(self, client: socket.socket) -> None:
        """Keep the request of a connection that nobody answered."""
        if asked := self._asked.pop(client, b""):
            self.unanswered.append(asked)
