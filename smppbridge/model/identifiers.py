"""message_ids: decimal digits, at most 18, always increasing."""

from __future__ import annotations


class Identifiers:
    """Makes increasing message_ids, the first one above *last* and not below *now* in microseconds.

    The clock keeps a store that has lost its newest rows (a restored backup, an emptied file) from
    giving a message_id twice.
    """

    __slots__ = ("_last",)

    def __init__(self, last: int, now: float) -> None:
        self._last = max(last, int(now * 1_000_000))

    def take(self) -> int:
        """Return the next message_id."""
        self._last += 1
        return self._last
