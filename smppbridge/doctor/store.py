"""The store's file: whose it is, its schema, its log, and with *deep* every page of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from smppbridge.doctor.diagnosis import Diagnosis
from smppbridge.store.migrate import NotOurs, migrations, refuse_foreign

_LARGE_LOG = 1_000_000_000


def store(path: Path, *, deep: bool) -> Iterator[Diagnosis]:
    """Examine the store at *path*; the daemon may go on meanwhile."""
    subject = str(path)
    if not path.exists():
        yield Diagnosis("store", subject, "look", "is not there: the first start makes it")
        return
    try:
        refuse_foreign(subject)
        yield from _examined(path, deep=deep)
    except NotOurs as error:
        yield Diagnosis("store", subject, "fault", str(error), "see store in the configuration")
    except sqlite3.DatabaseError as error:
        says = f"cannot be read: {error}"
        yield Diagnosis("store", subject, "fault", says, "run doctor as the bridge's user")


def _examined(path: Path, *, deep: bool) -> Iterator[Diagnosis]:
    subject = str(path)
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        version: int = db.execute("pragma user_version").fetchone()[0]
        damage = db.execute("pragma quick_check(1)").fetchone()[0] if deep else "ok"
    finally:
        db.close()
    known = migrations()[-1][0]
    if version > known:
        says = f"schema {version} is of a newer version: this one knows {known}"
        yield Diagnosis("store", subject, "fault", says, "install the newer version again")
    elif version < known:
        says = f"schema {version}: the next start brings it to {known}"
        yield Diagnosis("store", subject, "look", says, "make a backup before")
    if damage != "ok":
        says = "is damaged (quick_check)"
        yield Diagnosis("store", subject, "fault", says, "restore a backup; then look at the disk")
    log = Path(f"{path}-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > _LARGE_LOG:
        says = f"its write-ahead log has {size / 1e9:.1f} GB"
        yield Diagnosis(
            "store", subject, "look", says, "a reader may hold it: see lsof on the file"
        )
    if version == known and damage == "ok":
        checked = ", every page is sound" if deep else ""
        says = f"schema {version}, {path.stat().st_size / 1e6:.0f} MB{checked}"
        yield Diagnosis("store", subject, "good", says)


def holder(path: Path, locks: Path = Path("/proc/locks")) -> int | None:
    """Return the process that holds the store's lock, the daemon; None if there is none."""
    try:
        found = os.stat(f"{path}-lock")
        lines = locks.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if "FLOCK" in fields and fields[-3].rpartition(":")[2] == str(found.st_ino):
            pid = int(fields[fields.index("FLOCK") + 3])
            return pid if pid > 0 else None
    return None
