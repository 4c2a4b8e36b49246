"""The places of an account's sessions, counted over all nodes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from smppbridge.store.postgres import bound, takeover
from smppbridge.store.postgres.bound import Allowed, BoundRow
from tests.store.postgres.nodes import Node, asked, await_lock, connected

TRX, TX = "transceiver", "transmitter"


def row(node: Node, session: int, system_id: str = "bank", kind: str = TRX) -> BoundRow:
    return BoundRow(node.slot, session, system_id, kind, 1_000.0, "192.0.2.1")


def take(node: Node, session: int, allowed: Allowed, kind: str = TRX) -> bool:
    return bound.take(node.db, node.name, row(node, session, kind=kind), allowed).is_taken


def test_binds_are_counted_over_nodes(start: Callable[..., Node]) -> None:
    a, b = start("a"), start("b")
    assert take(a, 1, Allowed(3))
    assert take(b, 1, Allowed(3))
    assert take(b, 2, Allowed(3))
    assert bound.take(a.db, "a", row(a, 2), Allowed(3)) == (False, 3, 3)
    assert bound.take(a.db, "a", row(a, 2, "shop"), Allowed(3)).is_taken  # another account's
    bound.leave(b.db, b.slot, [2, 99])
    assert take(a, 3, Allowed(3))
    assert bound.look(b.db) == [row(a, 1), row(a, 2, "shop"), row(a, 3), row(b, 1)]


def test_each_kind_is_counted_by_itself(start: Callable[..., Node]) -> None:
    a, b = start("a"), start("b")
    assert take(a, 1, Allowed(4, 1), TX)
    assert not take(b, 1, Allowed(4, 1), TX)
    assert take(b, 2, Allowed(4, 1), TRX)
    assert bound.take(b.db, "b", row(b, 3, kind=TX), Allowed(4, 1)) == (False, 2, 1)


def test_place_of_a_dead_node_is_free_after_take_over(start: Callable[..., Node]) -> None:
    a, b = start("a"), start("b")
    assert take(a, 1, Allowed(1))
    a.db.close()
    assert not take(b, 1, Allowed(1))
    assert takeover.take_over(b.db, b.slot, b.epoch, a.row)
    assert take(b, 2, Allowed(1))


def test_a_node_that_is_taken_over_has_no_place(dsn: str, start: Callable[..., Node]) -> None:
    """And a row that it wrote at that moment counts for nobody."""
    a, b = start("a"), start("b")
    assert takeover.take_over(b.db, b.slot, b.epoch, a.row)
    with connected(dsn) as late:
        assert bound.take(late, "a", row(a, 1), Allowed(9)) == (False, 0, 0)
        bound.keep(late, [row(a, 1)])
    assert bound.look(b.db) == []
    assert take(b, 1, Allowed(1))


def test_of_two_that_want_the_last_place_one_has_it(dsn: str, start: Callable[..., Node]) -> None:
    a, b = start("a"), start("b")
    took: list[bool] = []
    with connected(dsn) as other, other.transaction():
        other.execute("insert into account_gate values ('bank')")
        both = [
            threading.Thread(target=lambda n=node: took.append(take(n, 1, Allowed(1))))
            for node in (a, b)
        ]
        for thread in both:
            thread.start()
        await_lock(dsn)
    for thread in both:
        thread.join()
    assert sorted(took) == [False, True]
    assert asked(dsn, "select count(*) from bound") == [(1,)]


@pytest.mark.parametrize("rows", [[1, 2, 3], [3, 1, 2]])
def test_sessions_that_are_bound_keep_their_places(
    start: Callable[..., Node], rows: list[int]
) -> None:
    """Those of a restart, more than are allowed, and one that is there already."""
    a = start("a")
    assert take(a, 1, Allowed(1))
    bound.keep(a.db, [row(a, number) for number in rows])
    assert [each.session for each in bound.look(a.db)] == [1, 2, 3]
