"""The HTTP requests to one provider: slots, a libcurl multi, and the requests that wait."""

from __future__ import annotations

from collections import deque
from typing import Any

import pycurl

from smppbridge.net.http_connection import Connection, CurlSlot, HttpAnswer
from smppbridge.net.http_idle import IdleTimes
from smppbridge.net.http_sockets import Sockets
from smppbridge.providers.exchange import HttpRequest, NotSent

HttpAsk = tuple[Any, HttpRequest]
HttpAnswers = list[tuple[Any, HttpAnswer]]


class Pool:
    """One provider's requests, up to *slots* at a time; belongs to one thread, gauges apart.

    Each provider has a multi and an epoll of its own: libcurl looks at every handle of a multi
    whenever it is called, and a provider that keeps many waiting would slow down the others.
    """

    def __init__(self, connection: Connection, slots: int) -> None:
        self.connection = connection
        self.waiting: deque[HttpAsk] = deque()
        self.busy: set[CurlSlot] = set()
        self._most, self._made = slots, 0
        self._free: list[CurlSlot] = []
        self._idle_times = IdleTimes(connection.idle)
        self.retired = False
        self._refused: HttpAnswers = []
        self._sockets = Sockets()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, slots)

    def fileno(self) -> int:
        """Return the descriptor that is readable after an edge of a socket."""
        return self._sockets.fileno()

    def begin(self, asks: list[HttpAsk]) -> None:
        """Send requests, or put them in line while all slots are taken."""
        self.waiting.extend(asks)
        self._fill()

    def move(self) -> HttpAnswers:
        """Let libcurl do all that it can at once, and return the answers."""
        self._sockets.look()
        self._multi.perform()
        self._sockets.take_back()
        _left, succeeded, failed = self._multi.info_read()
        answers, self._refused = self._refused, []
        for curl in succeeded:
            slot: CurlSlot = curl.slot
            answers.append((slot.about, slot.answer()))
            self._release(slot)
        for curl, code, _words in failed:
            slot = curl.slot
            if slot.kept_closed:
                self._send_again(slot)
            else:
                answers.append((slot.about, slot.failure(code)))
                self._release(slot)
        self._fill()
        return answers

    def due(self) -> float | None:
        """Return the seconds until libcurl's next time-out, None without one."""
        milliseconds = self._multi.timeout() if self.busy else -1
        return milliseconds / 1000 if milliseconds >= 0 else None

    def retire(self) -> list[HttpAsk]:
        """Admit no more requests; return the waiting ones.  Those in slots end as they began."""
        self.retired = True
        for slot in self._free:
            slot.curl.close()
        waited = list(self.waiting)
        self.waiting.clear()
        return waited

    def abandon(self) -> HttpAnswers:
        """Give up all requests; return their answers: NotSent, or NoAnswer for those that left."""
        answers, self._refused = self._refused, []
        answers += [(slot.about, slot.verdict("given up")) for slot in self.busy]
        answers += [(about, NotSent("given up")) for about, _request in self.waiting]
        self.waiting.clear()
        return answers

    def close(self) -> None:
        """Close all connections; may block while libcurl resolves a name."""
        for slot in self.busy:
            self._multi.remove_handle(slot.curl)
        self.busy.clear()
        self._multi.close()
        self._sockets.close()

    def _fill(self) -> None:
        while self.waiting and (self._free or self._made < self._most):
            about, request = self.waiting.popleft()
            try:
                if not self._free:
                    self._free.append(CurlSlot(self.connection, self._sockets, self._idle_times))
                    self._made += 1
                slot = self._free[-1]
                slot.load(about, request)
            except (pycurl.error, TypeError, ValueError):
                self._refused.append((about, NotSent("the request or its connection is malformed")))
                continue
            self._free.pop()
            self.busy.add(slot)
            self._multi.add_handle(slot.curl)

    def _send_again(self, slot: CurlSlot) -> None:
        """Send the request of a slot, which did not leave, by a new connection."""
        self._multi.remove_handle(slot.curl)
        slot.connect_anew()
        self._multi.add_handle(slot.curl)

    def _release(self, slot: CurlSlot) -> None:
        self._multi.remove_handle(slot.curl)
        slot.about = None
        self.busy.discard(slot)
        if self.retired:
            slot.curl.close()
        else:
            self._free.append(slot)
