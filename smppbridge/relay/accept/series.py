"""series: all segments under one key, sorted into messages; pure.

A reference need not name one message: many ESMEs give all messages the same reference, or one
digit.  A series holds the gatherings that are open, and joined messages that are remembered for a
minute.  A series that is there says that its reference is used again: from then on
a message begins with its first segment.  A segment that may belong to two messages belongs to none:
both end, and the segment is refused.

One doubt is settled by waiting.  The next segment of a message may have the octets of a remembered
one: two texts end alike, or the ESME sends an older or a refused segment again.  The segment is an
echo: its message is held for a moment, and another segment with the number of the echo takes the
place of the echo.

Two texts may begin alike, too.  Segments that come again in a row, from the first on, are answered
as the old ones; a new segment behind them, from the same session, makes them a beginning, and the
new segment goes on with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from weakref import ReferenceType

from smppbridge.model.message import GatheringKey, Message, Segment, Traits, fingerprint

MOST_RIVALS = 4  # open gatherings of one series
MOST_IN_MEMORY = 32  # messages of one series that are remembered
LONGEST_REMEMBERED = 255  # octets of a segment that are kept themselves
ABANDONED_AFTER = 10.0  # seconds: no ESME pauses longer and goes on under a reference used again
ORPHANED_AFTER = 60.0  # seconds that a doubtful gathering waits for its second segment
HELD_FOR = 3.0  # seconds that a complete gathering with an echo is held

Session = ReferenceType[object]


@dataclass(slots=True, eq=False)
class Gathering:
    """The segments received of a message, the latest of them at *latest* (monotonic seconds).

    *session* sent the latest segment (None: before a restart).  A *doubtful* gathering did not
    begin with its first segment, or is not the first of its series.  *echo* is the number of the
    latest segment if it is an echo, 0 if it is none.  The first *begun* segments were answered with
    the message_ids of older ones.  *expires_at* (UNIX seconds) is when the message of the segments
    expires.  *repeated* came to another bridge too, under message_ids of their own.
    """

    series: Series
    opened_by: int
    latest: float
    doubtful: bool
    session: Session | None = None
    segments: dict[int, Segment] = field(default_factory=dict)
    echo: int = 0
    begun: int = 0
    expires_at: float = inf
    repeated: tuple[Segment, ...] = ()

    @property
    def complete(self) -> bool:
        """Return whether no segment is missing."""
        return len(self.segments) == self.series.key.total

    @property
    def missing(self) -> list[int]:
        """Return the numbers of the segments that have not come."""
        return [n for n in range(1, self.series.key.total + 1) if n not in self.segments]

    @property
    def key(self) -> GatheringKey:
        """Return the fields that all the segments have in common."""
        return self.series.key

    @property
    def octets(self) -> int:
        """Return how many octets the segments have."""
        return sum([len(segment.octets) for segment in self.segments.values()])

    def waits(self, timeout: float) -> float:
        """Return how long the gathering waits for its next segment: an orphan waits shorter."""
        if self.complete:
            return HELD_FOR
        orphan = self.doubtful and len(self.segments) == 1
        return min(timeout, ORPHANED_AFTER) if orphan else timeout

    def put(self, segment: Segment, now: float) -> None:
        """Add a segment."""
        opens = not self.segments
        if segment.repeats:
            self.repeated = (*self.repeated, segment)
        else:
            self.segments[segment.number] = segment
        if opens or segment.limited or segment.scheduled:
            self.time()
        self.latest = max(self.latest, now)
        self.series.room.octets += len(segment.octets)

    def take_in(self, segment: Segment, now: float) -> None:
        """Add a segment that another bridge has received: it may repeat one that is here."""
        segment.opened_by = self.opened_by
        if segment.number in self.segments:
            segment.repeats, segment.octets = True, b""
        self.put(segment, now)

    def with_id(self, message_id: int) -> Segment | None:
        """Return the segment with a message_id."""
        return next((each for each in in_order(self) if each.message_id == message_id), None)

    def remove(self, segment: Segment) -> bool:
        """Remove a segment; return whether it was there."""
        if self.segments.get(segment.number) is segment:
            del self.segments[segment.number]
            self.series.room.octets -= len(segment.octets)
        elif any(each is segment for each in self.repeated):
            self.repeated = tuple([each for each in self.repeated if each is not segment])
        else:
            return False
        return True

    def time(self) -> None:
        """Note when the message of the segments expires."""
        self.expires_at = lifetime_of(in_order(self))[1]


@dataclass(slots=True, eq=False)
class RememberedSegments:
    """The segments of a joined message, or one that was refused, from *at* (monotonic seconds) on.

    *contents* are their octets, or the fingerprints of octets that are many or from before a
    restart.  A refused segment has message_id 0.  Without segments only the use of the reference is
    remembered: a message ended incomplete.
    """

    at: float
    series: Series
    segments: Sequence[Segment] = ()
    contents: Sequence[bytes | int] = ()


@dataclass(slots=True, eq=False)
class Beginning:
    """Segments that came again from *session* in a row, from the first on, the latest at *at*."""

    session: Session
    at: float
    segments: list[Segment]

    def goes_on(self, number: int, session: Session, now: float) -> bool:
        """Return whether a segment with this number is the next one of *session*."""
        in_time = now - self.at < ABANDONED_AFTER
        return self.session is session and len(self.segments) == number - 1 and in_time


@dataclass(slots=True)
class AccountRoom:
    """The memory of an account: its open gatherings, their octets, remembered messages."""

    open: int = 0
    octets: int = 0
    memory: deque[RememberedSegments] = field(default_factory=deque)


@dataclass(slots=True)
class Series:
    """The open gatherings and the remembered messages under one key; only Gather writes them.

    *room* is the room of all series of the account; *beginning* are the segments that came again
    last.
    """

    key: GatheringKey
    room: AccountRoom
    open: list[Gathering] = field(default_factory=list)
    memory: list[RememberedSegments] = field(default_factory=list)
    beginning: Beginning | None = None

    def same(self, segment: Segment) -> Segment | None:
        """Return the same segment if it was received before, the latest of them."""
        number, octets = segment.number, segment.octets
        for gathering in self.open:
            before = gathering.segments.get(number)
            if before is not None and before.octets == octets:
                return before
        for remembered in reversed(self.memory):
            for before, content in zip(remembered.segments, remembered.contents, strict=True):
                if before.number == number and _is_content(content, octets):
                    return before
        return None

    def sending(self, number: int, session: Session) -> Gathering | None:
        """Return the one gathering that *session* would go on with by this number."""
        found = [
            g
            for g in self.open
            if g.session is session and number - 1 in g.segments and number not in g.segments
        ]
        return found[0] if len(found) == 1 else None

    def echoed(self, number: int, session: Session) -> Gathering | None:
        """Return the gathering of *session* whose latest segment is an echo with this number."""
        found = (g for g in self.open if g.echo == number and number in g.segments)
        return next((g for g in found if g.session is session), None)

    def opened_by(self, message_id: int) -> Gathering | None:
        """Return the open gathering that a segment has opened."""
        return next((g for g in self.open if g.opened_by == message_id), None)

    def opened(self, segment: Segment, now: float) -> Gathering:
        """Return a gathering that a segment opens."""
        doubtful = segment.number > 1 or bool(self.open or self.memory)
        return Gathering(self, segment.message_id, now, doubtful)

    def begun(self, beginning: Beginning, now: float) -> Gathering:
        """Return a gathering that begins with segments that came again.

        The ESME was told the message_ids of older segments, and has had or will have their
        receipts.
        """
        gathering = self.opened(beginning.segments[0], now)
        gathering.begun = len(beginning.segments)
        for segment in beginning.segments:
            segment.registered_delivery = 0
            segment.opened_by = gathering.opened_by
            gathering.segments[segment.number] = segment
        gathering.time()
        return gathering

    def void(self, segment: Segment) -> None:
        """Forget a message that was joined and not recorded, by a segment of it."""
        for entry in self.memory:
            if any(each is segment for each in entry.segments):
                self.memory.remove(entry)
                return

    def place(self, number: int, session: Session) -> Gathering | None:
        """Return the one gathering that a new segment may belong to, None if none or several."""
        lacking = [g for g in self.open if number not in g.segments]
        if len(lacking) > 1:
            lacking = [g for g in lacking if g.session is session]
        return lacking[0] if len(lacking) == 1 else None

    def home_of(self, segment: Segment, last: Gathering | None) -> Gathering | None:
        """Return the gathering that has, or lacks, a segment that another bridge has received.

        *last* has the segment before of the same gathering there.  None if several lack the
        segment, or none does.
        """
        number = segment.number
        for gathering in self.open if last is None else (last, *self.open):
            before = gathering.segments.get(number)
            if before is not None and (segment.repeats or before.octets == segment.octets):
                return gathering
        if segment.repeats:
            return None
        lacking = [g for g in self.open if number not in g.segments]
        if last in lacking:
            return last
        return lacking[0] if len(lacking) == 1 else None

    def abandoned(self, number: int, session: Session, now: float) -> list[Gathering]:
        """Return the gatherings that a new segment ends.

        A first segment ends the gatherings that have rested, or were held.  A later one that two
        gatherings lack, neither of them alone its session's, ends both: nobody can know.
        """
        lacking = [g for g in self.open if number not in g.segments]
        if lacking:
            return lacking if self.place(number, session) is None else []
        if number > 1:
            return []
        rested = [g for g in self.open if g.complete or now - g.latest >= ABANDONED_AFTER]
        return rested or self.open[: max(0, len(self.open) - MOST_RIVALS + 1)]


def content_of(octets: bytes) -> bytes | int:
    """Return the octets of a segment as they are remembered."""
    return octets if len(octets) <= LONGEST_REMEMBERED else fingerprint(octets)


def _is_content(content: bytes | int, octets: bytes) -> bool:
    return content == (octets if isinstance(content, bytes) else fingerprint(octets))


def in_order(gathering: Gathering) -> tuple[Segment, ...]:
    """Return the segments that were received, by number, and then those that repeat others."""
    segments = gathering.segments
    return tuple([segments[n] for n in sorted(segments)]) + gathering.repeated


def message_of(key: GatheringKey, whole: Sequence[Segment], now: float) -> Message:
    """Return the message that segments make, without text or route.

    Its times and TLVs are those of the first segment that has them: an ESME may give them to any.
    """
    first = whole[0]
    due, expires_at = lifetime_of(whole)
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
        expires_at=expires_at,
        due=due,
        traits=_traits_of(whole),
        segments=tuple(whole),
    )


def _traits_of(whole: Sequence[Segment]) -> Traits:
    """Return the traits of the first segment, with the other segments' references and TLVs."""
    first = whole[0].traits
    limited = first.limited or any(segment.limited for segment in whole)
    found = first.tlvs or next((s.traits.tlvs for s in whole if s.traits.tlvs), ())
    if limited is not first.limited or found is not first.tlvs:
        first = replace(first, tlvs=found, limited=limited)
    if len({s.traits.user_message_reference for s in whole}) == 1:
        return first
    pairs = [(s.message_id, s.traits.user_message_reference) for s in whole]
    return replace(first, references=tuple([(n, r) for n, r in pairs if r is not None]))


def lifetime_of(whole: Sequence[Segment]) -> tuple[float, float]:
    """Return when the message that segments make is due and when it expires (UNIX seconds)."""
    first = whole[0]
    due = next((s.due for s in whole if s.scheduled), first.due)
    validity = first.expires_at - first.due  # the account's, if no segment has a validity_period
    return due, next((s.expires_at for s in whole if s.limited), due + validity)
