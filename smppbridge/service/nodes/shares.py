"""shares: the limits that all nodes share, and this node's part of each: told, seen, applied.

An account's throughput, a provider's rate, its polls a second and its requests at a time are
divided by what the nodes want, an upstream's binds evenly; the arithmetic is in slices.  Breakers,
the backlog and penalties are each node's own.  A question in intervals (`pull_every`,
`balance_every`) is asked by one node (`jobs`): the interval is the cluster's, and has no parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from smppbridge.model.account import Account
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.relay.lanes.lane import Lane, LaneRules
from smppbridge.relay.lanes.limits import MeasuredThroughput, Throughput
from smppbridge.relay.ports import Spawn
from smppbridge.service import rules
from smppbridge.service.build import Relay
from smppbridge.service.doors import PeerListeners
from smppbridge.service.nodes.slices import Said, Slice, want_of
from smppbridge.settings.schema import Settings
from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres import share
from smppbridge.store.postgres.in_turn import InTurn

TURNED_EVERY: Final = 0.5
"""Seconds between two turns: in each a node tells what it wants and sees what the others say."""


class BoundAt(Protocol):
    """Where accounts are bound."""

    def slots(self, system_id: str) -> frozenset[int]:
        """Return the slots of the nodes that an account is bound at."""


class Demand(NamedTuple):
    """The part of a limit that this node could use now; *busy* is in use, allowed or not.

    None is the demand of a node that has no part in the limit: its account is not bound there.
    """

    limit: float
    demand: float | None
    busy: float = 0.0
    whole: bool = False


class Shares:
    """This node's parts of the limits.  Only its own methods write it, in the reactor thread."""

    def __init__(
        self, slot: Callable[[], int], acts: InTurn, bound_at: BoundAt, *, spawn: Spawn
    ) -> None:
        self._slot, self._acts, self._bound_at, self._spawn = slot, acts, bound_at, spawn
        self._slices: dict[str, Slice] = {}
        self._buckets: dict[str, MeasuredThroughput] = {}
        self._rules: Mapping[str, LaneRules] = {}
        self._polls: Mapping[str, float] = {}  # a second, by provider
        self._relay: Relay
        self._doors: PeerListeners
        self._seen: Mapping[int, Mapping[str, Said]] = {}
        self._told: str | None = None
        self._turning = False

    def throughput_of(self, account: Account, now: float) -> Throughput | None:
        """Return the bucket of our part of an account's throughput; None: it has no limit."""
        if account.throughput is None:
            self._buckets.pop(account.system_id, None)
            return None
        bucket = self._buckets.get(account.system_id)
        if bucket is None:
            bucket = self._buckets[account.system_id] = MeasuredThroughput(0.0, now)
        return bucket

    def use(self, settings: Settings, relay: Relay, doors: PeerListeners) -> None:
        """Go by the limits of *settings*; our parts of them stay until the next turn."""
        self._relay, self._doors = relay, doors
        self._rules = {n: rules.lane_rules_of(p) for n, p in settings.providers.items()}
        self._polls = {n: rules.poll_rules_of(p).rate for n, p in settings.providers.items()}
        for name in self._buckets.keys() - doors.binds.rights.keys():
            del self._buckets[name]
        self._apply()

    def parts(self) -> dict[tuple[str, ...], float]:
        """Return our part of each limit, by kind and name."""
        return {tuple(key.split("/", 1)): each.allowed for key, each in self._slices.items()}

    # -- a turn ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """Take a turn, unless one is under way."""
        if not self._turning:
            self._turning = True
            self._spawn(self._turn())

    async def _turn(self) -> None:
        try:
            said = self._plan()
            self._apply()  # what we give up is given up before the others see so
            told, self._told = (None if said == self._told else said), None
            seen = await self._acts.ask(lambda db: share.exchange(db, self._slot(), told))
            self._told = said
        except StoreFailure:
            return  # our claims stand, or are free once we are given up
        finally:
            self._turning = False
        self._seen = {slot: _read(text) for slot, text in seen.items()}
        if self._slot() in self._seen and self._look():
            self._apply()

    def _plan(self) -> str:
        slot = self._slot()
        demands = dict(self._demands())
        for gone in self._slices.keys() - demands.keys():
            del self._slices[gone]
        for key, asked in demands.items():
            each = self._slices.get(key)
            if each is None:
                each = self._slices[key] = Slice(asked.limit, whole=asked.whole)
            want = 0
            if asked.demand is not None:
                want = want_of(asked.demand, asked.limit, each.said.want)
            nothing = Said(0, 0.0)
            others = {n: s.get(key, nothing) for n, s in self._seen.items() if n != slot}
            each.plan(slot, want, others, asked.limit, asked.busy)
        return json.dumps({key: each.said for key, each in self._slices.items()})

    def _look(self) -> bool:
        """Use what we claim, as far as all claims are within the limits; False: no part grew."""
        grown = False
        for key, each in self._slices.items():
            claims = sum(said[key].claim for said in self._seen.values() if key in said)
            grown = each.look(claims) or grown
        return grown

    # -- limits ---------------------------------------------------------------------------------

    def _demands(self) -> Iterator[tuple[str, Demand]]:
        slot, bound = self._slot(), self._doors.binds.sessions
        for name, rights in self._doors.binds.rights.items():
            bucket, limit = self._buckets.get(name), rights.account.throughput
            if bucket is None or limit is None:
                continue
            asked, bucket.asked = bucket.asked / TURNED_EVERY, 0.0
            taking_part = bool(asked) or name in bound or slot in self._bound_at.slots(name)
            yield f"account/{name}", Demand(limit, asked if taking_part else None)
        for name, lane in self._relay.lanes.by_name.items():
            limits, waiting = self._rules[name], len(lane.ready) + lane.queue.waiting
            if isinstance(lane.provider, Smpp):
                busy = self._relay.wires.smpp.binds(name)
                yield f"binds/{name}", Demand(lane.provider.binds, 0.0, busy, whole=True)
                if not self._allowed(f"binds/{name}"):
                    waiting = 0  # who is bound there has more use for the rest
            if limits.rate:
                left = lane.speed(self._relay.lanes.now())
                yield f"rate/{name}", Demand(limits.rate, left + waiting)
            if lane.provider.abilities.polling:
                wanted = self._relay.overdue.rates.wanted(name)
                yield f"polls/{name}", Demand(self._polls[name], wanted)
            yield (
                f"concurrency/{name}",
                Demand(limits.concurrency, lane.out + waiting, busy=lane.out, whole=True),
            )

    def _allowed(self, key: str) -> float:
        found = self._slices.get(key)
        return 0.0 if found is None else found.allowed

    def _apply(self) -> None:
        lanes, now = self._relay.lanes, self._relay.lanes.now()
        for name, bucket in self._buckets.items():
            bucket.change(self._allowed(f"account/{name}"), now)
        for name, lane in lanes.by_name.items():
            rate = self._allowed(f"rate/{name}") if self._rules[name].rate else None
            concurrency = int(self._allowed(f"concurrency/{name}"))
            if lane.provider.abilities.polling:
                polls = self._allowed(f"polls/{name}")
                self._relay.overdue.rates.confine(name, polls, lanes.now())
            if isinstance(lane.provider, Smpp):
                binds = int(self._allowed(f"binds/{name}"))
                self._relay.wires.smpp.confine(name, binds)
                # without a session one request finds that out, and messages go to others
                concurrency = min(concurrency, max(1, binds * lane.provider.window))
            if _differs(lane, rate, concurrency):
                lanes.confine(name, rate, concurrency)
                self._relay.submit.backlog.wake(name)


def _differs(lane: Lane, rate: float | None, concurrency: int) -> bool:
    bucket = lane.throughput
    return lane.concurrency.part != concurrency or (bucket is not None and bucket.rate != rate)


def _read(text: str) -> dict[str, Said]:
    return {key: Said(int(want), float(claim)) for key, (want, claim) in json.loads(text).items()}
