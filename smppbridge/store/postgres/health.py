"""health: figures of the database that nodes share, for the gauges of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from smppbridge.store.postgres import partitions
from smppbridge.store.postgres.synchronous import is_synchronous

_OLDEST = (
    "select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8"
    " from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
)
_DEAD = (
    "select relname::text, n_dead_tup from pg_stat_user_tables where schemaname = current_schema()"
    " and relname in ('waiting', 'out', 'delivery', 'told', 'segment')"
)
_CLOCK = "select extract(epoch from clock_timestamp())::float8"


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a database; *oldest* is the age of its oldest transaction, *skew* by how much
    our clock is ahead of its own, both in seconds; *dead* are rows by table that vacuum may take.
    """

    is_synchronous: bool
    oldest: float
    skew: float
    days_ahead: int
    dead: dict[str, int]


def health(db: Connection[Any]) -> Health:
    """Ask a database how it is.  Raises psycopg.Error."""
    before = time.time()
    row = db.execute(_CLOCK).fetchone()
    now = (before + time.time()) / 2
    oldest = db.execute(_OLDEST).fetchone()
    return Health(
        is_synchronous=is_synchronous(db),
        oldest=oldest[0] if oldest else 0.0,
        skew=now - row[0] if row else 0.0,
        days_ahead=partitions.ahead(db, now),
        dead=dict(db.execute(_DEAD).fetchall()),
    )
