"""jobs: one node pulls and asks for balances, for all; all learn of opt-outs and pauses, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smppbridge.providers.exchange import Balance
from smppbridge.store.postgres.jobs import ToldBalance

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.store.postgres.store import PostgresStore

KNOWN_FOR = 3_600.0
"""Seconds for which a balance is worth knowing to a node that starts."""
LEARNED_AGAIN = 60.0
"""Seconds for which a row is looked at: rows do not come in the order of their times."""


class Jobs:
    """The SharedRounds of a bridge that shares its store.

    Only its own methods write its fields, in the reactor thread.
    """

    def __init__(self, store: PostgresStore) -> None:
        self._rows = store.jobs
        self._ours: set[str] = set()
        self._told: dict[str, float] = {}  # when the balance of a provider was told
        self._bridge: Bridge
        self._looking = False

    def start(self, bridge: Bridge) -> None:
        """Look for the providers of a bridge from now on."""
        self._bridge = bridge

    def look(self) -> None:
        """Take free jobs, and learn from the rows of the others; called every second."""
        if not self._looking:
            self._looking = True
            self._bridge.spawn(self._look())

    async def _look(self) -> None:
        bridge, since = self._bridge, self._bridge.clock.wall() - LEARNED_AGAIN
        try:
            rounds, lanes = bridge.relay.rounds, bridge.relay.lanes.by_name
            before, self._ours = self._ours, await self._rows.take(self._wanted())
            if self._ours - before:
                rounds.tick()  # at once: whoever had the job asks no more
            for told in await self._rows.balances(since - KNOWN_FOR):
                if told.provider in lanes and self._told.get(told.provider, 0.0) != told.at:
                    self._told[told.provider] = told.at
                    rounds.told(told.provider, Balance(told.amount, told.unit))
            bridge.relay.mobile.learn(await self._rows.optouts(since))
            await self.hold()
        finally:
            self._looking = False

    async def hold(self) -> None:
        """Hold the lanes that people have paused, at whichever bridge, and no others."""
        paused = await self._rows.paused()
        for name in self._bridge.relay.lanes.by_name:
            self._bridge.relay.lanes.hold(name, held=name in paused)

    def _wanted(self) -> list[str]:
        names: list[str] = []
        for name, lane in self._bridge.relay.lanes.by_name.items():
            abilities = lane.provider.abilities
            names += [f"balance:{name}"] if abilities.balance else []
            names += [f"pull:{name}"] if abilities.pulling else []
        return sorted(names)

    # -- as the rounds ask ----------------------------------------------------------------------

    def has(self, operation: str, provider: str) -> bool:
        """Return whether it is this bridge that asks a provider."""
        return f"{operation}:{provider}" in self._ours

    def balanced(self, provider: str, balance: Balance) -> None:
        """Let the other bridges know a balance."""
        at = self._told[provider] = self._bridge.clock.wall()
        is_low = self._bridge.relay.lanes.by_name[provider].is_low
        told = ToldBalance(provider, balance.amount, balance.unit, at)
        self._bridge.spawn(self._keep(told, is_low))

    async def _keep(self, told: ToldBalance, is_low: bool) -> None:
        await self._rows.keep_balance(told, is_low)
