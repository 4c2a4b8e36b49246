"""What a stack does otherwise than others, and a submit_sm as its account means it."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.address import Address
from smppbridge.model.habits import Habits, NumberingPlan
from smppbridge.model.message import Message
from smppbridge.relay.accept.amending import content_reader
from smppbridge.relay.accept.fields import content, unpacked
from smppbridge.routing.rules import Rule
from smppbridge.smpp import codec
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.fields import DistributionList, SmeAddress
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import SubmitMulti, SubmitSm
from smppbridge.text import coding
from tests.relay.fakes import FakeSubmitter, World, account, sar, submit_sm
from tests.vectors.vectors import MALFORMED

UCS2 = "Привет, мир".encode("utf-16-be")
PAYLOAD = (int(Tag.MESSAGE_PAYLOAD), b"payload")


def given(pdu: SubmitSm, *, version: int = 0x34, **habits: Any) -> tuple[int, Message | None, Any]:
    """Return the status, the message and the oddities of a submit_sm from an account of habits."""
    changes = {key: habits.pop(key) for key in ("detect_ucs2", "alphabet_0") if key in habits}
    world = World(habits=Habits(**habits), country=None, rules=[Rule("", ("one",))], **changes)
    session = FakeSubmitter(world.rights, version)
    world.take(session, pdu)
    rows = list(world.store.messages.values())
    return session.answers[0][1], rows[0].message if rows else None, session.oddities


def test_an_account_without_habits_is_read_as_before() -> None:
    table = coding.alphabets()
    assert content_reader(account(), table) is content
    assert content_reader(account(packed=True), table) is unpacked
    assert content_reader(account(habits=Habits(two_texts="short_message")), table) is not content


@pytest.mark.parametrize(
    ("wanted", "asked", "found"),
    [
        ("as_asked", 0x00, 0x00),
        ("as_asked", 0x12, 0x12),
        ("always", 0x00, 0x01),
        ("always", 0x02, 0x01),
        ("always", 0x10, 0x11),
        ("never", 0x11, 0x00),
        ("failure", 0x00, 0x02),
        ("failure", 0x11, 0x02),
    ],
)
def test_receipts_are_forced_or_stripped(wanted: Any, asked: int, found: int) -> None:
    _, message, _ = given(submit_sm(registered_delivery=asked), registered_delivery=wanted)
    assert message is not None
    assert message.registered_delivery == found


@pytest.mark.parametrize(
    ("source", "ton", "npi", "found"),
    [
        (b"243810000002", 0, 0, Address("243810000002", 1, 1)),
        (b"+243810000002", 0, 0, Address("+243810000002", 1, 1)),
        (b"243810000002", 2, 0, Address("243810000002", 2, 1)),
        (b"243810000002", 0, 9, Address("243810000002", 1, 9)),
        (b"BANK", 0, 0, Address("BANK", 0, 0)),
        (b"", 0, 0, Address("", 0, 0)),
    ],
)
def test_a_source_of_unknown_type_has_the_account_s(
    source: bytes, ton: int, npi: int, found: Address
) -> None:
    pdu = submit_sm(source_addr=source, source_addr_ton=ton, source_addr_npi=npi)
    _, message, _ = given(pdu, source=NumberingPlan(1, 1))
    assert message is not None
    assert message.source == found


@pytest.mark.parametrize(
    ("ton", "found"), [(0, Address("12345", 3, 1)), (6, Address("12345", 6, 1))]
)
def test_a_destination_of_unknown_type_has_the_account_s(ton: int, found: Address) -> None:
    pdu = submit_sm(destination_addr=b"12345", dest_addr_ton=ton, dest_addr_npi=0)
    _, message, _ = given(pdu, destination=NumberingPlan(3, 1))
    assert message is not None
    assert message.destination == found


@pytest.mark.parametrize(
    ("data_coding", "octets", "meant", "found"),
    [
        (0xF1, UCS2, 8, "Привет, мир"),
        (4, b"hello", 0, "hello"),
        (0, b"hello", 3, "hello"),
        (255, b"caf\xe9", 3, "café"),
    ],
)
def test_a_data_coding_means_what_the_account_means(
    data_coding: int, octets: bytes, meant: int, found: str
) -> None:
    pdu = submit_sm(octets, data_coding=data_coding)
    _, message, _ = given(pdu, data_codings={data_coding: meant, 9: 9})
    assert message is not None
    assert (message.text, message.data_coding) == (found, meant)


HABITS: dict[str, tuple[dict[str, Any], str]] = {
    "tlv_payload_and_short_message": ({"two_texts": "message_payload"}, "payload"),
    "destination_ton_7": ({"forgives": frozenset(["reserved_ton"])}, "Hello world"),
    "ucs2_odd_length": ({"forgives": frozenset(["half_ucs2"])}, "П"),
}


@pytest.mark.parametrize("name", HABITS)
def test_vectors_are_refused_with_the_oddity_that_can_be_forgiven(name: str) -> None:
    pdu: Any = codec.decode(MALFORMED[name].octets)
    status, message, odd = given(pdu)
    assert (status, message) == (int.from_bytes(MALFORMED[name].answer[8:12], "big"), None)
    expected = next(iter(HABITS[name][0].get("forgives", ["two_texts"])))
    assert odd == [expected]


@pytest.mark.parametrize("name", HABITS)
def test_vectors_that_are_forgiven_are_accepted(name: str) -> None:
    pdu: Any = codec.decode(MALFORMED[name].octets)
    habits, text = HABITS[name]
    status, message, odd = given(pdu, **habits)
    assert message is not None
    assert (status, message.text, odd) == (0, text, [])


def test_the_short_message_may_be_the_one_that_counts() -> None:
    pdu = submit_sm(b"short", tlvs=(PAYLOAD, (0x0204, b"\0\7")))
    status, message, _ = given(pdu, two_texts="short_message")
    assert message is not None
    assert (status, message.text, message.traits.user_message_reference) == (0, "short", 7)
    _, message, _ = given(submit_sm(b"", tlvs=(PAYLOAD,)), two_texts="short_message")
    assert message is not None
    assert message.text == "payload"


def test_sar_tlvs_beside_a_header_do_not_count() -> None:
    pdu = submit_sm(b"\5\0\3\7\2\1x", esm_class=0x40, tlvs=sar(9, 3, 3))
    assert given(pdu)[2] == [Oddity.SAR_AND_UDH]
    world = World(habits=Habits(forgives=frozenset(["sar_and_udh"])))
    ((_, status, _),) = world.sent(pdu)
    ((_, segment),) = world.store.segments.values()
    assert (status, segment.number) == (0, 1)


def test_sar_tlvs_without_a_header_join_as_ever() -> None:
    world = World(habits=Habits(forgives=frozenset(["sar_and_udh"])))
    world.sent(*[submit_sm(text, tlvs=sar(9, 2, n)) for n, text in ((2, b"two"), (1, b"one "))])
    (row,) = world.store.messages.values()
    assert row.message.text == "one two"


def test_a_character_that_segments_share_is_no_half() -> None:
    head, cut = b"\5\0\3\7\2", len(UCS2) // 2 | 1
    parts = [head + b"\1" + UCS2[:cut], head + b"\2" + UCS2[cut:]]
    world = World(habits=Habits(forgives=frozenset(["half_ucs2"])))
    world.sent(*[submit_sm(part, esm_class=0x40, data_coding=8) for part in parts])
    (row,) = world.store.messages.values()
    assert row.message.text == "Привет, мир"


def test_a_priority_above_three_is_three() -> None:
    pdu = submit_sm(priority_flag=255)
    assert given(pdu)[::2] == (Status.ESME_RINVPRTFLG, [Oddity.PRIORITY])
    pdu = submit_sm(priority_flag=255)
    status, message, odd = given(pdu, forgives=frozenset(["priority"]))
    assert message is not None
    assert (status, message.priority, odd) == (0, 3, [])


def test_a_header_without_its_flag_is_one_where_the_account_says_so() -> None:
    parts = [submit_sm(bytes((5, 0, 3, 7, 2, n)) + text) for n, text in ((1, b"one "), (2, b"two"))]
    world = World(habits=Habits(detect_udh=True))
    world.sent(*parts)
    (row,) = world.store.messages.values()
    assert row.message.text == "one two"
    status, _, odd = given(submit_sm(parts[0].short_message))
    assert (status, odd) == (0, [Oddity.UDH])


@pytest.mark.parametrize(
    "octets",
    [b"\5\0\3", b"\5\0\3\7\1\1x", b"\5\0\3\7\2\3x", b"\5\0\3\7\2\0x", b"\6\0\3\7\2\1x", b"x"],
)
def test_what_is_no_header_is_text(octets: bytes) -> None:
    status, message, odd = given(submit_sm(octets), detect_udh=True)
    assert message is not None
    assert (status, odd, len(message.text)) == (0, [], len(octets))


@pytest.mark.parametrize(
    ("pdu", "version", "odd"),
    [
        (submit_sm("Hello".encode("utf-16-be")), 0x34, [Oddity.UCS2]),
        (submit_sm(UCS2), 0x34, [Oddity.UCS2]),
        (submit_sm(b"caf\xe9"), 0x34, [Oddity.LATIN1]),
        (submit_sm(tlvs=((0x0204, b"\0\7"),)), 0x33, [Oddity.TLVS_BEFORE_3_4]),
        (submit_sm(tlvs=((0x0204, b"\0\7"),)), 0x34, []),
        (submit_sm(registered_delivery=0x21), 0x34, [Oddity.REGISTERED_DELIVERY]),
        (submit_sm(registered_delivery=0x1F), 0x34, []),
        (submit_sm(data_coding=0x0B), 0x34, [Oddity.DATA_CODING]),
        (submit_sm(data_coding=0x80), 0x34, [Oddity.DATA_CODING]),
        (submit_sm(data_coding=0xF0), 0x34, []),
        (submit_sm(b"\0hello"), 0x34, []),
        (submit_sm(destination_addr=b"0810000001"), 0x34, []),
        (submit_sm(destination_addr=b"0810000001", dest_addr_ton=2), 0x34, ["national_number"]),
    ],
)
def test_what_is_odd_is_noted(pdu: SubmitSm, version: int, odd: list[str]) -> None:
    assert given(pdu, version=version)[2] == odd


def test_a_detected_alphabet_is_no_oddity() -> None:
    assert given(submit_sm("Hello".encode("utf-16-be")), detect_ucs2=True)[2] == []


def test_a_mixed_list_has_the_oddities_of_its_odd_ones() -> None:
    good, odd = submit_sm(), submit_sm(priority_flag=9)
    for pdus in ([odd, good], [good, odd]):
        world = World()
        session = FakeSubmitter(world.rights)
        world.take(session, *pdus)
        assert session.oddities == [Oddity.PRIORITY]
        assert sorted(status for _, status, _ in session.answers) == [0, Status.ESME_RINVPRTFLG]


def test_the_oddity_of_a_joined_text_is_noted_too() -> None:
    parts = [submit_sm(b"\5\0\3\7\2" + bytes((n,)) + b"\xe9", esm_class=0x40) for n in (1, 2)]
    world = World()
    session = FakeSubmitter(world.rights)
    world.take(session, *parts)
    assert session.oddities == [Oddity.LATIN1]
    assert world.said.counts["latin1_fallback", "bank"] == 1


def test_a_submit_multi_is_amended_with_each_of_its_addresses() -> None:
    habits = Habits(
        forgives=frozenset(["reserved_ton", "priority"]),
        destination=NumberingPlan(1, 1),
        source=NumberingPlan(5, 0),
        registered_delivery="always",
        detect_udh=True,
    )
    reader = content_reader(account(habits=habits), coding.alphabets())
    lists = DistributionList(b"all")
    multi = SubmitMulti(
        dest_address=(SmeAddress(7, 0, b"1"), lists, SmeAddress(2, 8, b"2")), priority_flag=7
    )
    reader(multi)  # type: ignore[arg-type]
    assert multi.dest_address == (SmeAddress(1, 1, b"1"), lists, SmeAddress(2, 8, b"2"))
    assert (multi.priority_flag, multi.registered_delivery) == (3, 1)


@pytest.mark.parametrize("forgiven", ["long_field", "no_nul"])
@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("source_addr", b"1" * 21, Status.ESME_RINVSRCADR),
        ("source_addr", b"1" * 20, 0),
        ("destination_addr", b"+243" + b"-" * 8 + b"810000001", Status.ESME_RINVDSTADR),
        ("destination_addr", b"+243" + b"-" * 7 + b"810000001", 0),
        ("service_type", b"OTHERS", 0),
        ("service_type", b"OTHER", 0),
    ],
)
def test_no_text_is_longer_than_a_receipt_has_room_for(
    forgiven: Any, field: str, value: bytes, status: int
) -> None:
    pdu = submit_sm()
    setattr(pdu, field, value)
    found, message, _ = given(pdu, forgives=frozenset((forgiven,)))
    assert found == status
    if message is not None and field == "service_type":
        assert message.traits.service_type == "OTHER"


def test_addresses_of_submit_multi_are_as_long_as_the_codec_reads() -> None:
    read = content_reader(account(habits=Habits(forgives=frozenset(("long_field",)))), ())
    pdu = SubmitMulti(service_type=b"OTHERS", dest_address=(SmeAddress(1, 1, b"243810000001"),))
    read(pdu)
    assert pdu.service_type == b"OTHER"
