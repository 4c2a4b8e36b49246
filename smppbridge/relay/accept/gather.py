"""gather: segments that wait for the others of their message: bounded, in any order; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple
from weakref import ref

from smppbridge.model.message import REMEMBERED_FOR, GatheringKey, Segment
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.series import (
    MOST_IN_MEMORY,
    AccountRoom,
    Beginning,
    Gathering,
    RememberedSegments,
    Series,
    Session,
    content_of,
    in_order,
    lifetime_of,
)
from smppbridge.smpp.constants import CommandStatus

MOST_OPEN = 1_000  # long messages of one account at a time
MOST_OCTETS = 8 * 1024 * 1024
MOST_REMEMBERED = 10_000  # joined messages of one account


class Placed(NamedTuple):
    """The place of a received segment.

    *segment* was received before if it is not the one that was given; *whole* are all segments, in
    order, if no segment is missing any more.  *ended* are gatherings that the segment ends, among
    them complete ones; *refusal* says that the segment has no place itself.  *begun* came again
    before the segment, which makes them the beginning of its message.
    """

    segment: Segment
    whole: tuple[Segment, ...] = ()
    ended: Sequence[Gathering] = ()
    refusal: Refusal | None = None
    begun: Sequence[Segment] = ()


class Gather:
    """All open gatherings.  ESME_RMSGQFUL when an account has too many.

    Only Gather writes gatherings and series; only Accept calls its verbs, but for `restore` at the
    start.  Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._series: dict[GatheringKey, Series] = {}
        self._open: dict[Gathering, None] = {}
        self._rooms: dict[str, AccountRoom] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def remembered(self) -> int:
        """Return how many joined messages are remembered."""
        return sum(len(room.memory) for room in self._rooms.values())

    def restore(
        self,
        stored: Iterable[tuple[GatheringKey, Segment]],
        joined: Iterable[tuple[GatheringKey, Segment, int]],
        wall: float,
        now: float,
    ) -> None:
        """Put the segments back that the store holds: those that wait, and those remembered.

        *wall* is UNIX seconds.  A segment from the future is of now: the wall clock was set back.
        """
        for key, segment, mark in joined:
            at = now - max(0.0, wall - segment.received_at)
            if at + REMEMBERED_FOR > now:
                self._remember(RememberedSegments(at, self._of(key), (segment,), (mark,)))
        for key, segment in stored:
            at = now - max(0.0, wall - segment.received_at)
            self._put_back(self._of(key), segment, at)

    def receive(self, key: GatheringKey, segment: Segment, session: object, now: float) -> Placed:
        """Add a segment to the message that it belongs to, or open a gathering with it."""
        series, sender = self._series.get(key), ref(session)
        if series is None:
            series = Series(key, self._room(key.system_id))
            return self._add(_opened(series, segment, now), segment, sender, now)
        if not series.memory and len(series.open) == 1:
            gathering = series.open[0]
            if segment.number not in gathering.segments:  # as nearly always
                return self._add(gathering, segment, sender, now)
        same, sending = series.same(segment), series.sending(segment.number, sender)
        if same is not None and sending is not None:
            return self._add(sending, segment, sender, now, echo=True)
        if same is None or not same.message_id:  # new, or refused before
            return self._sort(series, segment, sender, now)
        again = series.opened_by(same.opened_by)
        if again is not None:
            again.session = sender
        else:
            self._repeat(series, segment, sender, now)
        return Placed(same)

    def _repeat(self, series: Series, segment: Segment, sender: Session, now: float) -> None:
        """Keep a segment that came again: a message may begin with it as an older one did."""
        if segment.number == 1:
            series.beginning = Beginning(sender, now, [segment])
            return
        beginning = self._beginning(series, segment.number, sender, now)
        if beginning is not None:
            series.beginning = Beginning(sender, now, [*beginning.segments, segment])

    def _beginning(
        self, series: Series, number: int, sender: Session, now: float
    ) -> Beginning | None:
        """Take the segments that came again; return them if the next one goes on with them."""
        beginning = series.beginning
        if beginning is None or beginning.session is not sender:
            return None
        series.beginning = None
        return beginning if beginning.goes_on(number, sender, now) else None

    def _sort(self, series: Series, segment: Segment, sender: Session, now: float) -> Placed:
        """Add a segment that is not known under a key that is."""
        number = segment.number
        gathering = series.echoed(number, sender)
        if gathering is not None:
            ended = [self._alone(gathering, number, now)]
        else:
            ended = series.abandoned(number, sender, now)
            for each in ended:
                self._end(each, now)
            gathering = series.place(number, sender)
        begun: Sequence[Segment] = ()
        beginning = self._beginning(series, number, sender, now)
        if beginning is not None and not ended:
            if gathering is not None and gathering.session is sender:  # it goes on with either
                self._end(gathering, now)
                ended, gathering = [gathering], None
            else:
                gathering, begun = _begun(series, beginning, now), beginning.segments
        if gathering is None and number > 1:
            if series.same(segment) is None:  # an ESME may send a refused segment again
                segment.message_id = 0
                content = content_of(segment.octets)
                self._remember(RememberedSegments(now, series, (segment,), (content,)))
            refusal = Refusal(CommandStatus.ESME_RSUBMITFAIL, Reason.LOST_SEGMENT)
            return Placed(segment, (), ended, refusal)
        gathering = gathering or _opened(series, segment, now)
        return self._add(gathering, segment, sender, now)._replace(ended=ended, begun=begun)

    def _add(
        self,
        gathering: Gathering,
        segment: Segment,
        sender: Session,
        now: float,
        *,
        echo: bool = False,
    ) -> Placed:
        room, opens = gathering.series.room, gathering not in self._open
        if room.open + opens > MOST_OPEN or room.octets + len(segment.octets) > MOST_OCTETS:
            refusal = Refusal(CommandStatus.ESME_RMSGQFUL, Reason.TOO_MANY_OPEN)
            return Placed(segment, refusal=refusal)
        if opens:
            self.reopen(gathering)
        gathering.session, gathering.echo = sender, segment.number if echo else 0
        segment.opened_by = gathering.opened_by
        _put(gathering, segment, now)
        if echo or not gathering.complete:
            return Placed(segment)
        return Placed(segment, self._end(gathering, now))

    def _alone(self, gathering: Gathering, number: int, now: float) -> Gathering:
        """Take an echo out of its gathering, as a gathering of its own that is at its end."""
        echo = gathering.segments.pop(number)
        gathering.series.room.octets -= len(echo.octets)
        _time(gathering)
        return Gathering(gathering.series, echo.message_id, now, True, segments={number: echo})

    # -- what the store failed to record ----------------------------------------------------------

    def take_back(
        self, key: GatheringKey, segment: Segment, whole: Sequence[Segment], now: float
    ) -> None:
        """Undo `receive`: the store failed to record the segment, and those without message_id."""
        series = self._of(key)
        for other in (*whole, segment):
            _void(series, other)
        for other in whole:
            if other.message_id:
                self._put_back(series, other, now)
        gathering = series.opened_by(segment.opened_by)
        if gathering is not None and gathering.segments.get(segment.number) is segment:
            del gathering.segments[segment.number]
            series.room.octets -= len(segment.octets)
            if not gathering.segments:
                self._drop(gathering)
            else:
                _time(gathering)
        self._tidy(series)

    def reopen(self, gathering: Gathering) -> None:
        """Put a gathering among the open ones; again, if the store failed to record its end."""
        series = gathering.series
        gathering.series = series = self._series.setdefault(series.key, series)
        series.open.append(gathering)
        series.room.open += 1
        series.room.octets += gathering.octets
        self._open[gathering] = None

    # -- time -------------------------------------------------------------------------------------

    def expired(self, now: float, timeout_of: Mapping[str, float], wall: float) -> list[Gathering]:
        """Remove the gatherings that have waited too long (seconds by system_id), and forget.

        Complete ones among them were held.  A gathering whose message has expired at *wall* (UNIX
        seconds) waits no longer.
        """
        late = [
            gathering
            for gathering in self._open
            if gathering.expires_at <= wall
            or gathering.latest + gathering.waits(timeout_of.get(gathering.key.system_id, 0.0))
            <= now
        ]
        for gathering in late:
            self._end(gathering, now)
        for room in self._rooms.values():
            while room.memory and room.memory[0].at + REMEMBERED_FOR <= now:
                self._forget(room)
        return late

    def open_with(self, message_id: int) -> Gathering | None:
        """Return the open gathering that has a segment of this message_id, None without one."""
        ids = ((each, [s.message_id for s in each.segments.values()]) for each in self._open)
        return next((each for each, found in ids if message_id in found), None)

    def remove(self, wanted: Callable[[Gathering], bool], now: float) -> list[Gathering]:
        """Remove the gatherings that are *wanted*."""
        removed = [gathering for gathering in self._open if wanted(gathering)]
        for gathering in removed:
            self._end(gathering, now)
        return removed

    def _end(self, gathering: Gathering, now: float) -> tuple[Segment, ...]:
        """Remove a gathering and return its segments; a late segment of it opens no other."""
        segments, entry = in_order(gathering), RememberedSegments(now, gathering.series)
        if gathering.complete:
            entry.segments = segments[gathering.begun :]
            entry.contents = [content_of(each.octets) for each in entry.segments]
        self._remember(entry)
        self._drop(gathering)
        return segments

    # -- series and rooms -------------------------------------------------------------------------

    def _of(self, key: GatheringKey) -> Series:
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(key, self._room(key.system_id))
        return series

    def _room(self, system_id: str) -> AccountRoom:
        room = self._rooms.get(system_id)
        if room is None:
            room = self._rooms[system_id] = AccountRoom()
        return room

    def _put_back(self, series: Series, segment: Segment, at: float) -> None:
        gathering = series.opened_by(segment.opened_by)
        if gathering is None or segment.number in gathering.segments:
            gathering = _opened(series, segment, at)
            gathering.opened_by = segment.opened_by
            self.reopen(gathering)
        _put(gathering, segment, at)

    def _drop(self, gathering: Gathering) -> None:
        series = gathering.series
        series.room.open -= 1
        series.room.octets -= gathering.octets
        series.open.remove(gathering)
        del self._open[gathering]

    def _remember(self, entry: RememberedSegments) -> None:
        memory = entry.series.memory
        memory.append(entry)
        if len(memory) > MOST_IN_MEMORY:
            del memory[0]
        room = entry.series.room
        room.memory.append(entry)
        if len(room.memory) > MOST_REMEMBERED:
            self._forget(room)

    def _forget(self, room: AccountRoom) -> None:
        """Forget the oldest entry in the memory of an account."""
        entry = room.memory.popleft()
        if entry in entry.series.memory:
            entry.series.memory.remove(entry)
            self._tidy(entry.series)

    def _tidy(self, series: Series) -> None:
        if not (series.open or series.memory):
            self._series.pop(series.key, None)


