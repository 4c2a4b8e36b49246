"""Password checks, each of which keeps a thread busy, by turns of the addresses they come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

_FOR_GUESSERS = 4  # one turn of so many


@dataclass(slots=True, eq=False)
class _Check:
    hashed: str = field(repr=False)
    password: str = field(repr=False)
    came: Deferred[bool]


class PasswordChecks:
    """The password checks in line: an address with many waits no less than one with a single check.

    Addresses that *guessed*, as they are when a turn comes, have one turn in four while others
    wait, so that a first bind waits for few guesses.  A cancelled check leaves the line.  Only the
    instance writes the lines.
    """

    def __init__(
        self,
        verified: Callable[[str, str], Awaitable[bool]],
        at_once: int,
        guessed: Callable[[str], bool],
    ) -> None:
        self._verified, self._at_once, self._guessed = verified, at_once, guessed
        self._running = self._turn = 0
        self._lines: dict[str, deque[_Check]] = {}  # by address, in the order of their turns

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def verified(self, origin: str, hashed: str, password: str) -> Deferred[bool]:
        """Return, when it is the turn of *origin*, whether *password* has the hash."""

        def leave(_: Deferred[bool]) -> None:
            line = self._lines.get(origin, deque())
            if check in line:
                line.remove(check)
                if not line:
                    del self._lines[origin]

        came: Deferred[bool] = Deferred(leave)
        check = _Check(hashed, password, came)
        self._lines.setdefault(origin, deque()).append(check)
        self._go_on()
        return came

    def _go_on(self) -> None:
        while self._lines and self._running < self._at_once:
            check = self._next()
            self._running += 1
            Deferred.fromCoroutine(self._run(check)).addErrback(check.came.errback)

    def _next(self) -> _Check:
        self._turn += 1
        guessers = self._turn % _FOR_GUESSERS == 0
        fitting = (origin for origin in self._lines if self._guessed(origin) is guessers)
        origin = next(fitting, next(iter(self._lines)))
        line = self._lines.pop(origin)
        check = line.popleft()
        if line:
            self._lines[origin] = line
        return check

    async def _run(self, check: _Check) -> None:
        try:
            known = await self._verified(check.hashed, check.password)
        finally:
            self._running -= 1
            self._go_on()
        if not check.came.called:  # cancelled meanwhile: nobody waits for the answer
            check.came.callback(known)
