"""The verbs of the store that read, and the rare acts, on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import Attempt, KnownState, Stage
from smppbridge.model.report import Delivery
from smppbridge.store import note_rows
from smppbridge.store.cdr import Exported
from smppbridge.store.database import Database
from smppbridge.store.port import EXACT, Found, LineQuery, Named, Stoppable
from smppbridge.store.postgres import naming, owing, questions, reading, restoring
from smppbridge.store.postgres.aside import Aside
from smppbridge.store.postgres.found import ShardOwner
from smppbridge.store.postgres.writer import PostgresWriter
from smppbridge.store.thread import OnStoreThread

T = TypeVar("T")


class AskedStore(OnStoreThread[PostgresWriter]):
    """The verbs of ``store.port`` that read: queries of the store thread, after the calls before.

    The acts that write are behind the fence; long queries have a connection of their own.
    """

    def __init__(self, writer: PostgresWriter, aside: Aside) -> None:
        super().__init__(writer)
        self._aside = aside
        self._query = writer.query
        self._walks = owing.DeliveryWalks(time.time)

    @property
    def _owner(self) -> ShardOwner:
        """Who asks; in the store thread, for the shards change."""
        tenure = self._writer.tenure
        return ShardOwner(tenure.slot, tenure.shards, self._writer.fenced)

    def waiting(
        self, provider: str, lines: Sequence[LineQuery], now: float, limit: int
    ) -> Deferred[list[list[Attempt]]]:
        lines = [line._replace(skip=frozenset(line.skip)) for line in lines]
        return self._query(
            lambda db: questions.waiting(db, self._owner, provider, lines, now, limit)
        )

    def hasten(
        self, provider: str, lines: Sequence[tuple[str, int]], now: float, limit: int
    ) -> Deferred[int]:
        return self._query(
            lambda db: questions.hasten(db, self._owner, provider, lines, now, limit)
        )

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        return self._query(lambda db: questions.due(db, self._owner, stage, provider, now, limit))

    def batches(self, keys: Sequence[str]) -> Deferred[dict[str, list[Found]]]:
        return self._query(lambda db: questions.batches(db, self._owner, keys))

    def expired(self, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        return self._query(lambda db: questions.expired(db, self._owner, provider, now, limit))

    def find(
        self,
        keys: Sequence[tuple[str, str] | int],
        tolerances: Mapping[str, Tolerance] = EXACT,
    ) -> Deferred[dict[tuple[str, str] | int, Found]]:
        return self._query(lambda db: naming.find(db, self._owner, keys, tolerances))

    def states(self, message_ids: Sequence[int]) -> Deferred[dict[int, tuple[KnownState, ...]]]:
        ids = list(message_ids)
        return self._query(lambda db: naming.states(db, ids))

    def named(self, message_ids: Sequence[int]) -> Deferred[dict[int, tuple[Named, ...]]]:
        ids = list(message_ids)
        return self._query(lambda db: naming.named(db, self._owner, ids))

    def stoppable(
        self, queries: Sequence[tuple[str, str]], before: int | None = None
    ) -> Deferred[dict[tuple[str, str], Stoppable]]:
        wanted = list(queries)
        return self._query(lambda db: naming.stoppable(db, self._owner, wanted, before))

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = frozenset(),
    ) -> Deferred[list[Delivery]]:
        skip = frozenset(skip)
        return self._query(lambda db: owing.owed(db, self._owner, system_id, now, limit, skip))

    def decisions(self) -> Deferred[list[tuple[Found, str]]]:
        return self._query(lambda db: questions.decisions(db, self._owner))

    def ended_optouts(self) -> Deferred[list[tuple[str, str]]]:
        return self._query(lambda db: self._walks.ended_optouts(db, self._owner))

    def lapse(self, now: float, limit: int) -> Deferred[dict[str, int]]:
        return self._query(lambda db: self._walks.lapse(db, self._owner, now, limit))

    def forget(self, before: float, limit: int, exported: Exported | None = None) -> Deferred[int]:
        """Drop the days before *before* (UNIX seconds); return how many MO messages were deleted.

        With *exported* no day is dropped that has a message which is not covered by it.
        """
        return self._aside.act(lambda db: restoring.forget(db, before, limit, exported))

    def by_hand(self, act: Callable[[Database], T]) -> Deferred[T]:
        """Carry out a rare act of a person, in a transaction of its own."""
        return self._writer.act(lambda db: act(reading.for_act(db)))

    def open_messages(self, provider: str) -> Deferred[bool]:
        """Return whether a provider has messages that are not FINISHED."""
        return self._query(lambda db: questions.open_messages(db, provider))

    def measure(self) -> Deferred[dict[str, float]]:
        """Return figures for gauges: Uncertain messages; octets of the database."""
        return self._query(lambda db: questions.measure(db, self._owner))

    def oldest_owed(self) -> Deferred[dict[str, float]]:
        """Return since when deliveries are owed, by account; UNIX seconds."""
        return self._query(owing.oldest_owed)

    def forget_noted(self, before: float, most: int) -> Deferred[int]:
        return self.by_hand(lambda db: note_rows.forget(db, before, most))
