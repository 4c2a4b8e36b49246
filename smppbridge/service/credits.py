"""credits: the balances that providers tell are written into the store, once an hour each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from smppbridge.providers.exchange import Balance
from smppbridge.store import credit
from smppbridge.store.credit import HOUR, Credit

if TYPE_CHECKING:
    from smppbridge.store.postgres.store import PostgresStore
    from smppbridge.store.sqlite import SqliteStore


class Credits:
    """Writes a balance of each provider and hour: the first that was told in that hour.

    *told* are the balances of now, *told_at* is when a provider told its own (UNIX seconds).  Only
    `keep` writes the hours of the balances that are in the store.
    """

    def __init__(
        self,
        store: SqliteStore | PostgresStore,
        told: Callable[[], Mapping[str, Balance]],
        told_at: Callable[[str], float | None],
    ) -> None:
        self._store, self._told, self._told_at = store, told, told_at
        self._hours: dict[str, float] = {}

    async def keep(self, now: float) -> None:
        """Write the balances of this hour that are not in the store; raises StoreFailure.

        Those that could not be written are written at the next call.
        """
        found = [
            Credit(name, at, each.amount, each.unit)
            for name, each in self._told().items()
            if (at := self._told_at(name)) is not None and at // HOUR != self._hours.get(name)
        ]
        if not found:
            return
        known = self._hours
        self._hours = known | {each.provider: each.at // HOUR for each in found}
        try:
            await self._store.by_hand(lambda db: credit.keep(db, found, now))
        except BaseException:
            self._hours = known
            raise
