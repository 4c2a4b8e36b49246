from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.address import Address
from smppbridge.model.habits import NO_HABITS, Habits
from smppbridge.model.message import LIMITED, PLAIN, AsSent, Traits
from smppbridge.relay.accept import reading
from smppbridge.relay.accept.fields import Content, Refusal, wanted_receipts, wanting
from smppbridge.relay.accept.reading import Reader
from smppbridge.smpp import codec, times, tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import SubmitSm
from tests.relay.fakes import NOW, World, account, sar, segment_sm, submit_sm
from tests.vectors.vectors import JUDGED_BY_VALUE, MALFORMED, VECTORS

PAYLOAD = tlvs.make_octets(Tag.MESSAGE_PAYLOAD, b"hello")
HEADED = b"\x05\x00\x03\x07\x02\x01hello"
REFERENCE = tlvs.make_integer(Tag.SAR_MSG_REF_NUM, 7)


def at(seconds: float) -> bytes:
    return times.format_absolute(NOW + seconds)


# what an account with a country says -> the status it deserves
JUDGED: dict[str, tuple[dict[str, Any], int]] = {
    "plain": ({}, 0),
    "destination ton 7": ({"dest_addr_ton": 7}, Status.ESME_RINVDSTTON),
    "destination letters": ({"destination_addr": b"hello"}, Status.ESME_RINVDSTADR),
    "destination not ascii": ({"destination_addr": b"\xff243"}, Status.ESME_RINVDSTADR),
    "destination empty": ({"destination_addr": b""}, Status.ESME_RINVDSTADR),
    "destination national": ({"destination_addr": b"0810000001", "dest_addr_ton": 2}, 0),
    "destination short": ({"destination_addr": b"24310", "dest_addr_ton": 3}, 0),
    "destination any npi": ({"dest_addr_npi": 255}, 0),
    "no route": ({"destination_addr": b"254712345678"}, Status.ESME_RINVDSTADR),
    "source 11 letters": ({"source_addr": b"ABCDEFGHIJK"}, 0),
    "source 12 letters": ({"source_addr": b"ABCDEFGHIJKL"}, Status.ESME_RINVSRCADR),
    "source 12 letters, ton 0": (
        {"source_addr": b"ABCDEFGHIJKL", "source_addr_ton": 0},
        Status.ESME_RINVSRCADR,
    ),
    "source 12 digits": ({"source_addr": b"243810000001", "source_addr_ton": 1}, 0),
    "source + and digits": ({"source_addr": b"+243810000001", "source_addr_ton": 1}, 0),
    "source 12 digits called letters": ({"source_addr": b"243810000001", "source_addr_ton": 5}, 0),
    "destination called letters": ({"dest_addr_ton": 5}, 0),
    "source empty": ({"source_addr": b"", "source_addr_ton": 0}, 0),
    "source not printable": ({"source_addr": b"BA\nNK"}, Status.ESME_RINVSRCADR),
    "source not ascii": ({"source_addr": b"B\xc0NK"}, Status.ESME_RINVSRCADR),
    "schedule in the past": ({"schedule_delivery_time": at(-60)}, 0),
    "schedule to come": ({"schedule_delivery_time": at(60)}, 0),
    "schedule of 10": ({"schedule_delivery_time": b"2604010930"}, Status.ESME_RINVSCHED),
    "schedule of 16 letters": ({"schedule_delivery_time": b"x" * 16}, Status.ESME_RINVSCHED),
    "schedule on 30 February": (
        {"schedule_delivery_time": b"280230093000000+"},
        Status.ESME_RINVSCHED,
    ),
    "schedule on a leap day": ({"schedule_delivery_time": b"280229093000000+"}, 0),
    "schedule quarter 49": ({"schedule_delivery_time": b"280229093000049-"}, Status.ESME_RINVSCHED),
    "schedule past": ({"schedule_delivery_time": at(-86_400)}, 0),
    "schedule nothing": ({"schedule_delivery_time": b"000000000000000R"}, 0),
    "schedule and validity bad": (
        {"schedule_delivery_time": b"x", "validity_period": b"x"},
        Status.ESME_RINVSCHED,
    ),
    "validity of 15": ({"validity_period": b"00000200000000R"}, Status.ESME_RINVEXPIRY),
    "validity quarter 49": ({"validity_period": b"280229093000049+"}, Status.ESME_RINVEXPIRY),
    "validity nothing": ({"validity_period": b"000000000000000R"}, 0),
    "validity of 99 years": ({"validity_period": b"990000000000000R"}, 0),
    "validity at the schedule": (
        {"schedule_delivery_time": at(60), "validity_period": at(60)},
        Status.ESME_RINVEXPIRY,
    ),
    "validity before a relative schedule": (
        {"schedule_delivery_time": b"000000000200000R", "validity_period": b"000000000130000R"},
        Status.ESME_RINVEXPIRY,
    ),
    "validity past beside a past schedule": (
        {"schedule_delivery_time": at(-60), "validity_period": at(-30)},
        Status.ESME_RINVEXPIRY,
    ),
    "schedule month 13": ({"schedule_delivery_time": b"261301093000000+"}, Status.ESME_RINVSCHED),
    "validity odd tenths": ({"validity_period": b"000001000000700R"}, 0),
    "validity all zero": ({"validity_period": b"000000000000000R"}, 0),
    "validity past": ({"validity_period": at(-60)}, Status.ESME_RINVEXPIRY),
    "validity now": ({"validity_period": at(0)}, Status.ESME_RINVEXPIRY),
    "validity to come": ({"validity_period": at(60)}, 0),
    "validity suffix": ({"validity_period": b"000001000000000X"}, Status.ESME_RINVEXPIRY),
    "validity before schedule": (
        {"validity_period": b"000000000100000R", "schedule_delivery_time": at(90)},
        Status.ESME_RINVEXPIRY,
    ),
    "priority 3": ({"priority_flag": 3}, 0),
    "priority 4": ({"priority_flag": 4}, Status.ESME_RINVPRTFLG),
    "replace 1": ({"replace_if_present_flag": 1}, 0),
    "replace 2": ({"replace_if_present_flag": 2}, Status.ESME_RINVREPFLAG),
    "canned": ({"sm_default_msg_id": 3, "short_message": b""}, Status.ESME_RINVDFTMSGID),
    "canned with text": ({"sm_default_msg_id": 3}, 0),
    "payload": ({"short_message": b"", "tlvs": (PAYLOAD,)}, 0),
    "payload and text": ({"tlvs": (PAYLOAD,)}, Status.ESME_ROPTPARNOTALLWD),
    "unknown tlv": ({"tlvs": ((0x1402, b"?"),)}, 0),
    "sar": ({"tlvs": sar(7, 2, 1)}, 0),
    "sar beyond total": ({"tlvs": sar(7, 2, 3)}, Status.ESME_RINVOPTPARAMVAL),
    "sar incomplete": ({"tlvs": (REFERENCE,)}, 0),
    "sar zero": ({"tlvs": sar(7, 2, 0)}, 0),
    "sar of one": ({"tlvs": sar(7, 1, 1)}, 0),
    "sar and udh": (
        {"tlvs": sar(7, 2, 1), "esm_class": 0x40, "short_message": b"\x05\0\x03\7\2\1x"},
        Status.ESME_RINVOPTPARAMVAL,
    ),
    "part of sar and udh": (
        {"tlvs": (REFERENCE,), "esm_class": 0x40, "short_message": b"\x05\0\x03\7\2\1x"},
        Status.ESME_RINVOPTPARAMVAL,
    ),
    "udhi empty": ({"esm_class": 0x40, "short_message": b""}, Status.ESME_RINVESMCLASS),
    "udhl too long": ({"esm_class": 0x40, "short_message": b"\x09ab"}, Status.ESME_RINVESMCLASS),
    "udh alone": (
        {"esm_class": 0x40, "short_message": b"\x05\0\x03\7\1\1"},
        Status.ESME_RINVMSGLEN,
    ),
    "udh in payload": (
        {
            "esm_class": 0x40,
            "short_message": b"",
            "tlvs": (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, b"\x05\0\x03\7\2\1x"),),
        },
        0,
    ),
    "segment 0 is the whole": ({"esm_class": 0x40, "short_message": b"\x05\0\x03\7\2\0x"}, 0),
    "ucs2": ({"data_coding": 8, "short_message": b"\0a"}, 0),
    "ucs2 odd": ({"data_coding": 8, "short_message": b"\0a\4"}, Status.ESME_RINVMSGLEN),
    "a NUL": ({"short_message": b"\0"}, Status.ESME_RINVMSGLEN),
    "a NUL in latin1": ({"data_coding": 3, "short_message": b"\0"}, Status.ESME_RINVMSGLEN),
    "a NUL in ucs2": ({"data_coding": 8, "short_message": b"\0"}, Status.ESME_RINVMSGLEN),
    "NULs in ucs2": ({"data_coding": 8, "short_message": b"\0\0\0"}, Status.ESME_RINVMSGLEN),
    "a NUL in octets": ({"data_coding": 4, "short_message": b"\0"}, 0),
    "ats": ({"short_message": b"\0\0"}, 0),
    "NULs in latin1": ({"data_coding": 3, "short_message": b"\0\0"}, Status.ESME_RINVMSGLEN),
    "ucs2 mark alone": ({"data_coding": 8, "short_message": b"\xfe\xff"}, Status.ESME_RINVMSGLEN),
    "empty": ({"short_message": b""}, Status.ESME_RINVMSGLEN),
    "empty payload": (
        {"short_message": b"", "tlvs": (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, b""),)},
        Status.ESME_RINVMSGLEN,
    ),
    "half a jis character": ({"data_coding": 5, "short_message": b"\x81"}, Status.ESME_RINVDCS),
    "octets": ({"data_coding": 4, "short_message": b"\xff\0"}, 0),
    "any service_type": ({"service_type": b"WHAT"}, 0),
    "any protocol_id": ({"protocol_id": 0x7F}, 0),
    "any registered_delivery": ({"registered_delivery": 0xFF}, 0),
}


