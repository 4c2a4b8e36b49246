"""exports: CDR files are written by a process of their own, started a minute after every hour."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from tempfile import TemporaryFile
from typing import Protocol

from smppbridge.cdr.export import GRACE, HOUR
from smppbridge.cdr.folder import BadFolder, Folder
from smppbridge.relay.ports import Journal
from smppbridge.settings.cdr import CdrSection
from smppbridge.store.cdr import Exported

INTERIM = 300.0  # seconds between the files of the hour that runs
_AGAIN = 60.0  # seconds until a process that failed is started anew
_BUSY = 75  # of `export`: somebody else writes into the folder
_LONGEST_REASON = 300


class Process(Protocol):
    """A process that was started."""

    def poll(self) -> int | None:
        """Return the exit status, None while the process runs."""

    def reason(self) -> str:
        """Return the last line of standard error, once the process has ended."""

    def end(self) -> None:
        """End the process, and wait for its end."""


class ChildProcess:
    """A child of this process."""

    def __init__(self, command: Sequence[str]) -> None:
        self._said = TemporaryFile()  # noqa: SIM115  # no pipe: nobody reads until the end
        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._said
        )

    def poll(self) -> int | None:
        """Return the exit status, None while the process runs."""
        return self._child.poll()

    def reason(self) -> str:
        """Return the last line of standard error, once the process has ended."""
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][-_LONGEST_REASON:] if lines else ""

    def end(self) -> None:
        """End the process, and wait for its end."""
        if self._child.poll() is None:
            self._child.kill()  # what it leaves, the next one makes again
        self._child.wait()
        self._said.close()


class Exports:
    """Starts the process that writes CDR files; knows which messages have their record.

    *store* are the words by which a command finds the store.  Only Exports writes `exported`, which
    is None while no files are wanted: then a message may be deleted as it is.
    """

    def __init__(
        self,
        store: Sequence[str],
        journal: Journal,
        start: Callable[[Sequence[str]], Process] = ChildProcess,
    ) -> None:
        self._store, self._journal, self._start = store, journal, start
        self._section = CdrSection()
        self._process: Process | None = None
        self._next = 0.0
        self.exported: Exported | None = None

    def change(self, section: CdrSection) -> None:
        """Go by another section from now on; a process that runs ends by itself."""
        if section == self._section:
            return
        self._section, self._next = section, 0.0
        self.exported = None
        if section.folder:
            self._look()

    def tick(self, now: float) -> None:
        """Start the process that is due, or see to the one that has ended; every ten seconds."""
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            reason = self._process.reason()
            self.stop()
            self._ended(status, reason, now)
        if self._section.folder and now >= self._next:
            self._process = self._start(self._command(self._section))
            self._next = self._due(now)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def interrupt(self) -> None:
        """End the process; the next tick starts one anew."""
        if self._process is not None:
            self.stop()
            self._next = 0.0

    def _command(self, section: CdrSection) -> list[str]:
        given = {
            "--folder": section.folder or "",
            "--format": section.format,
            "--numbers": section.numbers,
        }
        options = [word for pair in given.items() for word in pair]
        interim = ["--interim"] if section.interim else []
        return [sys.executable, "-m", "smppbridge", "export", *self._store, *options, *interim]

    def _due(self, now: float) -> float:
        """Return when a process is due again: once the next hour is closed."""
        closes = (int(now - GRACE) // HOUR + 1) * HOUR + GRACE
        return min(closes, now + INTERIM) if self._section.interim else closes

    def _ended(self, status: int, reason: str, now: float) -> None:
        if status == 0:
            self._look()
            return
        self._next = min(self._next, now + _AGAIN)
        if status != _BUSY:
            self._journal("cdr_failed", status=status, reason=reason or "it was killed")

    def _look(self) -> None:
        """Read which messages have their record; none, while that cannot be read."""
        folder = Folder(self._section.folder or "")
        try:
            self.exported = folder.exported()
        except (BadFolder, OSError) as error:
            self.exported = Exported()
            self._journal("cdr_failed", reason=str(error))
