from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.outcome import Refused
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.series import ABANDONED_AFTER
from smppbridge.routing.rules import Rule
from smppbridge.routing.senders import SenderPolicy
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.constants import Tag
from smppbridge.store import records
from tests.relay.accept.long_messages import restarted, slow, states, texts
from tests.relay.fakes import FakeReceiver, World, sar, segment_sm, submit_sm


def test_each_segment_has_its_own_id_and_its_own_receipt() -> None:
    world = World()
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    bind_1, bind_2 = world.session(), world.session()
    world.take(bind_1, segment_sm(3, 3, b"c"))
    world.take(bind_2, segment_sm(1, 3, b"a"))  # over two binds, out of order
    assert not world.wire.sent
    world.take(bind_1, segment_sm(2, 3, b"b", registered_delivery=0))
    third, second = bind_1.ids()
    (first,) = bind_2.ids()
    (row,) = world.store.messages.values()
    assert row.message.text == "abc"
    assert row.message.message_id == first
    assert [s.message_id for s in row.message.segments] == [first, second, third]
    assert world.store.segments == {}
    world.wire.answer((first, Refused("no")))
    assert [d.state for _, d in receiver.asked] == [M.REJECTED] * 2
    assert receiver.ids() == [first, third]


def test_a_character_cut_in_two_is_whole_again() -> None:
    world = World()
    octets = "né😀".encode("utf-16-be")
    session = world.session()
    parts = (octets[:3], octets[3:6], octets[6:])
    for n, part in enumerate(parts, 1):
        world.take(session, submit_sm(part, data_coding=8, tlvs=sar(300, 3, n)))
    (row,) = world.store.messages.values()
    assert row.message.text == "né😀"


def test_the_first_segment_says_how() -> None:
    world = World()
    session = world.session()
    world.take(session, segment_sm(2, 2, b"b", priority_flag=0))
    world.take(session, segment_sm(1, 2, b"a", priority_flag=3, service_type=b"CMT"))
    (row,) = world.store.messages.values()
    assert (row.message.priority, row.message.traits.service_type) == (3, "CMT")


def reference(number: int) -> tuple[tuple[int, bytes], ...]:
    return (tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, number),)


@pytest.mark.parametrize(
    "given", [(7, 8, 9), (7, None, 9), (None, 8, None), (7, 7, 7), (None, None, None), (0, 7, 7)]
)
@pytest.mark.parametrize("restarted", [False, True])
def test_each_receipt_has_the_reference_of_its_own_segment(
    given: tuple[int | None, ...], restarted: bool
) -> None:
    world = World()
    session = world.session()
    for n, number in enumerate(given, 1):
        marked = () if number is None else reference(number)
        world.take(session, segment_sm(n, 3, b"x", tlvs=marked))
    (row,) = world.store.messages.values()
    if restarted:  # only what is in the row of the message is known again
        row.message.traits = records.read_traits(records.traits_text(row.message.traits))
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    world.wire.answer((row.message.message_id, Refused("no")))
    found = [tlvs.integer(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE) for pdu, _ in receiver.asked]
    assert found == list(given)
    assert bool(row.message.traits.references) == (len(set(given)) > 1)


MINUTE, HOUR, DAYS = b"000000000100000R", b"000000010000000R", b"000002000000000R"


@pytest.mark.parametrize("numbers", [(1, 2, 3), (3, 1, 2)])
@pytest.mark.parametrize(
    ("validity", "schedule", "due", "expires"),
    [
        (["", "", ""], ["", "", ""], 0, 86_400),
        ([DAYS, "", ""], ["", "", ""], 0, 2 * 86_400),  # longer than the account's, on any
        (["", DAYS, ""], ["", "", ""], 0, 2 * 86_400),
        (["", "", HOUR], ["", "", ""], 0, 3_600),
        ([HOUR, "", DAYS], ["", "", ""], 0, 3_600),  # the first that says it
        (["", "", ""], ["", MINUTE, ""], 60, 60 + 86_400),
        (["", "", ""], ["", HOUR, MINUTE], 3_600, 3_600 + 86_400),
        (["", "", HOUR], [MINUTE, "", ""], 60, 3_600),
    ],
)
def test_a_validity_or_schedule_on_any_segment_counts(
    numbers: tuple[int, ...], validity: list[Any], schedule: list[Any], due: int, expires: int
) -> None:
    world = World()
    for n in numbers:
        times: dict[str, Any] = {
            "validity_period": validity[n - 1] or b"",
            "schedule_delivery_time": schedule[n - 1] or b"",
        }
        world.sent(segment_sm(n, 3, b"%d" % n, **times))
        world = restarted(world)
    (row,) = world.store.messages.values()
    assert row.message.text == "123"
    assert row.message.due == world.clock.now + due
    assert row.message.expires_at == world.clock.now + expires


