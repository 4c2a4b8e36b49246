"""rounds: every provider is asked in its intervals for its balance, and for new reports and MO."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smppbridge.providers.exchange import (
    BadReply,
    Balance,
    Exchange,
    NoAnswer,
    NotSent,
    Provider,
    Received,
)
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Around
from smppbridge.relay.submit.carry import Carrier, Conclusions
from smppbridge.relay.submit.spending import Spending
from smppbridge.store.port import StoreFailure

Receive = Callable[[str, Sequence[Received], str], Awaitable[None]]
"""Receives a provider's reports, MO messages and opt-outs; the last argument is the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRules:
    """The intervals in which a provider is asked (seconds; None: never), and its low balance."""

    balance_every: float | None = None
    low_balance: float | None = None
    pull_every: float | None = None


class SharedRounds(Protocol):
    """The bridges that share a store: of each round one of them asks, and all know the balance."""

    def has(self, operation: str, provider: str) -> bool:
        """Return whether it is this bridge that asks a provider."""

    def balanced(self, provider: str, balance: Balance) -> None:
        """Let the other bridges know a balance."""


class Rounds:
    """Asks all providers in their intervals; *receive* settles the pulled reports.

    Only Rounds writes the balances and the names of providers without credit, and records a lane's
    low credit.
    """

    def __init__(
        self,
        lanes: Lanes,
        rules: Mapping[str, RoundRules],
        carrier: Carrier,
        receive: Receive,
        around: Around,
        shared: SharedRounds | None = None,
    ) -> None:
        """Ask at *rules*' intervals; *shared* are the bridges among which one asks."""
        self._shared = shared
        self.balances: dict[str, Balance] = {}
        self.spending = Spending()
        self._lanes, self._carrier, self._receive = lanes, carrier, receive
        self._clock, self._spawn, self._journal = around.clock, around.spawn, around.journal
        self._asked_at: dict[tuple[str, str], float] = {}
        self._unsettled: dict[str, Sequence[Received]] = {}
        self._empty: set[str] = set()
        self.change(rules)

    def change(self, rules: Mapping[str, RoundRules]) -> None:
        """Go by other rules from now on; a balance that is asked no more is forgotten."""
        asked = [name for name in self.balances if name in rules and rules[name].balance_every]
        self._rules, self.balances = rules, {name: self.balances[name] for name in asked}
        self._empty &= set(asked)
        self.spending.keep(asked)
        for name, lane in self._lanes.by_name.items():
            if name in self.balances:
                self._watch_credit(name, self.balances[name])
            else:
                lane.watch_credit(is_low=False)

    def tick(self) -> None:
        """Ask the providers whose interval has passed; called every second or so."""
        for name, lane in self._lanes.by_name.items():
            rules, provider = self._rules[name], lane.provider
            if provider.abilities.balance:
                self._ask(name, "balance", rules.balance_every, provider, self._balanced)
            if name in self._unsettled:
                self._spawn(self._hand_on(name, self._unsettled.pop(name)))
            elif provider.abilities.pulling:
                self._ask(name, "pull", rules.pull_every, provider, self._pulled)

    def ask_balance(self, name: str, told: Callable[[str], None]) -> bool:
        """Ask a provider for its balance now; False: the provider has no such operation.

        *told* is called once `balances` has the balance, or with the reason why there is none.
        """
        provider = self._lanes.by_name[name].provider
        if not provider.abilities.balance:
            return False

        def conclude(conclusions: Conclusions) -> None:
            self._balanced(conclusions)
            ((_, found),) = conclusions
            told("" if isinstance(found, Balance) else _why(found))

        self._asked_at[name, "balance"] = self._clock.monotonic()
        self._carrier.carry(name, [name], lambda _: provider.balance(), conclude)
        return True

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
        if self._shared is not None and not self._shared.has(operation, name):
            return
        self._asked_at[key] = now
        ask: Callable[[], Exchange[Any]] = getattr(provider, operation)
        self._carrier.carry(name, [name], lambda _: ask(), conclude)

    def _balanced(self, conclusions: Conclusions) -> None:
        for name, found in conclusions:
            if name not in self._lanes.by_name:  # removed while it was asked
                self.balances.pop(name, None)
            elif isinstance(found, Balance):
                self.told(name, found)
                if self._shared is not None:
                    self._shared.balanced(name, found)
            else:
                self.balances.pop(name, None)
                self._journal("balance_unknown", provider=name, reason=_why(found))

    def told(self, name: str, balance: Balance) -> None:
        """Go by a balance that a provider has told this bridge or another one."""
        self.balances[name] = balance
        self.spending.add(name, balance.amount, self._clock.monotonic())
        self._watch_credit(name, balance)

    def _watch_credit(self, name: str, balance: Balance) -> None:
        """Record whether a lane's credit is low: its messages go elsewhere before credit ends."""
        lane, least = self._lanes.by_name[name], self._rules[name].low_balance
        is_low = least is not None and balance.amount <= least
        if lane.watch_credit(is_low=is_low):
            event = "balance_low" if is_low else "balance_restored"
            self._journal(event, provider=name, balance=balance.amount, unit=balance.unit)
        self._watch_empty(name, balance, bounded=least is not None)

    def _watch_empty(self, name: str, balance: Balance, *, bounded: bool) -> None:
        """Log once that no credit is left where no low_balance is set.

        Its messages go elsewhere no sooner than the provider refuses them: an account that is paid
        afterwards is at 0 or below for good.
        """
        if bounded or balance.amount > 0:
            self._empty.discard(name)
        elif name not in self._empty:
            self._empty.add(name)
            self._journal(
                "balance_empty",
                provider=name,
                balance=balance.amount,
                unit=balance.unit,
                setting=f"providers.{name}.low_balance",
            )

    def _pulled(self, conclusions: Conclusions) -> None:
        for name, found in conclusions:
            if isinstance(found, Sequence):
                self._spawn(self._hand_on(name, found))
            else:
                self._journal("pull_failed", provider=name, reason=_why(found))

    async def _hand_on(self, name: str, received: Sequence[Received]) -> None:
        try:
            await self._receive(name, received, "poll")
        except StoreFailure:
            # The next pull would return newer reports only: these are received again first.
            self._unsettled[name] = [*self._unsettled.get(name, ()), *received]


def _why(conclusion: object) -> str:
    """Return why a question had no answer, in our words: a host unknown, credentials refused."""
    if isinstance(conclusion, BadReply):
        return conclusion.reason or "an answer that is none"
    if isinstance(conclusion, NotSent | NoAnswer):
        return str(conclusion)
    return type(conclusion).__name__
