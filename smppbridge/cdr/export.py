"""export: every message that is FINISHED gets its record, in the file of its hour or a late one.

An hour is closed GRACE seconds after its end.  A message whose final time is in an hour that has
its file already (the clock was set back) gets its record in a supplement to that file.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain

from smppbridge.cdr.folder import Folder, ManifestEntry
from smppbridge.cdr.records import Format, Numbers, header, line_of, record
from smppbridge.store import cdr
from smppbridge.store.cdr import Exported
from smppbridge.store.database import Database

GRACE = 60.0
HOUR = 3_600
MOST_BESIDES = 10_000  # messages that are open for long, and do not hold the mark back
_MOST_EMPTY = 10_000  # hours without a message that get a file at once: more than a year
_NAME = re.compile(r"cdr-(\d{4}-\d\d-\d\dT\d\d)(?:-late(\d+))?\.(?:jsonl|csv)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrForm:
    """How records are written, and whether the hour that runs has a file too."""

    format: Format = "jsonl"
    numbers: Numbers = "whole"
    interim: bool = False


@dataclass(slots=True)
class _Found:
    """The messages without a record: by hour, open or in hours that are not closed."""

    by_hour: dict[int, array[int]] = field(default_factory=dict)
    running: array[int] = field(default_factory=lambda: array("q"))
    left: array[int] = field(default_factory=lambda: array("q"))
    top: int = 0

    def leave(self, message_id: int, *, ended: bool) -> None:
        """Leave a message to a later run: it is open, or its hour is not closed."""
        self.left.append(message_id)
        if ended:
            self.running.append(message_id)


def export(
    db: Database,
    folder: Folder,
    form: CdrForm,
    now: float,
    rest: Callable[[], None] = lambda: None,
) -> Iterator[ManifestEntry]:
    """Write the files of all hours that are closed at *now*; yield their entries.

    The caller has locked the folder, and takes all entries.  *rest* is called after every step of
    work, some milliseconds long.  Raises BadFolder, OSError and
    sqlite3.Error; the files that were yielded are done.
    """
    manifest, exported = folder.manifest(), folder.exported()
    bound = cdr.still_to_come(db, now)  # before the walk: what comes later is above
    end = int(now - GRACE) // HOUR
    written = {hour_of(name) for name in manifest}
    found = _find(cdr.unexported(db, exported), _Known(folder), exported, end, rest)
    for hour in _hours(found, written, end):
        ids = found.by_hour.get(hour, array("q"))
        name = _name(hour, form.format, manifest)
        entry = _write(db, folder, form, name, ids, rest)
        manifest[name] = entry
        folder.write_manifest(manifest.values())
        yield entry
    folder.write_mark(_mark(found, exported, bound, end))
    if form.interim:
        _write_interim(db, folder, form, found.running)


def hour_of(name: str) -> int:
    """Return the hour of a file's name, in hours since 1970; -1 for another name."""
    if not (found := _NAME.fullmatch(name)):
        return -1
    return int(datetime.fromisoformat(f"{found[1]}:00:00+00:00").timestamp()) // HOUR


def _name(hour: int, form: Format, taken: dict[str, ManifestEntry]) -> str:
    """Return the name of an hour's file, or of its next supplement."""
    stamp = datetime.fromtimestamp(hour * HOUR, UTC).strftime("%Y-%m-%dT%H")
    earlier = [found for name in taken if (found := _NAME.fullmatch(name)) and found[1] == stamp]
    if not earlier:
        return f"cdr-{stamp}.{form}"
    return f"cdr-{stamp}-late{max(int(found[2] or 0) for found in earlier) + 1}.{form}"


def _find(
    unexported: Iterable[Sequence[tuple[int, float | None]]],
    known: _Known,
    exported: Exported,
    end: int,
    rest: Callable[[], None],
) -> _Found:
    found = _Found(top=exported.below - 1)
    for rows in unexported:
        for message_id, done_at in rows:
            hour = end if done_at is None else int(done_at // HOUR)
            if hour >= end:
                found.leave(message_id, ended=done_at is not None)
            elif not known.holds(hour, message_id):
                found.by_hour.setdefault(hour, array("q")).append(message_id)
        if rows:
            found.top = max(found.top, rows[-1][0])
        rest()
    return found


class _Known:
    """The message_ids in the files of each hour, read when the hour is first asked about."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._ids: dict[int, list[array[int]]] = {}
        self._names: dict[int, list[str]] = {}
        for name in folder.manifest():
            self._names.setdefault(hour_of(name), []).append(name)

    def holds(self, hour: int, message_id: int) -> bool:
        """Return whether a file of the hour has a message's record."""
        if hour not in self._names:
            return False
        if hour not in self._ids:
            self._ids[hour] = [self._folder.ids(name) for name in self._names[hour]]
        return any(_has(ids, message_id) for ids in self._ids[hour])


def _has(ids: array[int], message_id: int) -> bool:
    at = bisect_left(ids, message_id)
    return at < len(ids) and ids[at] == message_id


def _hours(found: _Found, written: set[int], end: int) -> list[int]:
    """Return the hours that get a file: also those without a message, so that none is missing."""
    first = max(written) + 1 if written else min(found.by_hour, default=end - 1)
    empty = range(first, end) if end - first <= _MOST_EMPTY else range(0)
    return sorted({*found.by_hour, *empty})


def _write(
    db: Database,
    folder: Folder,
    form: CdrForm,
    name: str,
    ids: array[int],
    rest: Callable[[], None],
) -> ManifestEntry:
    folder.write_ids(name, ids)
    records = segments = 0

    def counted() -> Iterator[bytes]:
        nonlocal records, segments
        for lines, more in _lines(db, form, ids):
            records, segments = records + len(lines), segments + more
            yield from lines
            rest()

    digest = folder.write(name, chain([header(form.format)], counted()))
    return ManifestEntry(name, records, segments, digest)


def _write_interim(db: Database, folder: Folder, form: CdrForm, ids: array[int]) -> None:
    lines = chain.from_iterable(lines for lines, _ in _lines(db, form, ids))
    folder.write(f"cdr-interim.{form.format}", chain([header(form.format)], lines))


def _lines(db: Database, form: CdrForm, ids: array[int]) -> Iterator[tuple[list[bytes], int]]:
    """Yield the lines of messages, some at a time, with how many segments the messages have."""
    line = line_of(form.format)
    for rows in cdr.finished(db, ids):
        lines = [line(record(row, form.numbers)) for row in rows]
        yield lines, sum(row.segments for row in rows)


def _mark(found: _Found, exported: Exported, bound: int, end: int) -> Exported:
    """Return the mark after a run; messages that are open for long are named one by one."""
    below = found.top + 1 if len(found.left) <= MOST_BESIDES else found.left[MOST_BESIDES]
    below = max(exported.below, min(below, bound))
    besides = frozenset(i for i in found.left[:MOST_BESIDES] if i < below)
    return Exported(below, besides, float(end * HOUR))
