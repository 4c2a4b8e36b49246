"""live: what a running bridge knows of this moment, for the operations that show it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smppbridge.model.verdict_facts import BridgeFacts
from smppbridge.store.lookup import ListedMessage
from smppbridge.web.streams import Streams


class Times(Protocol):
    """The median and the 99th percentile of times in seconds; None without any."""

    @property
    def p50(self) -> float | None:
        """The median."""

    @property
    def p99(self) -> float | None:
        """The 99th percentile."""


class Trail(Protocol):
    """Figures from *t0* on (UNIX seconds), one each *step* seconds; None: nothing is known."""

    @property
    def t0(self) -> int:
        """When the first figure is of."""

    @property
    def step(self) -> int:
        """Seconds between two figures."""

    @property
    def series(self) -> Mapping[str, list[float | None]]:
        """The figures by the name of their series."""


class Rates(Protocol):
    """What is derived from the counters: rates, quantiles, ratios; None: nothing is known."""

    def rates(self) -> Mapping[str, float]:
        """Return how many a second: accepted, taken, receipts, refused."""

    def answers(self, system_id: str | None = None) -> Times:
        """Return the times of the last minute from submit_sm to submit_sm_resp."""

    def submits(self, system_id: str) -> float:
        """Return how many submit_sm of an account are accepted a second."""

    def refusals(self, system_id: str, reason: str | None = None) -> float:
        """Return how many submit_sm of an account are refused a second, for a reason or any."""

    def delivered_ratio(self, system_id: str | None = None) -> float | None:
        """Return the part that was delivered of what finished: an hour's, of an account a day's."""

    def provider_answers(self, name: str) -> Times:
        """Return the times of the last minute that a provider took to answer."""

    def outcomes(self, name: str) -> Mapping[str, float]:
        """Return how many requests to a provider end in each outcome a second."""

    def unmatched(self, name: str) -> int:
        """Return how many reports of a provider in the last hour belong to no message."""

    def until_final(self, name: str) -> Times:
        """Return the times of the last hour from a provider's acceptance to the final report."""


@dataclass(frozen=True, slots=True)
class ShownError:
    """A request to a provider that came to nothing, as a log may show it; *at* is UNIX seconds."""

    at: float
    kind: str
    reason: str
    http_status: int | None
    seconds: float
    message_id: int
    messages: int
    words: str


@dataclass(frozen=True, slots=True)
class CountedOddity:
    """An oddity of an account's sessions since the start; *setting* is the key that helps.

    *last_at* is UNIX seconds; *setting* is empty where the oddity is harmless.
    """

    code: str
    count: int
    last_at: float
    setting: str


@dataclass(frozen=True, slots=True)
class RefusedFacts:
    """A bind that was refused; *at* is UNIX seconds, *reason* a word of `model.reasons`."""

    at: float
    system_id: str
    address: str
    kind: str
    command_status: int
    reason: str


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """Messages that are at a provider without a report, and those that finished today (UTC)."""

    submitted: int
    finished_today: int


class Live(Protocol):
    """This moment of a running bridge; *started_at* is UNIX seconds."""

    started_at: float
    streams: Streams

    @property
    def noted(self) -> int:
        """How many events of the log there have been that `notes` has the last of."""

    @property
    def pulse(self) -> Rates:
        """What is derived from the counters."""

    def counted(self) -> Awaitable[StoredCounts | None]:
        """Return the counts of the store, of the last seconds; None if it cannot be read now."""

    def oldest_owed(self, system_id: str) -> float | None:
        """Return since when the oldest delivery is owed to an account (UNIX seconds)."""

    def keeps_receipts(self) -> float:
        """Return for how many seconds a delivery is owed."""

    def expiring(self) -> Sequence[tuple[str, str]]:
        """Return certificates that expire soon: the listener, and the doubt in words."""

    def applied_well(self) -> bool:
        """Return whether the configuration that was read last is in force."""

    def days_left(self) -> Mapping[str, float]:
        """Return the days that the credit at each provider lasts, where they are known."""

    def oddities(self, system_id: str) -> Sequence[CountedOddity]:
        """Return the oddities of an account's sessions since the start, the last seen first."""

    def refused_binds(self) -> Sequence[RefusedFacts]:
        """Return the last binds that were refused, the newest first."""

    def ask_balance(self, name: str) -> Awaitable[str]:
        """Ask a provider for its balance; return the reason if there is none, or an empty text."""

    def balanced_at(self, name: str) -> float | None:
        """Return when a provider told its balance last (UNIX seconds)."""

    def errors(self, name: str) -> Sequence[ShownError]:
        """Return the last errors of a provider's lane, the newest first."""

    def series(self) -> Sequence[str]:
        """Return the names of the series that `history` has."""

    def history(self, names: Sequence[str], since: float, until: float) -> Trail:
        """Return series of figures from *since* until *until* (UNIX seconds)."""

    def notes(self) -> Sequence[Mapping[str, Any]]:
        """Return the last events of the log that are warnings or worse, the newest first."""

    def meanwhile(self, message: ListedMessage) -> BridgeFacts:
        """Return what a message waits for now, as the store does not know it."""
