"""idempotency: requests with an Idempotency-Key send one message, however often they come.

claim the key .disk. -> send .disk. -> answer
      known, and its message is there -> answer
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from twisted.internet.defer import Deferred

from smppbridge.store import keys
from smppbridge.store.database import Database
from smppbridge.store.keys import Claim, Name
from smppbridge.store.port import StoreFailure
from smppbridge.web.problems import RequestRefused

DAY = 86_400.0
"""Seconds that a key is kept; less where messages are forgotten earlier."""
WriteClaim = Callable[[Callable[[Database], Claim]], Awaitable[Claim]]


class IdempotencyKeys:
    """The keys that are being used, beside those in the store.

    *keep* returns how long a key is kept (seconds).  Only the instance writes the requests that are
    under way, and those that wait for one of the same key.
    """

    def __init__(
        self, act: WriteClaim, wall: Callable[[], float], keep: Callable[[], float]
    ) -> None:
        self._act, self._wall, self._keep = act, wall, keep
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
        while name in self._waiting:
            turn: Deferred[None] = Deferred()
            self._waiting[name].append(turn)
            await turn
        self._waiting[name] = []
        try:
            found = await self._claimed(name, fingerprint, reserve())
            if found.verdict == "new":
                await send(found.message_id)
        finally:
            for waiting in self._waiting.pop(name):
                waiting.callback(None)
        return found.message_id

    async def _claimed(self, name: Name, fingerprint: str, message_id: int) -> Claim:
        now, keep = self._wall(), self._keep()
        found = None
        with suppress(StoreFailure):
            found = await self._act(
                lambda db: keys.claim(db, name, fingerprint, message_id, now, keep)
            )
        if found is None:
            raise RequestRefused(503, "the store cannot be written now")
        if found.verdict == "other":
            raise RequestRefused(422, "this Idempotency-Key was given with another request")
        if found.verdict == "full":
            retry = b"Retry-After: 3600\r\n"
            raise RequestRefused(429, "too many Idempotency-Keys within a day", headers=retry)
        return found
