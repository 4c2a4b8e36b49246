"""Segments of one message are joined, whatever else comes under its reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import REMEMBERED_FOR, GatheringKey
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.series import (
    ABANDONED_AFTER,
    HELD_FOR,
    MOST_RIVALS,
    AccountRoom,
)
from tests.relay.accept.segments_told import BEFORE, ONE, TWO, Bind, Told, key_of, part, put
from tests.relay.fakes import NOW

# -- one message ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_segments_come_in_any_order(order: tuple[int, ...]) -> None:
    gather, key = Gather(), key_of(3)
    placed = [put(gather, key, part(10 + n, n)) for n in order]
    assert [each.whole for each in placed[:2]] == [(), ()]
    assert [s.message_id for s in placed[2].whole] == [11, 12, 13]
    assert len(gather) == 0


@pytest.mark.parametrize(
    "other",
    [
        key_of(source="SHOP"),
        key_of(reference=8),
        key_of(total=3),
        key_of(system_id="shop"),
        replace(key_of(), kind="udh16"),
        replace(key_of(), udh=b"\x02\x70\x00"),
        replace(key_of(), destination=Address("243810000002", 1, 1)),
    ],
)
def test_what_differs_is_another_message(other: GatheringKey) -> None:
    gather = Gather()
    assert put(gather, key_of(), part(1, 1)).whole == put(gather, other, part(2, 2)).whole == ()
    assert len(gather) == 2


def test_the_same_segment_again_is_known() -> None:
    gather, key, first = Gather(), key_of(), part(1, 1, b"hello")
    assert put(gather, key, first).segment is first
    assert put(gather, key, part(2, 1, b"hello")).segment is first
    assert put(gather, key, part(2, 1, b"hello"), session=TWO).segment is first
    assert put(gather, key, part(2, 1, b"other")).segment is not first


# -- a reference that is used again ---------------------------------------------------------------


def test_a_segment_repeated_after_its_message_is_whole_is_known_and_no_part_of_the_next() -> None:
    told = Told()
    assert told.all("A1", "A2", "A2", "B1", "B2", "C1", "C2", "C1", "A1") == [
        *("new", "A1 A2", "=2"),
        *("new", "B1 B2"),
        *("new", "C1 C2", "=6", "=1"),
    ]
    assert told.ended == []
    assert len(told.gather) == 0


def test_all_that_a_lost_session_left_unanswered_is_known_when_it_is_sent_again() -> None:
    told = Told()
    told.all("A1", "A2", "B1", "B2", "C1")
    assert told.all("A1", "A2", "B1", "B2", "C1", "C2", session=TWO) == [
        *("=1", "=2", "=3", "=4", "=5"),
        "C1 C2",
    ]


def test_a_segment_is_remembered_for_a_minute() -> None:
    told = Told()
    told.all("A1", "A2")
    told.now += REMEMBERED_FOR - 0.5
    assert told.expire() == []
    assert told("A2") == "=2"
    assert told.gather.remembered == 1
    told.now += 0.5
    assert told.expire() == []
    assert told.gather.remembered == 0
    assert told.gather._series == {}
    assert told("A1") == "new"


def test_texts_may_end_alike() -> None:
    told = Told()
    assert [told("A1"), told("A2", octets=b"bye")] == ["new", "A1 A2"]
    assert [told("B1"), told("B2", octets=b"bye")] == ["new", "new"]  # or A2 again?
    assert told("B2", octets=b"bye") == "=4"
    assert [told("C1"), told("C2", octets=b"bye")] == ["new", "new"]
    assert told.ended == ["B1 B2"]
    told.now += HELD_FOR - 0.5
    assert told.expire() == []
    told.now += 0.5
    assert told.expire() == ["C1 C2"]
    assert told("C2", octets=b"bye") == "=7"


def test_texts_may_begin_alike() -> None:
    told = Told(3)
    told.all("A1", "A2", "A3")
    assert [told("B1", octets=b"A1"), told("B2", octets=b"A2")] == ["=1", "=2"]  # or A again?
    assert told("B3") == "B1 B2 B3"
    assert [told("C1", octets=b"A1"), told("C2"), told("C3")] == ["=1", "new", "C1 C2 C3"]
    assert [told("C1", octets=b"A1"), told("C2"), told("C3")] == ["=1", "=8", "=9"]
    assert [told("D1", octets=b"A1"), told("D2")] == ["=1", "new"]
    assert [told("D3", octets=b"C3"), told.expire()] == ["new", []]
    told.now += HELD_FOR
    assert told.expire() == ["D1 D2 D3"]
    assert told.ended == []
    assert (told.room.open, told.room.octets) == (0, 0)


def test_the_beginning_of_a_message_is_all_that_was_before_and_from_one_session() -> None:
    told = Told(3)
    told.all("A1", "A2", "A3")
    assert told.all("A2", "B3") == ["=2", "no"]
    assert told.all("A1", "B3") == ["=1", "no"]
    assert told.all("A1", "A3", "B2") == ["=1", "=3", "no"]
    assert [told("A1", ONE), told("C2", TWO)] == ["=1", "no"]
    assert [told("A1", ONE), told("A2", TWO), told("C3", TWO)] == ["=1", "=2", "no"]
    assert told.all("A1", "D1", "D2", "D3") == ["=1", "new", "new", "D1 D2 D3"]
    assert told.all("A1") == ["=1"]
    told.now += ABANDONED_AFTER
    assert told.all("E2") == ["no"]
    assert told.ended == []


def test_a_session_goes_on_with_what_it_began_and_not_with_the_message_of_another() -> None:
    told = Told()
    told.all("A1", "A2")
    told("D1", TWO)
    assert [told("A1", ONE), told("B2", ONE)] == ["=1", "A1 B2"]
    assert told("D2", TWO) == "D1 D2"
    assert told.ended == []


def test_of_two_messages_that_a_session_may_go_on_with_none_is_sent() -> None:
    told = Told()
    told.all("A1", "A2", "D1")  # and D2 was refused
    assert told.all("A1", "B2") == ["=1", "no"]
    assert told.ended == ["D1"]
    assert told.all("A1", "B2") == ["=1", "A1 B2"]


def test_the_segments_of_a_beginning_have_had_their_receipts() -> None:
    told = Told()
    told.all("A1", "A2")
    again, new = part(8, 1, b"A1"), part(9, 2, b"B2")
    assert put(told.gather, told.key, again, 100.0).segment.message_id == 1
    placed = put(told.gather, told.key, new, 100.0)
    assert [(s.message_id, s.registered_delivery) for s in placed.whole] == [(8, 0), (9, 1)]
    assert placed.begun == [again]
    assert {s.opened_by for s in placed.whole} == {8}


def test_a_segment_repeated_after_the_next_message_began_is_no_part_of_the_next_message() -> None:
    told = Told()
    told.all("A1", "A2", "B1")
    assert told.all("A2", "B2") == ["new", "B1 B2"]
    assert told.ended == ["A2"]
    assert told.all("B2", "B1", "C1", "C2") == ["=5", "=3", "new", "C1 C2"]
    assert told.ended == ["A2"]
    assert (told.room.open, told.room.octets) == (0, 0)


def test_a_refused_segment_that_comes_again_is_no_part_of_the_next_message() -> None:
    told = Told()
    told.all("A1", "A2")
    assert told.all("B2", "B2", "C1", "B2", "C2") == ["no", "no", "new", "new", "C1 C2"]
    assert told.ended == ["B2"]
    assert told.gather.remembered == 3
    assert told.all("D2", "D1", "D2", "E1", "E2") == ["no", "new", "new", "new", "E1 E2"]
    assert told.ended == ["B2", "D1 D2"]  # unless it was of the message that began after it


def test_an_echo_is_none_once_its_message_goes_on() -> None:
    told = Told(3)
    told.all("A1", "A2", "A3", "B1")
    assert told("B2", octets=b"A2") == "new"
    assert told.all("B3", "C1", "C2", "C3") == ["B1 B2 B3", "new", "new", "C1 C2 C3"]
    assert told.ended == []
    told.all("D1")
    told("D2", octets=b"C2")
    assert told("D2") == "new"
    assert told("D3") == "D1 D2 D3"
    assert told.ended == ["D2"]


def test_a_message_that_is_held_over_a_restart_is_joined_after_it() -> None:
    told = Told()
    parts = [replace(part(n, n), opened_by=1) for n in (1, 2)]
    told.gather.restore([(told.key, each) for each in parts], [], NOW, 0.0)
    late = told.gather.expired(HELD_FOR, {"bank": 300.0}, BEFORE)
    assert [(each.complete, len(each.segments)) for each in late] == [(True, 2)]


def test_a_repeated_segment_is_no_part_of_what_another_session_sends() -> None:
    told = Told()
    told.all("A1", "A2", "B1")
    assert told("A2", TWO) == "=2"
    assert told("B2") == "B1 B2"


def test_a_repeated_last_segment_is_no_part_of_a_message_that_is_not_so_far() -> None:
    told = Told(3)
    told.all("A1", "A2", "A3", "B1")
    assert told.all("A3", "B2", "B3") == ["=3", "new", "B1 B2 B3"]


def test_another_text_under_a_number_belongs_to_a_new_message() -> None:
    told = Told(3)
    assert told.all("A1", "A2", "B1", "B2", "A2") == ["new", "new", "new", "new", "=2"]
    assert len(told.gather) == 2
    told = Told()
    told("A1")
    told.now += ABANDONED_AFTER
    assert told.all("B1", "B2", "A1") == ["new", "B1 B2", "new"]
    assert told.ended == ["A1"]
    told = Told()
    told("A1")
    told.now += ABANDONED_AFTER - 0.5
    assert told.all("B1", "B2") == ["new", "no"]
    assert told.ended == ["A1", "B1"]


def test_a_later_segment_of_another_text_ends_nothing() -> None:
    told = Told(3)
    told.all("A1", "A2")
    told.now += ABANDONED_AFTER
    assert told.all("B2", "A3") == ["no", "A1 A2 A3"]
    assert told.ended == []


def test_a_session_that_repeats_a_segment_goes_on_with_its_message() -> None:
    told = Told()
    told.all("A1", "B1", session=ONE)
    assert told("B1", TWO) == "=2"
    assert told("A2", ONE) == "A1 A2"
    assert told("B2", TWO) == "B1 B2"


def test_of_two_messages_at_once_each_session_goes_on_with_its_own() -> None:
    told = Told()
    assert [told("A1", ONE), told("B1", TWO)] == ["new", "new"]
    assert [told("A2", ONE), told("B2", TWO)] == ["A1 A2", "B1 B2"]
    assert told.ended == []


def test_of_two_messages_at_once_on_one_session_none_is_sent_rather_than_a_mixture() -> None:
    told = Told()
    assert told.all("A1", "B1", "A2", "B2", "C1", "C2") == [
        *("new", "new", "no", "no"),
        *("new", "C1 C2"),
    ]
    assert told.ended == ["A1", "B1"]


def test_a_session_that_sends_neither_of_two_messages_can_go_on_with_neither() -> None:
    told = Told()
    told("A1", ONE)
    told("B1", TWO)
    assert told("A2", Bind()) == "no"
    assert told.ended == ["A1", "B1"]


def test_only_one_of_two_messages_may_lack_the_segment() -> None:
    told = Told(3)
    assert told.all("A1", "A2", "B1", "B2") == ["new"] * 4
    assert told("B3") == "no"
    assert told.ended == ["A1 A2", "B1 B2"]


def test_under_a_reference_used_again_a_message_begins_with_its_first_segment() -> None:
    told = Told()
    told.all("A1", "A2")
    assert told.all("B2", "C1", "C2") == ["no", "new", "C1 C2"]
    told = Told(3)
    told.all("A1", "A2")
    assert told.all("B2", "A3") == ["no", "A1 A2 A3"]
    assert told.ended == []


def test_what_comes_after_its_message_has_ended_opens_no_other() -> None:
    told = Told()
    told("A1")
    told.now += 300.0
    assert told.expire() == ["A1"]
    assert told.all("A2", "B1", "B2") == ["no", "new", "B1 B2"]
    told.now += REMEMBERED_FOR
    assert told.expire() == []
    assert told("A2") == "new"


def test_a_series_has_only_so_many_gatherings() -> None:
    told = Told()
    names = [f"{letter}1" for letter in "ABCDEFG"]
    assert told.all(*names) == ["new"] * 7
    assert told.ended == ["A1", "B1", "C1"]
    assert len(told.gather) == MOST_RIVALS


# -- any order ------------------------------------------------------------------------------------


@given(st.data())
def test_any_interleaving_joins_each_message_once(data: st.DataObject) -> None:
    totals = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    keys = [key_of(total, reference) for reference, total in enumerate(totals)]
    parts = [(n, number) for n, total in enumerate(totals) for number in range(1, total + 1)]
    repeated = parts + data.draw(st.lists(st.sampled_from(parts), max_size=4))
    gather, joined = Gather(), {}
    came: set[tuple[int, int]] = set()
    for message_id, (n, number) in enumerate(data.draw(st.permutations(repeated)), 1):
        made = part(message_id, number, b"%d.%d" % (n, number))
        placed = put(gather, keys[n], made)
        assert (placed.segment is not made) == ((n, number) in came)
        came.add((n, number))
        if placed.whole:
            assert n not in joined
            joined[n] = b" ".join(s.octets for s in placed.whole)
    assert joined == {
        n: b" ".join(b"%d.%d" % (n, number) for number in range(1, total + 1))
        for n, total in enumerate(totals)
    }
    assert len(gather) == 0
    gather.expired(REMEMBERED_FOR, {}, BEFORE)
    assert gather._series == {}
    assert gather._rooms == {"bank": AccountRoom()}


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(1, 3), st.booleans()), max_size=40))
def test_whatever_comes_under_one_reference_the_counts_are_right_and_end_at_nothing(
    sent: list[tuple[str, int, bool]],
) -> None:
    told = Told(3)
    for at, (letter, number, first) in enumerate(sent):
        told.now = at * 1.0
        told(f"{letter}{number}", ONE if first else TWO)
        told.expire()
    room = told.gather._room("bank")
    assert told.gather.remembered == len(room.memory)
    assert room.open == len(told.gather) == len({*told.gather._open})
    assert room.octets == sum(len(s.octets) for g in told.gather._open for s in g.segments.values())
    assert sum(len(series.memory) for series in told.gather._series.values()) == len(room.memory)
    told.now += 1_000.0
    told.expire()
    told.expire()
    told.now += 1_000.0
    told.expire()
    assert told.gather._series == {}
