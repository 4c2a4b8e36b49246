"""Signals of a command which waits: those that end it, as Ctrl-C does, and the daemon's SIGHUP."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from smppbridge.service.threads import OBEYED

Handler = Callable[[int, FrameType | None], object]


def on_hangup(handler: Handler) -> None:
    """Call a handler when the terminal is closed, unless nohup has SIGHUP ignored."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)


@contextmanager
def held() -> Iterator[None]:
    """Keep the signals that end a command waiting: the command finishes a step that it began."""
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    )
    try:
        yield
    finally:
        _set_mask(before)


def hold_hangup() -> Callable[[], None]:
    """Keep SIGHUP and SIGUSR2 waiting until handlers obey; return a function that undoes this.

    For the daemon they are a reload and a restart, also in the moments before the daemon can do
    either: without a handler the signal would end the process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGUSR2))
    return lambda: _set_mask(before)


def hold_all() -> Callable[[], None]:
    """Keep the signals waiting that the daemon obeys, over exec(2) too; return how to undo this.

    Called by the main thread, the only one that signals come to.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OBEYED)
    return lambda: _set_mask(before)


def obey_end() -> None:
    """Let SIGINT and SIGTERM come, which a program before this one may have kept waiting."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def obey(number: int, handler: Handler) -> None:
    """Call a handler at a signal from now on, at once if the signal has been kept waiting."""
    signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))


def _set_mask(mask: Iterable[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
