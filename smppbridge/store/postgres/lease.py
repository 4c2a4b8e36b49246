"""lease: until when a node may act, by its own monotonic clock.

A transaction that was confirmed proves that nobody had taken the node over when the transaction was
*sent*: others give a node up after a whole lease without a transaction, the node gives itself up
after MARGIN of it.  Whether a message may be sent twice hangs on the fence alone, never on a clock.
"""

from __future__ import annotations

from typing import Final

MARGIN: Final = 0.8
"""The part of a lease after which a node without a confirmed transaction gives itself up."""
BEATS: Final = 5
"""Beats in a lease."""


class Lease:
    """Until when a node may act; written by whoever has a transaction confirmed, read by all.

    *length* and all times are monotonic seconds.
    """

    __slots__ = ("length", "until")

    def __init__(self, length: float) -> None:
        self.length, self.until = length, -1.0

    def renew(self, sent_at: float) -> None:
        """Go on for MARGIN of a lease from when a transaction was sent that is confirmed now."""
        self.until = max(self.until, sent_at + MARGIN * self.length)

    def holds(self, now: float) -> bool:
        """Return whether requests may leave, answers be given and deliveries go."""
        return now < self.until
