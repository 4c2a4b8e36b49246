"""Signals of a command which waits: those that end it, as Ctrl-C does, and the daemon's SIGHUP."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

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
    """Keep SIGHUP waiting until a handler obeys; return a function that undoes this.

    For the daemon SIGHUP is a reload, also in the moments before the daemon can reload: without a
    handler the signal would end the process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    return lambda: _set_mask(before)


def obey_hangup(handler: Handler) -> None:
    """Call a handler at SIGHUP from now on, at once if a SIGHUP has been kept waiting."""
    signal.signal(signal.SIGHUP, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))


def _set_mask(mask: Iterable[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
