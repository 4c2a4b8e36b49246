"""logins: names and passwords of people, checked slowly: who guesses waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from smppbridge.net.penalties import Penalties
from smppbridge.web.keyring import Keyring, User
from smppbridge.web.problems import RequestRefused

LONGEST_WAIT = 8.0
"""Seconds that a login is held up; one that would wait longer is refused."""
STAND_IN = (  # of no password: an unknown user takes as long as a known one
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$"
    "dGhpcyBpcyB0aGUgaGFzaCBvZiBubyBwYXNzd29yZC4"
)

Verified = Callable[[str, str, str], Awaitable[bool]]
"""Returns, when it is the turn of an address, whether a password has a hash."""


class Logins:
    """Judges logins by the users of a keyring; *wait* resolves after seconds.

    A wrong password and an unknown user get one answer, after the same time.
    """

    def __init__(
        self,
        keyring: Keyring,
        penalties: Penalties,
        *,
        verified: Verified,
        wait: Callable[[float], Awaitable[None]],
        seconds: Callable[[], float],
    ) -> None:
        self._keyring, self._penalties = keyring, penalties
        self._verified, self._wait, self._seconds = verified, wait, seconds

    async def judge(self, name: str, password: str, address: str) -> User | None:
        """Return the user whose password it is, None if there is none; raises RequestRefused."""
        delay = self._penalties.delay(address, name, self._seconds())
        if delay > LONGEST_WAIT:
            after = b"Retry-After: %d\r\n" % int(delay + 1)
            raise RequestRefused(429, "too many logins have failed", headers=after)
        if delay:
            await self._wait(delay)
        user = self._keyring.users.get(name)
        good = await self._verified(address, user.hashed if user else STAND_IN, password)
        if user is None or not good or self._keyring.users.get(name) != user:
            self._penalties.count(address, name, self._seconds())
            return None
        self._penalties.forgive(address, name)
        return user
