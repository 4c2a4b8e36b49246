"""partition_days: whether the database has partitions for the days to come; without, no insert."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
from twisted.internet.defer import Deferred

from smppbridge.relay.ports import Journal
from smppbridge.store.postgres import partitions

LOOKED_EVERY = 60.0
"""Seconds between two looks."""
Ask = Callable[[Callable[[psycopg.Connection[Any]], tuple[int, str]]], "Deferred[tuple[int, str]]"]


class PartitionDays:
    """The days after today for which the database has partitions, as this bridge saw them last.

    Only `look` writes them, in the reactor thread.
    """

    def __init__(self, wanted: int, wall: Callable[[], float], journal: Journal) -> None:
        self.ahead, self.failure = wanted, ""
        self._wanted, self._wall, self._journal = wanted, wall, journal

    @property
    def are_enough(self) -> bool:
        """Whether a bridge may be ready."""
        return self.ahead >= partitions.FEWEST

    def start(
        self,
        ask: Ask,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        every: Callable[[float, Callable[[], None]], None],
    ) -> None:
        """Look now and *every* so often, each time on a coroutine of its own."""

        def look() -> None:
            spawn(self.look(ask))

        look()
        every(LOOKED_EVERY, look)

    async def look(self, ask: Ask) -> None:
        """Look, and let those that are missing be made; *ask* has a connection."""
        now, wanted = self._wall(), self._wanted
        try:
            self.ahead, failure = await ask(lambda db: made(db, now, wanted))
        except psycopg.Error:
            return  # the connection is lost: known, and looked for, by others
        if failure and failure != self.failure:
            self._journal("partitions_not_made", ahead=self.ahead, reason=failure)
        self.failure = failure


def made(db: psycopg.Connection[Any], now: float, wanted: int) -> tuple[int, str]:
    """Make the partitions of *wanted* days after today that are missing.

    Returns for how many days there are all, and why not for more.  Two bridges may do so at once:
    the one that is late fails, and finds them.  *now* is in UNIX seconds.  Raises psycopg.Error if
    the connection is lost.
    """
    ahead, failure = partitions.ahead(db, now), ""
    if ahead < wanted:
        try:
            partitions.make(db, now, wanted)
        except psycopg.Error as error:
            if db.broken:
                raise
            failure = str(error).partition("\n")[0]
        ahead = partitions.ahead(db, now)
    return ahead, failure if ahead < wanted else ""
