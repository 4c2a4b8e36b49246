"""Looks messages up for people: read-only, beside a running bridge and without holding it up.

What was decided by hand is the one thing written, into a table that the bridge takes it from.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smppbridge.model.message import Stage
from smppbridge.store.migrate import TooNew, migrations
from smppbridge.store.port import same_id
from smppbridge.store.records import Row, marks

LONGEST_GATHERING = 3_600.0  # seconds by which a joined message may be younger than its id
_LARGEST = 2**63 - 1

_COLUMNS = (
    "message_id, system_id, stage, due, expires_at, provider, attempts, route, source, number, "
    "body, segments, accepted_at, begun_at, answered_at, provider_message_id, state, error, "
    "done_at, report_source"
)
_UNCERTAIN = "stage in (2, 3) and stage = 2 and due is not null"
# A loose scan: one step in the index for each provider that there is.
_PROVIDERS = (
    "with recursive named(x) as (select min(provider) from message where provider_message_id "
    "is not null union all select (select min(provider) from message where provider > x and "
    "provider_message_id is not null) from named where x is not null) select x from named"
)


class NotAStore(Exception):
    """There is no store of smppbridge in this place, or it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which messages are wanted: what is None does not matter; times are UNIX seconds.

    *before* is the last message_id of the page before.
    """

    number: str | None = None
    system_id: str | None = None
    since: float | None = None
    until: float | None = None
    stage: Stage | None = None
    state: int | None = None
    uncertain: bool = False
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as the store has it; a segment that waits for others is one in GATHERING."""

    message_id: int
    system_id: str
    stage: int
    due: float | None
    expires_at: float
    provider: str
    attempts: int
    route: str
    source: str
    number: str
    body: str | bytes | None = field(repr=False)
    segments: int
    accepted_at: float
    begun_at: float | None = None
    answered_at: float | None = None
    provider_message_id: str | None = None
    state: int = 0
    error: int = 0
    done_at: float | None = None
    report_source: str | None = None

    @property
    def uncertain(self) -> bool:
        """Tell whether an attempt's fate is unknown; while one is out, it is not yet."""
        return self.stage == Stage.SUBMITTING and self.due is not None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message, when it is known when (UNIX seconds)."""

    at: float | None
    name: str
    facts: dict[str, Any]


def open_store(path: str | Path, mode: str = "ro") -> sqlite3.Connection:
    """Open a store's file beside the bridge.  Raises NotAStore, TooNew."""
    path = Path(path)
    if not path.is_file():
        raise NotAStore(f"there is no store {path}")
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
        try:
            _check(db, path)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise NotAStore(f"{path} cannot be read as a store: {error}") from error
    return db


