"""A provider fast enough not to be measured itself: Keccel, SMS.CX, D7 or MSpace v2.

``python -m smppbridge.bench.sink`` prints its port as JSON, serves loopback until its input closes,
and prints its counts. `GET /counts` returns the counts meanwhile, `GET /waits` how many seconds
each message was on its way, and `GET /polls` which ids the sink was asked about and when. The
seconds are known if the text has the time of the submit_sm: `` at 00001234.567890``. A message is
known by its number. For all else that a provider does see the simulators.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from smppbridge.bench.sink_answers import ANSWERS, pending

_CHUNK = 1 << 17
_LONGEST = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,7})", re.IGNORECASE)
_NUMBER = re.compile(rb'[",]\+?(\d{7,16})(?=[",])')  # or the id that is asked about
_SINCE = re.compile(rb" at (\d{8}\.\d{6})\b")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class SinkCounts:
    """The counts of messages in and reports out; times by the machine's monotonic clock.

    *opening* are the messages of the first request, *doubled* those whose number had been there
    before; *acknowledged* and *refused* are the answers to reports.
    """

    requests: int = 0
    opening: int = 0
    distinct: int = 0
    doubled: int = 0
    acknowledged: int = 0
    refused: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    cpu: float = 0.0


class _Peer:
    """A connection, whoever opened it; *read* gets its octets and returns how many are used."""

    __slots__ = ("out", "read", "reporting", "rest", "socket", "wanted")

    def __init__(self, connected: socket.socket, read: Callable[[_Peer, bytes], int]) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.read = connected, read
        self.out = bytearray()
        self.rest = b""
        self.reporting = 0
        self.wanted = select.EPOLLIN


class Sink:
    """Serves on a port of loopback (0: any), see *port*.

    The sink answers after *delay* seconds.  *report_to* is the URL that messages are reported
    DELIVERED to as Keccel does, at once, over *callers* connections; the query is ours.
    """

    def __init__(
        self,
        port: int = 0,
        report_to: str | None = None,
        callers: int = 16,
        delay: float = 0.0,
    ) -> None:
        self.counts = SinkCounts()
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._listening, select.EPOLLIN)
        self._peers: dict[int, _Peer] = {}
        self._seen: set[bytes] = set()
        self._waits = array("d")
        self._polls: list[tuple[str, float]] = []
        self._delay = delay
        self._later: deque[tuple[float, _Peer, bytes]] = deque()
        self._lookups: dict[bytes, Callable[[], Any]] = {
            b"counts": lambda: asdict(self._now()),
            b"waits": self._waits.tolist,
            b"polls": lambda: self._polls,
        }
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

    def run(self, until_readable: int) -> SinkCounts:
        """Serve until the file descriptor is readable or closed; return the counts."""
        self._poll.register(until_readable, select.EPOLLIN)
        while True:
            for descriptor, event in self._poll.poll(self._pause()):
                if descriptor == until_readable:
                    return self._now()
                if descriptor == self._listening.fileno():
                    self._admit()
                elif descriptor in self._peers:
                    self._serve(self._peers[descriptor], event)
            while self._later and self._later[0][0] <= time.monotonic():
                self._answer_late()
            while self._due and (self._free or self._room):
                self._push()

    def close(self) -> None:
        """Close all connections."""
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
        """Forget a connection; a report that was under way on the connection is made again."""
        if peer.reporting:
            self._due.append(peer.reporting)
        if peer in self._free:
            self._free.remove(peer)
        if peer.read == self._response:
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
            peer.rest = octets[peer.read(peer, octets) :]
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
            line_end = octets.find(b" HTTP/", start, body)
            name = octets[octets.rfind(b"/", start, line_end) + 1 : line_end]
            if name in self._lookups:
                peer.out += _response(json.dumps(self._lookups[name]()).encode())
            elif not self._delay:
                peer.out += self._answer(name, octets, body, end)
            else:
                answer = self._answer(name, octets, body, end)
                self._later.append((time.monotonic() + self._delay, peer, answer))
            start = end
        return start

    def _answer(self, name: bytes, octets: bytes, start: int, end: int) -> bytes:
        numbers = _NUMBER.findall(octets, start, end)
        if not numbers:
            return _BAD
        if name == b"deliveryreport":
            self._polls.append((numbers[0].decode(), time.time()))
            return _response(pending(numbers[0]))
        if name not in ANSWERS:
            return _BAD
        if since := _SINCE.search(octets, start, end):
            self._waits.append(time.monotonic() - float(since[1]))
        return _response(ANSWERS[name](numbers, self._count(numbers)))

    def _count(self, numbers: Sequence[bytes]) -> int:
        """Count messages and return the id of the first."""
        counts, seen = self.counts, self._seen
        counts.requests += 1
        counts.last_at = time.monotonic()
        if counts.requests == 1:
            counts.first_at, counts.opening = counts.last_at, len(numbers)
        seen.update(numbers)
        counts.doubled += counts.distinct + len(numbers) - len(seen)
        counts.distinct = len(seen)
        first, self._next = self._next + 1, self._next + len(numbers)
        if self._reports:
            self._due.extend(range(first, self._next + 1))
        return first

    def _pause(self) -> float | None:
        return max(0.0, self._later[0][0] - time.monotonic()) if self._later else None

    def _answer_late(self) -> None:
        _, peer, answer = self._later.popleft()
        if self._peers.get(peer.socket.fileno()) is peer:
            peer.out += answer
            self._flush(peer)

    def _now(self) -> SinkCounts:
        self.counts.cpu = time.process_time()
        return self.counts

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
        """Read the answer to a report; a refused report is made again."""
        body = octets.find(b"\r\n\r\n") + 4
        if body < 4:
            return 0
        length = _LENGTH.search(octets, 0, body)
        end = body + (int(length[1]) if length else 0)
        if end > len(octets):
            return 0
        if octets.startswith(b"2", 9):
            self.counts.acknowledged += 1
        else:
            self.counts.refused += 1
            self._due.append(peer.reporting)
        peer.reporting = 0
        self._free.append(peer)
        return end


def _response(body: bytes) -> bytes:
    return _HEAD % len(body) + body


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the command line asks."""
    parser = argparse.ArgumentParser(prog="sink", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--report-to", metavar="URL", help="where reports go, without a query")
    parser.add_argument("--callers", type=int, default=16, help="connections for reports")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args(arguments)
    provider = Sink(given.port, given.report_to, given.callers, given.delay)
    try:
        sys.stdout.write(f"{json.dumps({'port': provider.port})}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{json.dumps(asdict(provider.run(sys.stdin.fileno())))}\n")
    finally:
        provider.close()


if __name__ == "__main__":
    main()
