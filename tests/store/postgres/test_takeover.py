"""Fence, proof, take-over, hand-over: on a database, without a bridge."""

from __future__ import annotations

import threading

import psycopg
import pytest

from smppbridge.store.postgres import fence, takeover, testimony
from smppbridge.store.postgres.givingback import GivingBack
from smppbridge.store.postgres.testimony import AttestedMessage, Given, take_given
from tests.patience import PATIENCE
from tests.store.postgres.nodes import Node, Start, asked, await_lock, connected, row_of

DIVISION = psycopg.errors.DivisionByZero


def test_a_stale_epoch_writes_nothing(dsn: str, start: Start) -> None:
    a, b = start("a"), start("b")
    a.commit(a.waits(101))
    with connected(dsn) as db:
        assert takeover.take_over(db, b.slot, b.epoch, a.row)
    with pytest.raises(psycopg.OperationalError):  # its backend was ended first
        a.commit(a.waits(102))
    a.close()
    a.db = connected(dsn)
    with pytest.raises(DIVISION) as raised:
        a.commit(a.waits(102))
    assert raised.value.sqlstate == fence.FENCED
    with pytest.raises(fence.Fenced):
        fence.resume(a.db, a.name, a.slot, a.epoch)
    assert asked(dsn, "select message_id from waiting") == [(101,)]
    assert row_of(dsn, a.slot)._replace(name="") == (1, "", a.epoch + 1, 1, True, b.slot, "", 0)


def test_a_transaction_of_the_silent_node_that_comes_through_wins(dsn: str, start: Start) -> None:
    a, b = start("a"), start("b")
    seen = a.row
    a.commit()
    with connected(dsn) as db:
        assert not takeover.take_over(db, b.slot, b.epoch, seen)
    assert not row_of(dsn, a.slot).ended


def test_a_node_stopped_in_the_middle_of_a_transaction_is_taken_over(
    dsn: str, start: Start
) -> None:
    a, b = start("a"), start("b")
    seen = a.row
    a.db.execute("begin")
    a.fence()  # its row is locked, and nothing more comes
    with connected(dsn) as db:
        assert takeover.take_over(db, b.slot, b.epoch, seen)
    with pytest.raises(psycopg.OperationalError):
        a.db.execute("commit")
    assert row_of(dsn, a.slot).adopter == b.slot


def test_who_was_taken_over_takes_nobody_over(dsn: str, start: Start) -> None:
    a, b, c = start("a"), start("b"), start("c")
    with connected(dsn) as db:
        assert takeover.take_over(db, c.slot, c.epoch, b.row)
        with pytest.raises(fence.Fenced):
            takeover.take_over(db, b.slot, b.epoch, a.row)
        assert not row_of(dsn, a.slot).ended
        assert takeover.hand_over(db, a.slot, a.epoch)
        with pytest.raises(fence.Fenced):
            takeover.take_ended(db, b.slot, b.epoch)
        assert row_of(dsn, a.slot).adopter == a.slot


