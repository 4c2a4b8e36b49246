"""Signals that end a command which waits, as Ctrl-C does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


def on_hangup(handler: Handler) -> None:
    """Call a handler when the terminal is closed, unless nohup has SIGHUP ignored."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)
