"""Backups of a store: a copy of one moment, made while the bridge runs; and a copy in its place."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from errno import ENOENT
from pathlib import Path
from typing import Literal, NamedTuple

from smppbridge.store import lookup
from smppbridge.store.migrate import migrate, refuse_foreign

PAGES_AT_ONCE = 256  # of 4 KiB: between two steps the disk is the bridge's
Others = Literal["hold", "fail"]

_ENDINGS = ("-wal", "-shm", "")  # the store itself last: until then it is there

_UNSENT = "(stage = 1 or begun = 1 or (stage = 2 and due is not null))"
_NUMBER = "attempts + (stage = 1 and begun = 0)"  # of the attempt that nobody knows of
# of segments that wait for others: their message may have become whole since, and have been sent
_PASSED = (
    "update segment set context = json_set(context, '$.segment[3]', :now, '$.segment[5]', "
    "json('true')) where parent is null and (:since is null or received_at < :since)"
)
_REASON = "restored from a backup: what became of it since is not known"


class StoreThere(Exception):
    """There is a store in the place of the backup already."""


class RestoredCounts(NamedTuple):
    """How many messages of a backup are sent, how many are not, how many receipts are dropped.

    *aside* is the name of the store that was in the place, empty if none was.
    """

    sent: int
    unsent: int
    receipts: int
    aside: str = ""


def backup(
    store: str | Path,
    target: str | Path,
    rate: float,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Copy a store to a file, whole or not at all; return its size in octets.

    The copy is of the moment at which it begins; *rate* is octets a second at most.  Until the copy
    is done the store's log grows by the writes of the bridge meanwhile.  Raises NotAStore, TooNew,
    OSError, sqlite3.Error.
    """
    target = Path(target)
    part = target.with_name(f".{target.name}.part")
    with closing(lookup.open_file(store)) as db:
        _own_file(part)
        page: int = db.execute("pragma page_size").fetchone()[0]
        db.execute("begin")
        db.execute("select 1 from sqlite_schema").fetchone()  # from here on the same moment
        took = page * PAGES_AT_ONCE / rate
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            db.backup(copy, pages=PAGES_AT_ONCE, progress=lambda *_: pause(took))
            copy.execute("pragma journal_mode = delete")  # one file, complete by itself
        db.execute("rollback")
    _in_place(part, target)
    return target.stat().st_size


def restore(
    source: str | Path,
    store: str | Path,
    now: float,
    *,
    since: float | None = None,
    others: Others = "hold",
    receipts: bool = True,
    replace: bool = False,
) -> RestoredCounts:
    """Put a backup in the place of a store; the store is locked by the caller.

    Messages that were not sent when the backup was made may have been sent since: they are held as
    Uncertain, or end as UNDELIVERABLE once the bridge runs (*others*).  Those accepted at *since*
    (UNIX seconds) or later are sent.  Without *receipts* those that are owed are not.  A store that
    is there is renamed with *replace*.  Raises StoreThere, NotAStore, migrate.TooNew,
    migrate.NotOurs, OSError, sqlite3.Error: then the store is as it was.
    """
    source, store = Path(source), Path(store)
    if not source.is_file():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(source))
    there = [Path(f"{store}{end}") for end in _ENDINGS if os.path.exists(f"{store}{end}")]
    if there and not replace:
        raise StoreThere(f"{there[-1]} is there already: --replace renames it")
    if store.exists() and store.samefile(source):
        raise StoreThere(f"{source} is that store itself, no backup")
    refuse_foreign(str(source))
    part = store.with_name(f".{store.name}.part")
    _own_file(part)
    counts = _copied(source, part, now, since, others, receipts=receipts)
    _hand_over(store, part)
    aside = f"{store}.replaced-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}"
    for path in there:
        path.replace(f"{aside}{str(path).removeprefix(str(store))}")
    _in_place(part, store)
    return counts._replace(aside=aside if there else "")


def _copied(
    source: Path, part: Path, now: float, since: float | None, others: Others, *, receipts: bool
) -> RestoredCounts:
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True)) as kept,
        closing(sqlite3.connect(part, isolation_level=None)) as db,
    ):
        kept.backup(db)
        if not db.execute("pragma user_version").fetchone()[0]:
            raise lookup.NotAStore(f"{source} is not a store of smppbridge")
        db.execute("pragma journal_mode = delete")
        migrate(db)
        return _hold(db, now, since, others, receipts=receipts)


def _hold(
    db: sqlite3.Connection, now: float, since: float | None, others: Others, *, receipts: bool
) -> RestoredCounts:
    """Let nothing leave of its own that was accepted before *since*."""
    older = f"{_UNSENT} and (:since is null or accepted_at < :since)"
    values = {"now": now, "since": since, "reason": _REASON}
    db.execute("begin immediate")
    db.execute(
        "insert or ignore into attempt(message_id, number, provider, begun_at, ended_at, outcome, "
        f"reason) select message_id, {_NUMBER}, provider, coalesce(begun_at, :now), :now, "
        f"'uncertain', :reason from message where {older}",
        values,
    )
    if others == "fail":
        verb = "select message_id, 'fail' from message where"
        db.execute(f"insert or replace into decision {verb} {older}", values)
    else:
        db.execute("delete from decision")
    held = db.execute(
        "update message set stage = 2, begun = 0, due = :now, begun_at = :now, batch = null, "
        f"attempts = {_NUMBER} where {older}",
        values,
    ).rowcount
    db.execute(_PASSED, values)
    sent = db.execute("select count(*) from message where stage = 1 or begun = 1").fetchone()[0]
    dropped = 0
    if not receipts:
        dropped = db.execute(
            "update delivery set finished_at = :now where finished_at is null and state > 0",
            values,
        ).rowcount
    db.execute("commit")
    return RestoredCounts(sent, held, dropped)


def _hand_over(store: Path, part: Path) -> None:
    """Give the files to the owner of their folder: root restores, and the bridge opens them."""
    owner = store.absolute().parent.stat()
    for path in (part, Path(f"{store}-lock")):
        with suppress(PermissionError, FileNotFoundError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _own_file(part: Path) -> None:
    """Make an empty file that nobody else may read: texts are in it."""
    with suppress(FileNotFoundError):
        part.unlink()
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _in_place(part: Path, target: Path) -> None:
    """Put a whole file into its place, durably."""
    for path, flags in ((part, os.O_RDWR), (target.absolute().parent, os.O_RDONLY)):
        if path != part:
            os.replace(part, target)
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