@pytest.mark.parametrize("name", JUDGED)
def test_a_value_gets_the_status_it_deserves(name: str) -> None:
    changes, status = JUDGED[name]
    world = World(country="CD")
    text = changes.get("short_message", b"hello")
    said = {key: value for key, value in changes.items() if key != "short_message"}
    ((_, answered, message_id),) = world.sent(submit_sm(text, **said))
    assert answered == status
    assert bool(message_id) is (status == 0)
    assert bool(world.store.messages or world.store.segments) is (status == 0)


VALUED = sorted(
    n for n in JUDGED_BY_VALUE if isinstance(codec.decode(MALFORMED[n].octets), SubmitSm)
)


@pytest.mark.parametrize("name", VALUED)
def test_vectors_that_are_judged_by_value(name: str) -> None:
    vector = MALFORMED[name]
    pdu = codec.decode(vector.octets)
    assert isinstance(pdu, SubmitSm)
    world = World(country="GB", rules=None)
    ((_, status, _),) = world.sent(pdu)
    assert status == int.from_bytes(vector.answer[8:12], "big")


@pytest.mark.parametrize(
    ("senders", "sender", "status"),
    [
        (("BANK",), b"BANK", 0),
        (("BANK",), b"SHOP", Status.ESME_RINVSRCADR),
        (("24381*",), b"243810000002", 0),
        ((), b"BANK", Status.ESME_RINVSRCADR),
    ],
)
def test_a_sender_must_be_allowed(senders: tuple[str, ...], sender: bytes, status: int) -> None:
    world = World(senders=senders)
    pdu = submit_sm(source_addr=sender, source_addr_ton=0)
    assert [world.sent(pdu)[0][1] for _ in range(2)] == [status, status]


