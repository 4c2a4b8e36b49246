"""failover: a message whose lane is shut goes along its route to the next lane that is open.

Pure: a message never goes back to a provider that it had before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smppbridge.model.message import Attempt
from smppbridge.relay.lanes.lane import Lane


@dataclass(frozen=True, slots=True)
class Detour:
    """A waiting attempt that has the next provider now; *hop* is its former place in the route."""

    attempt: Attempt
    hop: int

    def undo(self) -> None:
        """Give the attempt its former provider again."""
        self.attempt.hop, self.attempt.provider = self.hop, self.attempt.message.route[self.hop]


def first_open(lanes: Mapping[str, Lane], route: tuple[str, ...], now: float) -> int:
    """Return the place in a route where a message begins: the first whose lane is open."""
    for hop, name in enumerate(route):
        if not lanes[name].is_shut(now):
            return hop
    return 0


def onward(
    lanes: Mapping[str, Lane], attempt: Attempt, now: float, *, only_open: bool
) -> int | None:
    """Return the next place in an attempt's route, the first whose lane is open; None: no place."""
    route = attempt.message.route
    later = [hop for hop in range(attempt.hop + 1, len(route)) if route[hop] in lanes]
    open_ = (hop for hop in later if not lanes[route[hop]].is_shut(now))
    return next(open_, None if only_open or not later else later[0])


def take_detours(lanes: Mapping[str, Lane], lane: Lane, now: float) -> list[Detour]:
    """Take attempts out of a shut lane's queue, and give them the next provider that is open."""
    hops: dict[int, int] = {}

    def goes_on(attempt: Attempt) -> bool:
        hop = onward(lanes, attempt, now, only_open=True)
        if hop is not None:
            hops[attempt.message.message_id] = hop
        return hop is not None

    detours: list[Detour] = []
    for attempt in lane.queue.remove(goes_on):
        detours.append(Detour(attempt, attempt.hop))
        attempt.hop = hops[attempt.message.message_id]
        attempt.provider = attempt.message.route[attempt.hop]
    return detours
