"""The machine: its clock, the disk of the store, files and their modes, limits of the process."""

from __future__ import annotations

import ctypes
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from smppbridge.doctor.diagnosis import Diagnosis, Verdict
from smppbridge.service import descriptors
from smppbridge.settings.endpoints import parse
from smppbridge.settings.listeners import listened
from smppbridge.settings.schema import Settings

_UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)
_LARGEST_ERROR = 1.0
_FEW_OCTETS, _FEWER_OCTETS = 2_000_000_000, 200_000_000
_SYNCS, _SLOW_SYNC = 50, 0.05
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "glusterfs", "ceph")
_OPEN_FILES = re.compile(r"(?m)^Max open files\s+\S+\s+(\S+)")


def clock_state() -> tuple[bool, float]:
    """Return whether a time service keeps the clock, and the error it may have in seconds."""
    buffer = ctypes.create_string_buffer(512)  # struct timex with modes 0: nothing is set
    ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    error = int.from_bytes(buffer.raw[24:32], sys.byteorder, signed=True)
    status = int.from_bytes(buffer.raw[40:44], sys.byteorder)
    return not status & _UNSYNCHRONISED, error / 1e6


def clock(state: Callable[[], tuple[bool, float]] = clock_state) -> Iterator[Diagnosis]:
    """Examine the clock: receipts carry dates, and certificates are judged by it."""
    kept, error = state()
    if not kept:
        advice = "install chrony or systemd-timesyncd; see timedatectl"
        yield Diagnosis("clock", "", "look", "no time service keeps the clock right", advice)
    elif error > _LARGEST_ERROR:
        yield Diagnosis("clock", "", "look", f"may be wrong by {error:.1f} s", "see timedatectl")
    else:
        yield Diagnosis("clock", "", "good", f"synchronised, within {error * 1000:.0f} ms")


def disk(folder: Path) -> Iterator[Diagnosis]:
    """Examine the disk that the store is on: room, kind, and how long a sync takes."""
    subject = str(folder)
    if not folder.is_dir():
        advice = "systemd makes it (StateDirectory), or systemd-tmpfiles --create"
        yield Diagnosis("disk", subject, "look", "the store's folder is not there", advice)
        return
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    says = f"{free / 1e9:.1f} GB free"
    advice = "make room: with a full disk nothing is answered ESME_ROK"
    verdict = _verdict(free)
    yield Diagnosis("disk", subject, verdict, says, "" if verdict == "good" else advice)
    kind = file_system(folder)
    if kind in _REMOTE:
        says = f"{kind} is a file system over a network: locks and syncs do not hold there"
        yield Diagnosis("disk", subject, "fault", says, "put the store on a local disk")
    elif kind == "tmpfs":
        yield Diagnosis("disk", subject, "look", "tmpfs: gone after a restart of the machine")
    yield _syncs(folder)


def _verdict(free: float) -> Verdict:
    return "fault" if free < _FEWER_OCTETS else "look" if free < _FEW_OCTETS else "good"


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the kind of file system that a folder is on; "" if it is not known (proc(5))."""
    here, best, kind = str(folder.resolve()), -1, ""
    for line in mounts.read_text("utf-8", "replace").splitlines():
        front, _, back = line.partition(" - ")
        point = front.split()[4].replace("\\040", " ")
        inside = point == "/" or here == point or here.startswith(f"{point}/")
        if inside and len(point) >= best:
            best, kind = len(point), back.split()[0]
    return kind


def _syncs(folder: Path) -> Diagnosis:
    subject = str(folder)
    took = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(_SYNCS):
                file.write(b"\0" * 4096)
                file.flush()
                begun = time.monotonic()
                os.fdatasync(file.fileno())
                took.append(time.monotonic() - begun)
    except OSError as error:
        says = f"cannot be written by this user: {error.strerror}"
        return Diagnosis("disk", subject, "look", says, "run doctor as the bridge's user")
    worst, middle = sorted(took)[-2], sorted(took)[len(took) // 2]
    says = f"a sync takes {middle * 1000:.1f} ms, at worst {worst * 1000:.0f} ms"
    if worst > _SLOW_SYNC:
        advice = "each answer to an ESME waits for one: a faster disk, or a quieter one"
        return Diagnosis("disk", subject, "look", says, advice)
    return Diagnosis("disk", subject, "good", says)


def modes(settings: Settings, store: Path | None) -> Iterator[Diagnosis]:
    """Examine who may read the store, if it is a file, and the keys."""
    keys = [
        Path(parse(each).named[name])
        for each in listened(settings.document.values)
        for name in ("privateKey",)
        if name in parse(each).named
    ]
    secret = [path for path in (store, *keys) if path is not None and path.exists()]
    for path in secret:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o007 or (path == store and mode & 0o070):
            says = f"mode {mode:o}: others than the bridge can read it"
            yield Diagnosis("modes", str(path), "fault", says, f"chmod 600 {path}")
    if not secret:
        return
    yield Diagnosis("modes", "", "good", f"{len(secret)} secret files looked at")


def limits(settings: Settings, pid: int | None) -> Iterator[Diagnosis]:
    """Examine the descriptors that the daemon may open, or this process if no daemon runs."""
    needed, allowed = descriptors.needed(settings), descriptors.allowed()
    whose = "the running bridge"
    try:
        found = _OPEN_FILES.search(Path(f"/proc/{pid or 'none'}/limits").read_text())
        if found and found[1].isdecimal():
            allowed = int(found[1])
    except OSError:
        whose = "a process started here"
    if allowed is None or allowed >= needed:
        says = f"{whose} may open what it may need: {needed:,} descriptors"
        yield Diagnosis("limits", "", "good", says)
        return
    says = f"{whose} may open {allowed:,} descriptors, and may need {needed:,}"
    yield Diagnosis("limits", "", "look", says, "raise LimitNOFILE in the unit")
