"""The rows by which two bridges of a database hand reports and deliveries to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smppbridge.smpp.constants import MessageState as State
from smppbridge.store.port import EarlyReport
from smppbridge.store.postgres.between import COUNTED_AT_ONCE
from tests.store.opened import NOW, accept, in_parts, message, taken, told
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
def test_one_bridge_counts_the_deliveries_that_nobody_holds_too(both: Both, about: int) -> None:
    one, two = both
    settled(one, 1, 2, holder=1)
    settled(one, 3, holder=2)
    settled(one, 4, 5, 6, holder=0)
    settled(two, 7, holder=2, system_id="shop")

    def count(opened: OpenedPostgres, *, nobodys: bool) -> dict[str, int]:
        return dict(opened.wait(opened.store.between.owed(about, nobodys=nobodys)))

    assert count(one, nobodys=True) == {"bank": 5}
    assert count(one, nobodys=False) == {"bank": 2}
    assert count(two, nobodys=False) == {"bank": 1, "shop": 1}
    taken = two.wait(two.store.owed("bank", 4e9, 9))
    assert [d.message_id for d in taken] == [3, 4, 5, 6]
    assert count(one, nobodys=True) == {"bank": 2}
    two.wait(two.store.finish([(d, 0) for d in taken[1:]], 0.0))
    assert one.wait(one.store.between.hand_on("bank", {(1, State.DELIVERED)}, 2)) == 1
    assert count(one, nobodys=True) == {"bank": 1}
    assert count(two, nobodys=False) == {"bank": 2, "shop": 1}


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
    counting = store.between.owed(0, nobodys=True)
    calls.append(counting.addCallback(lambda c: seen.append(c["bank"] - known)))
    calls.append(
        store.settle([told(a, State.DELIVERED) for a in attempts]).addCallback(more, len(attempts))
    )
    one.start()
    one.wait(*calls)
    assert (seen, known) == ([0], 3)


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
def test_of_reports_told_on_those_about_ended_messages_are_dropped(
    both: Both, order: list[int]
) -> None:
    """A message may have ended since it was found; the early reports are gone with both."""
    one, two = both
    attempts = accept(one, [message(1), message(2)], begun=True)
    found = two.wait(two.store.find([1, 2]))
    early = {n: EarlyReport("keccel", f"X{n}", State.DELIVERED, 0, NOW) for n in order}
    two.wait(two.store.keep_early(list(early.values())))
    one.wait(one.store.settle([told(attempts[0], State.DELETED)]))
    two.wait(two.store.between.tell_on([(found[n], early[n]) for n in order], "push"))
    assert two.wait(two.store.between.told(9)) == []
    [only] = one.wait(one.store.between.told(9))
    assert (only.message_id, only.report, only.source) == (2, early[2], "push")
    one.wait(one.store.between.drop_told([only.number + 1, only.number]))
    assert one.wait(one.store.between.told(9)) == []
    assert one.reopen().early == []


def test_reports_are_told_on_by_the_ids_that_name_messages_of_others_beyond_doubt(
    both: Both,
) -> None:
    """Not by an id of ours, of none, of two, of a part, of one that has ended, or once renamed."""
    one, two = both
    ours, theirs = [message(n) for n in (11, 12)], [message(n) for n in range(1, 9)]
    names = ["T1", "T2", "twice", "twice", "ended", "old", "t7", ""]
    attempts = accept(one, theirs, begun=True)
    results = [taken(a, name) for a, name in zip(attempts, names, strict=True)]
    results[-1] = in_parts(attempts[-1], "part1", "part2")
    one.wait(one.store.record(results))
    one.wait(one.store.settle([told(attempts[4], State.DELIVERED)]))
    one.wait(one.store.settle([replace(told(attempts[5], State.ENROUTE), renamed="new")]))
    mine = accept(two, ours, begun=True)
    two.wait(two.store.record([taken(mine[0], "ours"), taken(mine[1], "also")]))
    asked = ["T2", "none", "ours", "twice", "ended", "old", "T7", "part1", "T\0", "new", "T1", "T2"]
    reports = [
        EarlyReport("keccel", name, State(1 + n % 2), n, NOW + n, f"r{n}", NOW - n)
        for n, name in enumerate(asked)
    ]
    found = two.wait(two.store.between.tell_named(reports, "push"))
    assert found == [("T2", 1), ("new", 1), ("T1", 1), ("T2", 1)]
    rows = one.wait(one.store.between.told(9))
    assert [(row.message_id, row.report) for row in rows] == [
        (n, reports[place]) for n, place in ((2, 0), (6, 9), (1, 10), (2, 11))
    ]
    assert {row.source for row in rows} == {"push"}
    assert two.wait(two.store.between.tell_named([reports[8]], "push")) == []
