"""Messages for people: looked up beside a running bridge, read-only and without holding it up.

Only decisions about Uncertain messages are written, into a table of their own for the bridge.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from smppbridge.model.identifiers import row_of, same_id
from smppbridge.model.lists import MOST_NUMBERS
from smppbridge.model.message import AsSent, Stage
from smppbridge.store.database import Database, dialect_of
from smppbridge.store.driver import NoDriver, need_driver
from smppbridge.store.migrate import TooNew, migrations
from smppbridge.store.records import STAGE, marks

LONGEST_GATHERING = 3_600.0  # seconds by which a joined message may be younger than its id
_LARGEST = 2**63 - 1
_FEW = 500  # ids in one statement
_DECIMAL, _HEXADECIMAL = re.compile(r"[0-9]{1,64}"), re.compile(r"[0-9a-fA-F]{1,64}")


class NotAStore(Exception):
    """There is no store of smppbridge in this place, or the store cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQuery:
    """A search for messages: a field that is None does not matter; times are UNIX seconds.

    *before* is the last message_id of the page before, *least* the smallest that is looked at.
    """

    number: str | None = None
    prefix: str | None = None
    system_id: str | None = None
    provider: str | None = None
    source: str | None = None
    since: float | None = None
    until: float | None = None
    stage: Stage | None = None
    state: int | None = None
    uncertain: bool = False
    before: int | None = None
    least: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message of the table ``message``, or in GATHERING a segment that waits for others.

    *multi* is the message_id that the ESME knows, where the message is one of a submit_multi.
    *esm_class* is without the messaging mode; *quiet* are the quiet hours that hold the message.
    *sent* is AsSent in JSON, where the ESME sent other fields than the message has.
    """

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
    multi: int | None = None
    registered_delivery: int = 0
    data_coding: int = 0
    esm_class: int | None = None
    quiet: str | None = None
    sent: str | None = None
    priority: int = 0

    @property
    def as_sent(self) -> AsSent:
        """The fields of the submit_sm as the ESME sent them."""
        if self.sent is not None:
            return AsSent(*json.loads(self.sent))
        return AsSent(self.registered_delivery, self.data_coding, self.esm_class or 0)

    @property
    def uncertain(self) -> bool:
        """Whether the last attempt is Uncertain; an attempt that is still out is not."""
        return self.stage == Stage.SUBMITTING and self.due is not None


_WRITTEN = {
    "stage": STAGE,
    "due": "case begun when 1 then null else due end",
    "multi": "cast(json_extract(traits, '$.multi') as bigint)",
    "esm_class": "cast(json_extract(traits, '$.esm_class') as bigint)",
    "quiet": "json_extract(traits, '$.quiet')",
    "sent": "json_extract(traits, '$.sent')",
}
_COLUMNS = ", ".join(_WRITTEN.get(each.name, each.name) for each in fields(ListedMessage))


def open_store(store: str | Path, mode: str = "ro") -> Database:
    """Open a store beside a running bridge: a file, or a database by its URL.

    Raises NotAStore, TooNew.
    """
    if not is_url(store):
        return open_file(store, mode)
    try:
        need_driver()
    except NoDriver as error:
        raise NotAStore(str(error)) from None
    from smppbridge.store.postgres.reading import opened  # only where there is such a store

    return opened(str(store), writing=mode != "ro")


def is_url(store: str | Path) -> bool:
    """Whether a store is a database of PostgreSQL, by its URL."""
    return str(store).startswith(("postgresql:", "postgres:"))


def open_file(path: str | Path, mode: str = "ro") -> sqlite3.Connection:
    """Open a store's file beside a running bridge.  Raises NotAStore, TooNew."""
    path = Path(path)
    try:
        there = path.is_file()
    except OSError as error:
        raise NotAStore(f"{path}: {error.strerror}: look as the bridge's user") from None
    if not there:
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


def search(db: Database, query: MessageQuery) -> list[ListedMessage]:
    """Return the messages of a query, newest first."""
    wheres: list[str] = []
    values: list[Any] = []
    for where, value in _conditions(db, query):
        wheres.append(where)
        values += value
    ids = db.execute(
        f"select message_id from message where {' and '.join(wheres) or 'true'} "
        "order by message_id desc limit ?",
        (*values, query.limit),
    )
    return listed(db, [message_id for (message_id,) in ids])


def named(db: Database, word: str) -> list[ListedMessage]:
    """Return messages by message_id, the message_id of a segment, or provider_message_id.

    A message_id may be decimal or hexadecimal, as accounts know it.  The message_id that a
    submit_multi was answered is that of all its messages.  A part's provider_message_id is its
    message's too.
    """
    found = [each for number in _message_ids(word) for each in _numbered(db, number)]
    known = {message.message_id for message in found}
    return found + listed(db, sorted(_with_name(db, same_id(word)) - known))


def _with_name(db: Database, like: str) -> set[int]:
    """Return the messages that have a name at some provider."""
    dialect = dialect_of(db)
    providers = [row[0] for row in db.execute(dialect.named_providers) if row[0] is not None]
    return {
        row[1] for provider in providers for row in db.execute(dialect.by_name, (provider, like))
    }


