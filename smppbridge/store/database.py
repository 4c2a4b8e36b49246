"""database: a connection of the store as its questions see it, and where databases differ.

A question is a text with ``?`` for its values.  One text is for both databases where that is
possible: PostgreSQL shows its tables in the shape of SQLite's (``postgres/sql``).  A text that
cannot be written once is a field of `Dialect`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smppbridge.model.message import Stage


class Rows(Protocol):
    """The rows that answer a question, each a tuple."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement has written."""

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows that are left."""


class Database(Protocol):
    """A connection to a store; both sqlite3.Connection and ``postgres.reading.Reading``."""

    def execute(self, question: str, values: Sequence[Any] = ..., /) -> Rows:
        """Ask a question."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The texts of questions that are not the same on every database, and its errors.

    *messages* is a table with the message_ids of all messages and the columns that never change.
    *uncertain* and *at_stage* are conditions on messages, each such that an index finds them.
    *by_name* yields (name, message_id) by ?: a provider and the ``same_id`` of a name.
    *named_providers* yields the providers that have given a name, and None.
    *submitted* counts messages that providers have accepted and not reported the end of.
    *finished_since* counts messages by a message_id that they have at least, and their final time.
    *oldest_end* yields the earliest final time, or an earlier time.
    *optout_held* is the condition on opt-outs that no person has ended, *end_optout* ends one.
    *hour_heard* is the hour of an MO message, UNIX seconds / 3600.
    *interrupted* is the error of a question that took too long.
    """

    messages: str
    uncertain: str
    at_stage: Mapping[Stage, str]
    by_name: str
    named_providers: str
    submitted: str
    finished_since: str
    oldest_end: str
    optout_held: str
    end_optout: str
    hour_heard: str
    interrupted: type[Exception]


# Uncertain or SUBMITTED, word for word as in the partial index; some are out again
PENDING = "stage in (2, 3) and due is not null"
_LIKE = "provider = ?1 and lower(ltrim(provider_message_id, '0')) = ?2"
SQLITE = Dialect(
    messages="message",
    uncertain=f"{PENDING} and stage = 2 and begun = 0",
    at_stage={
        Stage.WAITING: "stage = 1 and begun = 0",
        Stage.SUBMITTING: f"(begun = 1 or {PENDING} and stage = 2)",
        Stage.SUBMITTED: f"{PENDING} and stage = 3 and begun = 0",
        Stage.FINISHED: "stage = 4",
    },
    by_name=(
        "select provider_message_id as name, message_id from message "
        f"where provider_message_id is not null and {_LIKE} "
        f"union all select provider_message_id, message_id from part where {_LIKE}"
    ),
    # a loose scan: one step in the index for each provider that there is
    named_providers=(
        "with recursive named(x) as (select min(provider) from message where provider_message_id "
        "is not null union all select (select min(provider) from message where provider > x and "
        "provider_message_id is not null) from named where x is not null) select x from named"
    ),
    submitted=f"select count(*) from message where {PENDING} and stage = 3",
    finished_since=(
        "select count(*) from message where message_id >= ? and stage = 4 and done_at >= ?"
    ),
    oldest_end="select min(done_at) from message where stage = 4",
    optout_held="ended = 0",
    end_optout="ended = 1",
    hour_heard="cast(heard_at / 3600 as integer)",
    interrupted=sqlite3.OperationalError,
)


def dialect_of(db: Database) -> Dialect:
    """Return the dialect of a connection."""
    found: Dialect = getattr(db, "dialect", SQLITE)
    return found
