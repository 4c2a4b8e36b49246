"""The places of sessions at all nodes, as one node keeps them: a table is played by the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from smppbridge.model.account import Account, Secret
from smppbridge.net.binds import PlacesUnknown
from smppbridge.service.nodes import places as places_module
from smppbridge.service.nodes.places import ANSWERED_IN, TRIES, ClusterPlaces
from smppbridge.smpp.constants import CommandId
from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres import bound
from smppbridge.store.postgres.bound import BoundRow, Counted
from smppbridge.store.postgres.in_turn import InTurn

BANK = Account(system_id="bank", password=Secret("right"), binds=2)
TRX = CommandId.BIND_TRANSCEIVER


@dataclass
class Us:
    name: str = "a"
    slot: int = 1


@dataclass
class Table:
    """What is asked of the database, in order; `answer` answers the first that waits."""

    waiting: list[Deferred[Any]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    kept: list[BoundRow] = field(default_factory=list)

    def ask(self, act: Callable[[Any], Any]) -> Deferred[Any]:
        waiter: Deferred[Any] = Deferred()
        self.waiting.append(waiter)
        self.act = act
        return waiter

    def answer(self, result: Any) -> None:
        waiter = self.waiting.pop(0)
        if isinstance(result, Exception):
            waiter.errback(result)
        else:
            waiter.callback(result)


class House:
    def __init__(self) -> None:
        self.clock, self.table, self.told = Clock(), Table(), list[tuple[str, str]]()
        self.reached = True
        clock = self.clock

        class Now:
            def wall(self) -> float:
                return clock.seconds() + 1_000.0

            def monotonic(self) -> float:
                return clock.seconds()

        self.places = ClusterPlaces(
            node=Us,
            acts=cast(InTurn, self.table),
            reached=lambda: self.reached,
            notify=lambda kind, key: self.told.append((kind, key)),
            reactor=clock,
            clock=Now(),
            spawn=lambda work: Deferred.fromCoroutine(work),
        )

    def take(self) -> Deferred[int]:
        return Deferred.fromCoroutine(self.places.take(BANK, TRX, "192.0.2.1"))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    made = House()
    monkeypatch.setattr(
        bound, "leave", lambda db, slot, sessions: made.table.left.extend(sorted(sessions))
    )
    monkeypatch.setattr(bound, "keep", lambda db, rows: made.table.kept.extend(rows))
    monkeypatch.setattr(places_module, "bound", bound)
    return made


def left(house: House) -> list[int]:
    """Carry out the act that waits, which frees places; return them."""
    house.table.act(None)
    house.table.answer(None)
    return house.table.left


def test_a_place_is_taken_and_told(house: House) -> None:
    took: list[int] = []
    house.take().addCallback(took.append)
    house.table.answer(Counted(True, 0, 0))
    assert took == [1_000_000_000]
    assert house.told == [("bound", "")]
    house.places.leave(took[0])
    assert left(house) == took
    assert house.told == [("bound", "")] * 2


def test_silent_sessions_are_probed_at_all_nodes_and_the_bind_tries_again(house: House) -> None:
    took: list[int] = []
    house.take().addCallback(took.append)
    house.table.answer(Counted(False, 2, 1))
    assert house.told == [("probe", "0 bank")]
    house.clock.advance(TRIES[0])
    house.table.answer(Counted(False, 2, 1))
    house.clock.advance(TRIES[1])
    house.table.answer(Counted(True, 1, 1))
    assert len(took) == 1


def test_of_a_kind_only_its_sessions_are_probed_and_no_place_is_an_answer(house: House) -> None:
    took: list[int] = []
    house.take().addCallback(took.append)
    house.table.answer(Counted(False, 1, 1))
    assert house.told == [("probe", f"{int(TRX)} bank")]
    for pause in TRIES:
        house.clock.advance(pause)
        house.table.answer(Counted(False, 1, 1))
    assert took == [0]


@pytest.mark.parametrize("fault", ["away", "failed", "hangs"])
def test_without_an_answer_nobody_knows_and_what_may_be_there_is_freed(
    house: House, fault: str
) -> None:
    house.reached = fault != "away"
    failed: list[Any] = []
    house.take().addErrback(lambda failure: failed.append(failure.type))
    if fault == "failed":
        house.table.answer(StoreFailure("gone"))
    elif fault == "hangs":
        house.clock.advance(ANSWERED_IN)
        house.table.waiting.pop(0)
    assert failed == [PlacesUnknown]
    assert left(house) == [1_000_000_000]


def test_a_bind_whose_connection_is_lost_leaves_no_place(house: House) -> None:
    taking = house.take()
    taking.cancel()
    taking.addErrback(lambda failure: failure.trap(CancelledError))
    house.table.answer(Counted(True, 0, 0))  # too late
    assert left(house) == [1_000_000_000]


def test_a_look_mends_the_table_and_knows_who_is_bound_where(house: House) -> None:
    """A session of a restart is written; one of an earlier life is deleted; others are known."""
    adopted = house.places.adopt("bank", TRX)
    strange = BoundRow(1, 7, "bank", "transceiver", 0.0, "")
    others = [
        BoundRow(2, 1, "bank", "transmitter", 0.0, ""),
        BoundRow(3, 1, "bank", "receiver", 0.0, ""),
        BoundRow(3, 2, "shop", "transceiver", 0.0, ""),
    ]
    house.places.look()
    house.places.look()  # one look at a time, then one more
    assert len(house.table.waiting) == 1
    house.table.answer([strange, *others])
    house.table.act(None)
    house.table.answer(None)
    house.table.act(None)
    house.table.answer(None)
    assert ([row.session for row in house.table.kept], house.table.left) == ([adopted], [7])
    assert house.places.slots("bank") == {1, 2, 3}
    assert house.places.slots("nobody") == frozenset()
    house.table.answer(StoreFailure("gone"))  # the second look: what is known is known
    assert house.places.slots("shop") == {3}
