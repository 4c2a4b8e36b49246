"""poll_rates: how many polls a second each provider may have, of this bridge and of all; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import takewhile

from smppbridge.relay.lanes.limits import Throughput


class PollRates:
    """The buckets of polls by provider, and how many polls a look would have made.

    Bridges that share a store have parts of a provider's rate.  Only Overdue takes tokens and
    counts looks; only whoever divides the rates confines them.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, Throughput] = {}
        self._wanted: dict[str, float] = {}

    def change(self, rates: Mapping[str, float], now: float) -> None:
        """Go by other rates (polls a second) from now on, until they are confined."""
        self._buckets = {name: Throughput(rate, now) for name, rate in rates.items()}
        self._wanted = {name: n for name, n in self._wanted.items() if name in rates}

    def confine(self, provider: str, rate: float, now: float) -> None:
        """Let a provider have no more than *rate* polls a second: other bridges have the rest."""
        self._buckets[provider].change(rate, now)

    def take(self, provider: str, most: int, now: float) -> int:
        """Take tokens for *most* polls; return how many there were."""
        bucket = self._buckets[provider]
        return sum(1 for _ in takewhile(lambda _: bucket.take(now), range(most)))

    def looked(self, provider: str, found: int, most: int) -> None:
        """Count a look that found so many messages to poll, and could have found *most*."""
        self._wanted[provider] = math.inf if found >= most else found

    def wanted(self, provider: str) -> float:
        """Return how many polls the last look had a use for; infinity: more than it could make."""
        return self._wanted.get(provider, 0.0)
