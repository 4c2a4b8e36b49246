"""A moment of a bridge, played: figures that tests may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smppbridge.model.verdict_facts import BridgeFacts
from smppbridge.observe.metrics import Metrics
from smppbridge.observe.pulse import Pulse
from smppbridge.observe.rings import History
from smppbridge.store.lookup import ListedMessage
from smppbridge.web.api.live import CountedOddity, RefusedFacts, ShownError, StoredCounts
from smppbridge.web.streams import Streams
from tests.store.opened import NOW


@dataclass
class PlayedLive:
    """A moment that has what a test gives it; counts go through real metrics."""

    seconds: Any
    started_at: float = NOW
    stored: StoredCounts | None = field(default_factory=lambda: StoredCounts(7, 9))
    oldest: dict[str, float] = field(default_factory=dict)
    expires: list[tuple[str, str]] = field(default_factory=list)
    well: bool = True
    days: dict[str, float] = field(default_factory=dict)
    odd: list[CountedOddity] = field(default_factory=list)
    failed: dict[str, list[ShownError]] = field(default_factory=dict)
    noted: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    binds: list[RefusedFacts] = field(default_factory=list)
    no_balance: str = ""
    meantime: BridgeFacts = field(default_factory=BridgeFacts)

    def __post_init__(self) -> None:
        self.streams = Streams(2)
        self.metrics = Metrics("1.2.3")
        self.pulse = Pulse(self.metrics, self.seconds)

    async def counted(self) -> StoredCounts | None:
        return self.stored

    def oldest_owed(self, system_id: str) -> float | None:
        return self.oldest.get(system_id)

    def keeps_receipts(self) -> float:
        return 172_800.0

    def expiring(self) -> Sequence[tuple[str, str]]:
        return self.expires

    def applied_well(self) -> bool:
        return self.well

    def days_left(self) -> Mapping[str, float]:
        return self.days

    def refused_binds(self) -> Sequence[RefusedFacts]:
        return self.binds

    async def ask_balance(self, name: str) -> str:
        return self.no_balance

    def balanced_at(self, name: str) -> float | None:
        return NOW - 60.0

    def oddities(self, system_id: str) -> Sequence[CountedOddity]:
        return self.odd

    def errors(self, name: str) -> Sequence[ShownError]:
        return self.failed.get(name, [])

    def series(self) -> Sequence[str]:
        return sorted(self.pulse.rings.names)

    def history(self, names: Sequence[str], since: float, until: float) -> History:
        return self.pulse.rings.history(names, since, until)

    def notes(self) -> Sequence[Mapping[str, Any]]:
        return self.events

    def meanwhile(self, message: ListedMessage) -> BridgeFacts:
        return self.meantime
