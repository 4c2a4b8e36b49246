"""Parts of a limit: whatever nodes do and however late they look, all are within the limit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.relay.lanes.limits import Throughput
from smppbridge.service.nodes.slices import UNITS, Said, Slice, parts, want_of

SLOTS = range(1, 5)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["plan", "tell", "look", "join", "die", "want"]),
        st.sampled_from(SLOTS),
        st.integers(0, UNITS),
    ),
    max_size=120,
)


class Table:
    """Nodes that live, and what each has said; what a node tells may be lost or come late."""

    def __init__(self, limit: float, *, whole: bool) -> None:
        self.limit, self.whole = limit, whole
        self.said: dict[int, Said] = {}
        self.nodes: dict[int, Slice] = {}
        self.wants = dict.fromkeys(SLOTS, 1)
        self.told: dict[int, bool] = {}  # whether what the node says last is in the table

    def join(self, slot: int) -> None:
        if slot not in self.nodes:
            self.nodes[slot] = Slice(self.limit, whole=self.whole)
            self.said.setdefault(slot, Said(0, 0.0))  # of one that had the slot: stays
            self.told[slot] = False

    def die(self, slot: int) -> None:
        """It stops, is given up after a lease, and is no longer among the living."""
        self.nodes.pop(slot, None)
        self.said.pop(slot, None)

    def plan(self, slot: int) -> None:
        if slot in self.nodes:
            others = {other: said for other, said in self.said.items() if other != slot}
            self.nodes[slot].plan(slot, self.wants[slot], others, self.limit)
            self.told[slot] = False

    def tell(self, slot: int) -> None:
        if slot in self.nodes:
            self.said[slot] = self.nodes[slot].said
            self.told[slot] = True

    def look(self, slot: int) -> None:
        if slot in self.nodes and self.told[slot]:
            self.nodes[slot].look(sum(said.claim for said in self.said.values()))

    def turn(self, slot: int) -> None:
        self.plan(slot)
        self.tell(slot)
        self.look(slot)

    @property
    def used(self) -> float:
        return sum(node.allowed for node in self.nodes.values())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([(100.0, False), (0.7, False), (64.0, True), (1.0, True)]), ACTS)
def test_parts_in_use_are_within_the_limit_in_any_order_of_events(
    kind: tuple[float, bool], acts: list[tuple[str, int, int]]
) -> None:
    limit, whole = kind
    table = Table(limit, whole=whole)
    for act, slot, want in acts:
        if act == "want":
            table.wants[slot] = want
        else:
            getattr(table, act)(slot)
        assert table.used <= limit * (1 + 1e-6)
    # and when nothing happens any more, each has its part after a few turns
    for slot in SLOTS:
        table.join(slot)
    for _ in range(4):
        for slot in SLOTS:
            table.turn(slot)
    allowed = {slot: node.allowed for slot, node in table.nodes.items()}
    assert allowed == pytest.approx(parts(limit, table.wants, whole=whole), abs=1e-6)


@pytest.mark.parametrize(
    ("limit", "wants", "whole", "expected"),
    [
        (100.0, {1: 20, 2: 20}, False, {1: 50.0, 2: 50.0}),
        (100.0, {1: 19, 2: 1}, False, {1: 95.0, 2: 5.0}),
        (100.0, {1: 1, 2: 0}, False, {1: 100.0, 2: 0.0}),  # bound at one node only
        (100.0, {1: 0, 2: 0}, False, {1: 50.0, 2: 50.0}),
        (100.0, {7: 3}, False, {7: 100.0}),
        (5.0, {1: 1, 2: 1, 3: 1}, True, {1: 2.0, 2: 2.0, 3: 1.0}),
        (2.0, {1: 1, 2: 1, 3: 1}, True, {1: 1.0, 2: 1.0, 3: 0.0}),
        (1.0, {1: 1, 2: 5, 3: 1}, True, {1: 0.0, 2: 1.0, 3: 0.0}),
    ],
)
def test_a_limit_is_divided_by_wants(
    limit: float, wants: dict[int, int], whole: bool, expected: dict[int, float]
) -> None:
    assert parts(limit, wants, whole=whole) == expected


def test_a_want_grows_at_once_and_fades() -> None:
    assert want_of(100.0, 100.0, 1) == UNITS
    assert want_of(500.0, 100.0, 1) == UNITS
    assert want_of(0.0, 100.0, UNITS) == UNITS - 1
    assert want_of(0.0, 100.0, 1) == 1
    assert want_of(6.0, 100.0, 0) == 2


def test_what_is_out_is_claimed_until_it_is_in() -> None:
    """A node that shrinks lets others begin only what its own requests no longer take."""
    node = Slice(10.0, whole=True)
    node.plan(1, 1, {}, 10.0)
    assert node.look(10.0)
    node.plan(1, 1, {2: Said(1, 0.0)}, 10.0, busy=8)
    assert (node.allowed, node.said) == (5.0, Said(1, 8.0))
    node.plan(1, 1, {2: Said(1, 2.0)}, 10.0, busy=3)
    assert (node.allowed, node.said) == (5.0, Said(1, 5.0))


class Sender:
    """A node that sends as fast as its part of a rate lets it, by a clock of the test."""

    def __init__(self, table: Table, slot: int) -> None:
        self.table, self.slot = table, slot
        table.join(slot)
        self.bucket = Throughput(0.0, 0.0)

    def send(self, now: float) -> int:
        part = self.table.nodes[self.slot].allowed
        if part != self.bucket.rate:
            self.bucket.change(part, now)
        sent = 0
        while sent < 1_000 and self.bucket.take(now):
            sent += 1
        return sent


def test_never_more_than_the_rate_and_one_bucket_while_nodes_join_leave_and_die() -> None:
    """Three nodes that all send what they can, looking at each other at different times."""
    limit, table = 100.0, Table(100.0, whole=False)
    table.wants = dict.fromkeys(SLOTS, UNITS)
    senders: dict[int, Sender] = {1: Sender(table, 1)}
    events = {3.0: ("join", 2), 5.3: ("join", 3), 8.1: ("die", 1), 11.2: ("join", 1)}
    events |= {14.7: ("die", 3), 15.1: ("die", 2), 19.0: ("join", 3)}
    sent: list[tuple[float, int]] = []
    for step in range(2_500):
        now = step / 100
        act, slot = events.get(now, ("", 0))
        if act == "join":
            senders[slot] = Sender(table, slot)
        elif act == "die":  # it stops sending at 0.8 of its lease, and is given up after the lease
            del senders[slot]
            table.die(slot)
        for slot, sender in senders.items():
            if step % (37 + slot) == 0:
                table.plan(slot)
            if step % (37 + slot) == 5 * slot:
                table.tell(slot)
                table.look(slot)
            sent.append((now, sender.send(now)))
    for begun in range(0, 2_300, 10):
        window = [n for at, n in sent if begun / 100 <= at < begun / 100 + 2.0]
        assert sum(window) <= limit * 2 + limit + len(SLOTS)
    late = [n for at, n in sent if at >= 21.0]
    assert sum(late) >= limit * 4 * 0.95  # and all of the limit is used
