"""traces: the recordings that run and that have ended, and the words that all of them hide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from smppbridge.tracing.hidden_words import NO_WORDS, HiddenWords
from smppbridge.tracing.recording import NotTraced, Order, Packet, Recording

MOST_RUNNING: Final = 4
MOST_KEPT: Final = 4
"""Ended recordings that can be read still."""
KEPT_FOR: Final = 3_600.0
"""Seconds that an ended recording can be read."""


class Traces:
    """All recordings of a bridge, by number; nothing survives a restart.

    *nanoseconds* is the time of day in UTC, *seconds* a clock that never steps back; *changed* is
    called with a recording that has begun or ended, *failed* while a tap's exception is handled.
    Only the instance writes which recordings there are; taps keep packets in those that run.
    """

    def __init__(
        self,
        nanoseconds: Callable[[], int],
        seconds: Callable[[], float],
        changed: Callable[[Recording], None],
        failed: Callable[[], None],
    ) -> None:
        self.now, self._seconds = nanoseconds, seconds
        self._changed, self._failed = changed, failed
        self.words: HiddenWords = NO_WORDS
        self.running: tuple[Recording, ...] = ()
        self._all: dict[int, Recording] = {}
        self._ended_at: dict[int, float] = {}
        self._last = 0

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these words too from now on, wherever they stand."""
        words = self.words.words.union(secret for secret in secrets if secret)
        if words != self.words.words:
            self.words = HiddenWords(words)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """End all recordings at an exception: a trace must not harm the session it listens to."""
        try:
            yield
        except Exception:
            self._failed()
            for recording in self.running:
                recording.end("a fault of the trace")
            self.settle()

    def start(self, order: Order) -> Recording:
        """Begin a recording.  Raises NotTraced if too many run."""
        if len(self.running) >= MOST_RUNNING:
            raise NotTraced(f"{MOST_RUNNING} traces run already: stop one")
        self._last += 1
        deadline = self._seconds() + order.seconds
        recording = Recording(self._last, order, self.now(), deadline)
        self._all[recording.number] = recording
        self.running = (*self.running, recording)
        self._changed(recording)
        return recording

    def stop(self, number: int) -> Recording:
        """End a recording, whose packets can be read still.  Raises NotTraced."""
        recording = self.read(number)
        recording.end("stopped")
        self.settle()
        return recording

    def forget(self, number: int) -> None:
        """End a recording and drop its packets.  Raises NotTraced."""
        self.stop(number)
        del self._all[number], self._ended_at[number]

    def read(self, number: int) -> Recording:
        """Return a recording.  Raises NotTraced."""
        found = self._all.get(number)
        if found is None:
            raise NotTraced(f"there is no trace {number}")
        return found

    def all(self) -> list[Recording]:
        """Return the recordings that can be read, the oldest first."""
        return list(self._all.values())

    def tick(self) -> None:
        """End recordings whose time is over; drop those that ended long ago."""
        if not self._all:
            return
        now = self._seconds()
        for recording in self.running:
            if recording.deadline <= now:
                recording.end("its time is over")
        self.settle()
        for number in [n for n, at in self._ended_at.items() if at + KEPT_FOR <= now]:
            del self._all[number], self._ended_at[number]

    def keep(self, packet: Packet, recordings: Iterable[Recording]) -> None:
        """Keep a packet in recordings."""
        full = False
        for recording in recordings:
            recording.keep(packet)
            full = full or not recording.running
        if full:
            self.settle()

    def settle(self) -> None:
        """Count out the recordings that have ended; only the latest of them can be read."""
        ended = [recording for recording in self.running if not recording.running]
        if not ended:
            return
        self.running = tuple(recording for recording in self.running if recording.running)
        for recording in ended:
            self._ended_at[recording.number] = self._seconds()
            self._changed(recording)
        for number in list(self._ended_at)[:-MOST_KEPT]:
            del self._all[number], self._ended_at[number]