def test_a_message_that_expired_while_it_was_gathered_is_not_sent() -> None:
    world = World()
    world.sent(segment_sm(1, 2, b"a", validity_period=b"000000000100000R"))
    world.clock.now += 60.0
    world.sent(segment_sm(2, 2, b"b"))
    assert not world.wire.sent
    assert set(states(world).values()) == {M.EXPIRED}
    assert world.lane_set.depth == 0


def test_a_repeated_segment_gets_its_first_id_once_that_is_durable() -> None:
    world = slow()
    first, again = world.session(), world.session()
    world.take(first, segment_sm(1, 2, b"a"))
    world.take(again, segment_sm(1, 2, b"a"))
    assert first.answers == again.answers == []
    world.store.commit(1)
    assert again.answers == []
    world.store.commit()
    assert first.ids() == again.ids()
    assert len(world.store.segments) == 1


def test_a_repeated_segment_is_not_rok_when_the_first_was_not_kept() -> None:
    world = slow()
    first, again = world.session(), world.session()
    world.take(first, segment_sm(1, 2, b"a"))
    world.take(again, segment_sm(1, 2, b"a"))
    world.store.fail(1)
    world.store.commit()
    assert first.answers == again.answers == [(1, Status.ESME_RSYSERR, 0)]
    assert world.store.segments == {}


@pytest.mark.parametrize("together", [True, False])
def test_segments_that_were_not_kept_are_new_when_they_come_again(together: bool) -> None:
    world = slow()
    session = world.session()
    pdus = [segment_sm(n, 2, b"%d" % n, sequence_number=n) for n in (1, 2)]
    for some in [pdus] if together else [pdus[:1], pdus[1:]]:
        world.take(session, *some)
    world.store.fail()
    assert {status for _, status, _ in session.answers} == {Status.ESME_RSYSERR}
    world.store.at_once = True
    again = world.session()
    world.take(again, *pdus)
    (row,) = world.store.messages.values()
    assert row.message.text == "12"
    assert [s.message_id for s in row.message.segments] == again.ids()
    assert world.lanes["one"].out == 1


