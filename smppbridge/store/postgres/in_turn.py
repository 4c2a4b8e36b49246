"""in_turn: acts of a node, carried out one after the other on a connection of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from twisted.internet.defer import Deferred

from smppbridge.store.port import StoreFailure

T = TypeVar("T")
Act = Callable[[psycopg.Connection[Any]], T]


@dataclass(slots=True)
class _Asked:
    """An act, and the Deferred that waits for its result."""

    act: Act[Any]
    waiter: Deferred[Any]


class InTurn:
    """One thread and one connection, which is made anew when it was lost.

    *connect* opens a connection that commits each statement by itself.  The methods are for the
    reactor thread; nobody waits for an act but by its Deferred.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        call_in_reactor: Callable[..., object],
    ) -> None:
        self._connect, self._call = connect, call_in_reactor
        self._acts: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="in turn", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread after the acts that were asked for (blocks)."""
        self._acts.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    def ask(self, act: Act[T]) -> Deferred[T]:
        """Carry an act out after those before; fails with StoreFailure."""
        waiter: Deferred[T] = Deferred()
        self._acts.put(_Asked(act, waiter))
        return waiter

    def _run(self) -> None:
        db: psycopg.Connection[Any] | None = None
        while (asked := self._acts.get()) is not None:
            try:
                if db is None or db.closed:
                    db = self._connect()
                done = asked.act(db)
            except psycopg.Error as error:
                self._answer(asked.waiter.errback, StoreFailure(str(error)))
            else:
                self._answer(asked.waiter.callback, done)
        if db is not None:
            db.close()

    def _answer(self, answer: Callable[[Any], None], result: object) -> None:
        with suppress(RuntimeError):  # the reactor is gone
            self._call(answer, result)
