"""watch: the thread of a node that observes the others, takes silent ones over, and is told things.

It has one connection, on which it listens; its own transactions are about rows of ``node`` alone.
A notification is a hint and may be lost: all that it stands for is looked at every half second.
"""

from __future__ import annotations

import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import psycopg
from twisted.internet.defer import Deferred

from smppbridge.store.postgres import takeover
from smppbridge.store.postgres.fence import Fenced
from smppbridge.store.postgres.lease import Lease
from smppbridge.store.postgres.observed import NodeRow, Observations
from smppbridge.store.postgres.testimony import Given, take_given

LOOKED_EVERY: Final = 0.5
"""Seconds between two looks at the rows of all nodes."""
RECONNECT_EVERY: Final = 0.3
NOTIFIED_EVERY: Final = 0.01
"""Seconds between two notifications of one kind to one node, at least."""
T = TypeVar("T")
_ROWS = (
    "select slot, name, epoch, txn, ended, adopter, coalesce(address, ''), silent_for from node"
    " where not ended or adopter = %s order by slot"
)
_NOTIFY = "select pg_notify(%s, %s)"


class Holding(Protocol):
    """The slot and epoch that our writer has; the epoch changes when the writer reconnects."""

    @property
    def name(self) -> str:
        """Our name."""

    @property
    def slot(self) -> int:
        """Our slot."""

    @property
    def epoch(self) -> int:
        """Our epoch."""

    @property
    def shards(self) -> tuple[int, ...]:
        """The shards that we have in memory, ours first."""


class Watched(Protocol):
    """Whom the watch tells; in the reactor thread."""

    def adopted(self, slots: list[int]) -> None:
        """Go on with the shards of *slots*, all that are ours by the table but our own."""

    def taken_over(self, name: str, slot: int) -> None:
        """Note that we took a silent node over."""

    def fenced(self) -> None:
        """End: another node has taken us over."""

    def given(self, lines: list[Given]) -> None:
        """Count messages that wait in our shards since a node gave them back."""

    def told(self, kind: str, key: str) -> None:
        """Go by a notification of another node."""

    def living(self, rows: list[NodeRow]) -> None:
        """Note which nodes live."""


def channel_of(slot: int) -> str:
    """Return the channel that a node alone listens on."""
    return f"smppbridge_{slot}"


@dataclass(slots=True)
class _Act:
    """An act on the watch's connection, and the Deferred that waits for its result."""

    act: Callable[[psycopg.Connection[Any]], Any]
    waiter: Deferred[Any]


