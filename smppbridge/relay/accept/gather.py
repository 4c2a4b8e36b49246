"""gather: segments that wait for the others of their message: bounded, in any order; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from smppbridge.model.message import GatheringKey, Message, Segment
from smppbridge.relay.accept.reading import Refusal
from smppbridge.smpp.constants import CommandStatus

MOST_OPEN = 1_000  # long messages of one account at a time
MOST_OCTETS = 8 * 1024 * 1024
RECYCLED_AFTER = 60.0  # seconds: an older set under the same reference is another message


@dataclass(slots=True)
class Gathering:
    """The segments received of a message, the latest of them at *latest* (UNIX seconds)."""

    key: GatheringKey
    latest: float
    segments: dict[int, Segment] = field(default_factory=dict)


@dataclass(slots=True)
class _Room:
    """The gatherings of an account: how many are open, and their octets."""

    open: int = 0
    octets: int = 0


class Gather:
    """All open gatherings.  ESME_RMSGQFUL when an account has too many.

    Only Gather writes gatherings; only Accept calls its verbs, but for `restore` at the start.
    """

    def __init__(self) -> None:
        self._open: dict[GatheringKey, Gathering] = {}
        self._rooms: dict[str, _Room] = {}

    def __len__(self) -> int:
        return len(self._open)

    def restore(self, stored: Iterable[tuple[GatheringKey, Segment]]) -> None:
        """Put the segments back that the store holds."""
        for key, segment in stored:
            self._put(key, segment)

    def known(self, key: GatheringKey, segment: Segment) -> Segment | None:
        """Return the same segment if it was received before: the ESME lost our answer."""
        gathering = self._open.get(key)
        before = gathering.segments.get(segment.number) if gathering else None
        return before if before is not None and before.octets == segment.octets else None

    def superseded(self, key: GatheringKey, segment: Segment) -> Gathering | None:
        """Remove an old gathering whose reference *segment* uses for another message.

        Raises Refusal while the old gathering is fresh: the first segment stays.
        """
        gathering = self._open.get(key)
        if gathering is None or segment.number not in gathering.segments:
            return None
        if segment.received_at - gathering.latest < RECYCLED_AFTER:
            raise Refusal(CommandStatus.ESME_RSUBMITFAIL, "another segment has this number")
        return self._drop(key)

    def add(self, key: GatheringKey, segment: Segment) -> tuple[Segment, ...]:
        """Add a segment; return all segments, in order, if no segment is missing any more."""
        room = self._rooms.get(key.system_id, _Room())
        opens = key not in self._open
        if room.open + opens > MOST_OPEN or room.octets + len(segment.octets) > MOST_OCTETS:
            raise Refusal(CommandStatus.ESME_RMSGQFUL, "too many long messages are open")
        gathering = self._put(key, segment)
        if len(gathering.segments) < key.total:
            return ()
        return in_order(self._drop(key))

    def take_back(self, key: GatheringKey, segment: Segment, whole: tuple[Segment, ...]) -> None:
        """Undo `add`: the store failed to record the segment, and those without message_id."""
        for other in whole:
            if other.message_id:
                self._put(key, other)
        gathering = self._open.get(key)
        if gathering is None or gathering.segments.get(segment.number) is not segment:
            return
        del gathering.segments[segment.number]
        self._rooms[key.system_id].octets -= len(segment.octets)
        if not gathering.segments:
            self._drop(key)

    def expired(self, now: float, timeout_of: dict[str, float]) -> list[Gathering]:
        """Remove the gatherings that have waited too long (seconds by system_id)."""
        late = [
            key
            for key, gathering in self._open.items()
            if gathering.latest + timeout_of.get(key.system_id, 0.0) <= now
        ]
        return [self._drop(key) for key in late]

    def _put(self, key: GatheringKey, segment: Segment) -> Gathering:
        room = self._rooms.setdefault(key.system_id, _Room())
        gathering = self._open.get(key)
        if gathering is None:
            gathering = self._open[key] = Gathering(key, segment.received_at)
            room.open += 1
        gathering.segments[segment.number] = segment
        gathering.latest = max(gathering.latest, segment.received_at)
        room.octets += len(segment.octets)
        return gathering

    def _drop(self, key: GatheringKey) -> Gathering:
        gathering = self._open.pop(key)
        room = self._rooms[key.system_id]
        room.open -= 1
        room.octets -= sum(len(s.octets) for s in gathering.segments.values())
        if not room.open:
            del self._rooms[key.system_id]
        return gathering


def in_order(gathering: Gathering) -> tuple[Segment, ...]:
    """Return the segments that were received, by number."""
    return tuple(gathering.segments[n] for n in sorted(gathering.segments))


def message_of(key: GatheringKey, whole: Sequence[Segment], now: float) -> Message:
    """Return the message that segments make, without text or route: times as in the first."""
    first = whole[0]
    return Message(
        message_id=first.message_id,
        system_id=key.system_id,
        source=key.source,
        destination=key.destination,
        number=key.destination.addr,
        text="",
        data_coding=first.data_coding,
        priority=first.priority,
        registered_delivery=first.registered_delivery,
        route=(),
        accepted_at=now,
        expires_at=first.expires_at,
        due=first.due,
        traits=first.traits,
        segments=tuple(whole),
    )