def _opened(series: Series, segment: Segment, now: float) -> Gathering:
    doubtful = segment.number > 1 or bool(series.open or series.memory)
    return Gathering(series, segment.message_id, now, doubtful)


def _begun(series: Series, beginning: Beginning, now: float) -> Gathering:
    """Return a gathering that begins with segments that came again.

    The ESME was told the message_ids of older segments, and has had or will have their receipts.
    """
    gathering = _opened(series, beginning.segments[0], now)
    gathering.begun = len(beginning.segments)
    for segment in beginning.segments:
        segment.registered_delivery = 0
        segment.opened_by = gathering.opened_by
        gathering.segments[segment.number] = segment
    _time(gathering)
    return gathering


def _put(gathering: Gathering, segment: Segment, now: float) -> None:
    opens = not gathering.segments
    gathering.segments[segment.number] = segment
    if opens or segment.limited or segment.scheduled:
        _time(gathering)
    gathering.latest = max(gathering.latest, now)
    gathering.series.room.octets += len(segment.octets)


def _time(gathering: Gathering) -> None:
    gathering.expires_at = lifetime_of(in_order(gathering))[1]


def _void(series: Series, segment: Segment) -> None:
    """Forget a message that was joined and not recorded, by a segment of it."""
    for entry in series.memory:
        if any(each is segment for each in entry.segments):
            series.memory.remove(entry)
            return
