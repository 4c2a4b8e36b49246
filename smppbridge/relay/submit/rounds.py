"""What a provider is asked every so often, whatever happens: its credit, and what is new."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smppbridge.providers.exchange import Balance, Exchange, Provider, Received
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.ports import Clock, Journal
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.store.port import StoreFailure

Tell = Callable[[str, Sequence[Received]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRules:
    """How often a provider is asked (seconds; None: never), and what credit is low."""

    balance_every: float | None = None
    low_balance: float | None = None
    pull_every: float | None = None


class Rounds:
    """Asks all providers in their intervals; *tell* takes what they say of messages."""

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        rules: Mapping[str, RoundRules],
        carrier: Carrier,
        tell: Tell,
        *,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        journal: Journal,
    ) -> None:
        self.balances: dict[str, Balance] = {}
        self.rules = rules
        self._lanes, self._carrier, self._tell = lanes, carrier, tell
        self._clock, self._spawn, self._journal = clock, spawn, journal
        self._asked_at: dict[tuple[str, str], float] = {}
        self._untold: dict[str, Sequence[Received]] = {}

    def tick(self) -> None:
        """Ask what is due; called every second or so."""
        for name, lane in self._lanes.items():
            rules, provider = self.rules[name], lane.provider
            if provider.abilities.balance:
                self._ask(name, "balance", rules.balance_every, provider, self._balanced)
            if name in self._untold:
                self._spawn(self._hand_on(name, self._untold.pop(name)))
            elif provider.abilities.pulling:
                self._ask(name, "pull", rules.pull_every, provider, self._pulled)

    def _ask(
        self,
        name: str,
        operation: str,
        every: float | None,
        provider: Provider,
        conclude: Callable[[Conclusions], None],
    ) -> None:
        now, key = self._clock.monotonic(), (name, operation)
        if every is None or now < self._asked_at.get(key, float("-inf")) + every:
            return
        self._asked_at[key] = now
        ask: Callable[[], Exchange[Any]] = getattr(provider, operation)
        self._carrier.carry(name, [name], lambda _: ask(), conclude)

    def _balanced(self, conclusions: Conclusions) -> None:
        for name, found in conclusions:
            if name not in self._lanes:  # gone while it was asked
                self.balances.pop(name, None)
            elif isinstance(found, Balance):
                self.balances[name] = found
                self._watch_credit(name, found)
            else:
                self.balances.pop(name, None)
                self._journal("balance_unknown", provider=name, reason=type(found).__name__)

    def _watch_credit(self, name: str, balance: Balance) -> None:
        """Let messages go elsewhere before the credit is spent, and back when there is more."""
        lane, least = self._lanes[name], self.rules[name].low_balance
        was_low, lane.is_low = lane.is_low, least is not None and balance.amount <= least
        if lane.is_low != was_low:
            event = "balance_low" if lane.is_low else "balance_restored"
            self._journal(event, provider=name, balance=balance.amount, unit=balance.unit)

    def _pulled(self, conclusions: Conclusions) -> None:
        for name, found in conclusions:
            if isinstance(found, Sequence):
                self._spawn(self._hand_on(name, found))
            else:
                self._journal("pull_failed", provider=name, reason=type(found).__name__)

    async def _hand_on(self, name: str, heard: Sequence[Received]) -> None:
        try:
            await self._tell(name, heard)
        except StoreFailure:
            # Asked again it would say what is newer: this is told once more before that.
            self._untold[name] = [*self._untold.get(name, ()), *heard]
