"""idempotency: requests with an Idempotency-Key send one message, however often they come.

claim the key .disk. -> send .disk. -> answer
      known, and its message is there -> answer
      known, and another bridge may be sending -> wait for that one -> claim again
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import slot_of
from smppbridge.relay.others import NoOthers, OtherBridges
from smppbridge.store import keys
from smppbridge.store.database import Database
from smppbridge.store.keys import Claim, Name
from smppbridge.store.port import StoreFailure
from smppbridge.web.problems import RequestRefused

DAY = 86_400.0
"""Seconds that a key is kept; less where messages are forgotten earlier."""
UNDER_WAY = "under_way"
"""The act of another bridge: to wait until no request of a key is under way there."""
_WAITED = 5.0
_SECOND = b"Retry-After: 1\r\n"
WriteClaim = Callable[[Callable[[Database], Claim]], Awaitable[Claim]]


class IdempotencyKeys:
    """The keys that are being used, beside those in the store.

    *keep* returns how long a key is kept (seconds); *others* share the store with this bridge, of
    which message_ids end in *slot*.  Only the instance writes the requests that are under way, and
    those that wait for one of the same key.
    """

    def __init__(
        self,
        act: WriteClaim,
        wall: Callable[[], float],
        keep: Callable[[], float],
        others: OtherBridges | None = None,
        slot: int = 0,
    ) -> None:
        self._act, self._wall, self._keep = act, wall, keep
        self._others, self._slot = others or NoOthers(), slot
        self._waiting: dict[Name, list[Deferred[None]]] = {}

    async def once(
        self,
        name: Name,
        fingerprint: str,
        reserve: Callable[[], int],
        send: Callable[[int], Awaitable[object]],
    ) -> int:
        """Send a message by a key, if none was sent by the key; return the message's message_id.

        A request that comes while one of the same key is under way waits for that one.  *send* may
        refuse: the key has sent nothing then.  Raises RequestRefused.
        """
        await self._idle(name)
        self._waiting[name] = []
        try:
            found = await self._claimed(name, fingerprint, reserve())
            if found.verdict == "new":
                await send(found.message_id)
        finally:
            for waiting in self._waiting.pop(name):
                waiting.callback(None)
        return found.message_id

    async def under_way(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Wait until no request of a key is under way here, for another bridge."""
        await self._idle((body["actor"], body["key"]))
        return {}

    async def _idle(self, name: Name) -> None:
        while name in self._waiting:
            turn: Deferred[None] = Deferred()
            self._waiting[name].append(turn)
            await turn

    async def _claimed(self, name: Name, fingerprint: str, message_id: int) -> Claim:
        try:
            found = await self._claim(name, fingerprint, message_id, 0)
            while found.verdict == "busy":
                await self._wait_for(name, slot_of(found.message_id))
                found = await self._claim(name, fingerprint, message_id, found.message_id)
        except StoreFailure:
            raise RequestRefused(503, "the store cannot be written now") from None
        if found.verdict == "other":
            raise RequestRefused(422, "this Idempotency-Key was given with another request")
        if found.verdict == "full":
            retry = b"Retry-After: 3600\r\n"
            raise RequestRefused(429, "too many Idempotency-Keys within a day", headers=retry)
        return found

    def _claim(self, name: Name, fingerprint: str, message_id: int, idle: int) -> Awaitable[Claim]:
        """Claim a key; no request is accepting the message_id *idle* any more."""
        now, keep, ours = self._wall(), self._keep(), (0, self._slot)

        def is_idle(known: int) -> bool:
            return known == idle or slot_of(known) in ours

        return self._act(
            lambda db: keys.claim(db, name, fingerprint, message_id, now, keep, is_idle)
        )

    async def _wait_for(self, name: Name, slot: int) -> None:
        """Wait for a request of the same key at the bridge of a slot, if one is under way there.

        A bridge that does not live cannot accept any more: nobody is waited for.
        """
        body = {"actor": name[0], "key": name[1]}
        found = await self._others.ask({slot}, UNDER_WAY, body, _WAITED)
        if found.silent:
            says = f"node {found.silent[0]} may be sending it, and has not answered"
            raise RequestRefused(503, says, headers=_SECOND)
