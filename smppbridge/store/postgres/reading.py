"""reading: a connection to PostgreSQL on which the questions that SQLite answers can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct
from types import MappingProxyType
from typing import Any, ClassVar, Final

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

from smppbridge.model.message import Stage
from smppbridge.store.database import Dialect, Rows
from smppbridge.store.lookup import NotAStore
from smppbridge.store.migrate import NotOurs
from smppbridge.store.postgres import migrate

LONGEST = 5.0
"""Seconds that a statement of a question may take."""
_CONNECTED = 5  # seconds to wait for a connection
# By index, row after row: the planner would rather read a whole day for an answer of fifty rows.
_WAYS = {
    "enable_nestloop": "on",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "plan_cache_mode": "auto",
}
_PATH = "select set_config('search_path', 'reading, ' || current_setting('search_path'), %s)"
_FIELD = Struct(">ii").unpack_from  # type and length of a field; a length of -1: null
_AT_STAGE: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.WAITING: "waiting_id is not null",
        Stage.SUBMITTING: "out_id is not null and stage = 2",
        Stage.SUBMITTED: "out_id is not null and stage = 3",
        Stage.FINISHED: "fate_id is not null",
    }
)


class Interrupted(NotAStore):
    """The question took too long."""


POSTGRESQL: Final = Dialect(
    messages="accepted",
    uncertain="unsure is not null",
    at_stage=_AT_STAGE,
    by_name=(
        "select coalesce(exact, name) as name, message_id from named "
        "where provider = ? and named.name = ?"
    ),
    named_providers=(
        "with recursive each(x) as (select min(provider) from named union all "
        "select (select min(provider) from named where provider > x) from each "
        "where x is not null) select x from each"
    ),
    submitted="select count(*) from out where stage = 3",
    finished_since="select count(*) from fate where message_id >= ? and at >= ?",
    oldest_end=(
        "select min(accepted_at) from (select accepted_at from accepted "
        "where exists (select 1 from fate) order by message_id limit 1) as oldest"
    ),
    optout_held="ended_at is null",
    end_optout="ended_at = extract(epoch from clock_timestamp())",
    hour_heard="cast(floor(heard_at / 3600) as bigint)",
    interrupted=Interrupted,
)


class BodyLoader(Loader):
    """Reads the text or the octets of a message."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str | bytes | None:
        """Return characters as str, octets as bytes."""
        octets = bytes(data)
        length = _FIELD(octets, 4)[1]
        if length < 0:
            return None
        body, is_text = octets[12 : 12 + length], octets[-1]
        return body.decode() if is_text else body


class Reading:
    """A connection for questions with ``?``; rows are tuples as SQLite has them.

    Errors are those of psycopg.
    """

    dialect: ClassVar[Dialect] = POSTGRESQL

    def __init__(self, db: psycopg.Connection[Any]) -> None:
        self._db = db
        found = db.execute("select 'reading.body'::regtype::oid").fetchone()
        assert found is not None
        db.adapters.register_loader(found[0], BodyLoader)

    def execute(self, question: str, values: Sequence[Any] = (), /) -> Rows:
        """Ask a question; raises psycopg.Error."""
        cursor = self._db.cursor(binary=True)
        return cursor.execute(_translated(question).encode(), values, prepare=False)

    def close(self) -> None:
        """End the connection."""
        self._db.close()

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._db.closed


class PeoplesReading(Reading):
    """A connection of its own beside a running bridge; its errors are Interrupted and NotAStore."""

    def execute(self, question: str, values: Sequence[Any] = (), /) -> Rows:
        """Ask a question; raises Interrupted, NotAStore."""
        try:
            return super().execute(question, values)
        except psycopg.errors.QueryCanceled:
            raise Interrupted("the question took too long") from None
        except psycopg.Error as error:
            raise NotAStore(f"the database: {error}") from error


def opened(dsn: str, *, writing: bool = False, longest: float = LONGEST) -> PeoplesReading:
    """Open a store for people.  Raises NotAStore, migrate.TooNew."""
    try:
        db: psycopg.Connection[Any] = psycopg.connect(
            dsn,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=_CONNECTED,
            application_name="smppbridge reader",
        )
    except psycopg.Error as error:
        raise NotAStore(f"no database: {error}") from error
    try:
        migrate.check(db)
        bounds = {
            "statement_timeout": f"{longest * 1000:.0f}",
            "default_transaction_read_only": "off" if writing else "on",
        }
        _set(db, "session", bounds | _WAYS)
        db.execute(_PATH, (False,))
        return PeoplesReading(db)
    except (psycopg.Error, NotOurs, migrate.NotMigrated) as error:
        db.close()
        raise NotAStore(str(error)) from error
    except BaseException:
        db.close()
        raise


def for_act(db: psycopg.Connection[Any]) -> Reading:
    """Return the writer's connection for an act of a person, until its transaction ends."""
    db.execute(_PATH, (True,), prepare=False)
    _set(db, "local", _WAYS)
    return Reading(db)


def _set(db: psycopg.Connection[Any], scope: str, settings: Mapping[str, str]) -> None:
    texts = (f"set {scope} {name} = {value}" for name, value in settings.items())
    db.execute("; ".join(texts).encode())


@lru_cache(maxsize=512)
def _translated(question: str) -> str:
    return question.replace("%", "%%").replace("?", "%s")
