from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from smppbridge.net.failed_connections import LOGGED_AGAIN_AFTER, MOST_LOGGED, FailedConnections
from smppbridge.net.penalties import (
    FORGIVEN_AFTER,
    LONGEST_WAIT,
    MOST_OFFENCES,
    MOST_SYSTEM_IDS,
    Penalties,
)
from smppbridge.net.room import Limits, Room, origin_of


@dataclass(eq=False)
class Line:
    """A connection."""

    host: str
    since: float = 0.0
    busy: bool = False
    cut: bool = False

    def give_way(self) -> None:
        self.cut = True


SMALL = Limits(connections=10, idle=6, idle_per_address=3)


@dataclass
class Hall:
    """A room, and the connections that came to it."""

    limits: Limits = SMALL
    expected: tuple[str, ...] = ()
    failed: list[tuple[str, str]] = field(default_factory=list)

    clock: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.room = Room(
            self.limits, lambda *of: self.failed.append(of), lambda host: host in self.expected
        )

    def come(self, *hosts: str) -> list[Line]:
        lines = [Line(host, next(self.clock)) for host in hosts]
        for line in lines:
            line.cut = not self.room.admit(line)
        return lines


def cut(lines: list[Line]) -> list[bool]:
    return [line.cut for line in lines]


def test_connections_that_are_let_in_are_counted_and_no_others() -> None:
    hall = Hall(Limits(connections=2, idle=2, idle_per_address=2))
    for line in hall.come("a", "b"):
        hall.room.settle(line)
    assert cut(hall.come("c")) == [True]
    hall.room.adopt(Line("d", 9))
    assert hall.room.admitted == 2


def test_the_longest_idle_of_an_address_gives_way_to_its_newcomer() -> None:
    hall = Hall()
    first, *others = hall.come(*"aaaa")
    assert (first.cut, cut(others)) == (True, [False] * 3)
    assert hall.failed == [("a", "gave_way")]
    assert len(hall.room) == 3


def test_the_address_with_most_gives_way() -> None:
    hall = Hall()
    lines = hall.come(*"cababb")
    (newcomer,) = hall.come("d")
    assert cut(lines) == [False, False, True, False, False, False]
    assert not newcomer.cut


def test_of_equals_the_longest_idle_gives_way() -> None:
    hall = Hall()
    lines = hall.come(*"abcdef")
    lines[0].since = next(hall.clock)  # it was busy until now
    hall.come("g")
    assert cut(lines) == [False, True, False, False, False, False]


def test_neither_a_busy_nor_a_bound_connection_gives_way() -> None:
    hall = Hall()
    lines = hall.come(*"abcdef")
    for line in lines:
        hall.room.settle(line)
    lines += hall.come(*"ghij")
    for line in lines[6:9]:
        line.busy = True
    (newcomer,) = hall.come("k")
    assert cut(lines) == [False] * 9 + [True]
    newcomer.busy = True
    assert cut(hall.come("l")) == [True]
    assert hall.failed[-1] == ("l", "no_room")
    assert len(hall.room) == 10


def test_busy_connections_of_an_address_do_not_count_against_its_newcomers() -> None:
    hall = Hall()
    lines = hall.come(*"aaa")
    for line in lines:
        line.busy = True
    lines += hall.come(*"aaa")
    assert cut(lines) == [False] * 6
    hall = Hall()
    lines = hall.come(*"aaa")
    lines[0].busy = True
    hall.come("a", "a")
    assert cut(lines) == [False, True, False]


@pytest.mark.parametrize("order", ["xyabcd", "abcdxy"])
def test_strangers_give_way_to_expected_addresses_and_not_they_to_them(order: str) -> None:
    hall = Hall(expected=("x", "y", "z"))
    lines = dict(zip(order, hall.come(*order), strict=True))
    hall.come("e", "f", "g", "h", "z")
    assert [lines[host].cut for host in "xyabcd"] == [False, False, True, True, True, True]
    hall = Hall(expected=tuple("uvwxyz"))
    known = hall.come(*"uvwxyz")
    assert cut(hall.come("a")) == [True]
    assert (cut(known), hall.failed) == ([False] * 6, [("a", "no_room")])
    assert cut(hall.come("u")) == [False]
    assert cut(known) == [True, *[False] * 5]


