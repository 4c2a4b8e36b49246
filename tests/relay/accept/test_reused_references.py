"""A reference of a long message that is used again."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.outcome import Refused
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.series import ABANDONED_AFTER, HELD_FOR
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from tests.relay.accept.long_messages import restarted, slow, states, texts
from tests.relay.fakes import FakeReceiver, World, sar, segment_sm, submit_sm

# -- a reference that is used again --------------------------------------------------------------


def name(text: bytes, world: World, session: Any = None, *, by_sar: bool = False) -> Any:
    """Submit a segment by name, as A1: return its status and message_id."""
    session = session or world.session()
    number = int(text[1:2])
    pdu = submit_sm(text, tlvs=sar(7, 2, number)) if by_sar else segment_sm(number, 2, text)
    world.take(session, pdu)
    return session.answers[-1][1:]


@pytest.mark.parametrize("by_sar", [True, False])
def test_a_repeated_segment_gets_its_old_id_and_is_no_part_of_the_next_message(
    by_sar: bool,
) -> None:
    world = World()
    session = world.session()
    sent = [b"A1", b"A2", b"A2", b"B1", b"B2", b"C1", b"C2"]
    answers = [name(text, world, session, by_sar=by_sar) for text in sent]
    assert texts(world) == ["A1A2", "B1B2", "C1C2"]
    assert answers[2] == answers[1]
    assert {status for status, _ in answers} == {0}
    assert len({message_id for _, message_id in answers}) == 6
    world.clock.now += 1_000.0
    world.expire_segments()
    assert states(world) == {}  # nothing waited in vain


@pytest.mark.parametrize("restarts", [range(1, 7), range(3, 4), range(2, 3)])
def test_a_repeated_segment_is_known_on_both_sides_of_a_restart(restarts: range) -> None:
    world, answers = World(), []
    for at, text in enumerate([b"A1", b"A2", b"A2", b"B1", b"A1", b"B2", b"B2"]):
        if at in restarts:
            world = restarted(world)
        answers.append(name(text, world))
    assert texts(world) == ["A1A2", "B1B2"]
    assert (answers[2], answers[4], answers[6]) == (answers[1], answers[0], answers[5])


def test_segments_gathered_before_a_restart_are_joined_after_it() -> None:
    before = World()
    before.sent(segment_sm(1, 2, b"a"))
    after = restarted(before)
    after.sent(segment_sm(2, 2, b"b"))
    assert texts(after) == ["ab"]


def test_a_segment_is_known_before_its_message_is_on_disk_and_not_if_it_never_was() -> None:
    world = slow()
    session, again, later = world.session(), world.session(), world.session()
    world.take(session, segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b", sequence_number=2))
    world.take(again, segment_sm(2, 2, b"b"))
    assert again.answers == []
    world.store.fail(1)
    world.store.commit()
    assert again.answers == [(1, Status.ESME_RSYSERR, 0)]
    world.store.at_once = True
    world.take(later, segment_sm(2, 2, b"b"), segment_sm(1, 2, b"a", sequence_number=2))
    assert [status for _, status, _ in later.answers] == [0, 0]
    assert texts(world) == ["ab"]


def test_interleaved_on_one_session_neither_of_two_messages_is_sent_mixed() -> None:
    world = World()
    session = world.session()
    answers = [name(text, world, session) for text in (b"A1", b"B1", b"A2", b"B2", b"C1", b"C2")]
    fails = Status.ESME_RSUBMITFAIL
    assert [status for status, _ in answers] == [0, 0, fails, fails, 0, 0]
    assert texts(world) == ["C1C2"]
    assert states(world) == {answers[0][1]: M.EXPIRED, answers[1][1]: M.EXPIRED}
    assert world.said.counts["gathering_expired", "bank"] == 2
    assert world.noted.reasons[Reason.SEGMENTS_MISSING, "bank"] == 2
    assert world.noted.reasons[Reason.LOST_SEGMENT, "bank"] == 2


def test_interleaved_on_two_sessions_each_message_is_whole() -> None:
    world = World()
    one, two = world.session(), world.session()
    for text, session in ((b"A1", one), (b"B1", two), (b"A2", one), (b"B2", two)):
        assert name(text, world, session)[0] == 0
    assert texts(world) == ["A1A2", "B1B2"]


@pytest.mark.parametrize("restarts", [False, True])
def test_texts_that_end_alike_are_sent_after_a_moment(restarts: bool) -> None:
    world = World()
    session = world.session()
    for n, text in ((1, b"A"), (2, b"bye"), (1, b"B"), (2, b"bye")):
        world.take(session, segment_sm(n, 2, text))
    assert len(set(session.ids())) == 4
    assert texts(world) == ["Abye"]
    if restarts:
        world = restarted(world)
    world.clock.now += HELD_FOR
    world.expire_segments()
    assert texts(world) == ["Abye", "Bbye"]
    assert states(world) == {}
    assert world.said.counts["gathering_expired", "bank"] == 0
    assert len(world.wire.sent) == (1 if restarts else 2)


def test_texts_that_end_alike_are_sent_when_the_next_begins() -> None:
    world = World()
    session = world.session()
    for n, text in ((1, b"A"), (2, b"bye"), (1, b"B"), (2, b"bye"), (1, b"C")):
        world.take(session, segment_sm(n, 2, text))
    assert texts(world) == ["Abye", "Bbye"]
    assert len(world.accept.gather) == 1


def test_a_message_that_begins_as_the_one_before_is_sent_and_has_receipts_of_what_is_new() -> None:
    world = World()
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    session = world.session()
    for number, octets in ((1, b"Dear "), (2, b"Ann"), (1, b"Dear "), (2, b"Bob")):
        world.take(session, segment_sm(number, 2, octets))
    first, second, again, new = session.ids()
    assert again == first
    assert texts(world) == ["Dear Ann", "Dear Bob"]
    assert world.store.segments == {}
    for message in [row.message for row in world.store.messages.values()]:
        world.wire.answer((message.message_id, Refused("no")))
    assert receiver.ids() == [first, second, new]


def test_a_beginning_that_waits_for_its_third_segment_is_on_disk() -> None:
    world = World()
    session = world.session()
    for number, octets in ((1, b"a"), (2, b"b"), (3, b"c"), (1, b"a"), (2, b"B")):
        world.take(session, segment_sm(number, 3, octets))
    after = restarted(world)
    after.take(after.session(), segment_sm(3, 3, b"C"))
    assert texts(after) == ["abc", "aBC"]


def test_a_beginning_that_was_not_written_is_as_if_it_never_came() -> None:
    world = World()
    session = world.session()
    for number, octets in ((1, b"a"), (2, b"b"), (3, b"c"), (1, b"a")):
        world.take(session, segment_sm(number, 3, octets))
    world.store.failing = True
    world.take(session, segment_sm(2, 3, b"B"))
    world.store.failing = False
    assert session.answers[-1][1] == Status.ESME_RSYSERR
    assert len(world.accept.gather) == 0
    for number, octets in ((1, b"a"), (2, b"B"), (3, b"C")):
        world.take(session, segment_sm(number, 3, octets))
    assert texts(world) == ["abc", "aBC"]


def test_a_segment_that_is_repeated_late_is_no_part_of_the_next_message() -> None:
    world = World()
    session = world.session()
    answers = [name(text, world, session) for text in (b"A1", b"A2", b"B1", b"A2", b"B2")]
    assert texts(world) == ["A1A2", "B1B2"]
    assert {status for status, _ in answers} == {0}
    assert states(world) == {answers[3][1]: M.EXPIRED}


def test_an_echo_that_was_not_recorded_is_none() -> None:
    world = World()
    session = world.session()
    for text in (b"A1", b"A2", b"B1"):
        name(text, world, session)
    world.store.failing = True
    assert name(b"A2", world, session)[0] == Status.ESME_RSYSERR
    world.store.failing = False
    assert name(b"B2", world, session)[0] == 0
    assert texts(world) == ["A1A2", "B1B2"]
    assert states(world) == {}


def test_an_abandoned_message_ends_when_the_next_begins() -> None:
    world = World()
    old = name(b"A1", world)
    world.clock.now += ABANDONED_AFTER
    assert [name(text, world)[0] for text in (b"B1", b"B2")] == [0, 0]
    assert texts(world) == ["B1B2"]
    assert states(world) == {old[1]: M.EXPIRED}


def test_what_ended_is_open_again_if_the_store_failed_with_the_segment_that_ended_it() -> None:
    world = slow()
    session = world.session()
    for text in (b"A1", b"B1"):
        name(text, world, session) if session.answers else world.take(
            session, segment_sm(1, 2, text)
        )
        world.store.commit()
    world.take(session, segment_sm(2, 2, b"A2"))
    world.store.fail()
    assert session.answers[-1][1] == Status.ESME_RSUBMITFAIL
    assert len(world.accept.gather) == 2
    assert world.said.counts["gathering_expired", "bank"] == 0
    world.store.at_once = True
    world.take(session, segment_sm(2, 2, b"A2"))
    assert states(world) == dict.fromkeys(session.ids(), M.EXPIRED)
