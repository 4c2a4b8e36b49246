"""All that is under way over HTTP, provider by provider, and when to look at which."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from typing import Final

from smppbridge.net.http_connection import Connection
from smppbridge.net.http_pool import Answers, Ask, Pool
from smppbridge.providers.exchange import NotSent

_PATIENCE: Final = 0.05  # seconds: libcurl's resolver rings no bell of ours


class Transfers:
    """Belongs to one thread, gauges apart; takes requests and gives answers as lists."""

    def __init__(self, slots: int, bell: int) -> None:
        self._slots = slots
        self._bell = bell
        self._pools: dict[str, Pool] = {}
        self._all: dict[int, Pool] = {}  # by descriptor; with those that are being wound up
        self._stirred: set[Pool] = set()
        self._refused: Answers = []
        self._epoll = select.epoll()
        self._epoll.register(bell, select.EPOLLIN)

    @property
    def in_flight(self) -> int:
        """Requests that hold a slot."""
        return sum(len(pool.busy) for pool in tuple(self._all.values()))

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return sum(len(pool.waiting) for pool in tuple(self._all.values()))

    def configure(self, connections: Mapping[str, Connection]) -> None:
        """Reach each provider so from now on; what holds a slot ends as it began."""
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

    def begin(self, provider: str, asks: list[Ask]) -> None:
        """Put *asks* on their way, or in line where all slots of the provider are taken."""
        pool = self._pools.get(provider)
        if pool is None:
            self._refused += [(about, NotSent("no such provider")) for about, _request in asks]
            return
        pool.begin(asks)
        self._stirred.add(pool)

    def move(self) -> Answers:
        """Let libcurl do what can be done at once, and return what came of it."""
        answers, self._refused = self._refused, []
        stirred, self._stirred = self._stirred, set()
        for pool in stirred:
            answers += pool.move()
            if pool.retired:
                self._wind_up(pool)
        return answers

    def wait(self) -> None:
        """Sleep until a socket or the bell stirs, or libcurl has something to do by the clock."""
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

    def abandon(self) -> Answers:
        """Give everything up and say how far it had come."""
        answers, self._refused = self._refused, []
        for pool in self._all.values():
            answers += pool.abandon()
        return answers

    def close(self) -> None:
        """Close all connections; can wait for a name that is being looked up."""
        for pool in self._all.values():
            pool.close()
        self._all.clear()
        self._epoll.close()

    def _wind_up(self, pool: Pool) -> None:
        """Close a pool that is not used any more, once nothing of it is under way."""
        if not pool.busy:
            self._stirred.discard(pool)
            self._epoll.unregister(pool)
            del self._all[pool.fileno()]
            pool.close()