def test_a_national_number_needs_a_country() -> None:
    pdu = submit_sm(destination_addr=b"0810000001", dest_addr_ton=2)
    assert World().sent(pdu)[0][1] == Status.ESME_RINVDSTADR


def test_the_message_says_what_its_submit_sm_said() -> None:
    reader = Reader(account(country="CD"))
    reference = tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, 300)
    pdu = submit_sm(
        service_type=b"CMT",
        destination_addr=b"0810000001",
        dest_addr_ton=2,
        dest_addr_npi=8,
        esm_class=0x83,
        protocol_id=0x41,
        priority_flag=2,
        registered_delivery=0x13,
        data_coding=8,
        tlvs=(reference,),
    )
    said = reader.message(pdu, Content(b""), 0x34, NOW)
    assert (said.source, said.destination) == (Address("BANK", 5, 0), Address("0810000001", 2, 8))
    assert said.number == "243810000001"
    assert (said.data_coding, said.priority, said.registered_delivery) == (8, 2, 0x11)
    assert said.traits == Traits("CMT", 0x80, 0x41, 300, sent=AsSent(0x13, 8, 0x83))
    assert (said.accepted_at, said.due, said.expires_at) == (NOW, NOW, NOW + 86_400)


@pytest.mark.parametrize(
    ("habits", "fields", "kept"),
    [
        (NO_HABITS, {}, None),
        (NO_HABITS, {"registered_delivery": 1, "data_coding": 8}, None),
        (NO_HABITS, {"esm_class": 0x40, "short_message": HEADED}, None),
        (NO_HABITS, {"esm_class": 3}, AsSent(0, 0, 3)),
        (NO_HABITS, {"esm_class": 1, "registered_delivery": 1}, AsSent(1, 0, 1)),
        (NO_HABITS, {"registered_delivery": 3}, AsSent(3, 0, 0)),
        (NO_HABITS, {"registered_delivery": 0x25}, AsSent(0x25, 0, 0)),
        (Habits(registered_delivery="always"), {"registered_delivery": 1}, None),
        (Habits(registered_delivery="always"), {}, AsSent(0, 0, 0)),
        (Habits(data_codings={0xF0: 0}), {"data_coding": 0xF0}, AsSent(0, 0xF0, 0)),
        (Habits(detect_udh=True), {"short_message": HEADED}, AsSent(0, 0, 0)),
    ],
)
def test_a_message_keeps_the_fields_that_it_has_not_as_they_were_sent(
    habits: Habits, fields: dict[str, Any], kept: AsSent | None
) -> None:
    reader = Reader(account(habits=habits))
    pdu = submit_sm(**{"registered_delivery": 0} | fields)
    sent = (pdu.registered_delivery, pdu.data_coding, pdu.esm_class)
    message = reader.message(pdu, reader.content(pdu), 0x34, NOW)
    assert message.traits.sent == kept
    own = (message.registered_delivery, message.data_coding, message.traits.esm_class)
    assert (message.traits.sent or own) == sent


