"""Checkpoints of the write-ahead log, by a thread of their own: no commit waits for them.

SQLite lets a checkpoint go on beside the writer.  The log begins anew when a checkpoint has caught
up with the writer; if none has before the log is LONGEST, the writer makes one within its commit.
"""

from __future__ import annotations

import sqlite3
import threading

LONGEST = 16_000  # pages of 4 KiB: the log stays within LIMIT
LIMIT = 67_108_864  # octets that the log's file keeps once the log begins anew
_LONG = 12_000  # pages: from here on close behind the writer, so that little is left to its commit
_PAUSE, _CLOSE_BEHIND = 0.25, 0.02  # seconds between checkpoints


class Checkpoints:
    """Makes the checkpoints of one store's file while its writer thread runs.

    Only the thread writes anything, and only through its own connection.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread (blocks): the last connection to be closed is the writer's."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None)
        pages = 0
        while not self._ending.wait(_CLOSE_BEHIND if pages >= _LONG else _PAUSE):
            pages = checkpoint(db)
        db.close()


def checkpoint(db: sqlite3.Connection) -> int:
    """Write the pages of the log into the file; return how long the log is, 0 if none is left."""
    try:
        _, pages, written = db.execute("pragma wal_checkpoint(passive)").fetchone()
    except sqlite3.Error:  # a failing disk: the writer's commits say so
        return 0
    return int(pages) if written < pages else 0