def test_of_two_that_take_a_third_over_one_wins(dsn: str, start: Start) -> None:
    a, *others = map(start, "abcde")
    seen, barrier = a.row, threading.Barrier(4)
    won: list[int] = []

    def take(node: Node) -> None:
        with connected(dsn) as db:
            barrier.wait(PATIENCE)
            if takeover.take_over(db, node.slot, node.epoch, seen):
                won.append(node.slot)

    threads = [threading.Thread(target=take, args=(node,)) for node in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(won) == 1
    assert row_of(dsn, a.slot).adopter == won[0]


def test_who_takes_over_has_what_the_other_had_taken_over(dsn: str, start: Start) -> None:
    a, b, c = start("a"), start("b"), start("c")
    with connected(dsn) as db:
        db.execute(
            "insert into bound values (1, 1, 'bank', 'TRX', 0, ''), (3, 1, 'x', 'TX', 0, '')"
        )
        assert takeover.take_over(db, b.slot, b.epoch, a.row)
        assert takeover.take_over(db, c.slot, c.epoch, b.row)
    assert [row_of(dsn, slot).adopter for slot in (1, 2)] == [3, 3]
    assert asked(dsn, "select slot from bound") == [(3,)]
    d = start("d")
    assert d.slot == 4
    with connected(dsn) as db:
        assert takeover.hand_over(db, c.slot, c.epoch)
        assert sorted(takeover.take_ended(db, d.slot, d.epoch)) == [1, 2, 3]
        assert takeover.take_ended(db, d.slot, d.epoch) == []
    assert [row_of(dsn, slot).adopter for slot in (1, 2, 3)] == [4, 4, 4]


def test_a_lost_connection_is_found_out_about(dsn: str, start: Start) -> None:
    a = start("a")
    a.commit(a.waits(101))
    with connected(dsn) as db:
        resumed = fence.resume(db, a.name, a.slot, a.epoch)
    assert resumed == (a.epoch + 1, a.txn, (1,))  # the last transaction came through
    with pytest.raises(DIVISION):
        a.commit(a.waits(102))
    assert asked(dsn, "select message_id from waiting") == [(101,)]


def test_what_the_old_backend_still_does_is_waited_for(dsn: str, start: Start) -> None:
    a = start("a")
    found: list[fence.Resumed] = []

    def resume() -> None:
        with connected(dsn) as db:
            found.append(fence.resume(db, a.name, a.slot, a.epoch))

    thread = threading.Thread(target=resume)
    with a.db.transaction():
        a.txn += 1
        a.fence()
        thread.start()
        await_lock(dsn)
    thread.join(PATIENCE)
    assert found[0].txn == a.txn


def test_an_old_backend_that_never_ends_is_ended(dsn: str, start: Start) -> None:
    a = start("a")
    before = a.txn
    a.db.execute("begin")
    a.txn += 1
    a.fence()
    with connected(dsn) as db:
        resumed = fence.resume(db, a.name, a.slot, a.epoch)
    assert resumed.txn == before
    with pytest.raises(psycopg.OperationalError):
        a.db.execute("commit")


def test_leftovers_move_and_the_slot_is_free(dsn: str, start: Start) -> None:
    a, b = start("a"), start("b")
    numbers = range(101, 108)
    deliveries = [f"({n}, {s}, 0, 'bank', 1, 0, 0, 0, 0)" for n in numbers for s in (1, 2)]
    a.commit(
        *(a.waits(number) for number in numbers),
        f"insert into delivery values {', '.join(deliveries)}",
        "insert into delivery values (100, 2, 0, 'bank', 2, 0, 0, 0, 0)",
        "insert into out values (99, 1, 3, 'one', 0, 1, 1, 1, 0, 0)",
        "insert into gathering values ('k', 1)",
    )
    with connected(dsn) as db:
        assert takeover.take_over(db, b.slot, b.epoch, a.row)
    moving, steps = GivingBack(b.slot, a.slot), 0
    done = False
    while not done:
        with b.db.transaction():
            b.txn += 1
            b.fence()
            done = moving.move(b.db, limit=3)
        moving.go_on()
        steps += 1
    assert steps == 4
    assert moving.release(b.db)
    for table in ("waiting", "out"):
        assert asked(dsn, f"select distinct shard from {table}") == [(2,)]
    held = "select message_id < 101, holder from delivery group by 1, 2 order by 1"
    assert asked(dsn, held) == [(False, 0), (True, 2)]  # whoever has the account bound, and ours
    assert asked(dsn, "select slot from gathering") == [(2,)]
    assert row_of(dsn, a.slot).adopter is None
    assert start("c").slot == 1


# -- testimony ------------------------------------------------------------------------------------


def begun(node: Node, message_id: int, *, slot: int = 0, epoch: int = 0, stage: int = 2) -> str:
    by = f"{slot or node.slot}, {epoch or node.epoch}"
    return (
        f"insert into message values ({message_id}, 'bank', '', 0, null, 0, '', '', true, 0, 1, 0,"
        " 'one', null, 0, 0, 50);"
        f"insert into out values ({message_id}, {node.slot}, {stage}, 'one', 0, 1, {by}, 7.0, 60.0)"
    )


def test_a_node_that_lives_says_what_became_of_what_it_had_begun(dsn: str, start: Start) -> None:
    a, b = start("a"), start("b")
    a.commit(
        begun(a, 101),
        begun(a, 102),
        begun(a, 103),
        begun(a, 104, slot=b.slot),  # begun again by who took over
        begun(a, 105, epoch=a.epoch + 1),
        begun(a, 106, stage=3),
        begun(a, 107),
        begun(a, 108),
    )
    with connected(dsn) as db:
        takeover.take_over(db, b.slot, b.epoch, a.row)
        db.execute("update out set unsure = 99.0, wake = 'infinity' where stage = 2")
        accepted = [AttestedMessage(n, f"00AB{n}", 9.0, 60.0) for n in (101, 104, 106)]
        told = testimony.testify(db, a.slot, (a.epoch, a.epoch), accepted, [102, 105, 106, 107])
        assert told == (1, 2)
        assert take_given(db, [b.slot]) == []
        assert take_given(db, [b.slot, a.slot]) == [Given("one", "bank", 1, 2)]
        assert take_given(db, [a.slot]) == []
        assert testimony.testify(db, a.slot, (a.epoch, a.epoch), [], []) == (0, 0)
    assert asked(dsn, "select * from named") == [("one", "ab101", "00AB101", 101)]
    assert asked(
        dsn,
        "select message_id, stage, provider_message_id, answered_at, due, wake, unsure from out"
        " where message_id = 101",
    ) == [(101, 3, "00AB101", 9.0, 60.0, 60.0, None)]
    left = asked(dsn, "select message_id, stage from out where unsure is not null order by 1")
    assert left == [(103, 2), (104, 2), (105, 2), (108, 2)]
    waits = asked(
        dsn, "select message_id, shard, due, expires_at, attempts from waiting order by 1"
    )
    assert waits == [(102, 1, 7.0, 50.0, 0), (107, 1, 7.0, 50.0, 0)]
