"""Quiet hours of a route: the next instant at which a message to a number may leave.  Pure.

A quiet time begins and ends by the clock on the wall of a time zone.  Where that clock is set back,
the quiet time begins with the first of two equal times and ends with the second; a time that the
clock jumps over is the instant of the jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone

DESTINATION = "destination"
_UNKNOWN = "Etc/Unknown"  # the library's zone of a number that it cannot place
_DAY, _LONGEST = 86_400, 2 * 86_400.0
_SHORTEST = 7  # digits of a number; shorter ones are short codes, which are in no zone
_KNOWN_NUMBERS, _KNOWN_DAYS = 10_000, 1_024


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A quiet time, from *begins* to *ends*: minutes after midnight, which may lie in between.

    *zone* is an IANA name, or DESTINATION for the zones of each number; *default_zone* is for the
    numbers whose zones are unknown.
    """

    begins: int
    ends: int
    zone: str = DESTINATION
    default_zone: str = "UTC"

    def __str__(self) -> str:
        times = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.begins, self.ends))
        return " ".join((*times, self.zone, self.default_zone))

    def leaves(self, number: str, at: float) -> float:
        """Return the first instant from *at* on (UNIX seconds) at which a number has no quiet time.

        None of the number's zones is quiet then.  A number with so many zones that one of them is
        always quiet goes by the default zone alone.
        """
        zones = zones_of(number) if self.zone == DESTINATION else (self.zone,)
        found = _leaves(self, zones or (self.default_zone,), at)
        return _leaves(self, (self.default_zone,), at) or at if found is None else found


@lru_cache(maxsize=64)
def read(text: str) -> QuietHours:
    """Return the quiet hours that ``str`` has written."""
    begins, ends, zone, default_zone = text.split(" ")
    return QuietHours(_minutes(begins), _minutes(ends), zone, default_zone)


@lru_cache(maxsize=_KNOWN_NUMBERS)
def zones_of(number: str) -> tuple[str, ...]:
    """Return the IANA names of a number's time zones (E.164 digits); empty if there are none."""
    if len(number) < _SHORTEST:
        return ()
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return ()
    return tuple(z for z in timezone.time_zones_for_number(parsed) if z != _UNKNOWN)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _leaves(quiet: QuietHours, zones: tuple[str, ...], at: float) -> float | None:
    """Return the first instant that is quiet in none of *zones*; None if there is none for days."""
    found, latest = at, at + _LONGEST
    while found <= latest:
        ends = [
            end
            for zone in zones
            for start, end in _spans(quiet.begins, quiet.ends, zone, int(found // _DAY))
            if start <= found < end
        ]
        if not ends:
            return found
        found = max(ends)
    return None


@lru_cache(maxsize=_KNOWN_DAYS)
def _spans(begins: int, ends: int, zone: str, day: int) -> tuple[tuple[float, float], ...]:
    """Return the quiet times of a zone that may lie in *day* (days of UTC since 1970)."""
    return tuple(_each_span(begins, ends, _zone(zone), date(1970, 1, 1) + timedelta(days=day)))


def _each_span(begins: int, ends: int, zone: ZoneInfo, day: date) -> Iterator[tuple[float, float]]:
    for ahead in (-2, -1, 0, 1):
        first = day + timedelta(days=ahead)
        last = first + timedelta(days=begins > ends)
        start, end = _instants(first, begins, zone)[0], _instants(last, ends, zone)[1]
        if start < end:  # a clock may jump over the whole of it
            yield start, end


def _instants(day: date, minutes: int, zone: ZoneInfo) -> tuple[float, float]:
    """Return the first and the last instant at which a clock shows a time: mostly the same."""
    shown = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60)
    first, last = (shown.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if last >= first:
        return first, last
    jump = _jump(zone, last, first)
    return jump, jump


def _jump(zone: ZoneInfo, before: float, after: float) -> float:
    """Return the instant, in whole seconds, at which a clock is set forward."""
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1.0:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # newer than the time zones of this machine
        return ZoneInfo("UTC")
