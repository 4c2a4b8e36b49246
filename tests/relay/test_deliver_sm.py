from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.account import Account, Secret
from smppbridge.model.message import Traits
from smppbridge.model.receipts import Receipts
from smppbridge.model.report import MoContent
from smppbridge.relay.deliver import Outbox, request_of
from smppbridge.relay.receipt_pdus import receipt_pdu
from smppbridge.smpp import codec, receipt, tlvs
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.constants import Tag
from tests.relay.fakes import NOW, delivery


@pytest.mark.parametrize("version", [0x00, 0x33, 0x34, 0x50])
@pytest.mark.parametrize("error", [0, 42, 70_000, -1])
@pytest.mark.parametrize("state", sorted(receipt.STAT))
def test_the_deliver_sm(state: int, error: int, version: int) -> None:
    owed = delivery(
        123,
        state=state,
        error=error,
        text="né\n",
        traits=Traits(service_type="CMT"),
        done_at=NOW + 60,
        final=M(state).is_final,
    )
    pdu: Any = codec.decode(codec.encode(request_of(owed, version, Outbox("bank"))))
    assert (pdu.service_type, pdu.data_coding, pdu.protocol_id) == (b"CMT", 0, 0)
    assert (pdu.priority_flag, pdu.registered_delivery, pdu.replace_if_present_flag) == (0, 0, 0)
    assert (pdu.schedule_delivery_time, pdu.validity_period, pdu.sm_default_msg_id) == (b"", b"", 0)
    source = (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi)
    destination = (pdu.destination_addr, pdu.dest_addr_ton, pdu.dest_addr_npi)
    assert source == (b"243810000001", 1, 1)
    assert destination == (b"BANK", 5, 0)
    assert pdu.esm_class == (0x04 if M(state).is_final else 0x20)
    shown = min(max(error, 0), 999)
    assert pdu.short_message == (
        b"id:123 sub:001 dlvrd:00%d submit date:2701150800 done date:2701150801 "
        b"stat:%b err:%03d text:n?"
    ) % (state == M.DELIVERED, receipt.STAT[state], shown)
    expected = {Tag.RECEIPTED_MESSAGE_ID: b"123\0", Tag.MESSAGE_STATE: bytes((state,))}
    if error > 0:
        expected[Tag.NETWORK_ERROR_CODE] = b"\3" + min(error, 0xFFFF).to_bytes(2, "big")
    assert dict(pdu.tlvs) == ({} if version < 0x34 else expected)
    assert tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) is None


def test_a_message_from_a_phone_is_as_it_was_cut() -> None:
    owed = delivery(7, state=0, content=MoContent(b"\x05\x00\x03\x01\x02\x01hi", 8, 0x40))
    owed.source, owed.destination = owed.destination, owed.source
    pdu: Any = codec.decode(codec.encode(request_of(owed, 0x34, Outbox("bank"))))
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == (b"243810000001", 1, 1)
    assert (pdu.destination_addr, pdu.dest_addr_ton, pdu.dest_addr_npi) == (b"BANK", 5, 0)
    assert (pdu.data_coding, pdu.esm_class, pdu.registered_delivery) == (8, 0x40, 0)
    assert (pdu.short_message, pdu.tlvs) == (b"\x05\x00\x03\x01\x02\x01hi", ())


@pytest.mark.parametrize(("length", "short"), [(0, True), (254, True), (255, False)])
def test_what_a_short_message_does_not_hold_is_in_message_payload(length: int, short: bool) -> None:
    owed = delivery(7, state=0, content=MoContent(b"x" * length))
    pdu: Any = codec.decode(codec.encode(request_of(owed, 0x34, Outbox("bank"))))
    payload = tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    assert (len(pdu.short_message), len(payload or b"")) == ((length, 0) if short else (0, length))


def test_an_account_has_its_own_time_and_may_want_no_text() -> None:
    outbox = Outbox("bank")
    terms = Receipts(utc_offset=7_200, quotes=False)
    outbox.receipt = receipt_pdu(Account(system_id="bank", password=Secret("x"), receipts=terms))
    pdu: Any = request_of(delivery(1, text="hello"), 0x34, outbox)
    assert b"submit date:2701151000" in pdu.short_message
    assert b"hello" not in pdu.short_message


def test_a_state_that_ended_a_message_is_told_in_a_receipt() -> None:
    owed = [delivery(1, state=6, final=final) for final in (True, False)]
    assert [request_of(each, 0x34, Outbox("bank")).esm_class for each in owed] == [0x04, 0x20]
