"""The verbs of the store, as small Protocols, and the values that they are given.

Every verb is given a list and returns one awaitable: when the awaitable resolves, the list is
durable; when it raises StoreFailure, no row of the list was written.  One call is one transaction,
or part of one.  Verbs about one message that are called without awaiting in between are carried out
in the order of a message's life: accepted, begun, recorded, settled, delivered.  A query sees all
that was written before its call.

A commit whose answer was lost has a third outcome: the list may be written or not.  Its awaitable
neither resolves nor raises before the store has found out; meanwhile nobody is answered and nothing
leaves.  If the store cannot find out, the awaitable stays as it is for ever, and the service closes
the sessions without answers, as if the process had died before the commit.

A store may be shared by several bridges, each with its messages.  A verb about a message that is
another bridge's, or that no bridge has, writes nothing about it and does not fail; only `begin`
says so, for only an attempt that leaves can make a phone ring twice.  Queries by name know all
messages, queries for work (waiting, due, expired, owed, batches) those of this bridge.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from smppbridge.model.identifiers import StoredIds, Tolerance
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage
from smppbridge.model.outcome import Outcome
from smppbridge.model.parts import Part
from smppbridge.model.report import Delivery

EarlyKey = tuple[str, str, float]
"""An early report, and all before it about its id: (provider, provider_message_id, at)."""
EXACT: Final[Mapping[str, Tolerance]] = MappingProxyType({})


class StoreFailure(Exception):
    """Nothing was written: the disk is full or failing."""


@dataclass(slots=True)
class Entry:
    """A message to be kept, a segment, or a segment and the message that it completes.

    A message with *segments* takes all of them in, also when no segment comes with it.
    *attempt* is the message's first attempt: begun with the message if its number is 1, waiting if
    its number is 0.  A message without an attempt is at its end already.
    """

    message: Message | None
    key: GatheringKey | None = None
    segment: Segment | None = None
    attempt: Attempt | None = None


@dataclass(slots=True)
class Verdict:
    """The outcome of an attempt, and where its message is from now on.

    *state* (0: none) and *error* are the end that the outcome makes: the caller settles it.
    *parts* are those of a message with several provider_message_ids.
    """

    attempt: Attempt
    outcome: Outcome
    stage: Stage
    due: float | None
    at: float
    provider_message_id: str | None = None
    next_provider: str = ""
    next_hop: int = 0
    state: int = 0
    error: int = 0
    parts: tuple[Part, ...] = ()


@dataclass(slots=True)
class Settlement:
    """A message's state by a report, with the deliveries that the state makes due.

    *at* is when we learned the state.  *source* is push, poll or own; *renamed* is the message's
    new provider_message_id, None while the old one holds.
    """

    attempt: Attempt
    state: int
    error: int
    at: float
    final: bool
    source: str
    deliveries: list[Delivery] = field(default_factory=list)
    renamed: str | None = None


class PartEnd(NamedTuple):
    """The final state of a part of a message; *number* is the part's place, from 1."""

    message_id: int
    number: int
    state: int
    error: int


@dataclass(slots=True)
class MoEntry:
    """An MO message, as the deliver_sm that carry it.

    *segment* is the number of the first deliver_sm, for a segment of a long text stays a segment.
    Without *provider_message_id* a repetition cannot be recognised.
    """

    provider: str
    provider_message_id: str
    segment: int
    deliveries: list[Delivery]

    @property
    def message_id(self) -> int:
        """The id of the first deliver_sm."""
        return self.deliveries[0].message_id


@dataclass(frozen=True, slots=True)
class EarlyReport:
    """A report, received at *at* (UNIX seconds), whose message is not known, or not yet.

    The other fields are those of a Report.
    """

    provider: str
    provider_message_id: str
    state: int
    error: int
    at: float
    renamed: str = ""
    done_at: float | None = None

    @property
    def key(self) -> EarlyKey:
        """The key by which the report is deleted; a later report about the id stays."""
        return self.provider, self.provider_message_id, self.at


@dataclass(slots=True)
class Found:
    """A message in the store: its latest attempt and its stage.

    *shard* is the slot of the other bridge that has the message: nothing can be written about it
    here.  0: this bridge has the message, or the message has ended.
    """

    attempt: Attempt
    stage: Stage
    shard: int = 0

    @property
    def ours(self) -> bool:
        """Whether no other bridge has the message."""
        return not self.shard


class Stoppable(NamedTuple):
    """A page of messages that can be stopped yet, newest first.

    *before* is the message_id below which the next page begins, None after the last page.
    """

    found: list[Found]
    before: int | None


Named = Found | GatheringKey
"""What a message_id names: a message, or the message of which a segment is GATHERING."""


class Waiting(NamedTuple):
    """How many messages wait for a provider from an account at a priority."""

    provider: str
    system_id: str
    priority: int
    messages: int


class LineQuery(NamedTuple):
    """Which messages of a lane are read back: an account's at a priority, without *skip*."""

    system_id: str
    priority: int
    skip: Collection[int]


