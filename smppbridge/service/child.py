"""child: a command of ours as a process beside the daemon, whose output is read at its end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

LOOKED_AT = 0.1  # seconds between two looks at the process
_SAID = 300  # characters, the last ones, of what a process that failed said


class ChildRunning(Exception):
    """The process of before has not ended."""


class ChildFailed(Exception):
    """The process came to nothing; why."""


class Child:
    """At most one process at a time.  Only the instance writes which one runs."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._process: subprocess.Popen[bytes] | None = None
        self._output: Any = None
        self._until = 0.0
        self._ended: Deferred[bytes] | None = None
        self._good: Sequence[int] = ()
        self._next: IDelayedCall | None = None

    @property
    def running(self) -> bool:
        """Whether a process runs."""
        return self._process is not None

    def run(self, words: Sequence[str], good: Sequence[int], longest: float) -> Deferred[bytes]:
        """Run `smppbridge` with these words; the result is what it printed.

        Fails with ChildFailed after *longest* seconds, or if the exit status is none of *good*;
        raises ChildRunning, ChildFailed.
        """
        if self._process is not None:
            raise ChildRunning
        command = [sys.executable, "-m", "smppbridge", *words]
        output = TemporaryFile()  # noqa: SIM115  # no pipe: nobody reads until the end
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except OSError as error:
            output.close()
            raise ChildFailed(f"no process can be started: {error.strerror}") from None
        self._output, self._good = output, good
        self._until = self._reactor.seconds() + longest
        ended = self._ended = Deferred()
        self._next = self._reactor.callLater(LOOKED_AT, self._look)
        return ended

    def stop(self) -> None:
        """End the process."""
        if self._process is not None and self._next is not None:
            self._next.cancel()
            self._end(self._process, "it was stopped")

    def _look(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is not None:
            self._conclude(process.returncode, "")
        elif self._reactor.seconds() >= self._until:
            self._end(process, "it took too long")
        else:
            self._next = self._reactor.callLater(LOOKED_AT, self._look)

    def _end(self, process: subprocess.Popen[bytes], why: str) -> None:
        process.kill()
        self._conclude(process.wait(), why)

    def _conclude(self, status: int, failed: str) -> None:
        self._output.seek(0)
        octets: bytes = self._output.read()
        self._output.close()
        ended, self._ended, self._process = self._ended, None, None
        if ended is None:
            return
        if not failed and status not in self._good:
            last = octets.decode("utf-8", "replace").strip().rpartition("\n")[2]
            failed = f"exit status {status}: {last[-_SAID:]}"
        if failed:
            ended.errback(ChildFailed(failed))
        else:
            ended.callback(octets)
