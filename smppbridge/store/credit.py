"""The credit at providers: an amount an hour, for a month, looked up by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smppbridge.store.database import Database

HOUR = 3_600.0
KEPT = 30 * 86_400.0
"""Seconds that an amount is kept: 720 rows a provider at most."""


@dataclass(frozen=True, slots=True)
class Credit:
    """An amount of credit at a provider; *at* is when the provider told it (UNIX seconds)."""

    provider: str
    at: float
    amount: float
    unit: str


def keep(db: Database, told: Sequence[Credit], now: float) -> None:
    """Write amounts, each as the one of its hour, and delete those older than KEPT."""
    for each in told:
        db.execute(
            "insert into credit (provider, hour, at, amount, unit) values (?, ?, ?, ?, ?) "
            "on conflict (provider, hour) do update set "
            "at = excluded.at, amount = excluded.amount, unit = excluded.unit",
            (each.provider, int(each.at // HOUR), each.at, each.amount, each.unit),
        )
    db.execute("delete from credit where hour < ?", ((now - KEPT) // HOUR,))


def kept(db: Database, provider: str, since: float) -> list[Credit]:
    """Return the amounts of a provider from *since* on (UNIX seconds), the oldest first."""
    rows = db.execute(
        "select provider, at, amount, unit from credit where provider = ? and hour >= ? "
        "order by hour",
        (provider, since // HOUR),
    )
    return [Credit(*row) for row in rows]
