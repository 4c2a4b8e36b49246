"""Keeps a session with an upstream SMSC bound: connect, wait for its loss, pause, and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smppbridge.net.upstream.link import SessionEnd, SessionOwner, UpstreamSession
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import Bind

# Quick repetition of wrong credentials gets accounts locked, and an SMSC that still sees our dead
# session needs time to notice; but whoever mends a password there should not wait for us.
WRONG_CREDENTIALS = frozenset(
    map(int, (Status.ESME_RINVPASWD, Status.ESME_RINVSYSID, Status.ESME_RINVSYSTYP))
)
LONGEST, STABLE, JITTER = 60.0, 60.0, 0.2
_SLOW = (40.0, 60.0)
_CONFINED = "other nodes have this session's place"
_STILL_BOUND = (30.0, 60.0)


class Pauses:
    """The pauses before a session is bound again: 1, 2, 4 ... 60 s, anew after a stable bind.

    *random* returns 0 to 1.  Only `after` writes the count of failures.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0

    def after(self, end: SessionEnd) -> float:
        """Return the seconds to wait after a session that ended so, and count the failure."""
        if end.lasted >= STABLE:
            self._failures = 0
        if end.refused in WRONG_CREDENTIALS:
            return self._between(*_SLOW)
        if end.refused == Status.ESME_RALYBND:
            return self._between(*_STILL_BOUND)
        plain = min(LONGEST, 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._between(plain * (1 - JITTER), plain * (1 + JITTER))

    def _between(self, least: float, most: float) -> float:
        return least + (most - least) * self._random()


class Rebinding:
    """Keeps a session bound until `leave`; `ended` fires when the last connection is gone.

    *connect* opens a connection and returns its session.  Only the instance writes its state.
    """

    _log = Logger()

    def __init__(
        self,
        connect: Callable[[type[Bind]], Deferred[UpstreamSession]],
        kind: type[Bind],
        owner: SessionOwner,
        *,
        pauses: Pauses,
        clock: IReactorTime,
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        self._connect, self._kind, self._owner = connect, kind, owner
        self._pauses, self._clock = pauses, clock
        self._session: UpstreamSession | None = None
        self._running: Deferred[None] | None = None
        self._pause: IDelayedCall | None = None
        self._leaving = ""

    def start(self) -> None:
        """Connect and bind, from now on, unless `leave` came first."""
        if self._leaving:
            return
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._failed)
        self._running.addCallback(self.ended.callback)

    def hurry(self) -> None:
        """End a pause, and bind at once: somebody may have mended something at the SMSC."""
        if self._pause is not None:
            self._pause.reset(0)

    def leave(self, reason: str) -> None:
        """Unbind the session, or give up a connection or a pause."""
        self._leaving = reason
        if self._running is None:
            self.ended.callback(None)
        elif self._session is not None:
            self._session.leave(reason)
        else:
            self._running.cancel()

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("upstream session", failure)

    async def _run(self) -> None:
        while not self._leaving:
            end = await self._bound_once()
            if self._leaving:
                return
            seconds = self._pauses.after(end)
            self._owner.pausing(self._kind, end, seconds)
            await self._wait(seconds)

    async def _bound_once(self) -> SessionEnd:
        try:
            session = await self._connect(self._kind)
        except CancelledError:
            raise
        except Exception as error:
            return SessionEnd(str(error) or type(error).__name__)
        self._session = session
        self._owner.connected(session)
        end: SessionEnd = await session.gone
        self._session = None
        self._owner.ended(session)
        return end

    async def _wait(self, seconds: float) -> None:
        waiting: Deferred[None] = Deferred(lambda _: pause.cancel())
        self._pause = pause = self._clock.callLater(seconds, lambda: waiting.callback(None))
        try:
            await waiting
        finally:
            self._pause = None


class Rebindings:
    """Keeps a number of binds, each with a session of every kind; `confine` changes the number.

    *keep* makes the Rebinding of a kind.  Only the instance writes its state.
    """

    def __init__(
        self,
        keep: Callable[[type[Bind]], Rebinding],
        kinds: Sequence[type[Bind]],
        most: int,
        part: int,
    ) -> None:
        self._keep, self._kinds, self._most = keep, kinds, most
        self._kept: list[Rebinding] = []
        self._parting: list[Rebinding] = []
        self._started = self._leaving = False
        self.confine(part)

    @property
    def binds(self) -> int:
        """How many binds there are or may be at the SMSC, of those that end too."""
        return -(-(len(self._kept) + len(self._parting)) // len(self._kinds))

    def confine(self, part: int) -> None:
        """Keep *part* of the binds, and no more than all."""
        wanted = min(part, self._most) * len(self._kinds)
        while len(self._kept) > wanted:
            self._part_with(self._kept.pop())
        while len(self._kept) < wanted and not self._leaving:
            fresh = self._keep(self._kinds[len(self._kept) % len(self._kinds)])
            self._kept.append(fresh)
            if self._started:
                fresh.start()

    def _part_with(self, rebinding: Rebinding) -> None:
        self._parting.append(rebinding)
        rebinding.ended.addCallback(lambda _: self._parting.remove(rebinding))
        rebinding.leave(_CONFINED)

    def start(self) -> None:
        """Connect and bind, from now on."""
        self._started = True
        for rebinding in self._kept:
            rebinding.start()

    def hurry(self) -> None:
        """End all pauses."""
        for rebinding in self._kept:
            rebinding.hurry()

    def leave(self, reason: str) -> Deferred[Any]:
        """Unbind all sessions; the result fires when the last connection is gone."""
        self._leaving = True
        ended: Deferred[Any] = DeferredList([each.ended for each in (*self._kept, *self._parting)])
        for rebinding in self._kept:
            rebinding.leave(reason)
        return ended
