"""Properties that few messages have, together with each other and with every operation."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import Any

import pytest

from smppbridge.model.habits import Habits
from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.model.receipts import Receipts
from smppbridge.model.report import Report
from smppbridge.model.tlvs import DLT, NamedTlv
from smppbridge.routing.quiet import QuietHours
from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import DataSm, DeliverSm
from smppbridge.text.packed import pack
from tests.relay.accept.test_data import Data, data_sm
from tests.relay.accept.test_multi import Session, answered, made, sme, submit_multi, unsuccess
from tests.relay.fakes import NOW, FakeReceiver, World, segment_sm, submit_sm
from tests.relay.staged import go_on, restarted
from tests.relay.test_cancel import cancel
from tests.relay.test_query import query
from tests.relay.test_replace import replace

HOUR = 3_600.0
TWO = sme("243810000001"), sme("243810000002")
ENTITY = DLT["dlt_entity_id"]
GIVEN = ENTITY.tag, b"1234\0"


def receipts_of(world: World, version: int = 0x34) -> list[Any]:
    """Return the requests of all receipts that are owed, as a session of *version* has them."""
    world.deliver.change({"bank": world.rights.account})
    receiver = FakeReceiver(100, version)
    world.deliver.bound("bank", receiver)
    world.tick()
    return [request for request, _ in receiver.asked]


# -- submit_multi ---------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_datagram_of_a_submit_multi_has_one_try_and_no_receipt(order: tuple[int, ...]) -> None:
    world = made()
    assert answered(world, submit_multi(*TWO, esm_class=1)).command_status == 0
    answers = [(1, Postponed("busy")), (2, Accepted("B"))]
    world.wire.answer(*[answers[n] for n in order])
    assert world.store.stages() == {1: Stage.FINISHED, 2: Stage.SUBMITTED}
    world.told(Report("B", State.DELIVERED))
    assert world.store.deliveries == {}


@pytest.mark.parametrize("options", [{"answer": "provider"}, {}], ids=["account", "esm_class"])
def test_the_response_to_a_submit_multi_never_waits_for_a_provider(options: Any) -> None:
    world = made(**options)
    assert answered(world, submit_multi(*TWO, esm_class=2)).message_id == b"1"
    assert world.endings.responses.waiting == {}
    world.wire.answer((1, Refused("no")), (2, Accepted("B")))
    assert [key[0] for key in world.store.deliveries] == [1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
def test_a_night_holds_the_destinations_of_its_route_alone(
    order: tuple[int, ...], again: bool
) -> None:
    night = QuietHours(7 * 60, 9 * 60, "UTC")  # NOW is 08:00
    world = made(rules=[Rule("2438", ("one",), quiet=night), Rule("2439", ("one",))])
    held, other = sme("243810000001"), sme("243910000002")
    answered(world, submit_multi(*[(held, other)[n] for n in order]))
    assert [world.store.messages[n].message.number for n in world.wire.submitted()] == [
        "243910000002"
    ]
    if again:
        world = restarted(world, rules=[Rule("243", ("one",))])
    world.clock.now = NOW + HOUR
    world.tick()
    world.tick()
    sent = [world.store.messages[n].message.number for n in world.wire.submitted()]
    assert sent[-1] == "243810000001"


def test_an_urgent_submit_multi_goes_at_night() -> None:
    night = QuietHours(7 * 60, 9 * 60, "UTC")
    world = made(rules=[Rule("243", ("one",), quiet=night)])
    answered(world, submit_multi(*TWO, priority_flag=3))
    assert world.wire.submitted() == [1, 2]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_destination_whose_route_requires_a_tlv_is_refused_alone(order: tuple[int, ...]) -> None:
    rules = [
        Rule("2438", ("one",), required=(ENTITY,)),
        Rule("2439", ("one",), tlvs=(GIVEN,)),
    ]
    world = made(rules=rules)
    both = sme("243810000001"), sme("243910000002")
    answer = answered(world, submit_multi(*[both[n] for n in order]))
    assert unsuccess(answer) == {"243810000001": Status.ESME_RMISSINGOPTPARAM}
    (row,) = world.store.messages.values()
    assert (row.message.traits.tlvs, row.message.traits.multi) == ((GIVEN,), 1)
    whole = answered(world, submit_multi(*both, tlvs=(GIVEN,)))
    assert whole.unsuccess_sme == ()


def test_ids_are_written_as_the_account_writes_them_wherever_they_are() -> None:
    world = made(id_form=b"%08x", receipts=Receipts(intermediate="always", by="data_sm"))
    for _ in range(9):
        world.accept._identifiers.take()
    assert answered(world, submit_multi(*TWO)).message_id == b"0000000a"
    world.wire.answer((10, Accepted("A")), (11, Accepted("B")))
    world.told(Report("B", State.ENROUTE), Report("A", State.DELIVERED), Report("B", State.EXPIRED))
    sent = receipts_of(world)
    assert {type(each) for each in sent} == {DataSm}
    ids = [tlvs.find(each.tlvs, Tag.RECEIPTED_MESSAGE_ID) for each in sent]
    assert ids == [b"0000000a\0"] * 3
    assert sorted(each.source_addr for each in sent) == [b"243810000001", *[b"243810000002"] * 2]
    for written in (b"A", b"0000000a"):
        (state,) = world.asked(query(message_id=written)).answers
        assert (state.message_state, state.message_id) == (State.EXPIRED, written)
    (old,) = world.asked(query(message_id=b"10")).answers
    assert old.command_status == Status.ESME_RQUERYFAIL


def test_a_peer_of_3_3_has_its_receipts_of_a_submit_multi_as_texts() -> None:
    world = made(receipts=Receipts(by="data_sm", text=""))
    answered(world, submit_multi(*TWO))
    world.wire.answer((1, Refused("no")), (2, Refused("no")))
    sent = receipts_of(world, 0x33)
    assert [(type(each), each.tlvs) for each in sent] == [(DeliverSm, ())] * 2
    assert all(each.short_message.startswith(b"id:1 ") for each in sent)


@pytest.mark.parametrize(("forced", "owed"), [("always", [1, 2]), ("never", [])])
def test_receipts_are_forced_or_stripped_for_every_destination(forced: Any, owed: Any) -> None:
    world = made(habits=Habits(registered_delivery=forced))
    answered(world, submit_multi(*TWO, registered_delivery=2))
    world.wire.answer((1, Refused("no")), (2, Refused("no")))
    assert [key[0] for key in world.store.deliveries] == owed


def test_a_submit_multi_expires_with_its_validity_and_lives_as_long_as_its_qos_says() -> None:
    world = made()
    lives = tlvs.make_integer(Tag.QOS_TIME_TO_LIVE, 60)
    answered(world, submit_multi(*TWO, tlvs=(lives,)))
    message = world.store.messages[2].message
    assert (message.expires_at, message.traits.limited) == (NOW + 60, True)
    world.wire.answer((1, Accepted("A")), (2, Accepted("B")))
    world.wait(75.0)
    assert {key: row.state for key, row in world.store.messages.items()} == {
        1: State.EXPIRED,
        2: State.EXPIRED,
    }


def test_a_submit_multi_of_packed_septets_is_read() -> None:
    world = made(packed=True)
    answered(world, submit_multi(*TWO, short_message=pack(b"hello you")))
    assert {row.message.text for row in world.store.messages.values()} == {"hello you"}


def test_what_is_odd_about_a_submit_multi_is_counted_as_of_a_submit_sm() -> None:
    world = made()
    session = Session(world)
    odd = submit_multi(sme("0810000001", ton=2), TWO[0], registered_delivery=0x21)
    world.run(world.multi.take(session, odd))
    assert session.oddities == [Oddity.REGISTERED_DELIVERY, Oddity.NATIONAL_NUMBER]


# -- query, cancel, replace -----------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
def test_a_message_of_the_night_is_named(again: bool) -> None:
    night = [Rule("243", ("one",), quiet=QuietHours(7 * 60, 9 * 60, "UTC"))]
    world = World(rules=night)
    world.sent(*[submit_sm(sequence_number=n, validity_period=b"000001000000000R") for n in (1, 2)])
    if again:
        world = restarted(world, rules=night)
    (state,) = world.asked(query()).answers
    assert state.message_state == State.ENROUTE
    assert world.asked(replace(validity_period=b"000000120000000R")).statuses() == [0]
    message = world.store.messages[1].message
    assert (message.due, message.expires_at) == (NOW + HOUR, NOW + 12 * HOUR)
    assert (message.traits.limited, bool(message.traits.quiet)) == (True, True)
    assert world.asked(cancel(message_id=b"2")).statuses() == [0]
    world.clock.now = NOW + HOUR
    world.tick()
    world.tick()
    assert world.wire.submitted() == [1]
    assert world.lane_set.depth == 0


def test_a_replacement_has_the_tlvs_and_hours_of_its_new_route() -> None:
    world = World(rules=[Rule("243", ("one",), tlvs=((0x1500, b"old"),))])
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    world.sent(submit_sm(tlvs=(reference(5), GIVEN), service_type=b"X"))
    other = (NamedTlv("other", 0x1501),)
    world.accept.change(Table([Rule("243", ("one",), required=other)]))
    assert world.asked(replace()).statuses() == [Status.ESME_RMISSINGOPTPARAM]
    night = QuietHours(7 * 60, 9 * 60, "UTC")
    rule = Rule("243", ("two",), tlvs=((0x1501, b"new"),), required=other, quiet=night)
    world.accept.change(Table([rule]))
    assert world.asked(replace()).statuses() == [0]
    message = world.store.messages[1].message
    assert dict(message.traits.tlvs)[0x1501] == b"new"
    assert dict(message.traits.tlvs)[ENTITY.tag] == b"1234\0"
    assert (message.traits.user_message_reference, message.traits.service_type) == (5, "X")
    assert (message.route, message.due) == (("two",), NOW + HOUR)


def test_a_cancelled_message_whose_response_waits_is_refused_in_the_response() -> None:
    world = World(answer="provider", id_form=b"%x")
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    session = world.session()
    world.take(session, submit_sm(), submit_sm(sequence_number=2, registered_delivery=0))
    assert world.asked(query()).answers[0].command_status == 0
    by_addresses = changed(cancel(message_id=b""), destination_addr=b"243810000001")
    assert world.asked(by_addresses).statuses() == [0]
    assert sorted(session.answers) == [(n, Status.ESME_RSUBMITFAIL, 0) for n in (1, 2)]
    assert world.store.deliveries == {}
    go_on(world)
    assert world.wire.submitted() == []


@pytest.mark.parametrize("flagged", [0, 1])
@pytest.mark.parametrize("late", [True, False])
def test_nobody_waits_for_a_message_that_leaves_later(flagged: int, late: bool) -> None:
    night = [
        Rule("2438", ("one",), quiet=QuietHours(7 * 60, 9 * 60, "UTC")),
        Rule("2439", ("one",)),
    ]
    world = World(rules=night, answer="provider", answer_within=4_000.0 if late else 20.0)
    session, other = world.session(), b"243910000001"
    pdus = [
        submit_sm(),
        submit_sm(destination_addr=other),
        submit_sm(destination_addr=b"243910000002", schedule_delivery_time=b"000000010000000R"),
    ]
    for number, pdu in enumerate(pdus, 1):
        pdu.sequence_number, pdu.replace_if_present_flag = number, flagged
    world.take(session, *pdus)
    world.endings.responses.tick()
    waits = [1, 2, 3] if late else [2]
    assert sorted(r.sequence_number for r in world.endings.responses.waiting.values()) == waits
    assert session.answers == ([] if late else [(1, 0, 1), (3, 0, 3)])


def test_a_replaced_message_whose_response_waits_is_answered_once() -> None:
    world = World(answer="provider")
    for lane in world.lanes.values():
        lane.pause(1_000.0)
    session = world.session()
    world.take(session, submit_sm())
    assert world.asked(replace(b"other")).statuses() == [0]
    go_on(world)
    world.wire.answer((1, Accepted("A")))
    assert session.answers == [(1, 0, 1)]
    assert world.store.messages[1].message.text == "other"


# -- segments -------------------------------------------------------------------------------------


def reference(number: int) -> tuple[int, bytes]:
    return tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, number)


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
def test_a_joined_message_has_what_its_segments_were_given(again: bool) -> None:
    world = World(named_tlvs=(changed(ENTITY, echo=True),))
    about: dict[str, Any] = {"service_type": b"X", "validity_period": b"000000020000000R"}
    world.sent(segment_sm(1, 2, b"one ", tlvs=(reference(7),), **about))
    if again:
        world = restarted(world, named_tlvs=(changed(ENTITY, echo=True),))
        world.accept._identifiers.take()
    world.sent(segment_sm(2, 2, b"two", tlvs=(reference(8), GIVEN), service_type=b"X"))
    (row,) = world.store.messages.values()
    assert (row.message.text, row.message.expires_at) == ("one two", NOW + 2 * HOUR)
    traits = row.message.traits
    assert (traits.limited, traits.service_type, traits.tlvs) == (True, "X", (GIVEN,))
    assert traits.references == ((1, 7), (2, 8))
    world.wire.answer((1, Accepted("A")))
    if again:
        world = restarted(world, named_tlvs=(changed(ENTITY, echo=True),))
    world.wait(2 * HOUR + 11.0)  # the store's expiry of the message itself
    sent = receipts_of(world)
    assert [tlvs.find(each.tlvs, Tag.USER_MESSAGE_REFERENCE) for each in sent] == [
        b"\0\7",
        b"\0\x08",
    ]
    assert [tlvs.find(each.tlvs, ENTITY.tag) for each in sent] == [GIVEN[1]] * 2
    assert [tlvs.find(each.tlvs, Tag.MESSAGE_STATE) for each in sent] == [b"\3"] * 2


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
def test_a_joined_datagram_has_one_try_and_no_receipt(again: bool) -> None:
    world = World()
    first, last = segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b")
    first.esm_class = last.esm_class = 0x41
    world.sent(first)
    if again:
        world = restarted(world)
        world.accept._identifiers.take()
    world.sent(last)
    (row,) = world.store.messages.values()
    assert row.message.traits.datagram
    world.wire.answer((1, Postponed("busy")))
    assert world.store.stages() == {1: Stage.FINISHED}
    assert world.store.deliveries == {}


def test_segments_that_are_cancelled_by_addresses_before_their_validity_ends_end_once() -> None:
    world = World(id_form=b"%x")
    world.sent(segment_sm(1, 3, b"a", validity_period=b"000000000500000R"))
    by_addresses = changed(cancel(message_id=b""), destination_addr=b"243810000001")
    assert world.asked(by_addresses).statuses() == [0]
    world.clock.now += 301
    world.expire_segments()
    assert list(world.store.deliveries) == [(1, State.DELETED)]


# -- data_sm and what the account's stack means ---------------------------------------------------


@pytest.mark.parametrize(
    ("habits", "fields", "text", "receipts"),
    [
        (
            Habits(data_codings={3: 8}),
            {"data_coding": 3, "payload": "hé".encode("utf-16-be")},
            "hé",
            1,
        ),
        (Habits(registered_delivery="never"), {}, "hello", 0),
        (Habits(registered_delivery="always"), {"registered_delivery": 0}, "hello", 1),
        (Habits(two_texts="short_message"), {}, "hello", 1),
        (Habits(two_texts="message_payload"), {}, "hello", 1),
        (
            Habits(forgives=frozenset({"half_ucs2"})),
            {"data_coding": 8, "payload": b"\0h\0"},
            "h",
            1,
        ),
        (Habits(forgives=frozenset({"reserved_ton"})), {"dest_addr_ton": 9}, "hello", 1),
    ],
)
def test_a_data_sm_is_amended_as_a_submit_sm(
    habits: Habits, fields: dict[str, Any], text: str, receipts: int
) -> None:
    data = Data(habits=habits)
    payload = fields.pop("payload", b"hello")
    data.send(data_sm(payload, **fields))
    (row,) = data.world.store.messages.values()
    assert (row.message.text, row.message.registered_delivery) == (text, receipts)


def test_a_data_sm_with_a_header_that_is_looked_for_is_gathered_with_submit_sm() -> None:
    data = Data(habits=Habits(detect_udh=True))
    data.send(data_sm(bytes((5, 0, 3, 7, 2, 1)) + b"one "))
    data.world.sent(segment_sm(2, 2, b"two"))
    (row,) = data.world.store.messages.values()
    assert row.message.text == "one two"


def test_the_oddities_of_a_data_sm_are_those_of_its_session() -> None:
    data = Data()
    odd: list[Oddity] = []
    data.session.odd = odd.append  # type: ignore[method-assign]
    data.send(data_sm(registered_delivery=0x21), data_sm(number=2, dest_addr_ton=9))
    assert odd == [Oddity.REGISTERED_DELIVERY, Oddity.RESERVED_TON]


def test_a_data_sm_has_the_id_of_its_account_and_waits_as_its_account_says() -> None:
    data = Data(id_form=b"%04x", answer="provider")
    data.send(data_sm(), data_sm(number=2))
    assert data.session.answers == []
    data.world.wire.answer((2, Accepted("B")), (1, Accepted("A")))
    assert [each.message_id for each in data.session.answers] == [b"0002", b"0001"]