def test_the_messages_of_a_stack_that_names_the_mode_share_their_traits() -> None:
    reader = Reader(account())
    first, second = (
        reader.message(submit_sm(esm_class=3), Content(b""), 0x34, NOW) for _ in range(2)
    )
    assert first.traits is second.traits


@pytest.mark.parametrize(
    ("changes", "due", "expires"),
    [
        ({}, 0, 3_600),
        ({"schedule_delivery_time": at(60)}, 60, 3_660),
        ({"schedule_delivery_time": at(-60)}, 0, 3_600),
        ({"schedule_delivery_time": b"000000000500000R"}, 300, 3_900),
        ({"schedule_delivery_time": b"000000000000000R"}, 0, 3_600),
        ({"validity_period": b"000002000000000R"}, 0, 172_800),
        ({"validity_period": b"000000000000000R"}, 0, 3_600),
        ({"validity_period": at(90)}, 0, 90),
        ({"validity_period": at(90), "schedule_delivery_time": at(60)}, 60, 90),
        # validity counts from submission, not from the schedule
        ({"validity_period": b"000000000130000R", "schedule_delivery_time": at(60)}, 60, 90),
    ],
)
def test_a_message_lives_from_its_schedule_to_its_validity(
    changes: dict[str, Any], due: float, expires: float
) -> None:
    reader = Reader(account(validity=3_600.0))
    limited = bool(changes.get("validity_period", b"").strip(b"0R"))
    assert reader.lifetime(submit_sm(**changes), NOW) == (NOW + due, NOW + expires, limited)
    message = reader.message(submit_sm(**changes), Content(b""), 0x34, NOW)
    assert message.traits is (LIMITED if limited else PLAIN)


@pytest.mark.parametrize(
    ("registered_delivery", "interface_version", "wanted"),
    [
        (0, 0x34, 0),
        (1, 0x34, 1),
        (2, 0x34, 2),
        (3, 0x33, 1),
        (3, 0x34, 1),
        (3, 0x50, 3),
        (0x10, 0x34, 0x10),
        (0x13, 0x34, 0x11),
        (0xEC, 0x34, 0),
        (0xFF, 0x50, 0x13),
    ],
)
def test_which_receipts_are_wanted(
    registered_delivery: int, interface_version: int, wanted: int
) -> None:
    assert wanted_receipts(registered_delivery, interface_version) == wanted


