"""Work that takes its time and is not in a message's way, on a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from twisted.internet.defer import Deferred

from smppbridge.store.port import StoreFailure

T = TypeVar("T")


class Aside:
    """Carries acts out on a thread each; *connect* opens a connection that commits by itself."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        call_in_reactor: Callable[..., object],
    ) -> None:
        self._connect, self._call = connect, call_in_reactor

    def act(self, act: Callable[[psycopg.Connection[Any]], T]) -> Deferred[T]:
        """Carry an act out; fails with StoreFailure."""
        waiter: Deferred[T] = Deferred()
        threading.Thread(target=self._carry_out, args=(act, waiter), daemon=True).start()
        return waiter

    def _carry_out(self, act: Callable[[psycopg.Connection[Any]], T], waiter: Deferred[T]) -> None:
        try:
            with self._connect() as db:
                done = act(db)
        except (psycopg.Error, ValueError) as error:
            self._call(waiter.errback, StoreFailure(str(error)))
        else:
            self._call(waiter.callback, done)
