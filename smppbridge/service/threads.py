"""threads: the signals of the daemon are for its main thread alone.

A signal that another thread got would have to be passed on, and would be lost if exec(2) came
between.  A thread inherits the blocked signals of the thread that starts it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)


@contextmanager
def deaf() -> Iterator[None]:
    """Let threads that start meanwhile get none of the daemon's signals."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OBEYED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class DeafThread(Thread):
    """A thread that gets none of the daemon's signals."""

    def start(self) -> None:
        """Start the thread."""
        with deaf():
            super().start()