def _check(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("pragma user_version").fetchone()[0]
    known = migrations()[-1][0]
    if version > known:
        raise TooNew(f"{path} has schema {version}, this program knows {known}")
    if not db.execute("select 1 from sqlite_schema where name = 'decision'").fetchone():
        raise NotAStore(f"{path} is not a store of smppbridge")
    if version < known:
        raise NotAStore(f"{path} has the old schema {version}: the bridge migrates it at its start")


def search(db: sqlite3.Connection, query: Query) -> list[Listed]:
    """Return messages, newest first."""
    wheres: list[str] = []
    values: list[Any] = []
    for where, value in _conditions(db, query):
        wheres.append(where)
        values += value
    inner = f"select message_id from message where {' and '.join(wheres) or 'true'}"
    rows = db.execute(
        f"select {_COLUMNS} from message where message_id in "
        f"({inner} order by message_id desc limit ?) order by message_id desc",
        (*values, query.limit),
    )
    return [Listed(*row) for row in rows]


def named(db: sqlite3.Connection, word: str) -> list[Listed]:
    """Return what is called *word*: by our message_id, a segment's, or a provider's id."""
    found = _numbered(db, int(word)) if _is_message_id(word) else []
    names = [row[0] for row in db.execute(_PROVIDERS) if row[0] is not None]
    theirs = db.execute(
        f"select {_COLUMNS} from message where provider_message_id is not null "
        f"and provider in ({marks(names)}) and lower(ltrim(provider_message_id, '0')) = ?",
        (*names, same_id(word)),
    )
    known = {one.message_id for one in found}
    return found + [one for row in theirs if (one := Listed(*row)).message_id not in known]


def timeline(db: sqlite3.Connection, message: Listed) -> list[Event]:
    """Return what happened to a message, in order; what has no time comes last."""
    segments = db.execute(
        "select message_id, number, received_at from segment where parent = ? order by number",
        (message.message_id,),
    ).fetchall()
    events = [
        *_arrival(message, segments),
        *_attempts(db, message),
        *_report(message),
        *_deliveries(db, [message.message_id, *(row[0] for row in segments)]),
    ]
    return sorted(events, key=lambda event: float("inf") if event.at is None else event.at)


def decide(path: str | Path, message_ids: Sequence[int], verb: str) -> list[int]:
    """Write down what to do with Uncertain messages; return those that are Uncertain.

    *verb* is resend or fail.  Raises NotAStore, TooNew, sqlite3.Error.
    """
    db = open_store(path, "rw")
    try:
        db.execute("begin immediate")
        rows = db.execute(
            f"insert or replace into decision select message_id, ? from message "
            f"where {_UNCERTAIN} and message_id in ({marks(message_ids)}) returning message_id",
            (verb, *message_ids),
        ).fetchall()
        db.execute("commit")
    finally:
        db.close()
    return sorted(row[0] for row in rows)


def first_since(db: sqlite3.Connection, at: float) -> int:
    """Return the message_id from which on messages were accepted at *at* or later.

    Ids grow with time and the primary key is the only index on it: a search by halves.
    """
    low, high = 0, db.execute("select coalesce(max(message_id), 0) + 1 from message").fetchone()[0]
    query = "select message_id, accepted_at from message where message_id >= ? limit 1"
    while low < high:
        middle = (low + high) // 2
        message_id, accepted_at = db.execute(query, (middle,)).fetchone()
        low, high = (low, middle) if accepted_at >= at else (message_id + 1, high)
    return low


def _conditions(db: sqlite3.Connection, query: Query) -> Iterator[tuple[str, list[Any]]]:
    if query.uncertain:
        yield _UNCERTAIN, []
    if query.stage is not None:
        out = (Stage.SUBMITTING, Stage.SUBMITTED)
        open_ = "stage in (2, 3) and " if query.stage in out else ""
        yield f"{open_}stage = ?", [int(query.stage)]
    for column in ("number", "system_id", "state"):
        if (value := getattr(query, column)) is not None:
            yield f"{column} = ?", [value]
    if query.before is not None:
        yield "message_id < ?", [query.before]
    if query.since is not None:
        first = first_since(db, query.since - LONGEST_GATHERING)
        yield "message_id >= ? and accepted_at >= ?", [first, query.since]
    if query.until is not None:
        beyond = first_since(db, query.until + LONGEST_GATHERING)
        yield "message_id < ? and accepted_at < ?", [beyond, query.until]


def _is_message_id(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 19 and int(word) <= _LARGEST


def _numbered(db: sqlite3.Connection, message_id: int) -> list[Listed]:
    segment = db.execute(
        "select parent, received_at, octets, context from segment where message_id = ?",
        (message_id,),
    ).fetchone()
    if segment and segment[0] is None:
        return [_gathering(message_id, *segment[1:])]
    whole = segment[0] if segment else message_id
    rows = db.execute(f"select {_COLUMNS} from message where message_id = ?", (whole,))
    return [Listed(*row) for row in rows]


def _gathering(message_id: int, received_at: float, octets: bytes, context: str) -> Listed:
    said = json.loads(context)
    system_id, source, destination, _, _, total, _ = said["key"]
    return Listed(
        message_id,
        system_id,
        Stage.GATHERING,
        None,
        said["segment"][3],
        "",
        0,
        "",
        source[0],
        destination[0],
        octets,
        total,
        received_at,
    )


def _arrival(message: Listed, segments: Sequence[Row]) -> Iterator[Event]:
    for message_id, number, received_at in segments:
        yield Event(received_at, "segment", {"message_id": message_id, "number": number})
    if message.stage == Stage.GATHERING:
        yield Event(message.accepted_at, "segment", {"message_id": message.message_id})
        return
    yield Event(message.accepted_at, "joined" if segments else "received", {})
    if message.route:
        yield Event(message.accepted_at, "routed", {"via": message.route.split(",")})


def _attempts(db: sqlite3.Connection, message: Listed) -> Iterator[Event]:
    rows: list[Row] = db.execute(
        "select number, provider, begun_at, ended_at, outcome, reason from attempt "
        "where message_id = ? order by number",
        (message.message_id,),
    ).fetchall()
    begun, ended = message.begun_at, message.answered_at
    if message.provider_message_id is not None:
        name = message.provider_message_id
        rows.append((message.attempts, message.provider, begun, ended, "accepted", name))
    elif message.stage == Stage.SUBMITTING and not message.uncertain:
        rows.append((message.attempts, message.provider, begun, None, "out", ""))
    for number, provider, begun_at, ended_at, outcome, reason in rows:
        facts = {"number": number, "provider": provider, "outcome": outcome}
        if reason:
            facts["provider_message_id" if outcome == "accepted" else "reason"] = reason
        if begun_at and ended_at:
            facts["seconds"] = round(ended_at - begun_at, 6)
        yield Event(begun_at or ended_at, "attempt", facts)


def _report(message: Listed) -> Iterator[Event]:
    if message.report_source is not None:
        facts = {"state": message.state, "error": message.error, "source": message.report_source}
        yield Event(message.done_at, "report", facts)


def _deliveries(db: sqlite3.Connection, message_ids: Sequence[int]) -> Iterator[Event]:
    rows = db.execute(
        "select message_id, state, done_at, due, expires_at, attempts, finished_at, command_status "
        f"from delivery where message_id in ({marks(message_ids)}) order by message_id, done_at",
        message_ids,
    )
    for message_id, state, done_at, due, expires_at, attempts, finished_at, status in rows:
        facts: dict[str, Any] = {"message_id": message_id, "state": state, "postponed": attempts}
        if finished_at is None:
            yield Event(done_at, "owed", facts | {"due": due, "expires_at": expires_at})
        elif status is None:
            yield Event(finished_at, "lapsed", facts)
        else:
            yield Event(finished_at, "delivery", facts | {"command_status": status})
