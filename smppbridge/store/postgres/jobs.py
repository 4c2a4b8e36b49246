"""jobs: one bridge of a database does them for all, and all know the results.

Whose a job is does not hang on time: it is free when the slot that has it has ended, and whoever
has that slot next goes on with it.  Two bridges that do a job at once do no harm.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from twisted.internet.defer import Deferred

from smppbridge.store.postgres.found import Connection, ask
from smppbridge.store.postgres.writer import PostgresWriter

_JOBS = """
    select j.name, j.slot from job j join node n on n.slot = j.slot and not n.ended
    where j.name = any(%s::text[])
"""
_TAKE = """
    insert into job (name, slot, epoch) select v.name, %s, %s from unnest(%s::text[]) as v(name)
    on conflict (name) do update set slot = excluded.slot, epoch = excluded.epoch
    where exists (select 1 from node n where n.slot = job.slot and n.ended)
"""
_STATES = "select provider, balance, unit, at from provider_state where at > %s order by at"
_STATE = """
    insert into provider_state (provider, balance, unit, is_low, at) values (%s, %s, %s, %s, %s)
    on conflict (provider) do update set balance = excluded.balance, unit = excluded.unit,
    is_low = excluded.is_low, at = excluded.at
"""
_PAUSED = "select provider from paused"
_OPTOUTS = "select provider, number from optout where at > %s and ended_at is null order by at"


class ToldBalance(NamedTuple):
    """A balance that a provider told a bridge at *at* (UNIX seconds, by that bridge's clock)."""

    provider: str
    amount: float
    unit: str
    at: float


class JobRows:
    """The rows of jobs, balances and opt-outs; methods are for the reactor thread."""

    def __init__(self, writer: PostgresWriter) -> None:
        self._writer = writer

    def take(self, names: Collection[str]) -> Deferred[set[str]]:
        """Take the jobs that no living bridge has; return which of *names* are ours."""
        wanted = list(names)

        def take(db: Connection) -> None:
            tenure = self._writer.tenure
            ask(db, _TAKE, (tenure.slot, tenure.epoch, free))

        def read(db: Connection) -> set[str]:
            slot, found = self._writer.tenure.slot, dict(ask(db, _JOBS, (wanted,)).fetchall())
            free[:] = [name for name in wanted if name not in found]
            return {name for name, by in found.items() if by == slot}

        def then(ours: set[str]) -> Deferred[set[str]] | set[str]:
            if not free:
                return ours
            return self._writer.act(take).addCallback(lambda _: self._writer.query(read))

        free: list[str] = []
        return self._writer.query(read).addCallback(then)

    def balances(self, since: float) -> Deferred[list[ToldBalance]]:
        """Return balances that providers told after *since* (UNIX seconds)."""
        return self._writer.query(
            lambda db: [ToldBalance._make(row) for row in ask(db, _STATES, (since,))]
        )

    def keep_balance(self, told: ToldBalance, is_low: bool) -> Deferred[None]:
        """Write a balance for all bridges."""

        def write(db: Connection) -> None:
            ask(db, _STATE, (told.provider, told.amount, told.unit, is_low, told.at))

        return self._writer.act(write)

    def optouts(self, since: float) -> Deferred[list[tuple[str, str]]]:
        """Return opt-outs received after *since* (UNIX seconds), whichever bridge has."""
        return self._writer.query(lambda db: ask(db, _OPTOUTS, (since,)).fetchall())

    def paused(self) -> Deferred[frozenset[str]]:
        """Return the providers that people have paused, at whichever bridge."""
        return self._writer.query(lambda db: frozenset(name for (name,) in ask(db, _PAUSED)))
