"""reason_book: refusals counted by reason and by peer; in memory, bounded.

The first of its minute is one line of the log, the others of that minute are one more line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from smppbridge.model.reasons import act_of
from smppbridge.relay.ports import Clock, Journal, Meters
from smppbridge.relay.surplus import surplus

MOST_KEPT = 1_000
"""Entries; of strangers' system_ids there is no end."""
KEPT_FOR = 86_400.0
_MINUTE = 60.0
_LONGEST = 200  # characters of a detail


@dataclass(slots=True)
class CountedReason:
    """A reason that was given *count* times *about* one account, provider or listener.

    Times are UNIX seconds; *detail* is that of the last time.
    """

    reason: str
    about: str
    count: int
    first_at: float
    last_at: float
    detail: str = ""


@dataclass(slots=True)
class _OpenMinute:
    since: float  # monotonic
    logged: bool
    more: int = 0


class ReasonBook:
    """Counts reasons; only the book writes its entries."""

    def __init__(self, clock: Clock, meters: Meters, journal: Journal) -> None:
        self._clock, self._meters, self._journal = clock, meters, journal
        self._entries: dict[tuple[str, str], CountedReason] = {}  # the latest comes last
        self._minutes: dict[tuple[str, str], _OpenMinute] = {}

    def count(
        self,
        reason: str,
        about: str,
        count: int = 1,
        *,
        detail: str = "",
        first: bool = True,
        others: bool = True,
    ) -> bool:
        """Count a no; return whether it is the first of its reason and *about* in a minute.

        *first* is False if the caller logs the first, *others* if it logs the others too.
        """
        key = reason, about
        self._meters.reasoned(act_of(reason), reason, count)
        now = self._clock.wall()
        entry = self._entries.pop(key, None) or CountedReason(reason, about, 0, now, now)
        entry.count += count
        entry.last_at, entry.detail = now, detail[:_LONGEST] or entry.detail
        self._entries[key] = entry
        for oldest in surplus(self._entries, MOST_KEPT):
            del self._entries[oldest]
        minute = self._minutes.get(key)
        if minute is not None:
            minute.more += count
            return False
        self._minutes[key] = _OpenMinute(self._clock.monotonic(), others, count - 1)
        for oldest in surplus(self._minutes, MOST_KEPT):
            self._end(oldest)
        if first:
            more = {"detail": detail[:_LONGEST]} if detail else {}
            self._journal("said_no", act=act_of(reason), reason=reason, about=about, **more)
        return True

    def listed(self) -> Sequence[CountedReason]:
        """Return the entries of a day, the latest first."""
        return [replace(entry) for entry in reversed(self._entries.values())]

    def handed(self) -> tuple[CountedReason, ...]:
        """Return the entries of a day for the next program, the latest last."""
        return tuple(map(replace, self._entries.values()))

    def adopt(self, entries: Sequence[CountedReason]) -> None:
        """Go on with the entries of the program before, the latest last."""
        own, self._entries = self._entries.values(), {}
        for each in (*entries, *own):
            key = each.reason, each.about
            if known := self._entries.pop(key, None):
                each.count, each.first_at = each.count + known.count, known.first_at
            self._entries[key] = each
        for oldest in surplus(self._entries, MOST_KEPT):
            del self._entries[oldest]

    def tick(self) -> None:
        """End the minutes that are over, and forget entries of a day ago; called every second."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        while self._minutes:
            oldest = next(iter(self._minutes))
            if self._minutes[oldest].since + _MINUTE > now:
                break
            self._end(oldest)
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key].last_at + KEPT_FOR > wall:
                break
            del self._entries[key]

    def _end(self, key: tuple[str, str]) -> None:
        minute = self._minutes.pop(key)
        if minute.more and minute.logged:
            reason, about = key
            self._journal("said_no_again", reason=reason, about=about, count=minute.more)
