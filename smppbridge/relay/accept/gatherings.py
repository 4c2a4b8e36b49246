"""gatherings: the segments that wait for the others of their message, by account; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smppbridge.model.message import REMEMBERED_FOR, GatheringKey, Segment
from smppbridge.relay.accept.series import (
    MOST_IN_MEMORY,
    AccountRoom,
    Gathering,
    RememberedSegments,
    Series,
    content_of,
    in_order,
)

MOST_REMEMBERED = 10_000  # joined messages of one account


class OpenGatherings:
    """All open gatherings, and the messages that are remembered.  Times are monotonic seconds."""

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

    def waiting(self, since: float) -> list[Gathering]:
        """Return the gatherings that lack segments, and have received none *since*."""
        return [each for each in self._open if each.latest <= since and not each.complete]

    def has(self, key: GatheringKey) -> bool:
        """Return whether a gathering is open under a key."""
        series = self._series.get(key)
        return series is not None and bool(series.open)

    def open_keys(self) -> set[GatheringKey]:
        """Return the keys of the open gatherings."""
        return {each.key for each in self._open}

    def release(self, gathering: Gathering) -> tuple[Segment, ...]:
        """Remove a gathering that goes on elsewhere; a later segment opens another one here."""
        self._drop(gathering)
        self._tidy(gathering.series)
        return in_order(gathering)

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
        ids = ((each, [s.message_id for s in in_order(each)]) for each in self._open)
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
            entry.segments = segments[gathering.begun : gathering.key.total]
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

    def _put_back(self, series: Series, segment: Segment, at: float) -> Gathering:
        gathering = series.opened_by(segment.opened_by)
        taken = gathering is not None and segment.number in gathering.segments
        if gathering is None or (taken and not segment.repeats):
            gathering = series.opened(segment, at)
            gathering.opened_by = segment.opened_by
            self.reopen(gathering)
        gathering.put(segment, at)
        return gathering

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
