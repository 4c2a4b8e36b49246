"""The HTTP requests to all providers: a pool each, and which pool has to move next."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from typing import Final

from smppbridge.net.http_connection import Connection
from smppbridge.net.http_pool import HttpAnswers, HttpAsk, Pool
from smppbridge.providers.exchange import NotSent

_PATIENCE: Final = 0.05  # seconds: libcurl's resolver rings no bell of ours


class Transfers:
    """The pools of all providers; belongs to one thread, gauges apart."""

    def __init__(self, slots: int, bell: int) -> None:
        self._slots = slots
        self._bell = bell
        self._pools: dict[str, Pool] = {}
        self._all: dict[int, Pool] = {}  # by descriptor; with those that are being wound up
        self._stirred: set[Pool] = set()
        self._refused: HttpAnswers = []
        self._epoll = select.epoll()
        self._epoll.register(bell, select.EPOLLIN)

    @property
    def in_flight(self) -> int:
        """How many requests have a slot."""
        return sum(len(pool.busy) for pool in tuple(self._all.values()))

    @property
    def queued(self) -> int:
        """How many requests wait for a slot."""
        return sum(len(pool.waiting) for pool in tuple(self._all.values()))

    def change(self, connections: Mapping[str, Connection]) -> None:
        """Reach the providers by *connections* from now on; requests in slots end as they began."""
        old, self._pools = self._pools, {}
        for provider, connection in connections.items():
            pool = old.get(provider)
            if pool is None or pool.connection != connection:
                pool = Pool(connection, self._slots)
                self._all[pool.fileno()] = pool
                self._epoll.register(pool, select.EPOLLIN)
            self._pools[provider] = pool
        for provider, pool in old.items():
            if self._pools.get(provider) is not pool:
                self.begin(provider, pool.retire())
                self._wind_up(pool)

    def begin(self, provider: str, asks: list[HttpAsk]) -> None:
        """Send requests, or put them in line while all slots of the provider are taken."""
        pool = self._pools.get(provider)
        if pool is None:
            self._refused += [(about, NotSent("no such provider")) for about, _request in asks]
            return
        pool.begin(asks)
        self._stirred.add(pool)

    def move(self) -> HttpAnswers:
        """Let libcurl do all that it can at once, and return the answers."""
        answers, self._refused = self._refused, []
        stirred, self._stirred = self._stirred, set()
        for pool in stirred:
            answers += pool.move()
            if pool.retired:
                self._wind_up(pool)
        return answers

    def wait(self) -> None:
        """Sleep until an edge of a socket, the bell, or libcurl's next time-out."""
        busy = [pool for pool in self._all.values() if pool.busy]
        patience = _PATIENCE if busy else None
        for pool in busy:
            due = pool.due()
            if due == 0:
                self._stirred.add(pool)
            elif due is not None and patience is not None:
                patience = min(due, patience)
        events = self._epoll.poll(0 if self._stirred else patience)
        for descriptor, _events in events:
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
            elif descriptor in self._all:
                self._stirred.add(self._all[descriptor])
        if not events:
            self._stirred.update(busy)

    def abandon(self) -> HttpAnswers:
        """Give up all requests; return their answers: NotSent, or NoAnswer for those that left."""
        answers, self._refused = self._refused, []
        for pool in self._all.values():
            answers += pool.abandon()
        return answers

    def close(self) -> None:
        """Close all connections; may block while libcurl resolves a name."""
        for pool in self._all.values():
            pool.close()
        self._all.clear()
        self._epoll.close()

    def _wind_up(self, pool: Pool) -> None:
        """Close a pool that is retired, once none of its slots has a request."""
        if not pool.busy:
            self._stirred.discard(pool)
            self._epoll.unregister(pool)
            del self._all[pool.fileno()]
            pool.close()