def test_only_the_segment_that_was_not_kept_is_new_when_it_comes_again() -> None:
    world = slow()
    session = world.session()
    world.take(session, segment_sm(1, 2, b"a"))
    world.store.commit()
    world.take(session, segment_sm(2, 2, b"b"))
    world.store.fail()
    world.store.at_once = True
    world.take(session, segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b"))
    ids = session.ids()
    assert ids[0] == ids[1]
    (row,) = world.store.messages.values()
    assert [s.message_id for s in row.message.segments] == ids[1:]


def test_a_recycled_reference_ends_the_old_message() -> None:
    world = World()
    (old,) = (world.sent(segment_sm(1, 2, b"old"))[0][2],)
    world.clock.now += ABANDONED_AFTER
    new = [world.sent(segment_sm(n, 2, b"%d" % n))[0][2] for n in (1, 2)]
    assert states(world) == {old: M.EXPIRED}
    assert world.store.stages() == {old: Stage.FINISHED, new[0]: Stage.SUBMITTING}


def test_the_old_message_is_back_if_its_end_could_not_be_written() -> None:
    world = slow()
    session = world.session()
    world.take(session, segment_sm(1, 2, b"old"))
    world.store.commit()
    (old,) = session.ids()
    world.clock.now += ABANDONED_AFTER
    world.take(session, segment_sm(1, 2, b"new"))
    world.store.fail()
    assert session.answers[1] == (1, Status.ESME_RSYSERR, 0)
    world.store.at_once = True
    world.clock.now += 300.0
    world.expire_segments()
    assert states(world) == {old: M.EXPIRED}


@pytest.mark.parametrize(
    ("second", "error"),
    [
        ({"text": b"\xd8", "data_coding": 8}, Status.ESME_RINVMSGLEN),  # half a character
        ({"text": b"", "data_coding": 0}, Status.ESME_RINVMSGLEN),
        ({"text": b"\x81", "data_coding": 5}, Status.ESME_RINVDCS),
    ],
)
def test_a_whole_that_cannot_be_read_is_rejected_by_receipts(
    second: dict[str, Any], error: int
) -> None:
    world = World()
    text, coding = second["text"], second["data_coding"]
    session = world.session()
    for n, part in enumerate((b"", text), 1):
        world.take(session, segment_sm(n, 2, part, data_coding=coding))
    assert [status for _, status, _ in session.answers] == [0, 0]
    assert states(world) == dict.fromkeys(session.ids(), M.REJECTED)
    assert {d.error for d in world.store.unfinished()} == {error & 0x3FF}
    assert set(world.store.stages().values()) == {Stage.FINISHED}
    assert not world.wire.sent
    assert world.lane_set.depth == 0


def test_a_whole_without_a_route_is_rejected_by_receipts() -> None:
    world = World(rules=[Rule("254", ("one",))])
    answers = [world.sent(segment_sm(n, 2, b"x"))[0] for n in (1, 2)]
    assert states(world) == {message_id: M.REJECTED for _, _, message_id in answers}
    assert world.said.counts["finished", "bank", M.REJECTED] == 1


@pytest.mark.parametrize(("when", "text"), [("fail", None), ("send", "ac")])
def test_segments_whose_rest_does_not_come(when: str, text: str | None) -> None:
    world = World(when_incomplete=when, gather_timeout=60.0)
    ids = [world.sent(segment_sm(n, 3, part))[0][2] for n, part in ((1, b"a"), (3, b"c"))]
    world.clock.now += 59.0
    world.expire_segments()
    assert not world.store.messages
    world.clock.now += 1.0
    world.expire_segments()
    (row,) = world.store.messages.values()
    assert row.message.text == (text or "")
    assert states(world) == ({} if text else dict.fromkeys(ids, M.EXPIRED))
    assert len(world.wire.sent) == bool(text)
    assert len(world.accept.gather) == 0
    assert world.said.counts["gathering_expired", "bank"] == 1


def test_what_could_not_be_expired_is_expired_later() -> None:
    world = slow(gather_timeout=60.0)
    session = world.session()
    world.take(session, segment_sm(1, 2, b"a"))
    world.store.commit()
    world.clock.now += 60.0
    world.expire_segments()
    world.store.fail()
    assert len(world.accept.gather) == 1
    world.expire_segments()
    world.store.commit()
    assert states(world) == dict.fromkeys(session.ids(), M.EXPIRED)


# -- each segment has its own data_coding -------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([(0, b"A "), (8, b"\x04\x36")], "A ж"),
        ([(8, b"\x04\x36"), (0, b" A")], "ж A"),
        ([(0, b"5\x1b"), (0, b"\x65 "), (8, b"\x04\x36")], "5€ ж"),
        ([(0, b"5\x1b\x65"), (8, b"\x04"), (8, b"\x36"), (3, b"\xe9")], "5€жé"),
        ([(0, b"5\x1b"), (8, b"\0e")], "5e"),  # an escape of nothing
        ([(0, b"5\x1b"), (0x0F, b"\x65")], "5€"),  # two names of one alphabet
        ([(0, b"a@\0"), (0, b"b")], "a¡@b"),  # in GSM 03.38 0x00 is a character
        ([(3, b"a\0"), (3, b"b\0\0")], "ab"),
        ([(8, b"\xfe\xff\0a"), (8, b"\xfe\xff\0b\0\0")], "ab"),
        ([(8, b"\xff\xfea\0"), (8, b"\xff\xfeb\0")], "ab"),
        ([(8, b"\0a"), (3, b"b"), (8, b"\xfe\xff\0c")], "abc"),
    ],
)
def test_segments_of_several_data_codings_become_one_text(
    parts: list[tuple[int, bytes]], text: str
) -> None:
    world = World()
    session = world.session()
    for n, (data_coding, octets) in enumerate(parts, 1):
        world.take(session, segment_sm(n, len(parts), octets, data_coding=data_coding))
    assert len(session.ids()) == len(parts)
    assert texts(world) == [text]


