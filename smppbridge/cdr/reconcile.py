"""reconcile: every accepted segment is in a file, due for one, open, or waits for other segments.

The store has the accepted segments, the files have the exported ones.  Messages that the store
has deleted are in no figure: none is deleted before it is exported.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from smppbridge.cdr.export import HOUR, hour_of
from smppbridge.cdr.folder import Folder, ManifestEntry
from smppbridge.store import cdr
from smppbridge.store.cdr import AcceptedRow
from smppbridge.store.database import Database
from smppbridge.store.lookup import first_since

_MOST_FAULTS = 20
_TABLE = "create table record (message_id integer primary key, segments integer)"


@dataclass(slots=True)
class AccountFigures:
    """The segments of one account, or of all."""

    accepted: int = 0
    exported: int = 0
    finished: int = 0
    open: int = 0
    gathering: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the identity holds: accepted = exported + finished + open + gathering."""
        return self.accepted == self.exported + self.finished + self.open + self.gathering


@dataclass(slots=True)
class Reconciliation:
    """The figures by account, and the first of the faults."""

    accounts: dict[str, AccountFigures] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    more_faults: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the identity holds for every account, and no file has a fault."""
        return not self.faults and all(each.balanced for each in self.accounts.values())

    @property
    def total(self) -> AccountFigures:
        """The figures of all accounts."""
        of = self.accounts.values()
        return AccountFigures(
            accepted=sum(each.accepted for each in of),
            exported=sum(each.exported for each in of),
            finished=sum(each.finished for each in of),
            open=sum(each.open for each in of),
            gathering=sum(each.gathering for each in of),
        )

    def of(self, account: str) -> AccountFigures:
        """Return the figures of an account, to be added to."""
        return self.accounts.setdefault(account, AccountFigures())

    def fault(self, words: str) -> None:
        """Add a fault; only the first are kept."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(words)
        else:
            self.more_faults += 1


def reconcile(
    db: Database, folder: Folder, since: float | None = None, until: float | None = None
) -> Reconciliation:
    """Compare a store with its CDR files; raises BadFolder, OSError, sqlite3.Error.

    Of the messages accepted at *since* or later and before *until*, UNIX seconds.  The files are
    those of hours in which a message of the store may have ended: older ones need not be there.
    """
    first = 0 if since is None else first_since(db, since)
    below = cdr.MOST_ID if until is None else first_since(db, until)
    found = Reconciliation()
    with closing(
        sqlite3.connect("", isolation_level=None)
    ) as records:  # a file of its own that is deleted at the end
        records.execute(_TABLE)
        for entry in _wanted(db, folder):
            _read(folder.path, entry, records, found)
        for rows in cdr.accepted(db, first, below):
            _count(rows, records, found)
    for account, segments in cdr.gathering(db, since, until).items():
        figures = found.of(account)
        figures.accepted += segments
        figures.gathering += segments
    return found


def _wanted(db: Database, folder: Folder) -> Iterator[ManifestEntry]:
    oldest = cdr.oldest_end(db)
    if oldest is None:
        return
    for name, entry in folder.manifest().items():
        if hour_of(name) >= int(oldest // HOUR):
            yield entry


def _read(
    folder: Path, entry: ManifestEntry, records: sqlite3.Connection, found: Reconciliation
) -> None:
    """Read the records of a file; those of a file that is not as its entry says do not count."""
    counts, digest = [0, 0], hashlib.sha256()
    records.execute("begin")
    try:
        with open(folder / entry.file, "rb") as file:
            for row in _records(entry.file, file, digest):
                counts[0] += 1
                counts[1] += row[1]
                _insert(records, row, entry.file, found)
    except OSError as error:
        found.fault(f"{entry.file}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        found.fault(f"{entry.file} cannot be read: {counts[0]} records are whole")
    else:
        if digest.hexdigest() == entry.sha256 and counts == [entry.records, entry.segments]:
            records.execute("commit")
            return
        found.fault(f"{entry.file} is not the file that the manifest names")
    records.execute("rollback")


def _insert(
    records: sqlite3.Connection, row: tuple[int, int], file: str, found: Reconciliation
) -> None:
    if not records.execute("insert or ignore into record values (?, ?)", row).rowcount:
        found.fault(f"{file}: message {row[0]} has a record already")


def _records(name: str, file: BinaryIO, digest: Any) -> Iterator[tuple[int, int]]:
    """Yield (message_id, segments) of each record; no record has a line end within it."""

    def lines() -> Iterator[str]:
        for line in file:
            digest.update(line)
            yield line.decode()

    rows: Iterator[dict[str, Any]]
    rows = csv.DictReader(lines()) if name.endswith(".csv") else map(json.loads, lines())
    for row in rows:
        yield int(row["message_id"]), int(row["segments"])


def _count(rows: list[AcceptedRow], records: sqlite3.Connection, found: Reconciliation) -> None:
    between = (rows[0].message_id, rows[-1].message_id)
    query = "select * from record where message_id between ? and ?"
    recorded: dict[int, int] = dict(records.execute(query, between).fetchall())
    for row in rows:
        figures = found.of(row.system_id)
        figures.accepted += row.joined
        if row.message_id in recorded:
            figures.exported += recorded[row.message_id]
        elif row.finished:
            figures.finished += max(1, row.segments)
        else:
            figures.open += max(1, row.segments)
