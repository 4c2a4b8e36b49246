"""Dialogues of a phone and an ESME: screens, answers, time."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.intake import rights_of
from smppbridge.relay.ussd.pdus import Op, Screen
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.text.packed import pack
from tests.relay.fakes import account
from tests.relay.ussd.dialled import is_abort
from tests.relay.ussd.world import (
    AWAY,
    CODE,
    LATE,
    PHONE,
    Session,
    World,
    info,
    op_of,
    session_info,
)

# -- a dialogue -----------------------------------------------------------------------------------


def test_a_dialogue_of_three_screens() -> None:
    world = World()
    first = world.phone("")
    began = world.session.last
    assert (op_of(began), began.short_message, began.service_type) == (1, b"*384*77#", b"USSD")
    assert (began.source_addr, began.destination_addr) == (PHONE.encode(), CODE.encode())
    assert (began.data_coding, began.registered_delivery) == (0x0F, 0)
    number, sequence, ends = session_info(began)
    assert (sequence, ends) == (0, False)
    assert first.screens == []
    assert world.esme(b"1. Balance\n2. Exit", tlvs=(info(number),)) == 0
    assert first.screens == [Screen("1. Balance\n2. Exit", False)]

    second = world.phone("1")
    assert (op_of(world.session.last), world.session.last.short_message) == (18, b"1")
    assert session_info(world.session.last) == (number, 1, False)
    assert world.esme(b"PIN?", tlvs=(info(number, 1),)) == 0
    third = world.phone("1*1234")
    assert world.session.last.short_message == b"1234"
    assert session_info(world.session.last) == (number, 2, False)
    assert world.esme(b"Balance: 10", Op.PSSR_RESPONSE, tlvs=(info(number, 2, True),)) == 0
    assert second.screens == [Screen("PIN?", False)]
    assert third.screens == [Screen("Balance: 10", True)]
    assert (world.dialogues.waiting, world.ended()) == (0, {"ended": 1})
    assert world.dialogues.open_counts() == {("bank",): 0}
    assert len(world.session.asked) == 3, "an ESME that ends a dialogue is not told of its end"
    assert (world.meters.accepts, world.meters.seconds) == (3, [0.0] * 3)


@pytest.mark.parametrize(
    ("op", "end_bit", "ends"),
    [
        (Op.USSR_REQUEST, False, False),
        (Op.USSR_REQUEST, True, True),  # vumi's variant
        (Op.USSN_REQUEST, False, True),
        (Op.PSSD_RESPONSE, False, True),
        (Op.PSSR_RESPONSE, False, True),
        (Op.PSSR_RESPONSE, True, True),
        (32, False, True),
        (255, False, True),
        (None, False, False),
        (None, True, True),
    ],
)
def test_the_op_or_the_end_bit_says_whether_a_screen_is_the_last(
    op: int | None, end_bit: bool, ends: bool
) -> None:
    world = World()
    request = world.phone()
    assert world.esme(b"Text", op, tlvs=(info(1, 0, end_bit),)) == 0
    assert request.screens == [Screen("Text", ends)]
    assert world.dialogues.open_counts() == {("bank",): 0 if ends else 1}


def test_septets_are_packed_both_ways_for_an_account_that_packs() -> None:
    world = World()
    world.session.rights = rights_of(account(packed=True), 0.0)
    answer = world.phone("")
    assert world.session.last.short_message == pack(b"*384*77#")
    number = session_info(world.session.last)[0]
    assert world.esme(pack(b"1. Balance"), tlvs=(info(number),)) == 0
    assert answer.screens == [Screen("1. Balance", False)]
    world.phone("ж")
    assert world.session.last.short_message == "ж".encode("utf-16-be")


def test_the_message_id_of_a_screen_has_the_form_of_its_account() -> None:
    world = World()
    world.session.rights = rights_of(account(id_form=b"%020x"), 0.0)
    world.phone("")
    assert world.esme(tlvs=(info(session_info(world.session.last)[0]),)) == 0
    assert world.session.responses[-1].message_id == b"%020x" % 1_000_001


def test_without_its_session_info_the_phone_names_the_dialogue() -> None:
    world = World()
    request, other = world.phone(), world.phone(phone="254722000002")
    assert world.esme(b"Menu", destination_addr=b"+254722000001") == 0
    assert (len(request.screens), other.screens) == (1, [])


def test_a_submit_sm_is_ussd_by_its_service_type_or_its_tlvs() -> None:
    world = World()
    message = SubmitSm(0, 1, destination_addr=PHONE.encode(), short_message=b"an SMS")
    assert world.dialogues.take(world.session, [message]) == [message]
    for changes in ({"op": None}, {"service_type": b""}, {"service_type": b"ussd", "op": None}):
        request = world.phone()
        assert world.esme(**changes) == 0
        assert len(request.screens) == 1
    request = world.phone()
    assert world.esme(op=None, service_type=b"", tlvs=(info(1),)) == 0
    assert len(request.screens) == 1


def test_only_accounts_with_a_service_code_are_looked_at() -> None:
    world = World()
    assert world.dialogues.serves("bank")
    assert not world.dialogues.serves("shop")


def test_input_that_is_not_joined_comes_as_it_is() -> None:
    world = World(cumulative=False)
    for typed, text in (("", CODE.encode()), ("1", b"1"), ("1", b"1"), ("1*2", b"1*2")):
        world.phone(typed)
        assert world.session.last.short_message == text
        world.esme()


def test_user_message_reference_can_name_the_dialogue() -> None:
    world = World(by_reference=True)
    request = world.phone()
    first = world.session.last
    assert tlvs.find(first.tlvs, Tag.ITS_SESSION_INFO) is None
    reference = tlvs.integer(first.tlvs, Tag.USER_MESSAGE_REFERENCE)
    assert reference is not None
    other = (tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, reference + 1),)
    assert world.esme(tlvs=other) == Status.ESME_RSUBMITFAIL
    named = (tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, reference),)
    assert world.esme(tlvs=named) == 0
    assert len(request.screens) == 1
    world.phone("1")
    assert world.session.last.tlvs[1:] == named, "it comes once"


def test_numbers_differ_and_begin_anew_after_255() -> None:
    world = World()
    numbers = []
    for _ in range(300):
        world.phone()
        numbers.append(session_info(world.session.last)[0])
        world.esme(op=Op.PSSR_RESPONSE)
        world.acknowledge()
    assert numbers == [n % 256 for n in range(1, 301)]


def test_an_esme_may_number_its_screens_and_its_own_tlvs_come_back() -> None:
    world = World()
    world.phone()
    mark, vendor = tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, 77), (0x1402, b"abc")
    unwanted = tlvs.make_integer(Tag.LANGUAGE_INDICATOR, 1)
    world.esme(tlvs=(info(1, 9), mark, vendor, unwanted))
    world.phone("1")
    assert session_info(world.session.last) == (1, 9, False)
    assert world.session.last.tlvs[2:] == (mark, vendor)
    world.esme(tlvs=(info(1, 9), (0x1402, b"x" * 300)))
    world.phone("1*2")
    assert session_info(world.session.last) == (1, 10, False)
    assert len(world.session.last.tlvs) == 2
    for given, following in ((127, 127), (127, 0)):
        world.esme(tlvs=(info(1, given),))
        world.phone("1")
        assert session_info(world.session.last) == (1, following, False)


# -- answers that are none ------------------------------------------------------------------------


def test_an_answer_to_nobody_is_refused() -> None:
    world = World()
    assert world.esme() == Status.ESME_RINVDSTADR
    request = world.phone()
    assert world.esme(tlvs=(info(2),)) == Status.ESME_RSUBMITFAIL
    assert world.esme(destination_addr=b"254722000009") == Status.ESME_RINVDSTADR
    assert world.esme(tlvs=((int(Tag.ITS_SESSION_INFO), b"\1"),)) == Status.ESME_RINVPARLEN
    assert request.screens == []
    assert world.esme() == 0
    assert world.esme() == Status.ESME_RSUBMITFAIL, "nothing was asked"
    assert len(request.screens) == 1
    assert len(world.meters.refusals) == 5
    expected = {Reason.NO_DIALOGUE: 3, Reason.BAD_TLV: 1, Reason.BAD_SCREEN: 1}
    assert world.noted.reasons == {(why, "bank"): count for why, count in expected.items()}


def test_an_account_cannot_answer_for_another() -> None:
    world = World()
    request = world.phone()
    shop = Session(system_id="shop")
    assert world.esme(session=shop) == Status.ESME_RINVDSTADR
    assert request.screens == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"text": b"x" * 183}, Status.ESME_RINVMSGLEN),
        ({"text": b"abc", "data_coding": 8}, Status.ESME_RINVMSGLEN),
        ({"text": b"\xff", "data_coding": 4}, Status.ESME_RINVDCS),
        ({"op": 1}, Status.ESME_RINVOPTPARAMVAL),
        ({"op": 18}, Status.ESME_RINVOPTPARAMVAL),
        ({"text": b"\x05\x00\x03\x01\x02\x01a", "esm_class": 0x40}, Status.ESME_RINVESMCLASS),
        ({"text": b"\x06\x05\x04\x0b\x84\x23\xf0a", "esm_class": 0x40}, Status.ESME_RINVESMCLASS),
        ({"text": b"a", "tlvs": ((0x0424, b"b"),)}, Status.ESME_ROPTPARNOTALLWD),
    ],
)
def test_an_answer_that_is_no_screen_ends_the_dialogue(
    changes: dict[str, Any], status: Status
) -> None:
    world = World()
    request = world.phone()
    assert world.esme(**changes) == status
    assert request.screens == [AWAY]
    assert world.ended() == {"malformed": 1}
    assert len(world.session.asked) == 1, "its status has told it"


def test_a_screen_may_have_any_alphabet_and_come_in_message_payload() -> None:
    world = World()
    request = world.phone()
    text = "Меню é"
    payload = ((0x0424, text.encode("utf-16-be")),)
    assert world.esme(b"", data_coding=0x48, tlvs=payload) == 0
    assert request.screens == [Screen(text, False)]


def test_a_screen_of_just_the_length_is_shown() -> None:
    world = World()
    request = world.phone()
    assert world.esme(b"x" * 182) == 0
    assert request.screens == [Screen("x" * 182, False)]


def test_carriage_returns_of_packed_texts_go() -> None:
    world = World()
    request = world.phone()
    world.esme(b"a\rb\r\nc\n\r")
    assert request.screens == [Screen("a\nb\nc", False)]


# -- time -----------------------------------------------------------------------------------------


def test_an_esme_that_is_late_is_told_to_forget() -> None:
    world = World()
    request = world.phone()
    world.wait(7.9)
    assert request.screens == []
    world.wait(0.1)
    assert request.screens == [LATE]
    assert is_abort(world.session)
    assert session_info(world.session.last) == (1, 0, True)
    assert op_of(world.session.last) == 18
    assert world.esme() == Status.ESME_RINVDSTADR
    assert (world.ended(), world.dialogues.waiting) == ({"timeout": 1}, 0)
    assert world.meters.accepts == 0


def test_some_esmes_want_another_op_for_the_end() -> None:
    world = World(abort_op=33)
    world.phone()
    world.wait(8.0)
    assert op_of(world.session.last) == 33


def test_a_phone_that_says_no_more_is_forgotten() -> None:
    world = World()
    request = world.phone()
    world.esme()
    world.wait(179.0)
    world.phone("1", phone="254722000002")
    world.wait(1.0)
    assert world.ended() == {"lapsed": 1}
    assert is_abort(world.session)
    assert len(request.screens) == 1
    assert world.dialogues.open_counts() == {("bank",): 1}


def test_deadlines_are_each_requests_own() -> None:
    world = World()
    first = world.phone()
    world.wait(5.0)
    second = world.phone(phone="254722000002")
    world.esme()
    world.wait(5.0)
    world.phone("1")
    world.wait(3.0)
    assert (first.screens, second.screens) == ([Screen("Menu", False)], [LATE])
    assert world.dialogues.waiting == 1


def test_phones_are_forgotten_in_the_order_of_their_last_screens() -> None:
    world = World()
    world.phone()
    world.esme()
    world.wait(10.0)
    world.phone(phone="254722000002")
    world.esme(destination_addr=b"254722000002")
    world.wait(10.0)
    world.phone("1")
    world.esme()
    world.wait(170.0)
    assert world.ended() == {"lapsed": 1}
    assert world.session.last.source_addr == b"254722000002"
