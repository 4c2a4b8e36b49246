"""The verbs of the store, as small Protocols, and what they are told.

Every verb takes a list and returns one awaitable: when it resolves, the list is durable; when it
raises StoreFailure, nothing of it was written.  One call is one transaction, or part of one.  What
is told of one message without awaiting in between is carried out in the order of its life:
accepted, begun, recorded, settled, delivered.  Questions see all that was told before them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple, Protocol

from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage
from smppbridge.model.outcome import Outcome
from smppbridge.model.report import Delivery

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)  # all that SQL's lower() is sure to know


class StoreFailure(Exception):
    """Nothing was written: the disk is full or failing."""


def same_id(provider_message_id: str) -> str:
    """Return what two spellings of one id share: case of a to z and leading zeros do not count."""
    return provider_message_id.lstrip("0").translate(_LOWER)


@dataclass(slots=True)
class Entry:
    """What is to be kept: a message, a segment, or a segment and the message it completes.

    A message with *segments* takes all of them in, also when no segment comes with it.

    *begun* is set when the first attempt is written down together with the message; *hop* is the
    place in the route where it begins.
    """

    message: Message | None
    begun: bool = False
    key: GatheringKey | None = None
    segment: Segment | None = None
    hop: int = 0


@dataclass(slots=True)
class Verdict:
    """What an attempt came to, and where its message is from now on."""

    attempt: Attempt
    outcome: Outcome
    stage: Stage
    due: float | None
    at: float
    provider_message_id: str | None = None
    next_provider: str = ""
    next_hop: int = 0


@dataclass(slots=True)
class Settlement:
    """A message's state by a report, with the deliveries that it makes due.

    *source* is push, poll or own; *early* names the early report that it uses up; *renamed* is what
    the provider calls the message from now on, if that is news.
    """

    attempt: Attempt
    state: int
    error: int
    at: float
    final: bool
    source: str
    deliveries: list[Delivery] = field(default_factory=list)
    early: tuple[str, str] | None = None
    renamed: str | None = None


@dataclass(slots=True)
class MoEntry:
    """An MO message to be kept, as the deliver_sm that it takes.

    *segment* is the number of the first: one that came as a segment is one here too.  Without
    *provider_message_id* nobody can tell whether it is another one's repetition.
    """

    provider: str
    provider_message_id: str
    segment: int
    deliveries: list[Delivery]

    @property
    def message_id(self) -> int:
        """Return the id of its first deliver_sm."""
        return self.deliveries[0].message_id


@dataclass(slots=True)
class EarlyReport:
    """A report whose message is not known (yet)."""

    provider: str
    provider_message_id: str
    state: int
    error: int
    at: float
    renamed: str = ""


@dataclass(slots=True)
class Found:
    """A message as the store has it: its latest attempt and its stage."""

    attempt: Attempt
    stage: Stage


class Waiting(NamedTuple):
    """How many messages wait for a provider from an account at a priority."""

    provider: str
    system_id: str
    priority: int
    messages: int


class Wanted(NamedTuple):
    """What of a lane is to be read back: an account's messages at a priority, but for *skip*."""

    system_id: str
    priority: int
    skip: Collection[int]


@dataclass(slots=True)
class Restored:
    """What a store held when it was opened: counts, and what must be in memory.

    *interrupted* are attempts that were out when the process ended: nobody knows their outcome.
    *optouts* are (provider, number), the latest ones if they are very many.
    """

    last_id: int
    waiting: list[Waiting]
    interrupted: list[Attempt]
    segments: list[tuple[GatheringKey, Segment]]
    owed: dict[str, int]
    early: list[EarlyReport]
    optouts: list[tuple[str, str]] = field(default_factory=list)


class AcceptStore(Protocol):
    """What accept needs."""

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Awaitable[None]:
        """Keep submit_sm, and the fate of those that are at their end already."""


class SubmitStore(Protocol):
    """What submit needs."""

    def begin(self, attempts: Sequence[Attempt]) -> Awaitable[None]:
        """Write down that these attempts are about to leave."""

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Awaitable[None]:
        """Write down what attempts came to, and the fate of messages that this decides."""

    def move(self, attempts: Sequence[Attempt]) -> Awaitable[None]:
        """Write down that WAITING messages wait for another provider: their attempts' new one."""

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Awaitable[None]:
        """Say when open messages are to be looked at again: (message_id, UNIX seconds)."""

    def waiting(
        self, provider: str, lines: Sequence[Wanted], now: float, limit: int
    ) -> Awaitable[list[list[Attempt]]]:
        """Return WAITING messages whose time has come, longest due first, up to *limit* a line.

        A message that is skipped now must be until what was told of it is durable.
        """

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Awaitable[list[Attempt]]:
        """Return messages that are out (SUBMITTING, SUBMITTED) and due, longest due first."""

    def batches(self, keys: Sequence[str]) -> Awaitable[dict[str, list[Found]]]:
        """Return the messages that shared requests, by the requests' keys, in order of ids."""

    def expired(self, provider: str, now: float, limit: int) -> Awaitable[list[Attempt]]:
        """Return WAITING messages whose deadline has passed."""

    def decisions(self) -> Awaitable[list[tuple[Found, str]]]:
        """Take what was decided by hand: ("resend" or "fail") for Uncertain messages."""


class ReportStore(Protocol):
    """What report needs."""

    def settle(self, settlements: Sequence[Settlement]) -> Awaitable[None]:
        """Keep states and the deliveries they make due."""

    def keep_early(self, reports: Sequence[EarlyReport]) -> Awaitable[None]:
        """Keep reports whose messages are not known."""

    def drop_early(self, keys: Sequence[tuple[str, str]]) -> Awaitable[None]:
        """Forget early reports: (provider, provider_message_id)."""

    def find(
        self, keys: Sequence[tuple[str, str] | int]
    ) -> Awaitable[dict[tuple[str, str] | int, Found]]:
        """Look messages up by (provider, provider_message_id) or message_id.

        An id that differs in case or leading zeros is found too, if it is the only one.
        """


class MoStore(Protocol):
    """What mo needs."""

    def keep_mos(self, entries: Sequence[MoEntry]) -> Awaitable[set[int]]:
        """Keep MO messages and their deliveries; return the message_ids of those that are new.

        One whose provider_message_id and segment a provider has told before is not kept.
        """

    def keep_optouts(self, optouts: Sequence[tuple[str, str, float]]) -> Awaitable[None]:
        """Keep opt-outs: (provider, number, UNIX seconds)."""

    def ended_optouts(self) -> Awaitable[list[tuple[str, str]]]:
        """Take the opt-outs that were ended by hand: (provider, number)."""


class DeliverStore(Protocol):
    """What deliver needs."""

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Awaitable[None]:
        """Mark deliveries as concluded, with the command_status that ended them."""

    def postpone(self, deliveries: Sequence[Delivery]) -> Awaitable[None]:
        """Keep the new *due* and *attempts* of deliveries."""

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = frozenset(),
    ) -> Awaitable[list[Delivery]]:
        """Return deliveries owed to an account whose time has come, longest due first.

        Without *skip*: (message_id, state).
        """

    def lapse(self, now: float, limit: int) -> Awaitable[dict[str, int]]:
        """Give up deliveries past their *expires_at*; return how many for each account."""
