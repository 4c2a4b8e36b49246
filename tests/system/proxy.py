"""A TCP proxy before a database that can stop, keep answers back, and cut off."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from tests.patience import PATIENCE

Mode = Literal["open", "closed", "stopped", "answers"]


class Proxy:
    """Forwards connections to a Unix socket.

    *mode*: open; closed (new connections are refused too); stopped (nothing passes either way);
    answers (requests pass, answers are kept back).
    """

    def __init__(self, target: Path) -> None:
        self.target = target
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
        server = socket.socket(socket.AF_UNIX)
        try:
            if self._mode != "open":
                raise ConnectionRefusedError
            server.connect(str(self.target))
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

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while octets := source.recv(65_536):
                if up and self._halved and len(octets) > 200:
                    sink.sendall(octets[: len(octets) // 2])
                    self.be("stopped")
                    octets = octets[len(octets) // 2 :]
                with self._changed:
                    self._changed.wait_for(lambda: self._passes(up))
                sink.sendall(octets)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _passes(self, up: bool) -> bool:
        return self._mode in ("open", "closed") or (up and self._mode == "answers")
