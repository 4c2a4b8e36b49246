"""Where messages go whose provider is shut: along their route, to the next one that is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from smppbridge.model.message import Attempt
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.ports import Clock, Journal
from smppbridge.store.port import StoreFailure, SubmitStore

Wait = Callable[[Sequence[Attempt]], None]


class Failover:
    """Looks along routes; a message that has been at a provider never goes back to it."""

    def __init__(
        self, store: SubmitStore, lanes: Mapping[str, Lane], clock: Clock, journal: Journal
    ) -> None:
        self._store, self._lanes, self._clock, self._journal = store, lanes, clock, journal

    def first(self, route: tuple[str, ...]) -> int:
        """Return the place in a route where a message begins: the first that is open."""
        now = self._clock.monotonic()
        for hop, name in enumerate(route):
            if not self._lanes[name].is_shut(now):
                return hop
        return 0

    def onward(self, attempt: Attempt, only_open: bool) -> int | None:
        """Return the next place in an attempt's route: one that is open if there is one."""
        now, route = self._clock.monotonic(), attempt.message.route
        later = [hop for hop in range(attempt.hop + 1, len(route)) if route[hop] in self._lanes]
        open_ = (hop for hop in later if not self._lanes[route[hop]].is_shut(now))
        return next(open_, None if only_open or not later else later[0])

    async def divert(self, lane: Lane, wait: Wait) -> None:
        """Let messages that wait for a lane that is shut *wait* for an open one instead."""
        hops: dict[int, int] = {}

        def goes_on(attempt: Attempt) -> bool:
            hop = self.onward(attempt, True)
            if hop is not None:
                hops[attempt.message.message_id] = hop
            return hop is not None

        moved = lane.turns.remove(goes_on)
        if not moved:
            return
        before = [attempt.hop for attempt in moved]
        for attempt in moved:
            _put(attempt, hops[attempt.message.message_id])
        try:
            await self._store.move(moved)
        except StoreFailure:
            for attempt, hop in zip(moved, before, strict=True):
                _put(attempt, hop)
            lane.turns.put_back(moved)
            return
        lane.gone(moved)
        self._journal("messages_diverted", provider=lane.name, messages=len(moved))
        wait(moved)


def _put(attempt: Attempt, hop: int) -> None:
    attempt.hop, attempt.provider = hop, attempt.message.route[hop]
