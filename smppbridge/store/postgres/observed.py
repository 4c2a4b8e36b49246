"""observed: which nodes have stood still for a lease, as seen by one node's own clock; pure.

No clock of another machine counts: a node is given up if its row does not change for as long as a
lease lasts while this node looks at the row again and again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PAUSED = 0.5
"""The part of a lease between two looks after which an observer has slept: what it saw is void."""


class NodeRow(NamedTuple):
    """The row of a node as another node sees it.

    *silent_for* is how long it said it may be silent, in seconds: 0, or it restarts in place.
    """

    slot: int
    name: str
    epoch: int
    txn: int
    ended: bool
    adopter: int | None
    address: str = ""
    silent_for: float = 0.0


class Observations:
    """The rows of other nodes, and since when each has not changed; only its owner writes it."""

    def __init__(self, lease: float, every: float) -> None:
        self._lease, self._gap = lease, max(lease * PAUSED, every * 2)
        self._since: dict[int, tuple[int, int, float]] = {}
        self._looked: float | None = None

    def forget(self) -> None:
        """Begin anew: while the connection was lost every row seemed to stand still."""
        self._since.clear()
        self._looked = None

    def look(self, rows: Iterable[NodeRow], now: float) -> list[NodeRow]:
        """Return the living nodes whose rows have not changed for a lease; *now* is monotonic.

        A node that restarts in place has as long as it said.

        *now* is from before the rows were read.  An observer that was stopped itself begins anew.
        """
        if self._looked is not None and now - self._looked > self._gap:
            self.forget()
        self._looked = now
        silent: list[NodeRow] = []
        seen: dict[int, tuple[int, int, float]] = {}
        for row in rows:
            if row.ended:
                continue
            epoch, txn, since = self._since.get(row.slot, (-1, -1, now))
            if (epoch, txn) != (row.epoch, row.txn):
                since = now
            elif now - since > max(self._lease, row.silent_for):
                silent.append(row)
            seen[row.slot] = row.epoch, row.txn, since
        self._since = seen
        return silent
