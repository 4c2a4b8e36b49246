"""A long message with missing segments ends EXPIRED at the deadline of any segment."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.times import format_absolute
from tests.relay.fakes import NOW, World, segment_sm

MINUTE, LONGER, ZERO = b"000000000100000R", b"000000000200000R", b"000000000000000R"
AT_60 = format_absolute(NOW + 60.0)
NONE = b""


def states(world: World) -> dict[int, int]:
    return {d.message_id: d.state for d in world.store.unfinished()}


def waiting(*validities: bytes, **account: Any) -> tuple[World, list[int]]:
    """Return a world that has had all segments of a message but the last, a second apart."""
    world, ids = World(**account), []
    for n, validity in enumerate(validities, 1):
        pdu = segment_sm(n, len(validities) + 1, b"%d" % n, validity_period=validity)
        ids += [message_id for _, _, message_id in world.sent(pdu)]
        world.clock.now += 1.0
    world.clock.now = NOW + len(validities) - 1.0
    return world, ids


def passed(world: World, seconds: float) -> None:
    world.clock.now = NOW + seconds
    world.expire_segments()


@pytest.mark.parametrize(
    ("validities", "deadline"),
    [
        ((MINUTE,), 60.0),
        ((MINUTE, NONE), 60.0),
        ((NONE, MINUTE), 61.0),
        ((NONE, MINUTE, NONE), 61.0),
        ((NONE, NONE, AT_60), 60.0),
        ((AT_60, AT_60, AT_60), 60.0),
        ((MINUTE, MINUTE, MINUTE), 60.0),
        ((MINUTE, LONGER), 60.0),  # of two deadlines that of the first segment
        ((LONGER, MINUTE), 120.0),
        ((ZERO, MINUTE), 61.0),  # nothing is no deadline
        ((MINUTE, ZERO), 60.0),
    ],
)
@pytest.mark.parametrize("when", ["fail", "send"])
@pytest.mark.parametrize("restarts", [False, True])
def test_the_deadline_of_the_segments_ends_their_message(
    validities: tuple[bytes, ...], deadline: float, when: str, restarts: bool
) -> None:
    world, ids = waiting(*validities, when_incomplete=when)
    if restarts:
        before, world = world, World(store=world.store, now=world.clock.now, when_incomplete=when)
        world.accept._identifiers._last = before.accept._identifiers._last
        world.restore_segments()
    passed(world, deadline - 0.5)
    assert states(world) == {}
    passed(world, deadline)
    assert states(world) == dict.fromkeys(ids, M.EXPIRED)
    assert not world.wire.sent
    assert (len(world.accept.gather), world.lane_set.depth) == (0, 0)


def test_a_later_first_segment_has_the_deadline() -> None:
    world = World()
    [(_, _, second)] = world.sent(segment_sm(2, 3, b"b", validity_period=LONGER))
    [(_, _, first)] = world.sent(segment_sm(1, 3, b"a", validity_period=MINUTE))
    passed(world, 60.0)
    assert states(world) == {first: M.EXPIRED, second: M.EXPIRED}


def test_an_account_whose_messages_live_shorter_than_segments_wait() -> None:
    world, [first] = waiting(NONE, validity=30.0)
    passed(world, 29.0)
    assert states(world) == {}
    passed(world, 30.0)
    assert states(world) == {first: M.EXPIRED}


def test_segments_wait_no_longer_than_they_did_for_a_late_deadline() -> None:
    world, [first] = waiting(b"000001000000000R", gather_timeout=50.0)
    passed(world, 49.0)
    assert states(world) == {}
    passed(world, 50.0)
    assert states(world) == {first: M.EXPIRED}


def test_a_schedule_keeps_the_account_s_validity_from_ending_a_gathering() -> None:
    world = World(validity=30.0)
    late = format_absolute(NOW + 100.0)
    [(_, _, first)] = world.sent(segment_sm(1, 2, b"a", schedule_delivery_time=late))
    passed(world, 129.0)
    assert states(world) == {}
    passed(world, 130.0)
    assert states(world) == {first: M.EXPIRED}


def test_a_segment_that_the_store_did_not_keep_leaves_no_deadline() -> None:
    world = World()
    [(_, _, first)] = world.sent(segment_sm(1, 3, b"a"))
    world.store.failing = True
    world.sent(segment_sm(2, 3, b"b", validity_period=MINUTE))
    world.store.failing = False
    passed(world, 100.0)
    assert states(world) == {}
    [(_, status, second)] = world.sent(segment_sm(2, 3, b"b", validity_period=MINUTE))
    assert not status
    passed(world, 160.0)
    assert states(world) == {first: M.EXPIRED, second: M.EXPIRED}


def test_a_joined_message_has_the_deadline_of_any_segment() -> None:
    world = World()
    world.sent(segment_sm(1, 2, b"a"))
    world.sent(segment_sm(2, 2, b"b", validity_period=MINUTE))
    (row,) = world.store.messages.values()
    assert row.message.expires_at == NOW + 60.0
    assert row.message.traits.limited
