"""lanes: all lanes by provider, and the place of a message among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf

from smppbridge.model.message import Attempt, Message
from smppbridge.providers.exchange import Provider
from smppbridge.relay.lanes import quiet
from smppbridge.relay.lanes.failover import first_open
from smppbridge.relay.lanes.lane import Lane, LaneRules
from smppbridge.relay.ports import Clock
from smppbridge.routing.quiet import QuietHours

_LEAST_RATE = 1e-3  # of a lane without a part, which lets nothing leave at all


class Lanes:
    """The lane of each provider.  Only `change` adds and removes lanes."""

    def __init__(self, clock: Clock) -> None:
        self.by_name: dict[str, Lane] = {}
        self._clock = clock
        self._draining = False

    def drain(self, draining: bool = True) -> None:
        """Begin no accepted message at once any more: the bridge is stopping; or do so again."""
        self._draining = draining

    def change(self, providers: Mapping[str, Provider], rules: Mapping[str, LaneRules]) -> None:
        """Keep a lane for each of *providers*, by *rules* from now on."""
        now = self._clock.monotonic()
        for name, provider in providers.items():
            lane = self.by_name.get(name)
            if lane is None:
                self.by_name[name] = Lane(name, provider, rules[name], now)
            else:
                lane.change(provider, rules[name], now)
        for name in self.by_name.keys() - providers.keys():
            del self.by_name[name]

    def now(self) -> float:
        """Return the time that lanes go by (monotonic seconds)."""
        return self._clock.monotonic()

    def confine(self, name: str, rate: float | None, concurrency: int) -> None:
        """Let a lane go by a part of its limits: other nodes have the rest.

        Without a part nothing begins and nothing leaves.
        """
        if lane := self.by_name.get(name):
            lane.has_part = concurrency > 0 and rate != 0
            lane.concurrency.confine(concurrency)
            if lane.throughput is not None and rate is not None:
                lane.throughput.change(rate, self._clock.monotonic())
                lane.rules = replace(lane.rules, rate=max(rate, _LEAST_RATE))
                lane.most = max(1, min(lane.provider.abilities.batch, int(rate)))

    @property
    def depth(self) -> int:
        """How many messages wait, in all lanes."""
        return sum([lane.depth for lane in self.by_name.values()])

    @property
    def out(self) -> int:
        """How many requests are unanswered, in all lanes."""
        return sum(lane.out for lane in self.by_name.values())

    def paused(self) -> dict[str, float]:
        """Return the seconds until each lane goes on, by provider; 0: the lane does not pause."""
        now = self._clock.monotonic()
        return {name: max(0.0, lane.paused_until - now) for name, lane in self.by_name.items()}

    def paces(self) -> dict[str, float]:
        """Return the requests a second of each lane that was too fast, by provider; 0: no limit."""
        now = self._clock.monotonic()
        rates = {name: lane.pace.rate(now) for name, lane in self.by_name.items()}
        return {name: 0.0 if rate == inf else rate for name, rate in rates.items()}

    # -- the place of an accepted message -------------------------------------------------------

    def able(self, route: tuple[str, ...]) -> tuple[str, ...]:
        """Return the providers of a route that carry octets as well as text."""
        return tuple(name for name in route if self.by_name[name].provider.abilities.binary)

    def impose(self, hours: QuietHours, message: Message) -> bool:
        """Give a message with a route the route's quiet hours; return whether they hold it."""
        for name in message.route:
            self.by_name[name].watched = True
        return quiet.impose(hours, message)

    def have(self, messages: Iterable[Message]) -> bool:
        """Return whether all providers on the routes of messages are there."""
        return all(name in self.by_name for message in messages for name in message.route)

    def place(self, messages: Sequence[Message]) -> list[Attempt]:
        """Return the first attempt of each message: begun already (number 1) if its lane has room.

        A lane's room is reserved until the attempts are given to Submit or back (`give_back`).
        """
        now = self._clock.monotonic()
        hops: dict[tuple[str, ...], int] = {}
        full: set[str] = set(self.by_name) if self._draining else set()
        attempts: list[Attempt] = []
        for message in messages:
            route, at = message.route, message.accepted_at
            if message.due > at:
                self.schedule(message)
            hop = hops.get(route)
            if hop is None:
                hop = hops[route] = first_open(self.by_name, route, now)
            name = route[hop]
            if name not in full and message.due <= at < message.expires_at:
                if self.by_name[name].take_now(now):
                    attempts.append(Attempt(message, name, 1, hop, at))
                    continue
                full.add(name)
            attempts.append(Attempt(message, name, 0, hop))
        return attempts

    def give_back(self, attempts: Sequence[Attempt]) -> None:
        """Free the room of attempts that were placed: their messages were not accepted."""
        for attempt in attempts:
            if attempt.number:
                self.by_name[attempt.provider].give_back(1)

    def schedule(self, message: Message) -> None:
        """Leave a message that is not due yet to its provider, if all on its route schedule.

        A message that expires before it is due stays here.
        """
        if message.due < message.expires_at and all(
            self.by_name[name].provider.abilities.schedules for name in message.route
        ):
            message.traits = replace(message.traits, scheduled=message.due)
            message.due = message.accepted_at

    def probe(self, name: str) -> None:
        """Let a probe leave at once: the provider may be back."""
        if name in self.by_name:
            self.by_name[name].breaker.probe_now()

    def shut(self, name: str) -> Lane | None:
        """Return a lane that is shut to messages with another provider on their route."""
        lane = self.by_name.get(name)
        return lane if lane is not None and lane.is_shut(self._clock.monotonic()) else None

    def hold(self, name: str, *, held: bool) -> bool:
        """Let nothing leave a lane, or let the lane go on; return whether there is such a lane."""
        lane = self.by_name.get(name)
        if lane is not None:
            lane.held = held
        return lane is not None

    def is_busy(self, name: str) -> bool:
        """Return whether requests to a provider are begun or out."""
        return name in self.by_name and not self.by_name[name].idle

    # -- the lines, for a message that ends while it waits --------------------------------------

    def withdraw(self, attempt: Attempt) -> bool:
        """Take a waiting attempt out of line; False if it is begun, moved or expired."""
        lane = self.by_name.get(attempt.provider)
        return lane is not None and lane.withdraw(attempt)

    def gone(self, attempts: Sequence[Attempt]) -> None:
        """Forget attempts that were withdrawn: their messages have ended."""
        for attempt in attempts:
            if lane := self.by_name.get(attempt.provider):
                lane.gone([attempt])

    def let_go(self, attempts: Sequence[Attempt]) -> None:
        """Leave attempts that were withdrawn to the store, to be read back."""
        for attempt in attempts:
            if lane := self.by_name.get(attempt.provider):
                lane.let_go([attempt])
