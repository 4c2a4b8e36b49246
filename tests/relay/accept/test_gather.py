from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import REMEMBERED_FOR, GatheringKey, Segment, fingerprint
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept import gather as gathering
from smppbridge.relay.accept import gatherings
from smppbridge.relay.accept.gather import Gather, Placed
from smppbridge.relay.accept.series import (
    ABANDONED_AFTER,
    HELD_FOR,
    LONGEST_REMEMBERED,
    MOST_IN_MEMORY,
    MOST_RIVALS,
    ORPHANED_AFTER,
    AccountRoom,
    in_order,
)
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.fakes import NOW, segment


class Bind:
    """A session: only its identity matters."""


ONE, TWO = Bind(), Bind()
BEFORE = -1.0  # UNIX seconds: no segment has expired


def key_of(
    total: int = 2, reference: int = 7, source: str = "BANK", system_id: str = "bank"
) -> GatheringKey:
    return GatheringKey(
        system_id, Address(source, 5, 0), Address("243810000001", 1, 1), "udh8", reference, total
    )


def part(message_id: int, number: int, octets: bytes = b"x", at: float = 0.0) -> Segment:
    return segment(message_id, number, octets=octets, received_at=NOW + at)


def put(
    gather: Gather, key: GatheringKey, made: Segment, at: float = 0.0, session: object = ONE
) -> Placed:
    """Receive a segment that has a place."""
    placed = gather.receive(key, made, session, at)
    assert placed.refusal is None
    return placed


def status(placed: Placed) -> int:
    assert placed.refusal is not None
    return placed.refusal.status


class Told:
    """Receives segments by name: the message's letter and the segment's number, as in A1.

    A name is answered with "new", with the name of the segment that it repeats, with the names of
    the message that it completes, or with "no"; *ended* are the names of messages that ended.
    """

    def __init__(self, total: int = 2, gather: Gather | None = None) -> None:
        self.gather, self.key, self.now = gather or Gather(), key_of(total), 100.0
        self.names: dict[int, str] = {}
        self.ended: list[str] = []

    def __call__(self, name: str, session: object = ONE, octets: bytes = b"") -> str:
        message_id = len(self.names) + 1
        self.names[message_id] = name
        made = part(message_id, int(name[1:]), octets or name.encode())
        placed = self.gather.receive(self.key, made, session, self.now)
        self.ended += [self._named(in_order(each)) for each in placed.ended]
        if placed.refusal is not None:
            assert placed.refusal.status == Status.ESME_RSUBMITFAIL
            return "no"
        if placed.segment is not made:
            return f"={placed.segment.message_id}"
        return self._named(placed.whole) or "new"

    @property
    def room(self) -> AccountRoom:
        return self.gather._rooms[self.key.system_id]

    def all(self, *names: str, session: object = ONE) -> list[str]:
        return [self(name, session) for name in names]

    def expire(self, timeout: float = 300.0) -> list[str]:
        late = self.gather.expired(self.now, {"bank": timeout}, BEFORE)
        return [self._named(in_order(each)) for each in late]

    def _named(self, whole: Sequence[Segment]) -> str:
        return " ".join(self.names[each.message_id] for each in whole)


# -- one message ------------------------------------------------------------------------------


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


# -- a reference that is used again -------------------------------------------------------------


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


# -- time ---------------------------------------------------------------------------------------


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


# -- room ---------------------------------------------------------------------------------------


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


# -- what the store failed to record, and what it held -----------------------------------------


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


# -- any order -------------------------------------------------------------------------------------


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
