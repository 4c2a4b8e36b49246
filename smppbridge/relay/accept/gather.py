"""gather: segments that wait for the others of their message: bounded, in any order; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from weakref import ref

from smppbridge.model.message import REMEMBERED_FOR, GatheringKey, Segment
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.gatherings import OpenGatherings
from smppbridge.relay.accept.series import (
    Beginning,
    Gathering,
    RememberedSegments,
    Series,
    Session,
    content_of,
    in_order,
)
from smppbridge.smpp.constants import CommandStatus

MOST_OPEN = 1_000  # long messages of one account at a time
MOST_OCTETS = 8 * 1024 * 1024


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


class Gather(OpenGatherings):
    """All open gatherings.  ESME_RMSGQFUL when an account has too many.

    Only Gather writes gatherings and series; only Accept calls its verbs, but for `restore` at the
    start.  Times are monotonic seconds.
    """

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
            return self._add(series.opened(segment, now), segment, sender, now)
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
                gathering, begun = series.begun(beginning, now), beginning.segments
        if gathering is None and number > 1:
            if series.same(segment) is None:  # an ESME may send a refused segment again
                segment.message_id = 0
                content = content_of(segment.octets)
                self._remember(RememberedSegments(now, series, (segment,), (content,)))
            refusal = Refusal(CommandStatus.ESME_RSUBMITFAIL, Reason.LOST_SEGMENT)
            return Placed(segment, (), ended, refusal)
        gathering = gathering or series.opened(segment, now)
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
        gathering.put(segment, now)
        if echo or not gathering.complete:
            return Placed(segment)
        return Placed(segment, self._end(gathering, now))

    def _alone(self, gathering: Gathering, number: int, now: float) -> Gathering:
        """Take an echo out of its gathering, as a gathering of its own that is at its end."""
        echo = gathering.segments.pop(number)
        gathering.series.room.octets -= len(echo.octets)
        gathering.time()
        return Gathering(gathering.series, echo.message_id, now, True, segments={number: echo})

    # -- what the store failed to record ----------------------------------------------------------

    def take_back(
        self, key: GatheringKey, segment: Segment, whole: Sequence[Segment], now: float
    ) -> None:
        """Undo `receive`: the store failed to record the segment, and those without message_id."""
        series = self._of(key)
        for other in (*whole, segment):
            series.void(other)
        for other in whole:
            if other.message_id:
                self._put_back(series, other, now)
        gathering = series.opened_by(segment.opened_by)
        if gathering is not None and gathering.remove(segment):
            if not in_order(gathering):
                self._drop(gathering)
            else:
                gathering.time()
        self._tidy(series)

    # -- segments that another bridge has received --------------------------------------------

    def take_in(
        self, key: GatheringKey, segments: Iterable[Segment], wall: float, now: float
    ) -> list[tuple[Gathering, Segment]]:
        """Add the segments of one gathering of another bridge; return where each is now.

        They have been answered: one that has no place opens a gathering, and none ends another.  A
        segment that is here under the same message_id stays.  *wall* is UNIX seconds.
        """
        series, found = self._of(key), None
        taken: list[tuple[Gathering, Segment]] = []
        for segment in sorted(segments, key=lambda s: (s.repeats, s.number)):
            at = now - max(0.0, wall - segment.received_at)
            found = series.home_of(segment, found)
            known = None if found is None else found.with_id(segment.message_id)
            if found is None:
                found = self._put_back(series, segment, at)
            elif known is None:
                remembered = series.same(segment) is not None
                found.take_in(segment, at)
                found.echo = segment.number if remembered and not segment.repeats else 0
            taken.append((found, known or segment))
        return taken

    def join(self, gathering: Gathering, now: float) -> tuple[Segment, ...]:
        """Remove a gathering that has become complete; return its segments, in order."""
        return self._end(gathering, now)

    def put_out(
        self, taken: Iterable[tuple[Gathering, Segment]], joined: Collection[Gathering]
    ) -> None:
        """Undo `take_in` and `join`: the store failed to record them."""
        for gathering in joined:
            gathering.series.void(gathering.segments[1])
            self.reopen(gathering)
        for gathering, segment in taken:
            if gathering not in self._open:
                continue  # a later segment has made its message whole
            gathering.remove(segment)
            if in_order(gathering):
                gathering.time()
            else:
                self._drop(gathering)
                self._tidy(gathering.series)
