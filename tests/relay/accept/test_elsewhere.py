from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from smppbridge.model.message import GatheringKey, Segment
from smppbridge.model.outcome import Refused
from smppbridge.relay.accept.elsewhere import take_in
from smppbridge.relay.accept.series import HELD_FOR, ORPHANED_AFTER
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeReceiver, FakeStore, World, segment_sm

FOREVER = 1e9
Handed = list[tuple[GatheringKey, Segment]]


def worlds(*, at_once: bool = True) -> tuple[World, World]:
    """Return two bridges; the ids of the second are above those of the first."""
    here, there = World(store=FakeStore(at_once=at_once)), World()
    there.accept._identifiers._last = 1_000
    return here, there


def sent(world: World, number: int, text: bytes = b"", total: int = 3) -> int:
    """Submit a segment; return its message_id."""
    [(_, status, message_id)] = world.sent(segment_sm(number, total, text or b"%d" % number))
    assert status == Status.ESME_ROK
    return message_id


def released(world: World) -> Handed:
    """Let all gatherings of a world go; return their segments as the store has them."""
    gather = world.accept.gather
    for gathering in gather.waiting(FOREVER):
        gather.release(gathering)
    held = world.store.segments
    return [held.pop(n) for n in sorted(held)]


def taken_in(world: World, handed: Handed) -> None:
    """Take segments of another bridge in; in the store they are this bridge's already."""
    for key, segment in handed:
        world.store.segments[segment.message_id] = key, segment
        world.store.inserted.discard(("segment", segment.message_id))
    clock = world.clock
    copies = [(key, replace(segment)) for key, segment in handed]
    accounts = {"bank": world.rights}
    world.run(take_in(world.accept, copies, accounts, clock.wall(), clock.monotonic()))


def texts(world: World) -> list[str]:
    return [row.message.text for row in world.store.messages.values()]


def states(world: World) -> dict[int, int]:
    return {d.message_id: d.state for d in world.store.unfinished()}


@pytest.mark.parametrize("there_numbers", [(1,), (2,), (3,), (1, 2), (3, 2), (1, 3)])
@pytest.mark.parametrize("late", [False, True])
def test_segments_of_two_bridges_make_one_message(
    there_numbers: tuple[int, ...], late: bool
) -> None:
    """The last one comes here, or from there: the text is whole, and each segment has its id."""
    here, there = worlds()
    receiver = FakeReceiver()
    here.deliver.bound("bank", receiver)
    own = [n for n in (1, 2, 3) if n not in there_numbers]
    ids = {n: sent(there, n) for n in there_numbers}
    first, last = (own[:-1], own[-1:]) if late else (own, [])
    ids |= {n: sent(here, n) for n in first}
    taken_in(here, released(there))
    assert bool(texts(here)) is not late
    ids |= {n: sent(here, n) for n in last}
    assert texts(here) == ["123"]
    assert (len(here.accept.gather), here.store.segments, there.store.messages) == (0, {}, {})
    [row] = here.store.messages.values()
    assert [s.message_id for s in row.message.segments] == [ids[1], ids[2], ids[3]]
    here.wire.answer((row.message.message_id, Refused("no")))
    assert receiver.ids() == [ids[1], ids[2], ids[3]]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_segments_that_are_handed_over_one_by_one(order: tuple[int, ...]) -> None:
    here, there = worlds()
    for number in order:
        sent(there, number)
        taken_in(here, released(there))
    assert texts(here) == ["123"]


def test_a_segment_that_both_have_answered_shares_the_fate_of_the_message() -> None:
    here, there = worlds()
    receiver = FakeReceiver()
    here.deliver.bound("bank", receiver)
    one, two = sent(here, 1), sent(here, 2)
    again, three = sent(there, 2), sent(there, 3)
    taken_in(here, released(there))
    assert texts(here) == ["123"]
    [row] = here.store.messages.values()
    here.wire.answer((row.message.message_id, Refused("no")))
    assert receiver.ids() == [one, two, three, again]
    assert [d.state for _, d in receiver.asked] == [M.REJECTED] * 4


def test_a_repetition_survives_a_restart_and_a_second_hand_over() -> None:
    here, there = worlds()
    sent(here, 1)
    one = sent(there, 1)
    taken_in(here, released(there))
    _, stored = here.store.segments[one]
    assert (stored.repeats, stored.octets) == (True, b"")
    again = World(store=here.store)
    again.restore_segments()
    third = World()
    third.accept._identifiers._last = 2_000
    taken_in(third, released(again))
    for number in (2, 3):
        sent(third, number)
    assert texts(third) == ["123"]
    [row] = third.store.messages.values()
    assert one in [s.message_id for s in row.message.segments]


def test_a_repetition_alone_waits_by_itself() -> None:
    """The segment that it repeats is in another hand-over."""
    here, there = worlds()
    sent(here, 1)
    sent(there, 1)
    taken_in(here, released(there))
    third = World()
    third.accept._identifiers._last = 2_000
    handed = [each for each in released(here) if each[1].repeats]
    taken_in(third, handed)
    third.clock.now += 300.0
    third.expire_segments()
    assert states(third) == {handed[0][1].message_id: M.EXPIRED}


