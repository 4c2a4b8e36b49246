"""When the store thread begins its next turn: so that the reactor thread has its own before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

MANY_CALLS: Final = 4
"""After a turn of more calls the store thread waits for as many; a lone client makes fewer."""
WAITED_FOR = 0.006
"""Seconds, at most, that the store thread waits between two turns."""


class Turns:
    """Turns of the store thread; the reactor thread acts on the results of each.

    Between two turns the store thread waits for the reactor to act on the first: the calls that
    follow from it are in the second, and the threads do not fight for the interpreter meanwhile.
    After a turn of many calls it waits for as many: where calls come one by one, a transaction has
    those of some milliseconds.  *waiting* returns how many calls the next turn has so far.

    The store thread alone locks the gate, the reactor thread alone frees it.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._waiting = waiting
        self._begun = self._acted = self._wanted = 0
        self._gate = threading.Lock()

    # -- in the store thread --------------------------------------------------------------------

    def begin(self, calls: int) -> int:
        """Begin a turn of so many calls; return its number."""
        self._wanted = calls if calls > MANY_CALLS else 0
        self._begun += 1
        self._gate.acquire(blocking=False)
        return self._begun

    def wait(self) -> bool:
        """Wait until the next turn may begin; return False if the time was over before."""
        return self._gate.acquire(timeout=WAITED_FOR)

    # -- in the reactor thread ------------------------------------------------------------------

    def acted(self, turn: int) -> None:
        """Say that the reactor has acted on the results of a turn."""
        self._acted = turn
        self.called()

    def called(self) -> None:
        """Free the gate if the next turn has its calls; asked after each call."""
        if self._acted == self._begun and self._waiting() >= self._wanted and self._gate.locked():
            self._gate.release()
