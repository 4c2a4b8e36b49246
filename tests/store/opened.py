"""An opened store whose reactor is played by the test, and what is told to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from smppbridge.model.address import Address
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage
from smppbridge.model.outcome import Accepted, Postponed, Uncertain, accepted
from smppbridge.model.parts import DeliveredBy
from smppbridge.model.report import Delivery, MoContent
from smppbridge.relay.report.receipts import settlement
from smppbridge.store.port import Entry, MoEntry, Restored, Settlement, Verdict
from smppbridge.store.sqlite import SqliteStore
from tests.patience import PATIENCE

NOW = 1_800_000_000.0
LATER = 4_000_000_000.0  # than any file was written, whenever a test runs
KEEP = 1_000.0  # seconds a receipt is owed


class Opened:
    """A SQLite store that can be closed and opened again; what a test does is the reactor's part.

    Until `start`, what is told waits: it lands in one transaction.
    """

    def __init__(self, folder: Path, *, started: bool = True) -> None:
        self.path = folder / "bridge.db"
        self.commits: list[Exception | None] = []
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self.restored: Restored
        self.open(started=started)

    def open(self, *, started: bool = True, now: float = LATER) -> None:
        self.error: Exception | None = None
        self.store = SqliteStore(self.path, self._call, self._commit, self._changed)
        self.restored = self.store.open(now)
        if started:
            self.store.start()

    def reopen(self, *, started: bool = True, now: float = LATER) -> Restored:
        self.store.stop()
        self.open(started=started, now=now)
        return self.restored

    def close(self) -> None:
        """End the store, for good."""
        self.store.stop()

    def start(self) -> None:
        """Let it write what was told."""
        self.store.start()

    def fail(self, failing: bool) -> None:
        """Let every write fail, as a disk does, or no more."""
        switch = f"pragma query_only = {failing:d}"
        self.wait(self.store._query(lambda db: db.execute(switch).fetchall()))

    def lose(self, message_ids: Sequence[int]) -> None:
        """Let messages be another bridge's: a store that no other can share does not have them."""
        marks = ",".join("?" * len(message_ids))
        query = f"delete from message where message_id in ({marks})"
        self.wait(self.store.by_hand(lambda db: db.execute(query, message_ids).rowcount))

    def wait(self, *deferreds: Deferred[Any]) -> Any:
        """Play the reactor until all are answered; return, or raise, what the last came to."""
        results: list[list[Any]] = [[] for _ in deferreds]
        for deferred, into in zip(deferreds, results, strict=True):
            deferred.addBoth(into.append)
        while not all(results):
            self.turn()
        last = results[-1][0]
        if isinstance(last, Failure):
            last.raiseException()
        return last

    def turn(self) -> None:
        """Do one thing that the store wants done in the reactor."""
        call, args = self._calls.get(timeout=PATIENCE)
        call(*args)

    def _call(self, call: Callable[..., object], *args: Any) -> None:
        self._calls.put((call, args))

    def _commit(self, seconds: float) -> None:
        self.commits.append(self.error)

    def _changed(self, error: Exception | None) -> None:
        self.error = error


def message(message_id: int = 1, **changes: Any) -> Message:
    return replace(
        Message(
            message_id,
            "bank",
            Address("BANK", 5, 0),
            Address("243810000001", 1, 1),
            "243810000001",
            "Bonjour",
            0,
            0,
            1,
            ("keccel", "d7"),
            NOW,
            NOW + 500,
            NOW,
        ),
        **changes,
    )


def segment(message_id: int, number: int, **changes: Any) -> Segment:
    whole = Segment(message_id, number, 1, NOW, 8, 2, NOW, NOW + 500, octets=b"\x00a")
    return replace(whole, **changes)


def key(reference: int = 7, **changes: Any) -> GatheringKey:
    same = ("bank", Address("BANK", 5, 0), Address("243810000001", 1, 1), "udh")
    return replace(GatheringKey(*same, reference, 2, b"\x01"), **changes)


def tried(of: Message, provider: str = "keccel", number: int = 1, **changes: Any) -> Attempt:
    return replace(Attempt(of, provider, number, 0, NOW), **changes)


def taken(attempt: Attempt, name: str, due: float = NOW + 60) -> Verdict:
    return Verdict(attempt, Accepted(name), Stage.SUBMITTED, due, NOW + 1, name)


def in_parts(attempt: Attempt, *names: str, by: DeliveredBy = "all") -> Verdict:
    """Return the verdict on an attempt that was accepted in parts of these names."""
    outcome = accepted(names, by)
    assert outcome
    verdict = taken(attempt, outcome.provider_message_id)
    return replace(verdict, outcome=outcome, parts=outcome.parts)


def again(attempt: Attempt, due: float, provider: str = "", hop: int = 0) -> Verdict:
    why = Postponed("busy")
    return Verdict(attempt, why, Stage.WAITING, due, NOW + 1, next_provider=provider, next_hop=hop)


def unknown(attempt: Attempt, due: float = NOW + 600, reason: str = "silence") -> Verdict:
    return Verdict(attempt, Uncertain(reason), Stage.SUBMITTING, due, NOW + 1)


def told(attempt: Attempt, state: int, at: float = NOW + 2, **changes: Any) -> Settlement:
    return replace(settlement(attempt, state, 0, at, source="push", keep=KEEP), **changes)


def first_attempt(message: Message, begun: bool = True, hop: int = 0) -> Attempt:
    """Return the attempt that is written down together with its message."""
    provider = message.route[hop] if message.route else ""
    return Attempt(message, provider, int(begun), hop, message.accepted_at)


def accept(opened: Opened, messages: Sequence[Message], *, begun: bool = False) -> list[Attempt]:
    """Accept messages; return their first attempts."""
    opened.wait(
        opened.store.accept([Entry(each, attempt=first_attempt(each, begun)) for each in messages])
    )
    return [tried(each, each.route[0]) for each in messages]


PHONE, OURS = Address("243990000007", 1, 1), Address("12345", 3, 0)


def mo_entry(message_id: int = 1, name: str = "X", count: int = 1, **more: Any) -> MoEntry:
    """Return an MO message of so many segments; *at* is when it was heard."""
    at = more.get("at", NOW)
    deliveries = [
        Delivery(
            each,
            message_id,
            more.get("system_id", "bank"),
            PHONE,
            OURS,
            state=0,
            error=0,
            submitted_at=at,
            done_at=at,
            due=at,
            expires_at=at + KEEP,
            content=MoContent(b"\0\xff%d" % each, 8, 0x40),
        )
        for each in range(message_id, message_id + count)
    ]
    return MoEntry(more.get("provider", "smscx"), name, more.get("segment", 1), deliveries)
