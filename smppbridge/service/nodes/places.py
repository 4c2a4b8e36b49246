"""places: the sessions that accounts have at all nodes: counted at each bind, known in memory.

Which node has receivers of an account is not read off its sessions: the account's settings decide
that too, and so the nodes write it (`between`).

Nothing here is waited for by a message, and a bind waits without the reactor standing still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, Final, Protocol

from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.task import deferLater

from smppbridge.model.account import Account
from smppbridge.net.binds import PROBE, PlacesUnknown, most_of_kind
from smppbridge.relay.ports import Clock, Spawn
from smppbridge.smpp.constants import CommandId
from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres import bound
from smppbridge.store.postgres.bound import UNBOUNDED, Allowed, BoundRow, Counted
from smppbridge.store.postgres.in_turn import InTurn

LOOKED_EVERY: Final = 1.0
"""Seconds between two looks at the sessions of all nodes; a notification makes one at once."""
ANSWERED_IN: Final = 3.0
"""Seconds that a bind waits for the database."""
TRIES: Final = (PROBE + 0.1, 0.4, 0.5)
"""Seconds before each further try of a bind that found all places taken: silent sessions give way,
and the loss of their connection takes a moment to be written by their node."""
KINDS: Final = {
    CommandId.BIND_TRANSMITTER: "transmitter",
    CommandId.BIND_RECEIVER: "receiver",
    CommandId.BIND_TRANSCEIVER: "transceiver",
}


class Node(Protocol):
    """The node whose sessions have places, as far as places are concerned."""

    @property
    def name(self) -> str:
        """Its name among the living."""

    @property
    def slot(self) -> int:
        """Its number among the living."""


class ClusterPlaces:
    """The places of sessions at all nodes.  Only its own methods write it, in the reactor thread.

    *node* is ours, *acts* reach the database, *reached* returns whether the database answers,
    *notify* tells all nodes.
    """

    def __init__(
        self,
        *,
        node: Callable[[], Node],
        acts: InTurn,
        reached: Callable[[], bool],
        notify: Callable[[str, str], object],
        reactor: Any,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._node, self._acts, self._reached, self._notify = node, acts, reached, notify
        self._reactor, self._clock, self._spawn = reactor, clock, spawn
        self._numbers = count(int(clock.wall() * 1_000_000))
        self._taking: set[int] = set()
        self._ours: dict[int, BoundRow] = {}
        self._gone: set[int] = set()
        self._slots: Mapping[str, frozenset[int]] = {}
        self._looking = self._again = self._leaving = False

    # -- known in memory ------------------------------------------------------------------------

    def slots(self, system_id: str) -> frozenset[int]:
        """Return the slots of the nodes with a session of an account, ours too."""
        return self._slots.get(system_id, frozenset())

    # -- net.binds.BindPlaces -------------------------------------------------------------------

    async def take(self, account: Account, command_id: int, host: str) -> int:
        """Take a place for a session; 0: there is none.  Raises PlacesUnknown."""
        row = self._row(account.system_id, command_id, host)
        most = most_of_kind(account, command_id)
        allowed = Allowed(account.binds, UNBOUNDED if most is None else most)
        self._taking.add(row.session)
        try:
            if await self._takes(row, allowed, command_id):
                self._taking.remove(row.session)
                self._ours[row.session] = row
                self._notify("bound", "")
                return row.session
        finally:  # cancelled, too late, lost: the row may be there
            if row.session in self._taking:
                self._taking.remove(row.session)
                self.leave(row.session)
        return 0

    async def _takes(self, row: BoundRow, allowed: Allowed, command_id: int) -> bool:
        counted = await self._try(row, allowed)
        if not counted.is_taken:
            of_any = counted.total >= allowed.total
            self._notify("probe", f"{0 if of_any else command_id} {row.system_id}")
        for pause in TRIES:
            if counted.is_taken:
                break
            await deferLater(self._reactor, pause)
            counted = await self._try(row, allowed)
        return counted.is_taken

    async def _try(self, row: BoundRow, allowed: Allowed) -> Counted:
        if not self._reached():
            raise PlacesUnknown
        name = self._node().name
        asked = self._acts.ask(lambda db: bound.take(db, name, row, allowed))
        asked.addTimeout(ANSWERED_IN, self._reactor)
        try:
            return await asked
        except (StoreFailure, TookTooLong) as error:
            raise PlacesUnknown from error

    def adopt(self, system_id: str, command_id: int) -> int:
        """Return the place of a session that is bound already; the next look writes its row."""
        row = self._row(system_id, command_id, "")
        self._ours[row.session] = row
        return row.session

    def leave(self, place: int) -> None:
        """Free a place, together with others that are freed now."""
        self._ours.pop(place, None)
        self._gone.add(place)
        if not self._leaving:
            self._leaving = True
            self._spawn(self._free())

    async def _free(self) -> None:
        slot = self._node().slot
        try:
            while self._gone:
                gone, self._gone = self._gone, set()
                await self._acts.ask(partial(bound.leave, slot=slot, sessions=gone))
                self._notify("bound", "")
        except StoreFailure:
            pass  # the next look finds them
        finally:
            self._leaving = False

    def _row(self, system_id: str, command_id: int, host: str) -> BoundRow:
        kind, since = KINDS[CommandId(command_id)], self._clock.wall()
        return BoundRow(self._node().slot, next(self._numbers), system_id, kind, since, host)

    # -- looks ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at the sessions of all nodes, once more if a look is under way."""
        self._again = True
        if not self._looking:
            self._looking = True
            self._spawn(self._look())

    async def _look(self) -> None:
        try:
            while self._again:
                self._again = False
                before = dict(self._ours)
                rows = await self._acts.ask(bound.look)
                await self._mend(before, rows)
                self._know(rows)
        except StoreFailure:
            pass  # the database is away: what is known is known
        finally:
            self._looking = False

    async def _mend(self, before: Mapping[int, BoundRow], rows: Iterable[BoundRow]) -> None:
        """Let the table have our sessions, as they were *before* it was read, and no others."""
        slot = self._node().slot
        listed = {row.session for row in rows if row.slot == slot}
        missing = [row for number, row in before.items() if number not in listed]
        if wanted := [row for row in missing if row.session in self._ours]:
            await self._acts.ask(lambda db: bound.keep(db, wanted))
        known = self._ours.keys() | self._taking
        if listed - known:
            await self._acts.ask(lambda db: bound.leave(db, slot, listed - known))

    def _know(self, rows: Sequence[BoundRow]) -> None:
        slots: dict[str, set[int]] = {}
        for row in rows:
            slots.setdefault(row.system_id, set()).add(row.slot)
        self._slots = {name: frozenset(found) for name, found in slots.items()}
