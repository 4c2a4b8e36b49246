"""The movements of a message, built from settings and joined: what is pure needs all the rest."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from smppbridge.providers.exchange import Received
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.ports import Clock, Journal, Meters
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.carry import Carrier
from smppbridge.relay.submit.overdue import Overdue
from smppbridge.relay.submit.rounds import Rounds
from smppbridge.relay.submit.submit import Submit
from smppbridge.service.rules import (
    early_rules_of,
    lane_rules_of,
    poll_rules_of,
    round_rules_of,
)
from smppbridge.settings.schema import Settings
from smppbridge.store.sqlite import SqliteStore

Hear = Callable[[str, Sequence[Received], str], Awaitable[None]]
"""Takes what a provider says, and whether it was push or poll."""


class SystemClock:
    """The time of this machine and of the reactor."""

    def __init__(self, reactor: Any) -> None:
        self.monotonic = reactor.seconds

    def wall(self) -> float:
        """Return UNIX seconds."""
        return time.time()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every movement is handed."""

    clock: Clock
    meters: Meters
    journal: Journal
    spawn: Callable[[Coroutine[Any, Any, None]], object]


@dataclass(frozen=True, slots=True)
class Movements:
    """All of them but accept, which needs to know what the store held."""

    lanes: dict[str, Lane]
    deliver: Deliver
    reports: Reports
    submit: Submit
    overdue: Overdue
    rounds: Rounds


def movements_of(
    settings: Settings, store: SqliteStore, carrier: Carrier, tell: Hear, around: Surroundings
) -> Movements:
    """Build the movements of a bridge; *tell* takes what providers say when they are asked."""
    clock, meters, journal, spawn = around.clock, around.meters, around.journal, around.spawn
    deliver = Deliver(store, clock=clock, spawn=spawn, meters=meters)
    reports = Reports(
        store,
        deliver.owe,
        keep=settings.receipts.keep,
        early=early_rules_of(settings),
        every_fate=settings.log.messages == "all",
        clock=clock,
        meters=meters,
        journal=journal,
    )
    lanes = _lanes_of(settings, clock.monotonic())
    submit = Submit(
        store,
        lanes,
        carrier,
        reports,
        random=random.random,
        new_key=lambda: str(uuid4()),
        spawn=spawn,
        clock=clock,
        meters=meters,
        journal=journal,
    )
    overdue, rounds = _askers_of(settings, store, carrier, tell, reports, submit, around)
    return Movements(lanes, deliver, reports, submit, overdue, rounds)


def _lanes_of(settings: Settings, now: float) -> dict[str, Lane]:
    return {
        name: Lane(name, provider, lane_rules_of(settings.providers[name]), now)
        for name, provider in settings.built_providers().items()
    }


def _askers_of(
    settings: Settings,
    store: SqliteStore,
    carrier: Carrier,
    tell: Hear,
    reports: Reports,
    submit: Submit,
    around: Surroundings,
) -> tuple[Overdue, Rounds]:
    """Build what asks providers: about messages, and every so often."""
    overdue = Overdue(
        store,
        submit.lanes,
        {name: poll_rules_of(p) for name, p in settings.providers.items()},
        carrier,
        reports,
        submit.repeat,
        spawn=around.spawn,
        clock=around.clock,
        meters=around.meters,
        journal=around.journal,
    )
    rounds = Rounds(
        submit.lanes,
        {name: round_rules_of(p) for name, p in settings.providers.items()},
        carrier,
        lambda name, heard: tell(name, heard, "poll"),
        spawn=around.spawn,
        clock=around.clock,
        journal=around.journal,
    )
    return overdue, rounds
