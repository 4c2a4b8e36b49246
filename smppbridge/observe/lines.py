"""Log lines on their way out: bounded, and never waited for."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping

_PIECE = 4096
"""Octets that a descriptor reported writable takes without blocking (PIPE_BUF, pipe(7))."""


class Lines:
    """Lines gathered for a file descriptor, at most *limit* octets of them.

    With *priorities* a line begins with its level, as journald reads it (sd-daemon(3)).

    A reader that stands still costs lines, not the reactor's time: *dropped* counts all lost lines,
    *unlogged* those that no line in the log counts yet.  Only the instance writes its state.
    """

    __slots__ = (
        "_descriptor",
        "_held",
        "_limit",
        "_poll",
        "_priorities",
        "_size",
        "dropped",
        "unlogged",
    )

    def __init__(self, descriptor: int, limit: int = 4 << 20, *, priorities: bool = False) -> None:
        self._descriptor, self._limit, self._priorities = descriptor, limit, priorities
        self._held: list[bytes] = []
        self._size = 0
        self.dropped = 0
        self.unlogged = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    @property
    def on_terminal(self) -> bool:
        """Whether a human may be looking."""
        return os.isatty(self._descriptor)

    @property
    def waiting(self) -> int:
        """Octets not written yet."""
        return self._size

    def debug(self, line: str) -> None:
        """Gather a line for the next flush."""
        self._gather(line, b"<7>")

    def info(self, line: str) -> None:
        """Gather a line for the next flush."""
        self._gather(line, b"<6>")

    def warning(self, line: str) -> None:
        """Gather a line and write all lines at once."""
        self._gather(line, b"<4>")
        self.flush()

    def error(self, line: str) -> None:
        """Gather a line and write all lines at once."""
        self._gather(line, b"<3>")
        self.flush()

    def critical(self, line: str) -> None:
        """Gather a line and write all lines at once."""
        self._gather(line, b"<2>")
        self.flush()

    def _gather(self, line: str, priority: bytes) -> None:
        octets = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._priorities:
            octets = priority + octets
        if self._size + len(octets) > self._limit:
            self._lose(1)
            return
        self._held.append(octets)
        self._size += len(octets)

    def flush(self, wait: float = 0.0) -> None:
        """Write lines as far as the reader reads now, or within *wait* seconds if it is behind."""
        octets, written = b"".join(self._held), 0
        try:
            while written < len(octets) and self._poll.poll(wait * 1000):
                written += os.write(self._descriptor, octets[written : written + _PIECE])
        except BlockingIOError:
            pass
        except OSError:
            self._lose(octets.count(b"\n", written))
            written = len(octets)
        rest = octets[written:]
        self._held = [rest] if rest else []
        self._size = len(rest)

    def count_logged(self) -> None:
        """Begin the count of *unlogged* lines anew: a line in the log counts them now."""
        self.unlogged = 0

    def _lose(self, count: int) -> None:
        self.dropped += count
        self.unlogged += count


def read_by_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Return whether journald reads a descriptor: JOURNAL_STREAM names it (systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