@pytest.mark.parametrize(
    ("intermediate", "asked", "wanted"),
    [
        ("asked", 0x11, 0x11),
        ("asked", 0x02, 0x02),
        ("always", 0x01, 0x11),
        ("always", 0x12, 0x12),
        ("always", 0x02, 0x12),
        ("always", 0x10, 0x10),
        ("always", 0x0C, 0x00),  # acknowledgements of a phone are no receipts
        ("never", 0x11, 0x01),
        ("never", 0x10, 0x00),
        ("never", 0x03, 0x01),  # as before SMPP 5.0
    ],
)
def test_an_account_has_intermediate_notifications_or_none(
    intermediate: str, asked: int, wanted: int
) -> None:
    assert wanting(intermediate)(asked, 0x34) == wanted


def test_the_interface_version_is_the_sessions() -> None:
    world = World()
    for version in (0x34, 0x50):
        world.take(world.session(version), submit_sm(registered_delivery=3))
    assert [r.message.registered_delivery for r in world.store.messages.values()] == [1, 3]


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (0, b"\x00\x1b\x65", "@€"),
        (0, b"caf\xe9", "café"),
        (1, b"caf\xe9", "café"),  # Latin-1 under the name of ASCII
        (3, b"caf\xe9", "café"),
        (8, "né €".encode("utf-16-be"), "né €"),
        (8, b"\xff\xfea\0", "a"),
        (6, "Привет".encode("iso8859-5"), "Привет"),
        # NULs that sm_length counts, where 0x00 is no character
        (0, b"a@b\x00", "a¡b@"),
        (0, b"caf\xe9\x00", "café"),
        (1, b"abc\x00", "abc"),
        (3, b"abc\x00\x00", "abc"),
        (3, b"a\x00c", "a\x00c"),
        (8, b"\x00a\x00\x00", "a"),
        (8, b"\x00a\x00", "a"),
        (8, b"\xff\xfea\x00\x00\x00", "a"),
        (6, "Привет\0".encode("iso8859-5"), "Привет"),
    ],
)
def test_octets_become_characters_once(data_coding: int, octets: bytes, text: str) -> None:
    world = World()
    world.sent(submit_sm(octets, data_coding=data_coding))
    (row,) = world.store.messages.values()
    assert row.message.text == text
    fallback = data_coding in (0, 1) and not octets.isascii()
    assert world.said.counts["latin1_fallback", "bank"] == fallback


def test_an_account_says_what_data_coding_0_1_and_3_mean() -> None:
    world = World(alphabet_0="utf8", alphabet_1="gsm7", alphabet_3="gsm7")
    world.sent(
        *[submit_sm(o, data_coding=n) for o, n in (("é".encode(), 0), (b"\2", 1), (b"\0a", 3))]
    )
    assert [r.message.text for r in world.store.messages.values()] == ["é", "$", "@a"]


def test_a_utf8_text_has_neither_a_byte_order_mark_nor_a_nul() -> None:
    world = World(alphabet_0="utf8")
    world.sent(submit_sm("\ufeffé\ufeffe\0".encode()))
    for n, text in enumerate(("\ufeffé", "\ufeffe\0"), 1):
        world.sent(segment_sm(n, 2, text.encode()))
    assert [r.message.text for r in world.store.messages.values()] == ["é\ufeffe", "ée"]


def payload(octets: bytes, **changes: Any) -> SubmitSm:
    return submit_sm(b"", tlvs=((Tag.MESSAGE_PAYLOAD, octets),), **changes)


