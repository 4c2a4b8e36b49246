"""breakdown: a thread that ends by an error nobody foresaw ends the bridge, to be started anew.

Calls of such a thread are never answered: no ESME hears ESME_ROK, and sessions that stayed
bound would wait for ever.  After the end all is as after kill -9.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from smppbridge.observe.log import described

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

ENDS_WITHIN = 10.0
"""Seconds, at most, until the process ends, besides those of a drain that is under way."""


@contextmanager
def threads_watched(broken: Callable[[str, Failure], object]) -> Iterator[None]:
    """Call *broken* with the name and the error of each thread that ends by an error meanwhile.

    It is called in that thread.
    """
    before = threading.excepthook

    def hook(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
            name = "unknown" if ended.thread is None else ended.thread.name
            broken(name, Failure(ended.exc_value, ended.exc_type, ended.exc_traceback))

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class Breakdown:
    """The end of a bridge of which a thread has broken; the first one decides.

    Only `note` writes it, in the reactor thread.  *end* ends the process at once, with a status.
    """

    def __init__(self, bridge: Bridge, end: Callable[[int], object]) -> None:
        self._bridge, self._end, self._begun = bridge, end, False

    def called(self, thread: str, failure: Failure) -> None:
        """Have an error noted; called in the thread that has broken."""
        try:
            self._bridge.reactor.callFromThread(self.note, thread, failure)
        except RuntimeError:  # the reactor is gone, and the process ends anyway
            sys.stderr.write(f"thread {thread}: {failure.type}\n")

    def note(self, thread: str, failure: Failure) -> None:
        """Log an error, close all sessions without answers, and end the bridge."""
        bridge, first, self._begun = self._bridge, not self._begun, True
        if first:  # before all that can fail too
            drain = bridge.settings.drain if bridge.draining else 0.0
            bridge.reactor.callLater(drain + ENDS_WITHIN, self._end, os.EX_SOFTWARE)
        bridge.exit_status = os.EX_SOFTWARE
        bridge.journal("thread_broken", thread=thread, **described(failure))
        if not bridge.listening:  # nobody was answered yet
            self._end(os.EX_SOFTWARE)
        elif first and not bridge.draining:
            bridge.relay.submit.suspend(True)
            for session in list(bridge.doors.smsc.sessions):
                session.close()
            bridge.spawn(bridge.give_up(os.EX_SOFTWARE))
