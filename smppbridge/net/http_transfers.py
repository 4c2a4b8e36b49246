"""All that is under way over HTTP, in one libcurl multi, and what waits for its turn."""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import pycurl

from smppbridge.net.http_connection import Answer, Connection, Slot
from smppbridge.providers.exchange import HttpRequest, NotSent

Ask = tuple[Any, HttpRequest]
Answers = list[tuple[Any, Answer]]

_PATIENCE: Final = 50  # milliseconds: libcurl's resolver rings no bell of ours
_EDGES: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class _Pool:
    """One provider's slots, made as they are needed, and what waits for one."""

    __slots__ = ("connection", "free", "made", "retired", "waiting")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.waiting: deque[Ask] = deque()
        self.free: list[Slot] = []
        self.made = 0
        self.retired = False

    def retire(self) -> None:
        """Keep no slot any longer; those that are busy close when they are done."""
        self.retired = True
        for slot in self.free:
            slot.curl.close()


class Transfers:
    """Belongs to one thread, gauges apart; takes requests and gives answers as lists."""

    def __init__(self, slots: int, bell: int) -> None:
        self._slots = slots
        self._bell = bell
        self._pools: dict[str, _Pool] = {}
        self._busy: dict[Slot, _Pool] = {}
        self._refused: Answers = []
        self._lent: list[socket.socket] = []
        self._multi = pycurl.CurlMulti()
        self._epoll = select.epoll()
        self._epoll.register(bell, select.EPOLLIN)

    @property
    def in_flight(self) -> int:
        """Requests that hold a slot."""
        return len(self._busy)

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return sum(len(pool.waiting) for pool in self._pools.values())

    def configure(self, connections: Mapping[str, Connection]) -> None:
        """Reach each provider so from now on; what holds a slot ends as it began."""
        old, self._pools = self._pools, {}
        for provider, connection in connections.items():
            pool = old.get(provider)
            if pool is None or pool.connection != connection:
                pool = _Pool(connection)
            self._pools[provider] = pool
        self._multi.setopt(pycurl.M_MAXCONNECTS, self._slots * max(1, len(connections)))
        for provider, pool in old.items():
            if self._pools.get(provider) is not pool:
                pool.retire()
                self.begin(provider, list(pool.waiting))

    def begin(self, provider: str, asks: list[Ask]) -> None:
        """Put *asks* on their way, or in line where all slots of the provider are taken."""
        pool = self._pools.get(provider)
        if pool is None:
            self._refused += [(about, NotSent("no such provider")) for about, _request in asks]
            return
        pool.waiting.extend(asks)
        self._fill(pool)

    def move(self) -> Answers:
        """Let libcurl do what can be done at once, and return what came of it."""
        self._multi.perform()
        while self._lent:
            self._lent.pop().close()
        _left, succeeded, failed = self._multi.info_read()
        answers: Answers = []
        for curl in succeeded:
            slot: Slot = curl.slot
            answers.append((slot.about, slot.answer()))
            self._release(slot)
        for curl, code, _words in failed:
            slot = curl.slot
            answers.append((slot.about, slot.failure(code)))
            self._release(slot)
        answers += self._refused
        self._refused = []
        return answers

    def wait(self) -> None:
        """Sleep until a socket or the bell stirs, or libcurl has something to do by the clock."""
        patience = None
        if self._busy:
            due = self._multi.timeout()
            patience = (min(due, _PATIENCE) if due >= 0 else _PATIENCE) / 1000
        for descriptor, _events in self._epoll.poll(patience):
            if descriptor == self._bell:
                os.eventfd_read(self._bell)

    def abandon(self) -> Answers:
        """Give everything up and say how far it had come."""
        answers: Answers = self._refused
        answers += [(slot.about, slot.verdict("given up")) for slot in self._busy]
        for pool in self._pools.values():
            answers += [(about, NotSent("given up")) for about, _request in pool.waiting]
            pool.waiting.clear()
        return answers

    def close(self) -> None:
        """Close all connections; can wait for a name that is being looked up."""
        for slot in self._busy:
            self._multi.remove_handle(slot.curl)
        self._busy.clear()
        self._multi.close()
        self._epoll.close()

    def _fill(self, pool: _Pool) -> None:
        while pool.waiting and (pool.free or pool.made < self._slots):
            about, request = pool.waiting.popleft()
            try:
                if not pool.free:
                    pool.free.append(Slot(pool.connection, self._open))
                    pool.made += 1
                slot = pool.free[-1]
                slot.load(about, request)
            except (pycurl.error, TypeError, ValueError):
                self._refused.append((about, NotSent("the request or its connection is malformed")))
                continue
            pool.free.pop()
            self._busy[slot] = pool
            self._multi.add_handle(slot.curl)

    def _release(self, slot: Slot) -> None:
        self._multi.remove_handle(slot.curl)
        slot.about = None
        pool = self._busy.pop(slot)
        if pool.retired:
            slot.curl.close()
            return
        pool.free.append(slot)
        if pool.waiting:
            self._fill(pool)

    def _open(self, _purpose: int, address: Any) -> socket.socket | int:
        # pycurl duplicates the descriptor and libcurl closes the duplicate.  An epoll goes by the
        # open socket behind them: ours may be closed, and with the last one the kernel forgets it.
        try:
            opened = socket.socket(address.family, address.socktype, address.protocol)
            self._epoll.register(opened, _EDGES)
        except OSError:
            return int(pycurl.SOCKET_BAD)
        self._lent.append(opened)
        return opened
