"""Callbacks that come in one turn of the reactor are told together: one commit for all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smppbridge.providers.exchange import HttpRequest, Received

Read = Callable[[str, HttpRequest], Sequence[Received]]
Tell = Callable[[str, list[Received]], Coroutine[Any, Any, None]]


class Hearing:
    """Hears callbacks: *read* tells what one says (BadReply if it is none), *tell* takes them."""

    def __init__(self, read: Read, tell: Tell, reactor: IReactorTime) -> None:
        self._read, self._tell, self._reactor = read, tell, reactor
        self._heard: dict[str, list[tuple[Sequence[Received], Deferred[None]]]] = {}

    def __call__(self, provider: str, request: HttpRequest) -> Deferred[None]:
        """Take a callback; done when what it says is on disk."""
        said = self._read(provider, request)
        waiter: Deferred[None] = Deferred()
        if not self._heard:
            self._reactor.callLater(0, self._tell_all)
        self._heard.setdefault(provider, []).append((said, waiter))
        return waiter

    def _tell_all(self) -> None:
        heard, self._heard = self._heard, {}
        for provider, calls in heard.items():
            all_heard = [one for said, _ in calls for one in said]
            waiters = [waiter for _, waiter in calls]
            told = Deferred.fromCoroutine(self._tell(provider, all_heard))
            told.addCallbacks(_all_back, _all_failed, (waiters,), {}, (waiters,))


def _all_back(_: None, waiters: Iterable[Deferred[None]]) -> None:
    for waiter in waiters:
        waiter.callback(None)


def _all_failed(failure: Failure, waiters: Iterable[Deferred[None]]) -> None:
    for waiter in waiters:
        waiter.errback(failure)
