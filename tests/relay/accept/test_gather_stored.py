"""Segments that the store failed to record, and those that it held."""

from __future__ import annotations

from dataclasses import replace

from smppbridge.model.message import REMEMBERED_FOR, fingerprint
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.series import (
    in_order,
)
from tests.relay.accept.segments_told import BEFORE, ONE, TWO, Told, key_of, part, put
from tests.relay.fakes import NOW


def test_a_segment_that_was_not_written_is_as_if_it_never_came() -> None:
    gather, key = Gather(), key_of(3)
    one, two, three = (part(n, n, b"%d" % n) for n in (1, 2, 3))
    put(gather, key, one)
    gather.take_back(key, one, (), 0.0)
    assert (len(gather), gather._series) == (0, {})
    put(gather, key, one)
    put(gather, key, two)
    whole = put(gather, key, three).whole
    two.message_id = three.message_id = 0  # written neither
    gather.take_back(key, three, whole, 0.0)
    assert put(gather, key, replace(one, message_id=8)).segment is one
    again = part(4, 2, b"2")
    assert put(gather, key, again).segment is again
    assert len(put(gather, key, part(5, 3, b"3")).whole) == 3
    assert put(gather, key, part(6, 3, b"3")).segment.message_id == 5


def test_nothing_is_remembered_of_a_message_that_was_not_written() -> None:
    told = Told()
    whole = [part(n, n, b"A%d" % n) for n in (1, 2)]
    for each in whole:
        put(told.gather, told.key, each)
    for each in whole:
        each.message_id = 0
    told.gather.take_back(told.key, whole[1], whole, 0.0)
    told.gather.take_back(told.key, whole[0], (), 0.0)
    assert told.gather._series == {}
    assert told.all("A2", "A1") == ["new", "A1 A2"]  # as a message that is new
    told.now += REMEMBERED_FOR
    told.expire()
    assert told.gather._series == {}


def test_only_the_message_that_was_not_written_is_forgotten() -> None:
    told = Told()
    told.all("A1", "A2")
    whole = [part(n, n - 10, b"B%d" % (n - 10)) for n in (11, 12)]
    for each in whole:
        put(told.gather, told.key, each, told.now)
    told.all("C1", "C2")
    for each in whole:
        each.message_id = 0
    told.gather.take_back(told.key, whole[1], whole, told.now)
    assert told.all("A2", "C1", "C2", "A1") == ["=2", "=3", "=4", "=1"]
    assert told.all("B1", "B2") == ["new", "B1 B2"]


def test_a_gathering_whose_end_was_not_written_is_open_as_before() -> None:
    told = Told()
    told("A1", octets=b"first")
    told.now += 300.0
    (late,) = told.gather.expired(told.now, {"bank": 300.0}, BEFORE)
    assert (told.room.open, told.room.octets) == (0, 0)
    told.gather.reopen(late)
    assert (told.room.open, told.room.octets) == (1, 5)
    assert told.expire() == ["A1"]


def test_the_octets_of_a_segment_that_was_not_written_are_room_again() -> None:
    gather, big = Gather(), part(2, 2, bytes(8 * 1024 * 1024 - 1))
    put(gather, key_of(3), part(1, 1, b"x"))
    for _ in range(2):  # the store fails, the ESME sends it again
        put(gather, key_of(3), big)
        gather.take_back(key_of(3), big, (), 0.0)
    put(gather, key_of(3), big)
    assert gather.receive(key_of(reference=8), part(3, 1, b"y"), ONE, 0.0).refusal


def test_what_the_store_kept_is_taken_back() -> None:
    told = Told(3)
    stored = [(told.key, replace(part(n, n), opened_by=9)) for n in (1, 2)]
    told.gather.restore(stored, [], NOW + 0.5, 100.0)
    (gathered,) = told.gather._open  # also if the segment that opened it was not written
    assert (gathered.latest, gathered.doubtful, gathered.session) == (99.5, False, None)
    assert len(put(told.gather, told.key, part(3, 3), 100.0).whole) == 3


def test_two_messages_under_one_key_are_two_after_a_restart() -> None:
    told = Told(3)
    assert told.all("A1", "B1", "A2", "C1") == ["new", "new", "no", "new"]
    told = Told(3)
    before = [part(n, number, b"%d" % n) for n, number in ((1, 1), (2, 1), (3, 2))]
    for each, opened_by in zip(before, (1, 2, 1), strict=True):
        each.opened_by = opened_by
    told.gather.restore([(told.key, each) for each in before], [], NOW, 0.0)
    assert [[s.message_id for s in in_order(g)] for g in told.gather._open] == [[1, 3], [2]]


def test_segments_of_joined_messages_are_known_after_a_restart() -> None:
    told = Told()
    joined = [
        (told.key, part(n, n, b"", at=at), fingerprint(b"A%d" % n)) for n, at in ((1, -5), (2, -4))
    ]
    old = (key_of(reference=8), part(3, 1, at=-REMEMBERED_FOR), 0)
    told.gather.restore([], [old, *joined], NOW, 1_000.0)
    assert told.gather.remembered == 2
    told.now, told.names = 1_000.0, dict.fromkeys(range(9), "")
    assert told.all("A2", "A1") == ["=2", "=1"]
    assert [told("B2", TWO), told("B1", TWO)] == ["no", "new"]
    told.now = 1_000.0 + REMEMBERED_FOR - 4.5
    told.expire()
    assert told.gather.remembered == 2  # A2, and B2 that was refused


def test_after_a_step_back_of_the_wall_clock_what_was_stored_is_of_now() -> None:
    told = Told()
    future = part(1, 1, b"A1", at=3_600.0)
    told.gather.restore(
        [(key_of(reference=8), future)], [(told.key, future, fingerprint(b"A1"))], NOW, 50.0
    )
    (gathered,) = told.gather._open
    assert (gathered.latest, told.room.memory[0].at) == (50.0, 50.0)
    told.now = 50.0 + REMEMBERED_FOR
    told.expire()
    assert told.gather.remembered == 0
