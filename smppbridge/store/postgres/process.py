"""process: which process a node is, so that its successor on the same machine can prove it dead."""

from __future__ import annotations

import os
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_process(pid: int | None = None) -> str:
    """Return the mark of a process (ours by default): boot, pid namespace, pid and start time.

    Empty if the system does not tell: then nobody can prove anything about it.
    """
    number = os.getpid() if pid is None else pid
    try:
        started = _started(number)
        return f"{_BOOT.read_text().strip()}/{os.readlink('/proc/self/ns/pid')}/{number}/{started}"
    except (OSError, IndexError):
        return ""


def is_dead(mark: str) -> bool:
    """Return whether the process of a mark is proven dead: False for another machine's process."""
    ours = this_process()
    if not mark or not ours or mark.count("/") != ours.count("/"):
        return False
    boot, namespace, pid, started = mark.split("/")
    if [boot, namespace] != ours.split("/")[:2] or not pid.isdecimal():
        return False
    try:
        return _started(int(pid)) != started or _state(int(pid)) in "ZX"
    except FileNotFoundError:
        return True
    except (OSError, IndexError):
        return False


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may have blanks (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _started(pid: int) -> str:
    return _fields(pid)[19]


def _state(pid: int) -> str:
    return _fields(pid)[0]
