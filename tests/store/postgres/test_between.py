"""The rows by which two bridges of a database hand reports and deliveries to each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.postgres.between import COUNTED_AT_ONCE
from tests.store.opened import accept, message, told
from tests.store.postgres.opened import OpenedPostgres
from tests.store.postgres.server import drop_database, made_database


class Second(OpenedPostgres):
    """The store of the bridge that has slot 2."""

    slot = 2


Both = tuple[OpenedPostgres, OpenedPostgres]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    dsn = made_database()
    one, two = OpenedPostgres(tmp_path, dsn=dsn), Second(tmp_path, dsn=dsn)
    yield one, two
    one.close()
    two.close()
    drop_database(dsn)


def settled(opened: OpenedPostgres, *ids: int, holder: int, system_id: str = "bank") -> None:
    """Let messages have receipts that are owed, and that the bridge of a slot holds."""
    attempts = accept(opened, [message(n, system_id=system_id) for n in ids], begun=True)
    opened.store.holders[system_id] = holder
    opened.wait(opened.store.settle([told(a, State.DELIVERED) for a in attempts]))


@pytest.mark.parametrize("about", [0, COUNTED_AT_ONCE + 1])
def test_each_bridge_counts_the_deliveries_that_it_holds_or_nobody(both: Both, about: int) -> None:
    one, two = both
    settled(one, 1, 2, holder=1)
    settled(one, 3, holder=2)
    settled(one, 4, 5, 6, holder=0)
    settled(two, 7, holder=2, system_id="shop")
    assert one.wait(one.store.between.owed(about)) == {"bank": 5}
    assert two.wait(two.store.between.owed(about)) == {"bank": 4, "shop": 1}
    taken = two.wait(two.store.owed("bank", 4e9, 9))
    assert [d.message_id for d in taken] == [3, 4, 5, 6]
    assert one.wait(one.store.between.owed(about)) == {"bank": 2}
    two.wait(two.store.finish([(d, 0) for d in taken[1:]], 0.0))
    assert one.wait(one.store.between.hand_on("bank", {(1, State.DELIVERED)}, 2)) == 1
    assert one.wait(one.store.between.owed(about)) == {"bank": 1}
    assert two.wait(two.store.between.owed(about)) == {"bank": 2, "shop": 1}


def test_a_count_is_of_the_verbs_that_were_answered(both: Both) -> None:
    """Whatever is asked of the store together with it."""
    one, _ = both
    settled(one, 1, 2, holder=1)
    (first, *_) = one.wait(one.store.owed("bank", 4e9, 9))
    known = 2
    attempts = accept(one, [message(3), message(4)], begun=True)
    store = one.store
    seen: list[int] = []

    def more(_: object, by: int) -> None:
        nonlocal known
        known += by

    one.reopen(started=False)
    store, calls = one.store, []
    store.holders["bank"] = 1
    calls.append(store.finish([(first, 0)], 0.0).addCallback(more, -1))
    calls.append(store.between.owed(0).addCallback(lambda c: seen.append(c["bank"] - known)))
    calls.append(
        store.settle([told(a, State.DELIVERED) for a in attempts]).addCallback(more, len(attempts))
    )
    one.start()
    one.wait(*calls)
    assert (seen, known) == ([0], 3)