@pytest.mark.parametrize(
    ("octets", "changes", "most"),
    [
        (b"x" * 1_530, {}, 10),
        (b"x" * 160, {}, 1),
        (b"\x1b\x65" * 760, {}, 10),  # two septets each, none cut: 76 in a part
        ("ж".encode("utf-16-be") * 670, {"data_coding": 8}, 10),
        ("ж".encode("iso8859-5") * 670, {"data_coding": 6}, 10),
        (b"x" * 2_295, {"data_coding": 3}, 15),
        (b"\xff" * 1_340, {"data_coding": 4}, 10),
        (b"\x03\x70\x01\x00" + b"x" * 1_310, {"data_coding": 4, "esm_class": 0x40}, 10),
    ],
)
def test_a_message_takes_so_many_parts_and_no_more(
    octets: bytes, changes: dict[str, Any], most: int
) -> None:
    for max_parts, more, status in (
        (most, b"", 0),
        (most, octets[-2:], Status.ESME_RINVMSGLEN),
        (most + 1, octets[-2:], 0),
        *([(most - 1, b"", Status.ESME_RINVMSGLEN)] if most > 1 else []),
    ):
        world = World(max_parts=max_parts)
        assert world.sent(payload(octets + more, **changes))[0][1] == status


def test_a_payload_of_60000_octets_is_no_message() -> None:
    world = World()
    for data_coding in (0, 3, 4, 8):
        answers = world.sent(payload(b"\x20" * 60_000, data_coding=data_coding))
        assert answers[0][1] == Status.ESME_RINVMSGLEN
    assert not world.store.messages


def test_a_header_that_leaves_no_room_is_refused() -> None:
    udh = bytes((130, 0x70, 128)) + bytes(128)
    answers = World().sent(submit_sm(udh + b"x" * 20, esm_class=0x40, data_coding=4))
    assert answers[0][1] == Status.ESME_RINVMSGLEN


# Every way of 3GPP 23.038 to say default alphabet, plain, with a class, or with an indication.
@pytest.mark.parametrize(
    "data_coding", [0, 0x0F, 0x10, 0x11, 0x12, 0x13, 0x40, 0x53, 0xC0, 0xCA, 0xD0, 0xF0, 0xF3, 0xFB]
)
def test_the_default_alphabet_is_the_accounts_under_every_data_coding(data_coding: int) -> None:
    for alphabet, octets in (("latin1", b"a@b $5"), ("gsm7", b"a\0b \x025")):
        world = World(alphabet_0=alphabet)
        world.sent(submit_sm(octets, data_coding=data_coding))
        assert [r.message.text for r in world.store.messages.values()] == ["a@b $5"]


@pytest.mark.parametrize("data_coding", [8, 0x18, 0x19, 0x48, 0xE0])
def test_utf8_under_data_coding_8_is_a_setting(data_coding: int) -> None:
    for alphabet, octets in (("utf8", "Ж5".encode()), ("ucs2", "Ж5".encode("utf-16-be"))):
        world = World(alphabet_8=alphabet)
        world.sent(submit_sm(octets, data_coding=data_coding))
        assert [r.message.text for r in world.store.messages.values()] == ["Ж5"]


@pytest.mark.parametrize(
    ("source", "ton", "status"),
    [
        (b"243810000001", 5, 0),
        (b"+243810000001", 5, 0),
        (b"12345678901234567890", 5, 0),
        (b"ELEVENCHARS", 5, 0),
        (b"TwelveChars1", 5, Status.ESME_RINVSRCADR),
        (b"TwelveChars1", 1, Status.ESME_RINVSRCADR),
    ],
)
def test_a_source_is_judged_by_its_characters_and_not_by_its_ton(
    source: bytes, ton: int, status: int
) -> None:
    world = World()
    ((_, given, _),) = world.sent(submit_sm(source_addr=source, source_addr_ton=ton))
    assert given == status
    kept = [(r.message.source.addr, r.message.source.ton) for r in world.store.messages.values()]
    assert kept == ([] if status else [(source.decode(), ton)])


def test_a_reader_remembers_few_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SOURCES", 3)
    reader = Reader(account())
    for n in range(20):
        assert reader.source(submit_sm(source_addr=b"S%d" % n)).addr == f"S{n}"
        assert len(reader._sources) <= 3


def test_a_refusal_shows_no_text() -> None:
    with pytest.raises(Refusal) as caught:
        Reader(account()).characters(b"hunter2\x81", 5)
    assert "hunter" not in str(caught.value)


def test_every_vector_is_taken_or_refused() -> None:
    world = World(country="GB")
    pdus = [codec.decode(vector.octets) for vector in VECTORS.values()]
    submitted = [pdu for pdu in pdus if isinstance(pdu, SubmitSm)]
    assert len(world.sent(*submitted)) == len(submitted) > 10
