"""Callbacks that come in one turn of the reactor are recorded together: one commit for all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smppbridge.providers.exchange import HttpRequest, Received

ReadCallback = Callable[[str, HttpRequest], Sequence[Received]]
RecordReceived = Callable[[str, list[Received]], Coroutine[Any, Any, None]]


class Recording:
    """Records callbacks: *read* returns the reports and MO messages of one, *record* writes them.

    *read* raises BadReply for a request that is no callback.  Only the instance writes its state.
    """

    def __init__(self, read: ReadCallback, record: RecordReceived, reactor: IReactorTime) -> None:
        self._read, self._record, self._reactor = read, record, reactor
        self._pending: dict[str, list[tuple[Sequence[Received], Deferred[None]]]] = {}

    def __call__(self, provider: str, request: HttpRequest) -> Deferred[None]:
        """Read a callback; done when its reports and MO messages are on disk."""
        received = self._read(provider, request)
        waiter: Deferred[None] = Deferred()
        if not self._pending:
            self._reactor.callLater(0, self._record_pending)
        self._pending.setdefault(provider, []).append((received, waiter))
        return waiter

    def _record_pending(self) -> None:
        pending, self._pending = self._pending, {}
        for provider, calls in pending.items():
            received = [each for read, _ in calls for each in read]
            waiters = [waiter for _, waiter in calls]
            recorded = Deferred.fromCoroutine(self._record(provider, received))
            recorded.addCallbacks(_all_back, _all_failed, (waiters,), {}, (waiters,))


def _all_back(_: None, waiters: Iterable[Deferred[None]]) -> None:
    for waiter in waiters:
        waiter.callback(None)


def _all_failed(failure: Failure, waiters: Iterable[Deferred[None]]) -> None:
    for waiter in waiters:
        waiter.errback(failure)
