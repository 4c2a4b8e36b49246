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
    """What has come of one message; *heard* is when its latest segment came (UNIX seconds)."""

    key: GatheringKey
    heard: float
    segments: dict[int, Segment] = field(default_factory=dict)


@dataclass(slots=True)
class _Room:
    """How much of its share an account uses."""

    open: int = 0
    octets: int = 0


class Gather:
    """All open gatherings.  ESME_RMSGQFUL when an account has too many."""

    def __init__(self) -> None:
        self._open: dict[GatheringKey, Gathering] = {}
        self._rooms: dict[str, _Room] = {}

    def __len__(self) -> int:
        return len(self._open)

    def restore(self, stored: Iterable[tuple[GatheringKey, Segment]]) -> None:
        """Take back what the store kept."""
        for key, segment in stored:
            self._put(key, segment)

    def known(self, key: GatheringKey, segment: Segment) -> Segment | None:
        """Return the same segment if it came before: the ESME lost our answer and sends again."""
        gathering = self._open.get(key)
        before = gathering.segments.get(segment.number) if gathering else None
        return before if before is not None and before.octets == segment.octets else None

    def superseded(self, key: GatheringKey, segment: Segment) -> Gathering | None:
        """Take away an old gathering whose reference *segment* uses for another message.

        Raises Refusal while the old one is still fresh: the first wins.
        """
        gathering = self._open.get(key)
        if gathering is None or segment.number not in gathering.segments:
            return None
        if segment.received_at - gathering.heard < RECYCLED_AFTER:
            raise Refusal(CommandStatus.ESME_RSUBMITFAIL, "another segment has this number")
        return self._drop(key)

    def add(self, key: GatheringKey, segment: Segment) -> tuple[Segment, ...]:
        """Keep a segment; return all of them, in order, if it was the last one missing."""
        room = self._rooms.get(key.system_id, _Room())
        opens = key not in self._open
        if room.open + opens > MOST_OPEN or room.octets + len(segment.octets) > MOST_OCTETS:
            raise Refusal(CommandStatus.ESME_RMSGQFUL, "too many long messages are open")
        gathering = self._put(key, segment)
        if len(gathering.segments) < key.total:
            return ()
        return in_order(self._drop(key))

    def take_back(self, key: GatheringKey, segment: Segment, whole: tuple[Segment, ...]) -> None:
        """Undo add: the segment could not be written down; nor were others without message_id."""
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
        """Take away the gatherings that have waited too long (seconds by system_id)."""
        late = [
            key
            for key, gathering in self._open.items()
            if gathering.heard + timeout_of.get(key.system_id, 0.0) <= now
        ]
        return [self._drop(key) for key in late]

    def _put(self, key: GatheringKey, segment: Segment) -> Gathering:
        room = self._rooms.setdefault(key.system_id, _Room())
        gathering = self._open.get(key)
        if gathering is None:
            gathering = self._open[key] = Gathering(key, segment.received_at)
            room.open += 1
        gathering.segments[segment.number] = segment
        gathering.heard = max(gathering.heard, segment.received_at)
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
    """Return what came, by number."""
    return tuple(gathering.segments[n] for n in sorted(gathering.segments))


def message_of(key: GatheringKey, whole: Sequence[Segment], now: float) -> Message:
    """Return the message that segments make, without text or route: times as in the first."""
    first = whole[0]
    return Message(
        first.message_id,
        key.system_id,
        key.source,
        key.destination,
        key.destination.addr,
        "",
        first.data_coding,
        first.priority,
        first.registered_delivery,
        (),
        now,
        first.expires_at,
        first.due,
        None,
        first.traits,
        tuple(whole),
    )
