"""A provider that is fast enough not to be what is measured: it answers everything as Keccel does.

``python -m smppbridge.simulators.swift`` prints its port as JSON, serves loopback until its input
closes, and prints what it counted; `GET /counts` says the same while it runs.  Messages are told
apart by the token (tk and nine digits) in their text.  What a provider does beyond this is in
``simulators.keccel``.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

_CHUNK = 1 << 17
_LONGEST = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,7})", re.IGNORECASE)
_TOKEN = re.compile(rb"tk(\d{9})")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_BODY = b'{"status":"SENT","messageID":"%016d","description":"Message submitted to the network"}'
_ANSWER = _HEAD % len(_BODY % 0) + _BODY
_BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class Counts:
    """What came in and went out; times by the machine's monotonic clock.

    *doubled* are messages whose token had been there before, *heeded* and *refused* are the answers
    to reports.
    """

    requests: int = 0
    distinct: int = 0
    doubled: int = 0
    heeded: int = 0
    refused: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    cpu: float = 0.0


class _Peer:
    """A connection, whoever opened it; *take* is given its octets and returns how many it used."""

    __slots__ = ("out", "reporting", "rest", "socket", "take", "wanted")

    def __init__(self, connected: socket.socket, take: Callable[[_Peer, bytes], int]) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.take = connected, take
        self.out = bytearray()
        self.rest = b""
        self.reporting = 0
        self.wanted = select.EPOLLIN


class SwiftProvider:
    """Serves on a port of loopback (0: any), see *port*.

    *report_to* is the URL that messages are reported DELIVERED to, at once, over *callers*
    connections; its query is ours.
    """

    def __init__(self, port: int = 0, report_to: str | None = None, callers: int = 16) -> None:
        self.counts = Counts()
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._listening, select.EPOLLIN)
        self._peers: dict[int, _Peer] = {}
        self._seen: set[bytes] = set()
        self._next = time.time_ns() // 1000
        self._due: deque[int] = deque()
        self._free: list[_Peer] = []
        self._room = callers
        self._reports = report_to is not None
        where = urlsplit(report_to or "")
        self._reported_to = (where.hostname or "", where.port or 80)
        self._report = b"GET %b?messageID=%%016d&status=DELIVERED HTTP/1.1\r\nHost: %b\r\n\r\n" % (
            where.path.encode().replace(b"%", b"%%"),
            where.netloc.encode(),
        )

    def run(self, until_readable: int) -> Counts:
        """Serve until the file descriptor has something to say or closes."""
        self._poll.register(until_readable, select.EPOLLIN)
        while True:
            for descriptor, event in self._poll.poll():
                if descriptor == until_readable:
                    return self._now()
                if descriptor == self._listening.fileno():
                    self._admit()
                elif descriptor in self._peers:
                    self._serve(self._peers[descriptor], event)
            while self._due and (self._free or self._room):
                self._push()

    def close(self) -> None:
        """Close everything."""
        for peer in self._peers.values():
            peer.socket.close()
        self._listening.close()
        self._poll.close()

    # -- connections ----------------------------------------------------------------------------

    def _admit(self) -> None:
        connected, _ = self._listening.accept()
        self._join(_Peer(connected, self._requests))

    def _join(self, peer: _Peer) -> None:
        self._peers[peer.socket.fileno()] = peer
        self._poll.register(peer.socket, select.EPOLLIN)

    def _drop(self, peer: _Peer) -> None:
        """Forget a connection; a report that was under way on it is made again."""
        if peer.reporting:
            self._due.append(peer.reporting)
        if peer in self._free:
            self._free.remove(peer)
        if peer.take == self._response:
            self._room += 1
        self._poll.unregister(peer.socket)
        del self._peers[peer.socket.fileno()]
        peer.socket.close()

    def _serve(self, peer: _Peer, event: int) -> None:
        if event & ~select.EPOLLOUT:
            try:
                octets = peer.socket.recv(_CHUNK)
            except OSError:
                octets = b""
            if not octets or len(peer.rest) > _LONGEST:
                self._drop(peer)
                return
            octets = peer.rest + octets if peer.rest else octets
            peer.rest = octets[peer.take(peer, octets) :]
        if peer.out:
            self._flush(peer)

    def _flush(self, peer: _Peer) -> None:
        try:
            del peer.out[: peer.socket.send(peer.out)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(peer)
            return
        wanted = select.EPOLLIN | (select.EPOLLOUT if peer.out else 0)
        if wanted != peer.wanted:
            peer.wanted = wanted
            self._poll.modify(peer.socket, wanted)

    # -- what is asked of us --------------------------------------------------------------------

    def _requests(self, peer: _Peer, octets: bytes) -> int:
        """Answer all whole requests."""
        start = 0
        while (body := octets.find(b"\r\n\r\n", start) + 4) > 3:
            length = _LENGTH.search(octets, start, body)
            end = body + (int(length[1]) if length else 0)
            if end > len(octets):
                break
            if octets.startswith(b"GET /counts ", start):
                peer.out += self._told()
            elif length:
                peer.out += self._taken(octets, body, end)
            else:
                peer.out += _BAD
            start = end
        return start

    def _taken(self, octets: bytes, start: int, end: int) -> bytes:
        counts = self.counts
        counts.requests += 1
        counts.last_at = time.monotonic()
        counts.first_at = counts.first_at or counts.last_at
        for token in _TOKEN.findall(octets, start, end):
            if token in self._seen:
                counts.doubled += 1
            else:
                self._seen.add(token)
                counts.distinct += 1
        self._next += 1
        if self._reports:
            self._due.append(self._next)
        return _ANSWER % self._next

    def _now(self) -> Counts:
        self.counts.cpu = time.process_time()
        return self.counts

    def _told(self) -> bytes:
        body = json.dumps(asdict(self._now())).encode()
        return _HEAD % len(body) + body

    # -- what we report -------------------------------------------------------------------------

    def _push(self) -> None:
        if self._free:
            peer = self._free.pop()
        else:
            self._room -= 1
            peer = _Peer(socket.create_connection(self._reported_to, timeout=10), self._response)
            self._join(peer)
        peer.reporting = self._due.popleft()
        peer.out += self._report % peer.reporting
        self._flush(peer)

    def _response(self, peer: _Peer, octets: bytes) -> int:
        """Take the answer to a report; one that is refused is made again."""
        body = octets.find(b"\r\n\r\n") + 4
        if body < 4:
            return 0
        length = _LENGTH.search(octets, 0, body)
        end = body + (int(length[1]) if length else 0)
        if end > len(octets):
            return 0
        if octets.startswith(b"2", 9):
            self.counts.heeded += 1
        else:
            self.counts.refused += 1
            self._due.append(peer.reporting)
        peer.reporting = 0
        self._free.append(peer)
        return end


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="swift", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--report-to", metavar="URL", help="where reports go, without a query")
    parser.add_argument("--callers", type=int, default=16, help="connections for reports")
    given = parser.parse_args(arguments)
    provider = SwiftProvider(given.port, given.report_to, given.callers)
    try:
        sys.stdout.write(f"{json.dumps({'port': provider.port})}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{json.dumps(asdict(provider.run(sys.stdin.fileno())))}\n")
    finally:
        provider.close()


if __name__ == "__main__":
    main()