def listed(db: Database, ids: Sequence[int]) -> list[ListedMessage]:
    """Return messages by their message_ids, in the order of the ids; a segment's names none."""
    found: dict[int, ListedMessage] = {}
    for at in range(0, len(ids), _FEW):
        few = ids[at : at + _FEW]
        rows = db.execute(f"select {_COLUMNS} from message where message_id in ({marks(few)})", few)
        found |= {row[0]: ListedMessage(*row) for row in rows}
    return [found[each] for each in ids if each in found]


def decide(path: str | Path, message_ids: Sequence[int], verb: str) -> list[int]:
    """Write a decision about messages; return the message_ids of those that are Uncertain.

    *verb* is resend or fail.  Raises NotAStore, TooNew, sqlite3.Error.
    """
    db = open_store(path, "rw")
    try:
        return decided(db, message_ids, verb)
    finally:
        db.close()


def decided(db: Database, message_ids: Sequence[int], verb: str) -> list[int]:
    """Write a decision about messages in a store that is open for writing, as `decide` does."""
    rows = db.execute(
        "insert into decision select message_id, ? from message "
        f"where {dialect_of(db).uncertain} and message_id in ({marks(message_ids)}) "
        "on conflict (message_id) do update set verb = excluded.verb returning message_id",
        (verb, *message_ids),
    ).fetchall()
    return sorted(row[0] for row in rows)


def first_since(db: Database, at: float) -> int:
    """Return the first message_id of the messages accepted at *at* or later.

    Message_ids grow with time and no index is on the time: a search by halves.
    """
    messages = dialect_of(db).messages
    last = db.execute(f"select coalesce(max(message_id), -1) from {messages}").fetchone()[0]
    low, high = 0, last + 1
    query = (
        f"select message_id, accepted_at from {messages} where message_id >= ? "
        "order by message_id limit 1"
    )
    while low < high:
        middle = (low + high) // 2
        message_id, accepted_at = db.execute(query, (middle,)).fetchone()
        low, high = (low, middle) if accepted_at >= at else (message_id + 1, high)
    return low


def _conditions(db: Database, query: MessageQuery) -> Iterator[tuple[str, list[Any]]]:
    if query.uncertain:
        yield dialect_of(db).uncertain, []
    if query.stage is not None:
        yield dialect_of(db).at_stage[query.stage], []
    for column in ("number", "system_id", "provider", "source", "state"):
        if (value := getattr(query, column)) is not None:
            yield f"{column} = ?", [value]
    if query.prefix:
        yield "number >= ? and number < ?", [query.prefix, query.prefix + ":"]  # : follows 9
    if query.before is not None:
        yield "message_id < ?", [query.before]
    if query.least is not None:
        yield "message_id >= ?", [query.least]
    if query.since is not None:
        first = first_since(db, query.since - LONGEST_GATHERING)
        yield "message_id >= ? and accepted_at >= ?", [first, query.since]
    if query.until is not None:
        beyond = first_since(db, query.until + LONGEST_GATHERING)
        yield "message_id < ? and accepted_at < ?", [beyond, query.until]


def _message_ids(word: str) -> list[int]:
    """Return the message_ids that a word may be: decimal, and as `message_id: hex` writes it."""
    forms = ((10, _DECIMAL), (16, _HEXADECIMAL))
    read = (int(word, base) for base, form in forms if form.fullmatch(word))
    return list(dict.fromkeys(number for number in read if number <= _LARGEST))


def _numbered(db: Database, message_id: int) -> list[ListedMessage]:
    segment = db.execute(
        "select parent, received_at, octets, context, registered_delivery from segment "
        "where message_id = ?",
        (message_id,),
    ).fetchone()
    if segment and segment[0] is None:
        return [_gathering(message_id, *segment[1:])]
    whole = segment[0] if segment else message_id
    rows = db.execute(
        f"select {_COLUMNS} from message where message_id = ? union all "
        f"select {_COLUMNS} from message where message_id > ? and message_id < ? and "
        "cast(json_extract(traits, '$.multi') as bigint) = ? order by message_id",
        (whole, whole, row_of(whole, MOST_NUMBERS).stop, whole),
    )
    return [ListedMessage(*row) for row in rows]


def _gathering(
    message_id: int, received_at: float, octets: bytes, context: str, registered_delivery: int
) -> ListedMessage:
    written = json.loads(context)
    system_id, source, destination, _, _, total, _ = written["key"]
    traits = json.loads(written["traits"] or "{}")
    return ListedMessage(
        message_id=message_id,
        system_id=system_id,
        stage=Stage.GATHERING,
        due=None,
        expires_at=written["segment"][3],
        provider="",
        attempts=0,
        route="",
        source=source[0],
        number=destination[0],
        body=octets,
        segments=total,
        accepted_at=received_at,
        registered_delivery=registered_delivery,
        data_coding=written["segment"][0],
        esm_class=traits.get("esm_class"),
        sent=json.dumps(traits["sent"]) if "sent" in traits else None,
        priority=written["segment"][1],
    )
