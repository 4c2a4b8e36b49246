"""A node takes a slot at its start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from smppbridge.store.postgres import takeover
from smppbridge.store.postgres.claim import NodeLives, NoSlot
from smppbridge.store.postgres.process import this_process
from tests.patience import PATIENCE
from tests.store.postgres.nodes import Node, Start, asked, await_lock, connected, row_of


def test_nodes_take_slots_of_their_own(dsn: str, start: Start) -> None:
    nodes = [start(name) for name in ("a", "b", "c")]
    assert [node.slot for node in nodes] == [1, 2, 3]
    assert [node.shards for node in nodes] == [(1,), (2,), (3,)]
    assert asked(dsn, "select name, ended, adopter from node where not ended order by slot") == [
        ("a", False, None),
        ("b", False, None),
        ("c", False, None),
    ]
    names = asked(dsn, "select application_name from pg_stat_activity")
    assert {("smppbridge a 1 1",), ("smppbridge c 3 1",)} <= set(names)


def test_a_node_that_lives_keeps_its_name(dsn: str, start: Start) -> None:
    first = start("a", this_process(os.getppid()))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            first.commit()

    with pytest.raises(NodeLives, match=r"^node 'a' lives: \d+\.\d s ago$"):
        start("a", this_process(), wait=wait)
    assert len(waited) == 3
    first.commit()


def test_a_node_takes_its_old_slot_at_once_when_its_process_is_dead(dsn: str, start: Start) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    before = start("a", this_process(child.pid))
    before.commit(before.waits(101))
    child.communicate(b"\n")
    after = start("a", this_process())
    assert (after.slot, after.shards) == (1, (1,))
    assert (after.epoch, after.txn) == (before.epoch + 1, before.txn)
    after.commit()
    with connected(dsn) as db:
        assert takeover.hand_over(db, before.slot, before.epoch) is False


def test_a_program_that_another_of_its_process_has_become_has_its_slot(start: Start) -> None:
    before = start("a", this_process())
    after = start("a", this_process())
    assert (after.slot, after.epoch) == (before.slot, before.epoch + 1)


def test_the_last_transaction_of_a_dead_process_is_waited_for(dsn: str, start: Start) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    before = start("a", this_process(child.pid))
    child.communicate(b"\n")
    with before.db.transaction():
        before.txn += 1
        before.fence()
        before.db.execute("select set_config('application_name', 'not to be found', false)")
        started: list[Node] = []
        thread = threading.Thread(target=lambda: started.append(start("a")))
        thread.start()
        await_lock(dsn)
        before.db.execute(before.waits(101).encode())
    thread.join(PATIENCE)
    assert started[0].txn == before.txn
    assert asked(dsn, "select message_id, shard from waiting") == [(101, 1)]


def test_a_namesake_elsewhere_that_stands_still_for_a_lease_is_taken_over(
    dsn: str, start: Start
) -> None:
    before = start("a", "another/machine/1/1")
    clock = [0.0]

    def wait(seconds: float) -> None:
        clock[0] += seconds

    after = start("a", wait=wait, monotonic=lambda: clock[0])
    assert 2.0 < clock[0] < 2.5
    assert (after.slot, after.epoch) == (before.slot, before.epoch + 1)


def test_a_node_takes_its_own_slot_back_before_others(dsn: str, start: Start) -> None:
    a, b = start("a"), start("b")
    b.commit(b.waits(201))
    with connected(dsn) as db:
        assert takeover.hand_over(db, b.slot, b.epoch)
    assert row_of(dsn, 2).adopter == 2
    assert start("c").slot == 3  # free ones first, and not one with work
    assert start("b").slot == 2
    assert row_of(dsn, 2).adopter is None
    a.commit()


def test_two_that_start_at_once_under_one_name_do_not_both_live(dsn: str, start: Start) -> None:
    with connected(dsn) as other, other.transaction():
        other.execute("update node set name = 'a', ended = false where slot = 7")
        failed: list[Exception] = []

        def second() -> None:
            try:
                start("a")
            except NodeLives as error:
                failed.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        await_lock(dsn)
    thread.join(PATIENCE)
    assert [str(each) for each in failed] == ["node 'a' lives: it starts just now"]


def test_no_slot_is_free(dsn: str, start: Start) -> None:
    with connected(dsn) as db:
        db.execute("update node set ended = false, name = slot::text where slot > 1")
        db.execute("update node set adopter = 2 where slot = 1")
    with pytest.raises(NoSlot):
        start("a")