@pytest.mark.parametrize("codings", [(0, 4), (4, 0), (8, 4, 8)])
def test_text_and_octets_in_one_message_are_rejected(codings: tuple[int, ...]) -> None:
    world = World()
    session = world.session()
    for n, data_coding in enumerate(codings, 1):
        world.take(session, segment_sm(n, len(codings), b"ab", data_coding=data_coding))
    assert states(world) == dict.fromkeys(session.ids(), M.REJECTED)
    assert {d.error for d in world.store.unfinished()} == {Status.ESME_RINVDCS & 0x3FF}
    assert [facts for _, _, facts in world.noted.notes] == [{"why": Reason.MIXED_CONTENT}]
    assert not world.wire.sent


def test_octets_of_two_classes_are_joined_as_octets() -> None:
    world = World()
    for n, data_coding in enumerate((4, 0xF5), 1):
        world.sent(segment_sm(n, 2, b"\0\xff\0", data_coding=data_coding))
    (row,) = world.store.messages.values()
    assert (row.message.binary, row.message.data_coding) == (b"\0\xff\0\0\xff\0", 4)


def test_a_latin1_part_is_counted_as_such() -> None:
    world = World()
    for n, (data_coding, octets) in enumerate([(0, b"caf\xe9 "), (8, b"\x04\x36")], 1):
        world.sent(segment_sm(n, 2, octets, data_coding=data_coding))
    assert texts(world) == ["café ж"]
    assert world.said.counts["latin1_fallback", "bank"] == 1


# -- so many parts and no more -----------------------------------------------------------------


def test_of_a_message_of_too_many_parts_no_segment_is_taken() -> None:
    world = World(max_parts=3)
    session = world.session()
    world.take(session, segment_sm(1, 4, b"a"), segment_sm(3, 3, b"c", sequence_number=2))
    assert [status for _, status, _ in session.answers] == [Status.ESME_RINVMSGLEN, 0]
    assert len(world.accept.gather) == 1


def test_segments_that_make_too_many_parts_together_are_rejected() -> None:
    world = World(max_parts=3)
    session = world.session()
    for n in (1, 2):
        world.take(session, segment_sm(n, 2, b"x" * 230))  # each of them two over the air
    assert states(world) == dict.fromkeys(session.ids(), M.REJECTED)
    assert {d.error for d in world.store.unfinished()} == {Status.ESME_RINVMSGLEN & 0x3FF}
    whole = World(max_parts=3)
    for n in (1, 2):
        whole.sent(segment_sm(n, 2, b"x" * 229))
    assert texts(whole) == ["x" * 458]


def test_a_receipt_never_overtakes_its_submit_sm_resp() -> None:
    world = World(rules=[Rule("254", ("one",))])
    session, order = world.session(), []
    session.answer = lambda response: order.append("resp")  # type: ignore[method-assign]
    session.flush = lambda: order.append("flush")  # type: ignore[method-assign]
    receiver = FakeReceiver()
    receiver.flush = lambda: order.append("receipts")  # type: ignore[method-assign]
    world.deliver.bound("bank", receiver)
    world.take(session, segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b"))
    assert order == ["resp", "resp", "flush", "receipts"]
    assert len(receiver.asked) == 2


def test_a_long_message_whose_sender_its_route_does_not_allow_is_rejected_and_not_sent() -> None:
    rules = [Rule("243", ("one",), sender=SenderPolicy(allowed=("ACME",)))]
    world = World(rules=rules)
    session = world.session()
    world.take(session, *[segment_sm(n, 2, b"x", sequence_number=n) for n in (1, 2)])
    assert [status for _, status, _ in session.answers] == [0, 0]
    world.wait(5.0)
    assert world.wire.submitted() == []
    assert [d.state for d in world.store.unfinished()] == [M.REJECTED] * 2
    assert (world.lane_set.depth, world.lanes["one"].idle) == (0, True)
    assert [facts for _, _, facts in world.noted.notes] == [{"why": Reason.SENDER_NOT_ON_ROUTE}]


def test_what_comes_in_time_is_not_ended_while_the_bridge_stops() -> None:
    world = World()
    world.sent(segment_sm(1, 2, b"x"))
    world.accept.drain()
    world.clock.now += 10_000.0
    world.expire_segments()
    assert world.store.messages == {}
    assert len(world.store.segments) == len(world.accept.gather) == 1
