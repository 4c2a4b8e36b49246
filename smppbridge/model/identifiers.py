"""message_ids: decimal digits, at most 18, always increasing."""

from __future__ import annotations


class Identifiers:
    """Gives out increasing numbers, the first one above *last* and near *now*.

    Starting at the clock's microseconds keeps a store that has lost its newest rows (a restored
    backup, an emptied file) from giving an id a second time.
    """

    __slots__ = ("_last",)

    def __init__(self, last: int, now: float) -> None:
        self._last = max(last, int(now * 1_000_000))

    def take(self) -> int:
        """Return the next identifier."""
        self._last += 1
        return self._last
