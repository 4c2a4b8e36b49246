"""rings: the figures of the last 15 minutes by the second, and of the last day by the minute.

Their size is fixed: a series has 900 + 1,440 numbers of four octets, and 256 series, which are the
most, less than 2.5 megabytes.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

SECONDS, MINUTES, MINUTE = 900, 1_440, 60
MOST_SERIES = 256
"""The bridge itself has 14 and each provider 5: room for 48 providers."""
NEAR = 3
"""Seconds: figures that come so late are those of the seconds since the last ones, too."""
_NOTHING = float("nan")
Fold = Callable[[Collection[float]], float]


@dataclass(frozen=True, slots=True)
class History:
    """Figures from *t0* on (UNIX seconds), one each *step* seconds; None: nothing is known."""

    t0: int
    step: int
    series: Mapping[str, list[float | None]]


class Ring:
    """Numbers by time, as many as fit; only Rings writes them."""

    __slots__ = ("_numbers",)

    def __init__(self, size: int) -> None:
        self._numbers = array("f", [_NOTHING]) * size

    def put(self, slot: int, number: float) -> None:
        """Write the number of a slot, which takes the place of the oldest."""
        self._numbers[slot % len(self._numbers)] = number

    @property
    def octets(self) -> bytes:
        """The numbers, as this machine has them in memory."""
        return self._numbers.tobytes()

    def fill(self, octets: bytes) -> bool:
        """Write all numbers; False, and nothing is written, if they are not as many as fit."""
        if len(octets) != len(self._numbers) * self._numbers.itemsize:
            return False
        self._numbers = array("f", octets)
        return True

    def read(self, slot: int) -> float:
        """Return the number of a slot, NaN if there is none."""
        return self._numbers[slot % len(self._numbers)]


@dataclass(frozen=True, slots=True)
class HandedRings:
    """The numbers of series in octets, by name; *last* is the second that was added last."""

    __pydantic_config__: ClassVar = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}

    last: int
    seconds: Mapping[str, bytes]
    minutes: Mapping[str, bytes]


class Rings:
    """Series of figures by name, a ring of seconds and one of minutes for each.

    The figure of a minute is what *folds* makes of its seconds by the name of the series, else
    their mean.  A series above MOST_SERIES is left out.  Only `add` and `keep` write.
    """

    def __init__(self, folds: Callable[[str], Fold] | None = None) -> None:
        self._folds = folds or (lambda name: mean)
        self._seconds: dict[str, Ring] = {}
        self._minutes: dict[str, Ring] = {}
        self._last = 0  # the second that was added last

    @property
    def names(self) -> list[str]:
        """The names of all series."""
        return list(self._seconds)

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Forget the series whose names are not *wanted*."""
        for name in [name for name in self._seconds if not wanted(name)]:
            del self._seconds[name], self._minutes[name]

    def add(self, now: float, figures: Mapping[str, float | None]) -> None:
        """Add the figures of a second (UNIX seconds); one that was added before stays as it is."""
        second = int(now)
        if second <= self._last:
            return
        for name in figures:
            if name not in self._seconds and len(self._seconds) < MOST_SERIES:
                self._seconds[name], self._minutes[name] = Ring(SECONDS), Ring(MINUTES)
        first = second
        if self._last:
            first = self._last + 1 if second - self._last <= NEAR else second
            self._pass_over(first, second)
        for name, ring in self._seconds.items():
            figure = figures.get(name)
            for each in range(first, second + 1):
                ring.put(each, _NOTHING if figure is None else figure)
        self._last = second

    def handed(self) -> HandedRings:
        """Return the series for the next program."""
        seconds, minutes = (
            {name: ring.octets for name, ring in rings.items()}
            for rings in (self._seconds, self._minutes)
        )
        return HandedRings(self._last, seconds, minutes)

    def adopt(self, handed: HandedRings) -> None:
        """Go on with the series of the program before, which had rings of the same size."""
        for name in list(handed.seconds)[:MOST_SERIES]:
            second, minute = Ring(SECONDS), Ring(MINUTES)
            if second.fill(handed.seconds[name]) and minute.fill(handed.minutes.get(name, b"")):
                self._seconds[name], self._minutes[name] = second, minute
        self._last = handed.last

    def history(self, names: Iterable[str], since: float, until: float) -> History:
        """Return series from *since* until *until* (UNIX seconds): by the second if they can be."""
        first, last = int(since), min(int(until), self._last)
        step = 1 if first > self._last - SECONDS else MINUTE
        rings = self._seconds if step == 1 else self._minutes
        # the minute that is not over yet has no figure
        slots = range(
            max(first // step, (self._last // step) - (SECONDS if step == 1 else MINUTES) + 1),
            last // step + (1 if step == 1 else 0),
        )
        series = {
            name: [_known(rings[name].read(slot)) for slot in slots]
            for name in names
            if name in rings
        }
        return History(slots.start * step, step, series)

    def _pass_over(self, first: int, second: int) -> None:
        """End the seconds between the last one and *first*, and the minutes before *second*."""
        for gap in range(max(self._last + 1, first - SECONDS), first):
            for ring in self._seconds.values():
                ring.put(gap, _NOTHING)
        ended, current = self._last // MINUTE, second // MINUTE
        for minute in range(max(ended, current - MINUTES), current):
            for name, ring in self._minutes.items():
                figure = self._folded(name, minute) if minute == ended else _NOTHING
                ring.put(minute, figure)

    def _folded(self, name: str, minute: int) -> float:
        ring = self._seconds[name]
        numbers = [ring.read(minute * MINUTE + second) for second in range(MINUTE)]
        there = [number for number in numbers if not math.isnan(number)]
        return self._folds(name)(there) if there else _NOTHING


def mean(numbers: Collection[float]) -> float:
    """Return the mean of numbers."""
    return sum(numbers) / len(numbers)


def _known(number: float) -> float | None:
    return None if math.isnan(number) else round(number, 5)
