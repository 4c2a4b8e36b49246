"""Commands that wait, started as ``nohup smppbridge ... &`` in a script starts them."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.cli.processes import Program, free_ports, running

pytestmark = pytest.mark.slow


def ignored(program: Program) -> set[int]:
    """Return the signals that a process ignores."""
    status = Path(f"/proc/{program.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"^SigIgn:\s*([0-9a-f]+)$", status, re.MULTILINE)
    assert found
    mask = int(found[1], 16)
    return {number for number in (signal.SIGINT, signal.SIGHUP) if mask >> number - 1 & 1}


def arguments(command: str) -> tuple[list[str], str]:
    """Return a command that waits, and the words that tell that it does."""
    smpp, web, callbacks = free_ports(3)
    ports = ["--port", smpp, "--web-port", web, "--callbacks-port", callbacks]
    return {
        "demo": (["demo", *ports], "nothing is kept."),
        "listen": (["listen", "--port", smpp], "again in"),
        "simulate": (["simulate", "keccel", "--port", "0"], "Ctrl-C ends it"),
    }[command]


@pytest.mark.parametrize("command", ["demo", "listen", "simulate"])
def test_nohup_outlives_the_terminal_and_sigterm_ends_it(command: str) -> None:
    words, up = arguments(command)
    with running(*words, where="in the background") as program:
        program.until(up)
        assert ignored(program) == {signal.SIGINT, signal.SIGHUP}
        assert program.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("command", ["demo", "listen"])
def test_any_of_three_signals_ends_it_on_a_terminal(command: str, number: int) -> None:
    words, up = arguments(command)
    with running(*words) as program:
        program.until(up)
        assert program.end(number) == 0
