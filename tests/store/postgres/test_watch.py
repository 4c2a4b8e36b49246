"""The watch thread: it observes, takes over, tells, and is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from smppbridge.store.postgres import takeover
from smppbridge.store.postgres.lease import Lease
from smppbridge.store.postgres.observed import NodeRow
from smppbridge.store.postgres.tenure import Tenure
from smppbridge.store.postgres.testimony import Given
from smppbridge.store.postgres.watch import Watch, channel_of
from tests.patience import PATIENCE
from tests.store.postgres.nodes import Node, Start, asked, connected, row_of


class Told:
    """What a watch told; the reactor is the thread that tells."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []
        self.changed = threading.Condition()

    def tell(self, *what: Any) -> None:
        with self.changed:
            self.all.append(what)
            self.changed.notify_all()

    def await_told(self, *what: Any) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: what in self.all, PATIENCE), self.all

    def adopted(self, slots: list[int]) -> None:
        self.tell("adopted", slots)

    def taken_over(self, name: str, slot: int) -> None:
        self.tell("taken over", name, slot)

    def fenced(self) -> None:
        self.tell("fenced")

    def given(self, lines: list[Given]) -> None:
        self.tell("given", lines)

    def told(self, kind: str, key: str) -> None:
        self.tell("told", kind, key)

    def living(self, rows: list[NodeRow]) -> None:
        self.tell("living", [row.name for row in rows])


class Watching:
    """The watch of a node."""

    def __init__(self, node: Node, lease: float = 0.5) -> None:
        self.node, self.told = node, Told()
        self.lease = Lease(lease)
        self.lease.renew(1e12)
        self.tenure = Tenure(node.name, node.slot, node.epoch, node.txn, node.shards)
        self.watch = Watch(
            lambda: connected(node.dsn),
            self.tenure,
            self.lease,
            self.told,
            lambda call, *args: call(*args),
            every=0.05,
        )
        self.watch.start()
        self.told.await_told("adopted", [])

    def ask(self, act: Callable[[Any], Any]) -> Any:
        """Carry an act out; return its result, or its error."""
        done = threading.Event()
        results: list[Any] = []

        def came(result: Any) -> None:
            results.append(getattr(result, "value", result))
            done.set()

        self.watch.ask(act).addBoth(came)
        assert done.wait(PATIENCE)
        return results[0]


@pytest.fixture
def watching(start: Start) -> Iterator[Callable[..., Watching]]:
    """Return a function that starts a node with its watch."""
    made: list[Watching] = []

    def watch(name: str, lease: float = 0.5) -> Watching:
        made.append(Watching(start(name), lease))
        return made[-1]

    yield watch
    for each in made:
        each.watch.stop(PATIENCE)


Watch_ = Callable[..., Watching]


def test_a_silent_node_is_taken_over_and_a_living_one_is_not(
    dsn: str, start: Start, watching: Watch_
) -> None:
    silent, living = start("silent"), start("living")
    b = watching("b", 3.0)
    stopped = threading.Event()

    def live() -> None:
        while not stopped.wait(0.05):
            living.commit()

    thread = threading.Thread(target=live)
    thread.start()
    b.told.await_told("taken over", "silent", silent.slot)
    b.told.await_told("adopted", [silent.slot])
    b.told.await_told("living", ["living", "b"])
    stopped.set()
    thread.join()
    assert row_of(dsn, living.slot).ended is False


def test_who_cannot_commit_gives_nobody_up(dsn: str, start: Start, watching: Watch_) -> None:
    start("silent")
    b = watching("b", 0.3)
    b.lease.until = -1.0
    b.told.all.clear()
    threading.Event().wait(1.0)
    assert ("living", ["silent", "b"]) in b.told.all
    assert ("taken over", "silent", 1) not in b.told.all
    b.lease.renew(1e12)
    b.told.await_told("taken over", "silent", 1)


def test_a_shard_that_was_handed_over_is_taken_at_once(
    dsn: str, start: Start, watching: Watch_
) -> None:
    a = start("a")
    b = watching("b", 600.0)
    with connected(dsn) as db:
        assert takeover.hand_over(db, a.slot, a.epoch)
    b.told.await_told("told", "members", "")
    b.told.await_told("adopted", [a.slot])


def test_a_node_that_was_taken_over_is_told(dsn: str, start: Start, watching: Watch_) -> None:
    a, b = watching("a", 600.0), start("b")
    with connected(dsn) as db:
        assert takeover.take_over(db, b.slot, b.epoch, a.node.row)
    a.told.await_told("fenced")


def test_notifications_go_to_one_or_to_all_and_each_once(dsn: str, watching: Watch_) -> None:
    a, b = watching("a", 600.0), watching("b", 600.0)
    for _ in range(3):
        a.watch.notify(b.node.slot, "told")
        a.watch.notify(None, "optout", "243810000001")
    b.told.await_told("told", "told", "")
    b.told.await_told("told", "optout", "243810000001")
    a.told.await_told("told", "optout", "243810000001")
    assert ("told", "told", "") not in a.told.all
    assert channel_of(b.node.slot) == f"smppbridge_{b.node.slot}"


def test_a_lost_connection_is_made_anew_and_nobody_is_given_up_for_it(
    dsn: str, start: Start, watching: Watch_
) -> None:
    start("silent")
    b = watching("b", 3.0)
    for _ in range(4):  # more than a lease, and never a whole one in one connection
        threading.Event().wait(1.0)
        pid = b.ask(lambda db: db.info.backend_pid)
        with connected(dsn) as db:
            db.execute("select pg_terminate_backend(%s)", (pid,))
    assert ("taken over", "silent", 1) not in b.told.all
    b.told.await_told("taken over", "silent", 1)


def test_an_act_that_fails_says_so_and_the_watch_goes_on(watching: Watch_) -> None:
    b = watching("b", 600.0)
    assert isinstance(b.ask(lambda db: db.execute("no sql")), psycopg.errors.SyntaxError)
    assert b.ask(lambda db: db.execute("select 7").fetchone()) == (7,)


def test_messages_given_back_are_counted_by_who_has_the_shard(
    dsn: str, start: Start, watching: Watch_
) -> None:
    b = watching("b", 600.0)
    with connected(dsn) as db:
        db.execute(
            "insert into given values (9, 'one', 'bank', 0, 3), (%s, 'one', 'bank', 1, 2)",
            (b.node.slot,),
        )
    b.told.await_told("given", [Given("one", "bank", 1, 2)])
    assert asked(dsn, "select shard, messages from given") == [(9, 3)]
