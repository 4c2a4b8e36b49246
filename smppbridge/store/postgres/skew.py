"""skew: how far the clock of this machine is from the database's: ids and expiry go by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from psycopg import Connection

from smppbridge.store.migrate import UnfitStore

TOO_FAR: Final = 5.0
"""Seconds between the two clocks with which a bridge does not start."""


class ClockOff(UnfitStore):
    """The clock of this machine and the database's differ by too much."""


def skew(db: Connection[Any], wall: Callable[[], float]) -> float:
    """Return by how many seconds the clock *wall* (UNIX seconds) is before the database's."""
    asked = wall()
    row = db.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    assert row is not None
    return (asked + wall()) / 2 - float(row[0])


def need_same_clock(db: Connection[Any], wall: Callable[[], float]) -> None:
    """Raise ClockOff if *wall* and the database's clock differ by more than TOO_FAR."""
    found = min((skew(db, wall) for _ in range(3)), key=abs)  # a question may be slow once
    if abs(found) > TOO_FAR:
        raise ClockOff(
            f"the clock of this machine and the database's differ by {abs(found):.1f} s (this one"
            f" is {'fast' if found > 0 else 'slow'}): let chrony or systemd-timesyncd keep both"
        )