class Watch:
    """The watch thread.  Methods are for the reactor thread; the connection is the thread's alone.

    *connect* opens a connection that commits each statement by itself.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        holding: Holding,
        lease: Lease,
        watched: Watched,
        call_in_reactor: Callable[..., object],
        every: float = LOOKED_EVERY,
    ) -> None:
        self._connect, self._holding, self._lease = connect, holding, lease
        self._watched, self._call, self._every = watched, call_in_reactor, every
        self._observed = Observations(lease.length, every)
        self._acts: queue.SimpleQueue[_Act | None] = queue.SimpleQueue()
        self._notes: dict[tuple[str, str], None] = {}  # in order, each once
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._next_look = self._next_notes = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread after the acts that were asked for (blocks)."""
        self._acts.put(None)
        self._rouse()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def notify(self, slot: int | None, kind: str, key: str = "") -> None:
        """Tell a node, or all of them (None): to be called after the commit that it is about."""
        channel = takeover.EVERYBODY if slot is None else channel_of(slot)
        note = channel, f"{kind} {key}".strip()
        if note in self._notes:
            return  # it is sent later than now
        noted = self._call_thread(lambda _: self._notes.setdefault(note))
        noted.addErrback(lambda _: None)  # a hint: what it stands for is looked at anyway

    def ask(self, act: Callable[[psycopg.Connection[Any]], T]) -> Deferred[T]:
        """Carry an act out on the watch's connection; fails with psycopg.Error if that is lost."""
        return self._call_thread(act)

    def _call_thread(self, act: Callable[[psycopg.Connection[Any]], T]) -> Deferred[T]:
        waiter: Deferred[T] = Deferred()
        self._acts.put(_Act(act, waiter))
        self._rouse()
        return waiter

    def _rouse(self) -> None:
        with suppress(OSError):  # full: it wakes anyway; closed: it has ended
            self._wake.send(b"x", socket.MSG_DONTWAIT)

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        """Connect, and connect anew, until `stop`."""
        going = True
        while going:
            try:
                with self._connect() as db:
                    self._observed.forget()  # rows seemed to stand still while we were away
                    self._listen(db)
                    going = self._serve(db)
            except psycopg.Error as error:
                self._fail_acts(error)
                time.sleep(RECONNECT_EVERY)
            except Fenced:
                self._call(self._watched.fenced)
                going = False
        self._wake.close()
        self._woken.close()

    def _listen(self, db: psycopg.Connection[Any]) -> None:
        # of those that come while a statement is executed psycopg tells the handler
        db.add_notify_handler(lambda notice: self._tell(notice.payload))
        db.execute(f"listen {takeover.EVERYBODY}")
        db.execute(f"listen {channel_of(self._holding.slot)}")
        self._next_look = 0.0  # at once: what was told while nobody listened is looked at

    def _serve(self, db: psycopg.Connection[Any]) -> bool:
        """Look, act and tell until the connection is lost; False: `stop` was called."""
        while True:
            if not self._act(db):
                return False
            now = time.monotonic()
            if now >= self._next_look:
                self._next_look = now + self._every
                self._look(db, now)
            self._send_notes(db)
            self._hear(db)

    def _hear(self, db: psycopg.Connection[Any]) -> None:
        """Wait for notifications, acts, or the next look."""
        until = min(self._next_look, self._next_notes) if self._notes else self._next_look
        pause = max(0.0, until - time.monotonic())
        woken = self._woken.fileno()
        ready, _, _ = select.select([db.fileno(), woken], [], [], pause)
        if woken in ready:
            with suppress(BlockingIOError):
                self._woken.recv(4096)
        db.pgconn.consume_input()
        while (notice := db.pgconn.notifies()) is not None:
            self._tell(notice.extra.decode("utf-8", "replace"))

    def _tell(self, payload: str) -> None:
        kind, _, key = payload.partition(" ")
        if kind == "members":
            self._next_look = 0.0
        self._call(self._watched.told, kind, key)

    def _act(self, db: psycopg.Connection[Any]) -> bool:
        while True:
            try:
                asked = self._acts.get_nowait()
            except queue.Empty:
                return True
            if asked is None:
                self._next_notes = 0.0
                self._send_notes(db)
                return False
            try:
                result = asked.act(db)
            except psycopg.Error as error:
                self._call(asked.waiter.errback, error)
                if db.closed:
                    raise
            else:
                self._call(asked.waiter.callback, result)

    def _fail_acts(self, error: psycopg.Error) -> None:
        """Let nobody wait for a connection that may not come back for long."""
        kept: list[None] = []
        while True:
            try:
                asked = self._acts.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                kept.append(asked)
            else:
                self._call(asked.waiter.errback, error)
        for end in kept:
            self._acts.put(end)

    def _send_notes(self, db: psycopg.Connection[Any]) -> None:
        now = time.monotonic()
        if not self._notes or now < self._next_notes:
            return
        self._next_notes = now + NOTIFIED_EVERY
        notes, self._notes = self._notes, {}
        for channel, payload in notes:
            db.execute(_NOTIFY, (channel, payload))

    # -- a look ---------------------------------------------------------------------------------

    def _look(self, db: psycopg.Connection[Any], now: float) -> None:
        """Look at all nodes: raises Fenced if our row is another's, psycopg.Error."""
        holding, epoch = self._holding, self._holding.epoch
        slot = holding.slot
        rows = [NodeRow(*row) for row in db.execute(_ROWS, (slot,)).fetchall()]
        ours = next((row for row in rows if row.slot == slot), None)
        if ours is None or ours.ended or ours.name != holding.name:  # the fence says so too, later
            raise Fenced
        silent = self._observed.look((row for row in rows if row.slot != slot), now)
        self._call(self._watched.living, [row for row in rows if not row.ended])
        if self._lease.holds(time.monotonic()):  # who cannot commit must not give others up
            for dead in silent:
                if takeover.take_over(db, slot, epoch, dead):
                    self._call(self._watched.taken_over, dead.name, dead.slot)
            ended = takeover.take_ended(db, slot, epoch)
            if silent or ended:
                rows = [NodeRow(*row) for row in db.execute(_ROWS, (slot,)).fetchall()]
        adopted = [row.slot for row in rows if row.adopter == slot and row.ended]
        self._call(self._watched.adopted, adopted)
        if lines := take_given(db, holding.shards):
            self._call(self._watched.given, lines)
