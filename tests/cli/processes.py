"""The commands as processes, read line by line with a deadline."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.patience import PATIENCE
from tests.ports import kept_ports

# As a terminal starts it, or nohup in the background: whatever this process itself ignores.
_MAIN = """
import signal, sys
ignored = sys.argv.pop(1) == "in the background"
signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
from smppbridge.cli.main import main
main(prog_name="smppbridge")
"""


@dataclass
class Program:
    """A running command; what it printed is in *said*."""

    process: subprocess.Popen[bytes]
    said: str = ""

    def until(self, word: str) -> str:
        """Read until *word* is printed; return all that was printed so far."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE
        while word not in self.said:
            left = deadline - time.monotonic()
            assert left > 0, f"{word!r} is not in {self.said!r}"
            if select.select([self.process.stdout], [], [], left)[0]:
                octets = os.read(self.process.stdout.fileno(), 65536)
                assert octets, f"ended without {word!r}: {self.said!r}"
                self.said += octets.decode()
        return self.said

    def end(self, signum: int = signal.SIGINT) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(signum)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; return the exit status."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.said += rest.decode()
        return self.process.returncode


@contextmanager
def running(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    where: str = "on a terminal",
) -> Iterator[Program]:
    """Run a command, its standard error with its output; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, where, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environ or {})},
    )
    with process:
        try:
            yield Program(process)
        finally:
            process.kill()


def free_ports(count: int) -> list[str]:
    """Return ports of 127.0.0.1 that nobody has."""
    return [str(port) for port in kept_ports(count)]
