"""everywhere: messages that wait, at whichever bridge, are moved or given up by a person.

named -> ours: moved or given up here -> another bridge's: there -> the sum of all
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from smppbridge.relay.others import OtherBridges
from smppbridge.relay.submit.redirect import Abandoned, Obstacle, Redirect, Redirected

AT_ONCE: Final = 500
"""Messages in one transaction."""
ANSWERED_WITHIN: Final = 5.0
"""Seconds that an answer waits for other bridges."""
MOVE, GIVE_UP = "move", "give_up"
"""The acts that a bridge has others carry out."""
Json = Mapping[str, Any]


class RedirectEverywhere:
    """Moves and gives up messages that wait at any bridge of the store."""

    def __init__(self, here: Redirect, others: OtherBridges) -> None:
        self._here, self._others = here, others

    async def move(self, message_ids: Sequence[int], to: str, *, off_route: bool) -> Redirected:
        """Let messages wait for the provider *to*, as Redirect does; raises StoreFailure."""
        found = await self._move_here(message_ids, to, off_route=off_route)
        far = [each for each, why in found.obstacles.items() if why is Obstacle.ELSEWHERE]
        if not found.shards or not far:
            return found
        body = {"message_ids": far, "to": to, "off_route": off_route}
        answers = await self._others.ask(found.shards, MOVE, body, ANSWERED_WITHIN)
        moved, obstacles = list(found.moved), dict(found.obstacles)
        for answer in answers.by_name.values():
            moved += answer["moved"]
            for message_id, why in answer["obstacles"]:
                if obstacles[message_id] is Obstacle.ELSEWHERE:
                    obstacles[message_id] = Obstacle(why)
        for message_id in moved:
            obstacles.pop(message_id, None)
        return Redirected(moved, obstacles, silent=answers.silent)

    async def give_up(self, message_ids: Sequence[int]) -> Abandoned:
        """End messages that wait as UNDELIVERABLE; raises StoreFailure."""
        found = await self._give_up_here(message_ids)
        if not found.elsewhere:
            return found
        body = {"message_ids": found.elsewhere}
        answers = await self._others.ask(found.shards, GIVE_UP, body, ANSWERED_WITHIN)
        ended, left = list(found.ended), dict.fromkeys(found.elsewhere)
        for answer in answers.by_name.values():
            ended += answer["ended"]
            for message_id in answer["left"]:
                left.pop(message_id, None)
        return Abandoned(ended, [each for each in left if each not in ended], (), answers.silent)

    # -- as other bridges ask for it --------------------------------------------------------------

    async def move_ours(self, body: Json) -> dict[str, Any]:
        """Move those of the messages that are ours, for another bridge."""
        to, off_route = body["to"], body["off_route"]
        if not self._here.has(to):  # a configuration that has not been reloaded yet
            return {"moved": [], "obstacles": []}
        found = await self._move_here(body["message_ids"], to, off_route=off_route)
        return {"moved": found.moved, "obstacles": list(found.obstacles.items())}

    async def give_up_ours(self, body: Json) -> dict[str, Any]:
        """Give those of the messages up that are ours, for another bridge.

        *left* are those that do not wait any more.
        """
        message_ids = body["message_ids"]
        found = await self._give_up_here(message_ids)
        others = frozenset([*found.ended, *found.elsewhere])
        return {"ended": found.ended, "left": [each for each in message_ids if each not in others]}

    # -- here -------------------------------------------------------------------------------------

    async def _move_here(
        self, message_ids: Sequence[int], to: str, *, off_route: bool
    ) -> Redirected:
        moved, obstacles, shards = list[int](), dict[int, Obstacle](), set[int]()
        for ids in _pieces(message_ids):
            found = await self._here.move(ids, to, off_route=off_route)
            moved += found.moved
            obstacles |= found.obstacles
            shards.update(found.shards)
        return Redirected(moved, obstacles, tuple(sorted(shards)))

    async def _give_up_here(self, message_ids: Sequence[int]) -> Abandoned:
        ended, elsewhere, shards = list[int](), list[int](), set[int]()
        for ids in _pieces(message_ids):
            found = await self._here.give_up(ids)
            ended += found.ended
            elsewhere += found.elsewhere
            shards.update(found.shards)
        return Abandoned(ended, elsewhere, tuple(sorted(shards)))


def _pieces(message_ids: Sequence[int]) -> list[Sequence[int]]:
    return [message_ids[at : at + AT_ONCE] for at in range(0, len(message_ids), AT_ONCE)]