def test_a_message_that_is_whole_is_not_made_again_by_a_segment_of_it() -> None:
    here, there = worlds()
    late = sent(there, 3)
    for number in (1, 2, 3):
        sent(here, number)
    taken_in(here, released(there))
    assert texts(here) == ["123"]
    here.clock.now += ORPHANED_AFTER
    here.expire_segments()
    assert states(here) == {late: M.EXPIRED}
    assert texts(here) == ["123", ""]


def test_a_segment_like_one_of_a_message_before_is_held_for_a_moment() -> None:
    """Two texts under one reference end alike; nobody can know whether it came again."""
    here, there = worlds()
    for number in (1, 2, 3):
        sent(here, number)
    for number, text in ((1, b"one "), (2, b"two ")):
        sent(here, number, text)
    sent(there, 3)
    taken_in(here, released(there))
    assert texts(here) == ["123"]
    here.clock.now += HELD_FOR
    here.expire_segments()
    assert texts(here) == ["123", "one two 3"]


def test_a_segment_that_several_messages_lack_is_none_of_theirs() -> None:
    here, there = worlds()
    sent(here, 1, b"a")
    sent(here, 1, b"b")
    two = sent(there, 2)
    taken_in(here, released(there))
    assert texts(here) == []
    assert len(here.accept.gather) == 3
    here.clock.now += ORPHANED_AFTER
    here.expire_segments()
    assert states(here)[two] == M.EXPIRED


def test_two_messages_there_stay_two() -> None:
    here, there = worlds()
    sent(there, 1, b"a")
    sent(there, 1, b"b")
    sent(here, 3)
    taken_in(here, released(there))
    assert sorted(len(each.segments) for each in here.accept.gather.waiting(FOREVER)) == [1, 2]


def test_segments_wait_from_when_they_were_received() -> None:
    here, there = worlds()
    one = sent(there, 1)
    here.clock.now += 299.0
    taken_in(here, released(there))
    here.expire_segments()
    assert not states(here)
    here.clock.now += 1.0
    here.expire_segments()
    assert states(here) == {one: M.EXPIRED}


@pytest.mark.parametrize("numbers", [(2,), (2, 3)])
def test_segments_that_cannot_be_recorded_come_again(numbers: tuple[int, ...]) -> None:
    """Whether they make the message whole or not."""
    here, there = worlds(at_once=False)
    here.take(here.session(), segment_sm(1, 3, b"1"))
    here.store.commit()
    for number in numbers:
        sent(there, number)
    handed = released(there)
    for key, segment in handed:
        here.store.segments[segment.message_id] = key, segment
    clock, accounts = here.clock, {"bank": here.rights}
    copies = [(key, replace(segment)) for key, segment in handed]
    failed = here.spawn(take_in(here.accept, copies, accounts, clock.wall(), clock.monotonic()))
    here.store.fail()
    assert here.failures.pop().check(StoreFailure)
    assert failed.called
    [open_] = here.accept.gather.waiting(FOREVER)
    assert [*open_.segments] == [1]
    assert here.lanes["one"].out == here.lane_set.depth == 0
    here.store.at_once = True
    taken_in(here, handed)
    for number in {2, 3} - set(numbers):
        sent(here, number)
    assert texts(here) == ["123"]


def test_a_segment_makes_the_message_whole_while_others_are_not_recorded_yet() -> None:
    """They are the message's from then on, and come no more."""
    here, there = worlds(at_once=False)
    here.take(here.session(), segment_sm(1, 3, b"1"))
    here.store.commit()
    sent(there, 2)
    handed = released(there)
    for key, segment in handed:
        here.store.segments[segment.message_id] = key, segment
    clock, accounts = here.clock, {"bank": here.rights}
    here.spawn(take_in(here.accept, handed, accounts, clock.wall(), clock.monotonic()))
    here.take(here.session(), segment_sm(3, 3, b"3"))
    here.store.fail(1)
    assert here.failures.pop().check(StoreFailure)
    assert len(here.accept.gather) == 0
    here.store.commit()
    assert texts(here) == ["123"]


def test_a_segment_that_is_here_already_is_not_taken_twice() -> None:
    here, there = worlds()
    sent(there, 1)
    handed = released(there)
    taken_in(here, handed)
    taken_in(here, handed)
    [open_] = here.accept.gather.waiting(FOREVER)
    assert ([*open_.segments], open_.repeated) == ([1], ())


def test_a_whole_that_cannot_be_read_is_rejected_by_receipts() -> None:
    here, there = worlds()
    ids = [there.sent(segment_sm(1, 2, b"\xd8", data_coding=8))[0][2]]
    ids.append(here.sent(segment_sm(2, 2, b"", data_coding=8))[0][2])
    taken_in(here, released(there))
    assert states(here) == dict.fromkeys(ids, M.REJECTED)
