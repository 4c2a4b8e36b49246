"""HTTP requests out and their answers in, by libcurl in a thread of its own; lists both ways."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from smppbridge.net.http_connection import Answer, Connection
from smppbridge.net.http_pool import Answers, Ask
from smppbridge.net.http_transfers import Transfers
from smppbridge.providers.exchange import NotSent

__all__ = ["Answer", "Answers", "Ask", "Connection", "HttpClient"]


class HttpClient:
    """Sends each request at most once, and tells what came of it.

    *answered* is called in the reactor thread, through *call_in_reactor*, with all answers there
    are.  Each provider has up to *slots* requests out at a time; one that keeps them waiting holds
    up no other.
    """

    def __init__(
        self,
        call_in_reactor: Callable[..., Any],
        answered: Callable[[Answers], Any],
        slots: int = 256,
    ) -> None:
        self._call_in_reactor = call_in_reactor
        self._answered = answered
        self._asked: deque[tuple[str, list[Ask]]] = deque()
        self._answers: deque[Answers] = deque()
        self._told = False
        self._stopping = False
        self._ended = False
        self._wanted: Mapping[str, Connection] = {}
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._transfers = Transfers(slots, self._bell)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def in_flight(self) -> int:
        """Requests that libcurl is busy with."""
        return self._transfers.in_flight

    @property
    def queued(self) -> int:
        """Requests that wait for their turn."""
        return self._transfers.queued + sum(len(asks) for _, asks in self._asked.copy())

    def configure(self, connections: Mapping[str, Connection]) -> None:
        """Say how each provider is reached from now on; what is in flight ends as it began."""
        self._wanted = dict(connections)
        self._ring()

    def start(self) -> None:
        """Begin to send what was asked and will be."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most *timeout* seconds, and tell what is left undone."""
        if self._stopping:
            return
        self._stopping = True
        self._ring()
        if self._thread.ident is None:
            self._end()
        else:
            self._thread.join(timeout)
        self._deliver()
        if self._ended:
            os.close(self._bell)

    def send(self, provider: str, asks: list[Ask]) -> None:
        """Send each request; what stands beside it comes back with its answer."""
        self._asked.append((provider, asks))
        self._ring()
        if self._ended:
            self._refuse()

    def _ring(self) -> None:
        if not self._ended:
            os.eventfd_write(self._bell, 1)

    def _deliver(self) -> None:
        # Before looking, so that what is added after the look is told of.
        self._told = False
        answers: Answers = []
        while self._answers:
            answers += self._answers.popleft()
        if answers:
            self._answered(answers)

    def _tell(self, answers: Answers) -> None:
        self._answers.append(answers)
        if not self._told:
            self._told = True
            self._call_in_reactor(self._deliver)

    def _run(self) -> None:
        try:
            self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        transfers, applied = self._transfers, None
        while not self._stopping:
            # In this order: a request finds the configuration that it was sent under, or a newer.
            asked = [self._asked.popleft() for _ in range(len(self._asked))]
            if self._wanted is not applied:
                applied = self._wanted
                transfers.configure(applied)
            for provider, asks in asked:
                transfers.begin(provider, asks)
            answers = transfers.move()
            if answers:
                self._tell(answers)
            transfers.wait()

    def _end(self) -> None:
        # Told before closing, which can take its time.
        self._tell(self._transfers.abandon())
        self._ended = True
        self._refuse()
        self._transfers.close()

    def _refuse(self) -> None:
        with suppress(IndexError):  # empty, or emptied by the other thread just now
            while True:
                _, asks = self._asked.popleft()
                self._tell([(about, NotSent("given up")) for about, _request in asks])