@dataclass(slots=True)
class Restored:
    """The contents of a store at its opening: counts, and the values that must be in memory.

    *interrupted* are attempts that were out when the process ended: their outcome is unknown.
    *joined* are the segments of messages joined lately, without octets but with their fingerprint,
    oldest first.  *owed* counts deliveries by system_id.  *optouts* are (provider, number), the
    latest of them if they are very many.  *stored_ids* are the ids of messages that await a report.
    """

    last_id: int
    waiting: list[Waiting]
    interrupted: list[Attempt]
    segments: list[tuple[GatheringKey, Segment]]
    owed: dict[str, int]
    early: list[EarlyReport]
    optouts: list[tuple[str, str]] = field(default_factory=list)
    stored_ids: StoredIds = field(default_factory=StoredIds)
    joined: list[tuple[GatheringKey, Segment, int]] = field(default_factory=list)


class AcceptStore(Protocol):
    """The verbs that accept calls."""

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Awaitable[None]:
        """Write accepted submit_sm, and the settlements of messages that have ended already."""


class SubmitStore(Protocol):
    """The verbs that submit calls."""

    def begin(self, attempts: Sequence[Attempt]) -> Awaitable[Sequence[Attempt]]:
        """Write attempts that are about to leave; return those that began: only they may leave.

        Each waits in the store at its provider and place in the route: neither is written.  An
        attempt does not begin if its message neither waits there for this bridge nor is Uncertain.
        """

    def recall(self, attempts: Sequence[Attempt]) -> Awaitable[None]:
        """Write begun attempts that did not leave as WAITING again; they do not count as tries."""

    def hasten(
        self, provider: str, lines: Sequence[tuple[str, int]], now: float, limit: int
    ) -> Awaitable[int]:
        """Make WAITING messages due that were tried and are not due yet; return how many.

        *lines* are (system_id, priority).  The messages that are due last are made due first, up to
        *limit*, and from then on their order is that of their acceptance.
        """

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Awaitable[None]:
        """Write the verdicts on attempts, and the settlements of messages that they end.

        An accepted attempt has been begun: its provider, place in the route and number are written.
        """

    def move(self, attempts: Sequence[Attempt]) -> Awaitable[None]:
        """Write the provider of each attempt as the one that its WAITING message waits for."""

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Awaitable[None]:
        """Write when open messages are due again: (message_id, UNIX seconds).

        A message whose attempt is out is due by its outcome: it is left as it is.
        """

    def waiting(
        self, provider: str, lines: Sequence[LineQuery], now: float, limit: int
    ) -> Awaitable[list[list[Attempt]]]:
        """Return WAITING messages that are due, longest due first, up to *limit* a line.

        A message that is skipped once must be skipped until the writes about it are durable.
        """

    def due(self, stage: Stage, provider: str, now: float, limit: int) -> Awaitable[list[Attempt]]:
        """Return messages of a stage (SUBMITTING, SUBMITTED) that are due, longest due first."""

    def batches(self, keys: Sequence[str]) -> Awaitable[dict[str, list[Found]]]:
        """Return the messages of shared requests, by the requests' keys, in order of message_id."""

    def expired(self, provider: str, now: float, limit: int) -> Awaitable[list[Attempt]]:
        """Return WAITING messages whose deadline has passed.

        A call looks at a bounded number of messages and goes on where the call before it ended, so
        that calls again and again find all; of few messages (thousands) one call finds all.
        """

    def find(
        self, keys: Sequence[tuple[str, str] | int]
    ) -> Awaitable[dict[tuple[str, str] | int, Found]]:
        """Return messages by message_id."""

    def decisions(self) -> Awaitable[list[tuple[Found, str]]]:
        """Return the decisions of people about Uncertain messages ("resend", "fail"), each once."""


class ReportStore(Protocol):
    """The verbs that report calls."""

    def settle(
        self, settlements: Sequence[Settlement], used: Sequence[EarlyKey] = ()
    ) -> Awaitable[None]:
        """Write the states of messages and the deliveries that they make due.

        *used* are early reports that are used up by it: they are deleted.
        """

    def end_parts(self, ended: Sequence[PartEnd]) -> Awaitable[dict[int, tuple[Part, ...]]]:
        """Write the ends of parts; return all parts of their messages then, by message_id.

        A part that has ended already keeps its state.
        """

    def keep_early(self, reports: Sequence[EarlyReport]) -> Awaitable[None]:
        """Write reports whose messages are not known."""

    def drop_early(self, keys: Sequence[EarlyKey]) -> Awaitable[None]:
        """Delete early reports."""

    def find(
        self,
        keys: Sequence[tuple[str, str] | int],
        tolerances: Mapping[str, Tolerance] = EXACT,
    ) -> Awaitable[dict[tuple[str, str] | int, Found]]:
        """Return messages by (provider, provider_message_id) or message_id.

        Of several messages with one id the open one that was accepted first is found, and if all
        are FINISHED the newest.  An id in another spelling is found as far as *tolerances* (by
        provider) go, unless the very id is there or several spellings are.
        """


class DeliverStore(Protocol):
    """The verbs that deliver calls."""

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Awaitable[None]:
        """Write that deliveries are concluded, each with the command_status of its response."""

    def postpone(self, deliveries: Sequence[Delivery]) -> Awaitable[None]:
        """Write the new *due* and *attempts* of deliveries."""

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = frozenset(),
    ) -> Awaitable[list[Delivery]]:
        """Return due deliveries owed to an account, longest due first, without *skip*.

        *skip* is of (message_id, state).
        """

    def lapse(self, now: float, limit: int) -> Awaitable[dict[str, int]]:
        """Conclude deliveries past their *expires_at*; return how many by system_id.

        A call looks at a bounded number of deliveries, as `SubmitStore.expired` does at messages.
        """
