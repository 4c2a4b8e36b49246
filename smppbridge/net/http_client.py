"""HTTP requests out and answers in, by libcurl in a thread of its own; lists both ways."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from smppbridge.net.http_connection import Connection, HttpAnswer
from smppbridge.net.http_pool import HttpAnswers, HttpAsk
from smppbridge.net.http_transfers import Transfers
from smppbridge.providers.exchange import NotSent

__all__ = ["Connection", "HttpAnswer", "HttpAnswers", "HttpAsk", "HttpClient"]


class HttpTap(Protocol):
    """Keeps requests and answers for a trace."""

    def asked(self, provider: str, asks: list[HttpAsk]) -> None:
        """Go by requests that are about to leave."""

    def answered(self, answers: HttpAnswers) -> None:
        """Go by answers, before their exchanges do."""


class HttpClient:
    """Sends each request at most once; each has one answer, be it NotSent or NoAnswer.

    *answered* is called in the reactor thread, through *call_in_reactor*, with all answers since
    its last call.  Each provider has up to *slots* requests out at a time, and a slow provider
    holds up no other.  Between the threads are two deques, the connections, written by `change`
    alone, and flags: each is read and written in one step, without a lock.  *tap* is written by a
    trace, and called in the reactor thread.
    """

    def __init__(
        self,
        call_in_reactor: Callable[..., Any],
        answered: Callable[[HttpAnswers], Any],
        slots: int = 256,
    ) -> None:
        self._call_in_reactor = call_in_reactor
        self._answered = answered
        self._asked: deque[tuple[str, list[HttpAsk]]] = deque()
        self._answers: deque[HttpAnswers] = deque()
        self.tap: HttpTap | None = None
        self._called = False  # a call of `_answer` is on its way to the reactor thread
        self._stopping = False
        self._ended = False
        self._connections: Mapping[str, Connection] = {}
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._transfers = Transfers(slots, self._bell)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def in_flight(self) -> int:
        """How many requests libcurl is busy with."""
        return self._transfers.in_flight

    @property
    def queued(self) -> int:
        """How many requests wait for a slot."""
        return self._transfers.queued + sum(len(asks) for _, asks in self._asked.copy())

    def change(self, connections: Mapping[str, Connection]) -> None:
        """Reach providers by *connections* from now on; requests in flight end as they began."""
        self._connections = dict(connections)
        self._ring()

    def start(self) -> None:
        """Begin to send, earlier requests first."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most *timeout* seconds, and answer all open requests."""
        if self._stopping:
            return
        self._stopping = True
        self._ring()
        if self._thread.ident is None:
            self._end()
        else:
            self._thread.join(timeout)
        self._answer()
        if self._ended:
            os.close(self._bell)

    def send(self, provider: str, asks: list[HttpAsk]) -> None:
        """Send each request; the value beside a request comes back with its answer."""
        if self.tap is not None:
            self.tap.asked(provider, asks)
        self._asked.append((provider, asks))
        self._ring()
        if self._ended:
            self._refuse()

    def _ring(self) -> None:
        if not self._ended:
            os.eventfd_write(self._bell, 1)

    def _answer(self) -> None:
        # Before looking, so that answers that are added after the look make a call of their own.
        self._called = False
        answers: HttpAnswers = []
        while self._answers:
            answers += self._answers.popleft()
        if answers:
            if self.tap is not None:
                self.tap.answered(answers)
            self._answered(answers)

    def _answer_in_reactor(self, answers: HttpAnswers) -> None:
        self._answers.append(answers)
        if not self._called:
            self._called = True
            self._call_in_reactor(self._answer)

    def _run(self) -> None:
        try:
            self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        transfers, applied = self._transfers, None
        while not self._stopping:
            # In this order: a request finds the connections of its own time, or newer ones.
            asked = [self._asked.popleft() for _ in range(len(self._asked))]
            if self._connections is not applied:
                applied = self._connections
                transfers.change(applied)
            for provider, asks in asked:
                transfers.begin(provider, asks)
            answers = transfers.move()
            if answers:
                self._answer_in_reactor(answers)
            transfers.wait()

    def _end(self) -> None:
        # Answered before closing, for closing can last.
        self._answer_in_reactor(self._transfers.abandon())
        self._ended = True
        self._refuse()
        self._transfers.close()

    def _refuse(self) -> None:
        with suppress(IndexError):  # empty, or emptied by the other thread just now
            while True:
                _, asks = self._asked.popleft()
                refused: HttpAnswers = [(about, NotSent("given up")) for about, _request in asks]
                self._answer_in_reactor(refused)
