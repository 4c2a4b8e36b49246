"""Messages as rows, and the tables that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from smppbridge.model.identifiers import Tolerance, is_alike
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage
from smppbridge.model.parts import Part as MessagePart
from smppbridge.model.report import Delivery
from smppbridge.store.port import EarlyReport, Found

OTHER = 9
"""The slot of another bridge."""


@dataclass
class Row:
    """A message as a row of the store."""

    message: Message
    stage: Stage
    provider: str
    due: float | None
    number: int = 0
    hop: int = 0
    begun_at: float = 0.0
    answered_at: float = 0.0
    provider_message_id: str | None = None
    state: int = 0
    batch: str | None = None
    done_at: float = 0.0
    error: int = 0
    parts: tuple[MessagePart, ...] = ()

    def attempt(self) -> Attempt:
        segments = tuple(map(replace, self.message.segments))
        message = replace(self.message, segments=segments, due=self.due or 0.0)
        return Attempt(
            message,
            self.provider,
            self.number,
            self.hop,
            self.begun_at,
            self.answered_at,
            self.provider_message_id,
            self.state,
            self.batch,
            self.parts,
        )

    def names(self) -> list[str]:
        """Return the ids that the provider gave the message: of each part, if it has parts."""
        if self.parts:
            return [part.provider_message_id for part in self.parts]
        return [] if self.provider_message_id is None else [self.provider_message_id]


@dataclass
class Tables:
    """What is committed.

    The messages *taken* are another bridge's: nothing is written about them, and none of them is
    work to be done.
    """

    messages: dict[int, Row] = field(default_factory=dict)
    segments: dict[int, tuple[GatheringKey, Segment]] = field(default_factory=dict)
    joined: list[tuple[GatheringKey, Segment, int]] = field(default_factory=list)
    deliveries: dict[tuple[int, int], Delivery] = field(default_factory=dict)
    finished: dict[tuple[int, int], int] = field(default_factory=dict)
    early: dict[tuple[str, str], EarlyReport] = field(default_factory=dict)
    mos: dict[tuple[str, str, int], int] = field(default_factory=dict)
    optouts: dict[tuple[str, str], float] = field(default_factory=dict)
    ended: list[tuple[str, str]] = field(default_factory=list)
    by_hand: list[tuple[int, str]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    def unfinished(self) -> list[Delivery]:
        """Return the deliveries that are owed still."""
        return [d for key, d in self.deliveries.items() if key not in self.finished]

    def stages(self) -> dict[int, Stage]:
        return {message_id: row.stage for message_id, row in self.messages.items()}

    def _ours(self) -> list[Row]:
        """Return the rows of messages that are no other bridge's."""
        return [row for key, row in self.messages.items() if key not in self.taken]

    def _get(self, message_id: int) -> Row | None:
        return None if message_id in self.taken else self.messages.get(message_id)

    def _open(self, message_id: int) -> Row | None:
        row = self._get(message_id)
        return None if row is None or row.stage is Stage.FINISHED else row

    def _found(self, row: Row) -> Found:
        attempt = row.attempt()
        ours = row.stage is Stage.FINISHED or attempt.message.message_id not in self.taken
        return Found(attempt, row.stage, 0 if ours else OTHER)

    def _look_up(
        self, key: tuple[str, str] | int, tolerances: Mapping[str, Tolerance]
    ) -> Row | None:
        if isinstance(key, int):
            return self.messages.get(key)
        provider, wanted = key
        named = [
            (name, r)
            for r in self.messages.values()
            if r.provider == provider
            for name in r.names()
        ]
        tolerance = tolerances.get(provider, "exact")
        exact = [r for name, r in named if name == wanted]
        alike = {name for name, r in named if is_alike(wanted, name, tolerance)}
        found = exact or [r for name, r in named if name in alike and len(alike) == 1]
        found.sort(key=lambda r: (r.answered_at, r.message.message_id))
        open_ = [r for r in found if r.stage is not Stage.FINISHED]
        newest = sorted(found, key=lambda r: -r.message.message_id)
        return next(iter([*open_, *newest]), None)

    def _named(self, message_id: int) -> list[Row | GatheringKey]:
        if message_id in self.segments:
            return [self.segments[message_id][0]]
        for row in self.messages.values():
            segments = {segment.message_id for segment in row.message.segments}
            if message_id in {row.message.message_id, *segments}:
                first = row.message.traits.multi
                if first == message_id:
                    ids = range(first, first + row.message.traits.destinations)
                    return [self.messages[each] for each in ids if each in self.messages]
                return [row]
        return []
