"""Segments wait for a time, and take up only so much room."""

from __future__ import annotations

import pytest

from smppbridge.model.message import REMEMBERED_FOR, fingerprint
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept import gather as gathering
from smppbridge.relay.accept import gatherings
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.series import (
    ABANDONED_AFTER,
    HELD_FOR,
    LONGEST_REMEMBERED,
    MOST_IN_MEMORY,
    MOST_RIVALS,
    ORPHANED_AFTER,
    in_order,
)
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.accept.segments_told import BEFORE, ONE, Told, key_of, part, put, status

# -- time -----------------------------------------------------------------------------------------


def test_time_runs_from_the_latest_segment() -> None:
    gather = Gather()
    put(gather, key_of(3), part(1, 1))
    put(gather, key_of(3), part(2, 2), at=50)
    put(gather, key_of(2, system_id="gone"), part(3, 1), at=100)
    assert gather.expired(99, {"bank": 50.0, "gone": 50.0}, BEFORE) == []
    late = gather.expired(100, {"bank": 50.0}, BEFORE)
    assert [[s.message_id for s in in_order(g)] for g in late] == [[1, 2], [3]]
    assert gather.expired(1e9, {}, BEFORE) == []


def test_an_orphan_lives_shorter_than_a_gathering_that_grows() -> None:
    told = Told(3)
    told("A2")  # its first segment may never come
    told.now += ORPHANED_AFTER - 0.5
    assert told.expire() == []
    told.now += 0.5
    assert told.expire() == ["A2"]
    told = Told(3)
    told.all("A2", "A1")
    told.now += 299.5
    assert told.expire() == []
    told.now += 0.5
    assert told.expire() == ["A1 A2"]


def test_a_first_segment_waits_as_long_as_the_account_says_unless_its_reference_is_used_again() -> (
    None
):
    told = Told(3)
    told("A1")
    told.now += 299.5
    assert told.expire() == []
    told = Told(3)
    told.all("A1", "A2", "A3", "B1")
    told.now += ORPHANED_AFTER
    assert told.expire() == ["B1"]


def test_an_orphan_waits_no_longer_than_its_account_says() -> None:
    told = Told(3)
    told("A2")
    told.now += 30.0
    assert told.expire(30.0) == ["A2"]


def test_the_times_and_the_numbers() -> None:
    assert (ABANDONED_AFTER, ORPHANED_AFTER, HELD_FOR, REMEMBERED_FOR) == (10.0, 60.0, 3.0, 60.0)
    assert (MOST_RIVALS, MOST_IN_MEMORY, LONGEST_REMEMBERED) == (4, 32, 255)
    assert gatherings.MOST_REMEMBERED == 10_000


def test_segments_of_an_account_that_is_gone_do_not_wait() -> None:
    gather = Gather()
    put(gather, key_of(3), part(1, 1), at=5.0)
    assert gather.expired(4.5, {}, BEFORE) == []
    assert len(gather.expired(5.0, {}, BEFORE)) == 1


# -- room -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "size"), [("MOST_OPEN", 1), ("MOST_OCTETS", 100)])
def test_an_account_has_so_much_room_and_no_more(
    monkeypatch: pytest.MonkeyPatch, most: str, size: int
) -> None:
    monkeypatch.setattr(gathering, most, 3 * size)
    gather = Gather()
    for n in range(3):
        put(gather, key_of(reference=n), part(n, 1, b"x" * size))
    over = gather.receive(key_of(reference=3), part(3, 1, b"x" * size), ONE, 0.0)
    assert status(over) == Status.ESME_RMSGQFUL
    assert over.refusal is not None
    assert over.refusal.reason is Reason.TOO_MANY_OPEN
    assert key_of(reference=3) not in gather._series
    put(gather, key_of(system_id="shop"), part(4, 1, b"x" * size))  # others are not concerned
    if most == "MOST_OPEN":
        assert put(gather, key_of(reference=0), part(5, 2)).whole
    else:
        gather.expired(400, {}, BEFORE)
    put(gather, key_of(reference=3), part(3, 1, b"x" * size))


def test_an_account_has_a_thousand_long_messages_open_and_no_more() -> None:
    gather = Gather()
    for n in range(1_000):
        put(gather, key_of(3, n), part(n, 1))
    assert gather.receive(key_of(3, 1_000), part(1_000, 1), ONE, 0.0).refusal
    assert not put(gather, key_of(3, 999), part(1_001, 2)).whole  # none of its own is held up
    assert len(gather) == 1_000


def test_an_account_has_eight_mebibytes_open_and_no_more() -> None:
    gather, most = Gather(), 8 * 1024 * 1024
    put(gather, key_of(reference=1), part(1, 1, bytes(most - 1)))
    put(gather, key_of(reference=2), part(2, 1, b"x"))
    assert gather.receive(key_of(reference=2), part(3, 2, b"y"), ONE, 0.0).refusal


def test_the_octets_of_a_message_that_is_whole_are_room_again() -> None:
    gather, big = Gather(), bytes(8 * 1024 * 1024 - 2)
    put(gather, key_of(reference=1), part(1, 1, b"x"))
    put(gather, key_of(reference=2), part(2, 1, big))
    assert put(gather, key_of(reference=2), part(3, 2, b"y")).whole
    put(gather, key_of(reference=3), part(4, 1, big))


def test_the_oldest_messages_are_forgotten_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gatherings, "MOST_REMEMBERED", 2)
    told = Told()
    told.all("A1", "A2", "B1", "B2", "C1", "C2")
    assert told.gather.remembered == 2
    assert told.all("B1", "C1", "C2", "B2") == ["=3", "=5", "=6", "=4"]
    assert told("A1") == "new"
    other = Told(gather=told.gather)
    other.key = key_of(system_id="shop")  # another account forgets for itself
    other.all("A1", "A2")
    assert told.gather.remembered == 3
    assert told("B1") == "=3"


def test_of_one_series_only_so_many_messages_are_remembered() -> None:
    told = Told()
    for n in range(MOST_IN_MEMORY + 1):
        for number in (1, 2):
            told(f"M{number}", octets=b"%d.%d" % (n, number))
    assert told("M1", octets=b"1.1") == "=3"
    assert told("M1", octets=b"0.1") == "new"
    for _ in range(3):
        told.now += 1_000.0
        told.expire()
    assert told.gather._series == {}


def test_a_segment_of_many_octets_is_known_by_its_fingerprint() -> None:
    told, long = Told(), b"x" * (LONGEST_REMEMBERED + 1)
    for number, octets in ((1, long), (2, long[1:])):
        told(f"A{number}", octets=octets)
    (remembered,) = told.gather._rooms["bank"].memory
    assert list(remembered.contents) == [fingerprint(long), long[1:]]
    assert told("A1", octets=long) == "=1"
    assert told("A2", octets=long[1:]) == "=2"
    assert told("A1", octets=long[2:]) == "new"
