"""A session with an upstream SMSC that is bound again whenever it is lost."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from smppbridge.net.upstream.link import End, Side, SmscLink
from smppbridge.net.upstream.rebinding import WRONG_CREDENTIALS, Rebinding
from smppbridge.providers.exchange import NoAnswer, NotSent, Received
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.relay.ports import Journal
from smppbridge.smpp.constants import status_name
from smppbridge.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter, Pdu
from smppbridge.smpp.session import Timers

NAMES = {
    BindTransceiver: "transceiver",
    BindTransmitter: "transmitter",
    BindReceiver: "receiver",
}

Answers = list[tuple[Any, Pdu | NotSent | NoAnswer]]
Tell = Callable[[str, list[Received]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How one SMSC is reached: *connect_timeout* is for connecting and then for binding.

    *timeout* is how long a submit_sm may wait for room, and then for its answer; in seconds.
    """

    provider: Smpp
    ca_file: str | None = None
    connect_timeout: float = 10.0
    timeout: float = 30.0

    def binds_as(self, other: Terms) -> bool:
        """Tell whether sessions bound by these terms suit *other*."""
        mine, theirs = self.provider.binding, other.provider.binding
        return (mine, self.ca_file, self.connect_timeout, self.timeout) == (
            theirs,
            other.ca_file,
            other.connect_timeout,
            other.timeout,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is around upstreams: *connect* opens a connection for a factory, *answered* and *tell*
    take what comes back, *bound* hears that a provider is, *random* returns 0 to 1, *wall* UNIX
    seconds.
    """

    clock: IReactorTime
    connect: Callable[[Terms, Factory], Deferred[Any]]
    answered: Callable[[Answers], None]
    tell: Tell
    bound: Callable[[str], None]
    random: Callable[[], float]
    wall: Callable[[], float]
    journal: Journal


class Keeper(Side, Protocol):
    """Who keeps the links of sessions."""

    def joined(self, link: SmscLink) -> None:
        """Note that a link is connected."""

    def ended(self, link: SmscLink) -> None:
        """Note that a link is gone."""


class StandingSession:
    """Connect, bind, wait for the loss, pause, again; until it is told to leave.

    `ended` fires after that, when its connection is gone.
    """

    _log = Logger()

    def __init__(
        self, name: str, terms: Terms, world: World, kind: type[Bind], keeper: Keeper
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        self._name, self._terms, self._world = name, terms, world
        self._kind, self._keeper = kind, keeper
        self._rebinding = Rebinding(world.random)
        self._link: SmscLink | None = None
        self._running: Deferred[None] | None = None
        self._leaving = ""

    def start(self) -> None:
        """Run until told to leave, unless that has happened."""
        if self._leaving:
            return
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._failed)
        self._running.addCallback(self.ended.callback)

    def leave(self, reason: str) -> None:
        """Unbind, or give up trying to bind."""
        self._leaving = reason
        if self._running is None:
            self.ended.callback(None)
        elif self._link is not None:
            self._link.leave(reason)
        else:
            self._running.cancel()

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("standing session", failure)

    async def _run(self) -> None:
        while not self._leaving:
            end = await self._bound_once()
            if self._leaving:
                return
            pause = self._rebinding.pause(end.refused, end.lasted)
            self._tell(end, pause)
            await _after(self._world.clock, pause)

    async def _bound_once(self) -> End:
        try:
            link = await self._world.connect(self._terms, _Once(self._made))
        except CancelledError:
            raise
        except Exception as error:
            return End(str(error) or type(error).__name__)
        self._link = link
        self._keeper.joined(link)
        end: End = await link.gone
        self._link = None
        self._keeper.ended(link)
        return end

    def _made(self) -> SmscLink:
        terms, world = self._terms, self._world
        binding = terms.provider.binding
        timers = Timers(
            session_init=terms.connect_timeout,
            enquire_link=binding.enquire_link,
            response=terms.timeout,
        )
        token = f"{self._name} {world.wall():.6f} {world.random():.6f}"
        return SmscLink(self._keeper, self._kind, binding, timers, world.clock, token)

    def _tell(self, end: End, pause: float) -> None:
        fields = {
            "provider": self._name,
            "kind": NAMES[self._kind],
            "again_in": f"{pause:.0f}s",
        }
        journal = self._world.journal
        if end.refused:
            wrong = end.refused in WRONG_CREDENTIALS
            event = "upstream_credentials_refused" if wrong else "upstream_refused"
            journal(event, command_status=status_name(end.refused), **fields)
        elif end.lasted:
            journal("upstream_lost", reason=end.reason, **fields)
        else:
            journal("upstream_unreachable", reason=end.reason, **fields)


class _Once(Factory):
    """Makes the protocol of one connection."""

    noisy = False

    def __init__(self, make: Callable[[], SmscLink]) -> None:
        self._make = make

    def buildProtocol(self, addr: Any) -> SmscLink:
        return self._make()


def _after(clock: IReactorTime, seconds: float) -> Deferred[None]:
    """Return a Deferred that fires later; cancelling it ends the wait."""
    waiting: Deferred[None] = Deferred(lambda _: timer.cancel())
    timer = clock.callLater(seconds, lambda: waiting.callback(None))
    return waiting
