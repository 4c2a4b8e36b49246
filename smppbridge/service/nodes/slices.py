"""slices: the part of a limit that a node may use, so that all parts together are the limit; pure.

Each node says what it *wants* of a limit and what it *claims*.  It uses no more than its claim, and
uses a greater claim only once it has seen all claims, its own among them, to be within the limit:
so the parts in use are within the limit at every moment, however late a node looks, joins or dies.
A claim that shrinks is given up before the node says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor
from typing import Final, NamedTuple

UNITS: Final = 20
"""A want is a number of twentieths of the limit: who wants anything has a floor of 5 %."""
FADES: Final = 1
"""Units by which a want goes down at a time: a pause of a second moves nothing."""
_PRECISION: Final = 1_000_000
_SLACK: Final = 1e-9


class Said(NamedTuple):
    """How much of a limit a node wants (units, 0: nothing), and how much it claims."""

    want: int
    claim: float


def want_of(demand: float, limit: float, before: int) -> int:
    """Return the part that a node wants that has a use for *demand* of a limit; at least 1.

    *before* is the part that it wanted a moment ago.
    """
    units = ceil(min(1.0, demand / limit) * UNITS)
    return max(1, units, min(before, UNITS) - FADES)


def parts(limit: float, wants: Mapping[int, int], *, whole: bool) -> dict[int, float]:
    """Divide a limit in proportion to the wants of nodes; if none wants anything, evenly.

    *whole*: in whole numbers, the rest to those who are furthest from their part.
    """
    total = sum(wants.values())
    if not total:
        wants, total = dict.fromkeys(wants, 1), len(wants)
    exact = {slot: limit * want / total for slot, want in wants.items()}
    if not whole:
        return {slot: floor(part * _PRECISION) / _PRECISION for slot, part in exact.items()}
    given = {slot: floor(part + _SLACK) for slot, part in exact.items()}
    left = floor(limit) - sum(given.values())
    for slot in sorted(exact, key=lambda slot: (given[slot] - exact[slot], slot))[: max(0, left)]:
        given[slot] += 1
    return {slot: float(part) for slot, part in given.items()}


class Slice:
    """The part of one limit that one node may use; only its own methods write it.

    *allowed* may be used, *said* is for the other nodes.  `plan`, then tell, then
    `look`, again and again.
    """

    __slots__ = ("allowed", "limit", "said", "whole")

    def __init__(self, limit: float, *, whole: bool = False) -> None:
        self.limit, self.whole = limit, whole
        self.allowed, self.said = 0.0, Said(0, 0.0)

    def plan(
        self, slot: int, want: int, others: Mapping[int, Said], limit: float, busy: float = 0.0
    ) -> None:
        """Want a part of *limit* beside *others*, and give up at once the part that is too much.

        *busy* is still in use, allowed or not: requests that are out, sessions that are bound.
        """
        self.limit = limit
        wants = {other: said.want for other, said in others.items()}
        aim = parts(limit, {**wants, slot: want}, whole=self.whole)[slot]
        free = limit - sum(said.claim for said in others.values())
        claim = max(min(aim, self.allowed), min(aim, max(0.0, free)))
        self.allowed = min(self.allowed, claim)
        self.said = Said(want, max(claim, busy))

    def look(self, claims: float) -> bool:
        """Use the whole claim if all *claims* are within the limit; return whether that is more.

        *claims* is the sum of all nodes' claims, seen after ours was there.
        """
        grows = self.said.claim > self.allowed and claims <= self.limit + _SLACK * self.limit
        if grows:
            self.allowed = self.said.claim
        return grows