def test_a_connection_leaves_once() -> None:
    hall = Hall()
    (line,) = hall.come("a")
    hall.room.leave(line)
    hall.room.leave(line)
    hall.room.settle(line)
    assert len(hall.room) == 0
    assert (hall.room._loose, hall.room._strange, hall.room._settled) == ({}, {}, set())
    (bound,) = hall.come("a")
    hall.room.settle(bound)
    hall.room.leave(bound)
    assert len(hall.room) == 0


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("local", "local"),
        ("no:address", "no:address"),
    ],
)
def test_an_address_of_ipv6_is_its_network(host: str, origin: str) -> None:
    assert origin_of(host) == origin


# -- penalties ----------------------------------------------------------------------------------


def test_guesses_at_once_wait_for_each_other() -> None:
    penalties = Penalties()
    for _ in range(4):
        penalties.count("a", "bank", 0.0)
    waits = [penalties.delay("a", "bank", 0.0) for _ in range(4)]
    assert waits == [2.0, 4.0, 6.0, 8.0]
    assert [penalties.delay("a", "bank", 0.0) for _ in range(30)][-1] == LONGEST_WAIT
    assert penalties.delay("b", "bank", 0.0) == penalties.delay("a", "shop", 0.0) == 0.0


def test_a_bind_that_comes_late_enough_does_not_wait() -> None:
    penalties = Penalties()
    penalties.count("a", "bank", 0.0)
    assert penalties.delay("a", "bank", 1.0) == 0.0


def test_penalties_end() -> None:
    penalties = Penalties()
    for _ in range(20):
        penalties.count("a", "bank", 0.0)
    assert penalties.guessed("a", FORGIVEN_AFTER)
    assert not penalties.guessed("a", FORGIVEN_AFTER + 1)
    assert len(penalties) == 0
    assert penalties._names == {}


def test_penalties_are_bounded() -> None:
    penalties = Penalties()
    for n in range(MOST_OFFENCES + 10):
        penalties.count(f"host {n}", "bank", float(n) / 10_000)
    assert len(penalties) == len(penalties._names) == MOST_OFFENCES
    assert penalties.delay("host 0", "bank", 1.0) == 0.0
    assert penalties.delay(f"host {MOST_OFFENCES + 9}", "bank", 1.0) > 0.0


def test_a_guesser_of_many_names_gets_one_penalty_for_the_rest() -> None:
    penalties = Penalties()
    penalties.count("a", "bank", 0.0)
    for n in range(1_000):
        penalties.count("a", f"guess {n}", 0.0)
    assert len(penalties) == MOST_SYSTEM_IDS + 1
    assert penalties.delay("a", "yet another", 0.0) == 8.0
    assert penalties.delay("a", "bank", 0.0) == 0.25  # an offence of its own, and small
    penalties.forgive("a", "bank")
    penalties.forgive("a", "never known")
    assert len(penalties) == MOST_SYSTEM_IDS


# -- connections that came to nothing -----------------------------------------------------------


def test_the_first_of_a_kind_is_logged_and_all_are_counted() -> None:
    now, counts = 0.0, []
    lines: list[tuple[str, str, str]] = []

    def journal(event: str, /, **fields: str) -> None:
        assert event == "connection_failed"
        lines.append((fields["listener"], fields["address"], fields["reason"]))

    failed = FailedConnections(journal, lambda *of: counts.append(of), lambda: now)
    for _ in range(3):
        failed.of("smpp")("a", "no_room")
        failed.note("smpp", "a", "gave_way")
        failed.note("callbacks", "a", "no_room")
        failed.note("smpp", "b", "no_room")
    assert len(counts) == 12
    assert lines == [
        ("smpp", "a", "no_room"),
        ("smpp", "a", "gave_way"),
        ("callbacks", "a", "no_room"),
        ("smpp", "b", "no_room"),
    ]
    for n in range(2 * MOST_LOGGED):
        failed.note("smpp", f"10.0.{n >> 8}.{n & 255}", "gave_way")
    assert len(lines) == len(failed._logged) == MOST_LOGGED
    now = LOGGED_AGAIN_AFTER
    failed.note("smpp", "a", "no_room")
    assert (lines[-1], len(failed._logged)) == (("smpp", "a", "no_room"), 1)
