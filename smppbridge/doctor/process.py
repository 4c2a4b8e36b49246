"""The process of the running bridge: its memory, and the watchdog of its unit."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from smppbridge.doctor.diagnosis import Diagnosis

_NEAR, _LOOK = 0.95, 0.8  # of a limit
_SCARCE = 0.05  # of the machine's memory
_SWAPPED = 100_000_000
_UNIT = re.compile(r"/([^/]+\.service)(?=/|$)")
_SIZE = re.compile(r"(?m)^(\w+):\s+(\d+) kB$")
_PATIENCE = 5.0
_SHOWN = ("WatchdogUSec", "WatchdogTimestampMonotonic")
_UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "": 1e-6}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(min|ms|us|s|h|)(?:\s|$)")
Ran = Callable[[Sequence[str]], str]
"""Runs a program and returns its output; raises OSError, subprocess.SubprocessError."""


def memory(
    pid: int | None, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")
) -> Iterator[Diagnosis]:
    """Examine the memory of the daemon against its limit, and that of the machine."""
    found = _sizes(proc / "meminfo")
    total, free = found.get("MemTotal", 0), found.get("MemAvailable", 0)
    if total and free < total * _SCARCE:
        says = f"the machine has {_mb(free)} of {_mb(total)} left"
        advice = "which process has it? the kernel ends one when there is none left: ps --sort -rss"
        yield Diagnosis("memory", "machine", "look", says, advice)
    if pid is None:
        return
    used = _sizes(proc / str(pid) / "status")
    if "VmRSS" not in used:
        yield Diagnosis("memory", "", "look", f"process {pid} cannot be looked at")
        return
    yield _of_process(used["VmRSS"], _limit(pid, proc, groups), total)
    if used.get("VmSwap", 0) > _SWAPPED:
        says = (
            f"{_mb(used['VmSwap'])} of the running bridge are swapped out: answers wait for disks"
        )
        yield Diagnosis(
            "memory", "swap", "look", says, "MemorySwapMax=0 in the unit, or more memory"
        )


def _of_process(used: int, limit: int | None, total: int) -> Diagnosis:
    whose = "of the machine's" if limit is None else "the unit allows it"
    most = total if limit is None else min(limit, total or limit)
    says = f"the running bridge has {_mb(used)}; {whose} {_mb(most)}"
    if not most or used < most * _LOOK:
        return Diagnosis("memory", "", "good", says)
    advice = (
        "raise MemoryMax in the unit (systemctl edit smppbridge), then restart; backlogs and window"
        " bound what is held in memory: see help settings"
    )
    return Diagnosis("memory", "", "fault" if used > most * _NEAR else "look", says, advice)


def _mb(octets: float) -> str:
    return f"{octets / 1e6:,.0f} MB"


def _sizes(file: Path) -> dict[str, int]:
    """Return the sizes in a file of proc(5), in octets; none if the file cannot be read."""
    try:
        return {name: int(size) * 1024 for name, size in _SIZE.findall(file.read_text())}
    except OSError:
        return {}


def _limit(pid: int, proc: Path, groups: Path) -> int | None:
    """Return the least limit of a process's control groups, in octets; None without any."""
    limits = []
    for kind, path in _groups(pid, proc):
        root, name = (
            (groups, "memory.max") if not kind else (groups / "memory", "memory.limit_in_bytes")
        )
        group = root / path.lstrip("/")
        inside = (each for each in (group, *group.parents) if each.is_relative_to(root))
        limits += [_number(each / name) for each in inside]
    return min((each for each in limits if each is not None), default=None)


def _groups(pid: int, proc: Path) -> Iterator[tuple[str, str]]:
    """Yield the control groups that bound a process's memory: "" or "memory", and the path."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if not kinds or "memory" in kinds.split(","):
            yield ("memory" if kinds else ""), path


def _number(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max": no limit


def run_program(words: Sequence[str]) -> str:
    """Run a program and return its output; raises OSError, subprocess.SubprocessError."""
    done = subprocess.run(words, capture_output=True, timeout=_PATIENCE, check=True, text=True)
    return done.stdout


def watchdog(
    pid: int | None,
    proc: Path = Path("/proc"),
    run: Ran = run_program,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Diagnosis]:
    """Examine whether a watchdog would end a bridge that hangs, and is fed."""
    if pid is None:
        return
    try:
        environment = (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError as error:
        says = f"process {pid} cannot be looked at: {error.strerror}"
        yield Diagnosis("watchdog", "", "look", says, "run doctor as root or as the bridge's user")
        return
    names = {each.partition(b"=")[0] for each in environment}
    if b"NOTIFY_SOCKET" not in names:
        says = "systemd has not started the bridge: whoever has asks /healthz of the web listener"
        yield Diagnosis("watchdog", "", "good", says)
        return
    unit = _unit(pid, proc)
    if b"WATCHDOG_USEC" not in names:
        says = "is off: a bridge that hangs is not started anew"
        advice = f"WatchdogSec=30 in {unit or 'the unit'}, then systemctl daemon-reload and restart"
        yield Diagnosis("watchdog", unit, "look", says, advice)
        return
    yield _fed(unit, run, monotonic)


def _unit(pid: int, proc: Path) -> str:
    try:
        found = _UNIT.findall((proc / str(pid) / "cgroup").read_text())
    except OSError:
        return ""
    return found[-1] if found else ""


def _fed(unit: str, run: Ran, monotonic: Callable[[], float]) -> Diagnosis:
    """Return whether systemd has received a sign of life within the time of the watchdog."""
    try:
        words = ["systemctl", "show", unit, f"--property={','.join(_SHOWN)}"]
        shown = dict(line.split("=", 1) for line in run(words).splitlines() if "=" in line)
        allowed = seconds_of(shown[_SHOWN[0]])
        age = monotonic() - int(shown[_SHOWN[1]]) / 1e6
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return Diagnosis("watchdog", unit, "good", "is on; systemctl does not say when it was fed")
    if allowed is None:
        says, advice = (
            "the running bridge has one, and the unit none any more",
            "restart the bridge",
        )
        return Diagnosis("watchdog", unit, "look", says, advice)
    says = f"{allowed:.0f} s, fed {age:.1f} s ago"
    if age * 2 > allowed:
        advice = "journalctl -u smppbridge -n 100: a disk or a machine that hangs?"
        return Diagnosis("watchdog", unit, "look", f"{says}: late", advice)
    return Diagnosis("watchdog", unit, "good", says)


def seconds_of(span: str) -> float | None:
    """Return a span of time as systemd prints one, in seconds; None for infinity and 0.

    Raises ValueError.
    """
    if span in ("infinity", "0"):
        return None
    found = _SPAN.findall(span)
    if not found or _SPAN.sub("", span).strip():
        raise ValueError(f"{span!r} is no span of time")
    return sum(float(number) * _UNITS[unit] for number, unit in found)
