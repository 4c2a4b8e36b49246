"""redirect: messages that wait are moved to another provider, or given up, by a person.

named -> WAITING, by the store -> out of line -> move .disk. -> in line at the other provider
                               -> claim -> settle .disk. -> conclude

The store is the judge of whether a message still waits: nothing is awaited between its answer and
the moment in which the message is out of line, so that no lane begins it in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple, Protocol

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Around
from smppbridge.relay.report.ending import Fate
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Found, StoreFailure, SubmitStore

_NOTE = "decided_by_hand"


class Obstacle(StrEnum):
    """Why a message is not moved."""

    NOT_WAITING = "not_waiting"  # it has left, has ended, or is none
    ELSEWHERE = "elsewhere"  # another bridge has it
    THERE_ALREADY = "there_already"
    NOT_ON_ROUTE = "not_on_route"
    MAY_BE_SENT = "may_be_sent"  # by its provider: an earlier try is in doubt
    OPTED_OUT = "opted_out"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    NO_BINARY = "no_binary"
    NO_SCHEDULE = "no_schedule"  # the provider does not keep a message until its time


class Redirected(NamedTuple):
    """The messages that are moved, durably, and the obstacles of the others.

    *shards* have those that are ELSEWHERE; *silent* are bridges that have not answered in time.
    """

    moved: list[int]
    obstacles: dict[int, Obstacle]
    shards: Collection[int] = ()
    silent: Sequence[str] = ()


class Abandoned(NamedTuple):
    """The messages that have ended, durably, and those that wait at other bridges.

    *shards* have the latter; *silent* are bridges that have not answered in time.
    """

    ended: list[int]
    elsewhere: list[int]
    shards: Collection[int] = ()
    silent: Sequence[str] = ()


class MessageEndings(Protocol):
    """Ends messages for a reason of our own."""

    def settle_own(self, fates: Sequence[Fate]) -> Awaitable[list[Attempt] | None]:
        """Return the attempts of messages that have ended, durably; None: the store failed."""


class AttemptLines(Protocol):
    """Puts attempts in line."""

    def wait(self, attempts: Iterable[Attempt]) -> None:
        """Put attempts in line that are WAITING in the store."""

    def come_again(self, attempt: Attempt, before: str) -> None:
        """Put an attempt in line that was taken out of the line of the provider *before*."""


class Redirect:
    """Moves and gives up messages that wait, as people decide."""

    def __init__(
        self,
        store: SubmitStore,
        lanes: Lanes,
        lines: AttemptLines,
        ends: MessageEndings,
        optouts: Optouts,
        *,
        around: Around,
    ) -> None:
        self._store, self._lanes, self._lines, self._ends = store, lanes, lines, ends
        self._optouts, self._clock = optouts, around.clock
        self._notes, self._journal = around.notes, around.journal

    def has(self, provider: str) -> bool:
        """Return whether there is a provider."""
        return provider in self._lanes.by_name

    async def move(self, message_ids: Sequence[int], to: str, *, off_route: bool) -> Redirected:
        """Let messages wait for the provider *to*, with *off_route* also off their routes.

        A message off its route stays with its new provider.  One that waits for another try comes
        in line at once.  Raises StoreFailure: none is moved.
        """
        known = await self._store.find(message_ids)
        lane, obstacles = self._lanes.by_name.get(to), dict[int, Obstacle]()
        changes: list[tuple[Attempt, Attempt]] = []
        for message_id in message_ids:
            found = known.get(message_id)
            why = self._obstacle(found, lane, off_route=off_route)
            if why is None and found and self._lanes.withdraw(found.attempt):
                changes.append((found.attempt, self._moved(found.attempt, to)))
            else:
                obstacles[message_id] = why or Obstacle.NOT_WAITING
        if changes:
            await self._write(changes)
            self._note([before for before, _ in changes], to)
        moved = [after.message.message_id for _, after in changes]
        return Redirected(moved, obstacles, _shards(known.values()))

    async def give_up(self, message_ids: Sequence[int]) -> Abandoned:
        """End messages that wait as UNDELIVERABLE, but those of other bridges.

        Raises StoreFailure.
        """
        known = await self._store.find(message_ids)
        found = {n: known[n] for n in message_ids if n in known}
        waiting = {n: each for n, each in found.items() if each.stage is Stage.WAITING}
        elsewhere = [n for n, each in waiting.items() if not each.ours]
        ended = await self._ended([each.attempt for each in waiting.values() if each.ours])
        return Abandoned(ended, elsewhere, _shards(waiting.values()))

    async def _ended(self, waiting: Sequence[Attempt]) -> list[int]:
        if not waiting:
            return []
        state = MessageState.UNDELIVERABLE
        ended = await self._ends.settle_own([Fate(a, state, stage=Stage.WAITING) for a in waiting])
        if ended is None:
            raise StoreFailure("the ends of messages were not written")
        for attempt in ended:
            facts = {"verb": "fail", "provider": attempt.provider}
            self._notes.note(attempt.message.message_id, _NOTE, facts)
            self._notes.reason(Reason.GIVEN_UP.value, attempt.provider)
        if ended:
            self._journal("messages_failed_by_hand", messages=len(ended))
        return [attempt.message.message_id for attempt in ended]

    def _obstacle(
        self, found: Found | None, lane: Lane | None, *, off_route: bool
    ) -> Obstacle | None:
        """Return why a message cannot be moved to a lane; None if it can."""
        if found is None or lane is None or found.stage is not Stage.WAITING:
            return Obstacle.NOT_WAITING
        if not found.ours:
            return Obstacle.ELSEWHERE
        attempt, message, name = found.attempt, found.attempt.message, lane.name
        if attempt.provider == name:
            return Obstacle.THERE_ALREADY
        if attempt.hop >= len(message.route) and attempt.number:
            return Obstacle.MAY_BE_SENT
        if name in message.route:
            return None
        if not off_route:
            return Obstacle.NOT_ON_ROUTE
        return _unsuitable(lane, attempt) or (
            Obstacle.OPTED_OUT if self._optouts.stops([name], message.number) else None
        )

    def _moved(self, attempt: Attempt, to: str) -> Attempt:
        message = attempt.message
        route, now = message.route, self._clock.wall()
        if attempt.number and message.due > now:
            message = replace(message, due=now)
        hop = route.index(to) if to in route else len(route)
        return replace(attempt, message=message, provider=to, hop=hop)

    async def _write(self, changes: Sequence[tuple[Attempt, Attempt]]) -> None:
        """Write the new providers of attempts out of line, and put them in line again."""
        moved, dues = [after for _, after in changes], list[tuple[int, float]]()
        try:
            await self._store.move(moved)
        except StoreFailure:
            for before, _ in changes:
                self._lines.come_again(before, before.provider)
            raise
        for before, after in changes:
            if after.message.due < before.message.due:
                dues.append((after.message.message_id, after.message.due))
        if dues:
            with suppress(StoreFailure):  # they are in line all the same, until a restart
                await self._store.revisit(dues)
        self._lanes.gone([before for before, _ in changes])
        self._lines.wait(moved)

    def _note(self, attempts: Sequence[Attempt], to: str) -> None:
        counts: dict[str, int] = {}
        for attempt in attempts:
            counts[attempt.provider] = counts.get(attempt.provider, 0) + 1
            facts = {"verb": "move", "provider": attempt.provider, "to": to}
            self._notes.note(attempt.message.message_id, _NOTE, facts)
        for name, count in counts.items():
            self._journal("messages_moved_by_hand", provider=name, to=to, messages=count)


def _shards(found: Iterable[Found]) -> tuple[int, ...]:
    """Return the shards of messages that other bridges have."""
    return tuple(sorted({each.shard for each in found if not each.ours}))


def _unsuitable(lane: Lane, attempt: Attempt) -> Obstacle | None:
    """Return why a provider off its route cannot have a message."""
    message, abilities = attempt.message, lane.provider.abilities
    if message.binary is not None and not abilities.binary:
        return Obstacle.NO_BINARY
    if message.traits.scheduled is not None and not abilities.schedules:
        return Obstacle.NO_SCHEDULE
    try:
        lane.addressed(message)
    except NotAddressable:
        return Obstacle.SENDER_NOT_ALLOWED
    return None
