"""The store thread: calls of the reactor thread in turns, all that came since the turn before."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from twisted.internet.defer import Deferred

from smppbridge.store.port import StoreFailure

MANY_CALLS: Final = 4
"""After a turn of more calls the store thread waits for as many; a lone client makes fewer."""
WAITED_FOR = 0.006
"""Seconds, at most, that the store thread waits after a turn."""
UNANSWERED: Final = object()
"""The result of a call of which nobody knows, or may know, whether it was carried out."""
T = TypeVar("T")
Db = TypeVar("Db")
"""The connection that a query is given."""
Rows = TypeVar("Rows", bound=Sequence[tuple[Any, Any]])
"""The writes of a verb."""


@dataclass(slots=True)
class StoreCall(Generic[Db, Rows]):
    """The writes of a verb, a query, or both, and the Deferred that waits for them.

    With *begun*, attempts, the query is made only if some did not begin, else they are the result.
    """

    waiter: Deferred[Any]
    writes: Rows | None = None
    query: Callable[[Db], Any] | None = None
    begun: Any = None


class StoreThread(Generic[Db, Rows]):
    """Carries out writes and queries of the reactor thread, each call after the calls before it.

    *committed* is called for every transaction with its seconds, *changed* when transactions begin
    to fail (with the error) or succeed again (None).  Only the reactor thread writes `failing` and
    `_acted_on`, in `_done`, and the count of calls; the store thread has its connection alone.

    After a turn the store thread lets the reactor act on it: the calls that follow from it are in
    the next, and the threads do not fight for the interpreter meanwhile.  After a turn of many
    calls it waits for as many: calls that come one by one share a transaction.  The store
    thread locks the gate when it begins a turn, and waits there after the turn; the reactor opens
    the gate when it has acted on the turn and the calls are there.
    """

    def __init__(
        self,
        call_in_reactor: Callable[..., object],
        committed: Callable[[float], None],
        changed: Callable[[Exception | None], None],
    ) -> None:
        self._call, self._committed, self._changed = call_in_reactor, committed, changed
        self._calls: queue.SimpleQueue[StoreCall[Db, Rows] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._begun = self._acted_on = self._wanted = 0
        self._gate = threading.Lock()
        self.failing = False
        self._given = 0

    @property
    def idle(self) -> bool:
        """Whether all calls are carried out, and the reactor has acted on their results."""
        return not self._given

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Carry out all calls and end the thread (blocks)."""
        if self._thread.is_alive():
            self._calls.put(None)
            self._thread.join(timeout)

    def write(
        self,
        writes: Rows | None,
        query: Callable[[Db], Any] | None = None,
        begun: Any = None,
    ) -> Deferred[Any]:
        """Write rows, if there are any; done when they are on disk.  Fails with StoreFailure.

        *query* is made before any other query sees the rows; *begun* is explained by StoreCall.
        """
        waiter: Deferred[Any] = Deferred()
        self._given += 1
        self._calls.put(StoreCall(waiter, writes, query, begun))
        if self._wanted:
            self._open_gate()
        return waiter

    def query(self, query: Callable[[Db], T]) -> Deferred[T]:
        """Make a query after all calls before it."""
        return self.write(None, query)

    # -- what a store does in the thread --------------------------------------------------------

    def _open(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _write(self, calls: Sequence[StoreCall[Db, Rows]]) -> list[Any]:
        """Write the rows of all calls in one transaction; return the result of each, or its error.

        With a query, the result is the query's.
        """
        raise NotImplementedError

    def _result(self, query: Callable[[Db], Any]) -> Any:
        """Return the result of a query, or its error."""
        raise NotImplementedError

    # -- the turns ------------------------------------------------------------------------------

    def _run(self) -> None:
        """Carry out the calls since the last commit, again and again, until None comes.

        An error that nobody foresaw ends the thread: its calls are never answered.
        """
        self._open()
        calls, last = self._calls, False
        try:
            while not last:
                batch = [calls.get(), *(calls.get() for _ in range(calls.qsize()))]
                last, turn = None in batch, self._begin(len(batch))
                self._turn([call for call in batch if call is not None], turn)
                self._gate.acquire(timeout=WAITED_FOR)
                self._wanted = 0
        finally:
            self._close()

    def _begin(self, calls: int) -> int:
        """Begin a turn of so many calls; return its number."""
        self._begun += 1
        self._gate.acquire(blocking=False)
        self._wanted = calls if calls > MANY_CALLS else 0
        return self._begun

    def _turn(self, calls: list[StoreCall[Db, Rows]], turn: int) -> None:
        writing = [call for call in calls if call.writes is not None]
        begun = time.monotonic()
        results = self._write(writing) if writing else []
        seconds = time.monotonic() - begun
        reading = [call for call in calls if call.writes is None]
        results += [self._result(call.query) for call in reading if call.query]
        self._call(self._done, turn, writing, reading, results, seconds)

    def _done(
        self,
        turn: int,
        writing: list[StoreCall[Db, Rows]],
        reading: list[StoreCall[Db, Rows]],
        results: list[Any],
        seconds: float,
    ) -> None:
        try:
            self._resolve(writing, reading, results, seconds)
        finally:
            self._acted_on = turn
            if self._wanted:
                self._open_gate()
            elif turn == self._begun and self._gate.locked():  # the common case, without a call
                self._gate.release()

    def _open_gate(self) -> None:
        """Let the store thread go on, if the reactor has acted and as many calls as wanted wait."""
        ready = self._acted_on == self._begun and self._calls.qsize() >= self._wanted
        if ready and self._gate.locked():
            self._gate.release()

    def _resolve(
        self,
        writing: list[StoreCall[Db, Rows]],
        reading: list[StoreCall[Db, Rows]],
        results: list[Any],
        seconds: float,
    ) -> None:
        if any(rows for call in writing for _, rows in call.writes or ()):
            failed = next((e for e in results[: len(writing)] if isinstance(e, Exception)), None)
            if self.failing is (failed is None):
                self.failing = failed is not None
                self._changed(failed)
            self._committed(seconds)
        for call, result in zip([*writing, *reading], results, strict=True):
            if result is UNANSWERED:
                continue
            self._given -= 1
            if isinstance(result, Exception):
                call.waiter.errback(StoreFailure(str(result)))
            else:
                call.waiter.callback(result)


Writer = TypeVar("Writer", bound=StoreThread[Any, Any])
"""A store thread."""


class OnStoreThread(Generic[Writer]):
    """A store whose calls a store thread carries out."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @property
    def alive(self) -> bool:
        """Whether the store thread runs."""
        return self._writer.alive

    @property
    def idle(self) -> bool:
        """Whether no call waits or is carried out."""
        return self._writer.idle

    @property
    def failing(self) -> bool:
        """Whether the last transaction failed."""
        return self._writer.failing

    def start(self) -> None:
        """Start the store thread."""
        self._writer.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Carry out all calls, end the store thread and its connection (blocks)."""
        self._writer.stop(timeout)
