"""No password, text, secret or whole number survives in a PDU; every length does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.smpp import tlvs
from smppbridge.smpp.codec import decode
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from smppbridge.smpp.pdus import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DeliverSm,
    Outbind,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
)
from smppbridge.tracing.hidden_words import NO_WORDS, HiddenWords
from smppbridge.tracing.masked_pdu import masked_pdu

MARKER = "Zq7mArKeR"
NUMBER = b"243810555042"
WORDS = HiddenWords([MARKER])
M = MARKER.encode()
RECEIPT = (
    b"id:17957 sub:001 dlvrd:001 submit date:2611261405 done date:2611261406 stat:DELIVRD"
    b" err:000 text:"
)


def masked(pdu: Pdu, words: HiddenWords = NO_WORDS) -> Any:
    octets = pdu.encode()
    found = masked_pdu(octets, words)
    assert len(found) == len(octets)
    assert found[:16] == octets[:16]
    return decode(found)


@pytest.mark.parametrize("kind", [BindReceiver, BindTransmitter, BindTransceiver])
def test_a_password_is_stars_and_the_system_id_stays(kind):
    found = masked(kind(system_id=b"bank", password=b"secret", address_range=NUMBER))
    assert (found.system_id, found.password) == (b"bank", b"******")
    assert found.address_range == b"243810***042"


def test_an_outbind_shows_no_password():
    assert masked(Outbind(system_id=b"SMSC", password=b"hush")).password == b"****"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (b"243810555042", b"243810***042"),
        (b"+243810555042", b"+243810***042"),
        (b"081055504", b"08*****04"),
        (b"0810555", b"08***55"),
        (b"123456", b"123456"),
        (b"BANK", b"BANK"),
        (b"24381-055-50-42", b"24381-0**-*0-42"),
        (b"", b""),
    ],
)
def test_the_middle_of_a_number_is_masked(number, shown):
    pdu = SubmitSm(source_addr=number, destination_addr=number)
    found = masked(pdu)
    assert (found.source_addr, found.destination_addr) == (shown, shown)


@pytest.mark.parametrize(
    ("data_coding", "text", "shown"),
    [
        (0, b"Balance 5", b"." * 9),
        (8, "Été".encode("utf-16-be"), b"\0." * 3),
        (0x19, b"\0a\0b", b"\0.\0."),
        (0xE0, b"\0a\0b", b"\0.\0."),
        (8, b"\0ab", b"\0.."),
        (4, b"\x01\x02", b".."),
    ],
)
def test_a_text_is_dots_of_its_alphabet(data_coding, text, shown):
    assert masked(SubmitSm(data_coding=data_coding, short_message=text)).short_message == shown
    payload = ((Tag.MESSAGE_PAYLOAD, text),)
    assert masked(DataSm(data_coding=data_coding, tlvs=payload)).tlvs == (
        (Tag.MESSAGE_PAYLOAD, shown),
    )


def test_a_user_data_header_stays_and_the_text_behind_it_does_not():
    header = bytes.fromhex("0b0003a703020504158a0000")
    found = masked(SubmitSm(esm_class=0x40, short_message=header + b"secret"))
    assert found.short_message == header + b"......"


@pytest.mark.parametrize(
    "text",
    [b"Hello, is this no header at all?", b"\x05ab\x03cdef", b"\xffx", b"\x01a", b""],
)
def test_a_text_that_is_called_a_header_is_masked(text):
    assert masked(SubmitSm(esm_class=0x40, short_message=text)).short_message == b"." * len(text)


def test_an_element_of_a_header_with_content_is_masked():
    header = bytes((5, 0x22, 3)) + b"abc"
    found = masked(SubmitSm(esm_class=0x40, short_message=header + b"x")).short_message
    assert found == bytes((5, 0x22, 3)) + b"***."


def test_a_receipt_keeps_its_fields_and_loses_its_text():
    pdu = DeliverSm(esm_class=4, short_message=RECEIPT + b"Your code is 4711")
    assert masked(pdu).short_message == RECEIPT + b"." * 17


def test_a_receipt_in_ucs2_keeps_its_fields():
    wide = (RECEIPT + b"Code").decode().encode("utf-16-be")
    found = masked(DeliverSm(esm_class=4, data_coding=8, short_message=wide)).short_message
    assert found.decode("utf-16-be") == RECEIPT.decode() + "...."


@pytest.mark.parametrize(
    "text",
    [b"text:stat:SECRETS id:hush", b"PIN 1234 id:7 stat:DELIVRD", b"Text:id:SECRET err:000"],
)
def test_a_receipt_shows_no_more_than_its_fields(text):
    found = masked(DeliverSm(esm_class=4, short_message=text)).short_message
    for word in (b"SECRET", b"hush", b"PIN", b"1234"):
        assert word not in found


def test_a_text_that_looks_like_a_receipt_is_masked_if_it_is_none():
    found = masked(SubmitSm(esm_class=4, short_message=RECEIPT)).short_message
    assert found == b"." * len(RECEIPT)


def test_tlvs_that_may_hold_content_are_masked():
    kept = (Tag.MESSAGE_STATE, b"\x02"), (Tag.RECEIPTED_MESSAGE_ID, b"abc\0")
    odd = (0x1400, M), (Tag.SAR_MSG_REF_NUM, M)  # a vendor's, and one of a wrong length
    number = (Tag.CALLBACK_NUM, b"\x01\x01\x01" + NUMBER)
    pdu = DeliverSm(tlvs=(odd[0], *kept, number, odd[0]))
    found = masked(pdu).tlvs
    stars = b"*" * len(M)
    assert found == (
        (0x1400, stars),
        *kept,
        (Tag.CALLBACK_NUM, b"\x01\x01\x01243810***042"),
        (0x1400, stars),
    )
    octets = SubmitSm().encode() + tlvs.write((odd[1],))
    octets = len(octets).to_bytes(4, "big") + octets[4:]
    assert M not in masked_pdu(octets, NO_WORDS)


def test_the_first_the_middle_and_the_last_destination_are_masked():
    several = (
        SmeAddress(1, 1, NUMBER),
        DistributionList(b"friends"),
        SmeAddress(1, 1, NUMBER),
    )
    shown = [getattr(d, "destination_addr", b"-") for d in several]
    assert shown == [NUMBER, b"-", NUMBER]
    found = masked(SubmitMulti(dest_address=several, short_message=b"hush"))
    assert [getattr(d, "destination_addr", b"-") for d in found.dest_address] == [
        b"243810***042",
        b"-",
        b"243810***042",
    ]
    assert found.short_message == b"...."
    failed = (UnsuccessSme(1, 1, NUMBER, 11), UnsuccessSme(1, 1, NUMBER, 12))
    found = masked(SubmitMultiResp(message_id=b"7", unsuccess_sme=failed))
    assert [(u.destination_addr, u.error_status_code) for u in found.unsuccess_sme] == [
        (b"243810***042", 11),
        (b"243810***042", 12),
    ]


@pytest.mark.parametrize(
    "pdu",
    [
        QuerySm(message_id=b"7", source_addr=NUMBER),
        CancelSm(message_id=b"7", source_addr=NUMBER, destination_addr=NUMBER),
        ReplaceSm(message_id=b"7", source_addr=NUMBER, short_message=b"Zq7mArKeR"),
        AlertNotification(source_addr=NUMBER, esme_addr=NUMBER),
    ],
)
def test_other_operations_are_masked_too(pdu):
    found = masked_pdu(pdu.encode(), NO_WORDS)
    assert NUMBER not in found
    assert M not in found
    assert b"7" in found or b"243810***042" in found


def test_a_secret_is_masked_wherever_a_peer_puts_it():
    pdu = SubmitSmResp(0, 1, M, ((Tag.ADDITIONAL_STATUS_INFO_TEXT, b"no " + M + b"\0"),))
    found = masked(pdu, WORDS)
    assert found.message_id == b"*" * len(M)
    assert found.tlvs == ((Tag.ADDITIONAL_STATUS_INFO_TEXT, b"no *********\0"),)


def test_texts_stay_on_demand_and_secrets_do_not():
    octets = SubmitSm(short_message=b"Hi " + M).encode()
    assert b"Hi *********" in masked_pdu(octets, WORDS, texts=True)


def test_an_unknown_command_id_is_masked_whole():
    octets = bytes.fromhex("00000019000000990000000000000007") + M
    assert masked_pdu(octets, NO_WORDS) == octets[:16] + b"*" * len(M)


def test_what_cannot_be_read_is_masked():
    octets = bytearray(SubmitSm(short_message=M).encode())
    octets[-len(M) - 1] += 9  # sm_length beyond the PDU
    assert M not in masked_pdu(bytes(octets), NO_WORDS)


short = st.binary(max_size=20)
ADDRESS = st.text("0123456789+-ABC", max_size=20).map(str.encode)


@settings(max_examples=60)
@given(
    before=short,
    after=short,
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    source=ADDRESS,
    extra=st.lists(st.tuples(st.integers(0x0500, 0xFFFF), short), max_size=3),
    cut=st.integers(0, 200),
    kind=st.sampled_from([SubmitSm, DeliverSm]),
)
def test_no_octet_of_a_text_survives(
    before, after, esm_class, data_coding, source, extra, cut, kind
):
    text = before + M + after
    pdu = kind(
        source_addr=source,
        destination_addr=NUMBER,
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=text,
        tlvs=(*extra, (Tag.MESSAGE_PAYLOAD, text), (0x1401, M)),
    )
    octets = pdu.encode()
    found = masked_pdu(octets, NO_WORDS)
    assert len(found) == len(octets)
    assert M not in found
    assert NUMBER not in found
    part = octets[: max(16, len(octets) - cut)]
    part = len(part).to_bytes(4, "big") + part[4:]
    found = masked_pdu(part, NO_WORDS)
    assert len(found) == len(part)
    assert M not in found


@settings(max_examples=60)
@given(st.binary(max_size=80), st.sampled_from([4, 5, 9, 0x21, 0x80000004, 0x103, 0x80000021]))
def test_any_octets_can_be_masked(body, command_id):
    head = (16 + len(body)).to_bytes(4, "big") + command_id.to_bytes(4, "big") + bytes(8)
    assert len(masked_pdu(head + body, WORDS)) == 16 + len(body)


@settings(max_examples=60)
@given(
    secret=st.text(
        st.characters(codec="latin-1", exclude_characters="*\0"), min_size=4, max_size=9
    ),
    field=st.sampled_from(["service_type", "source_addr", "validity_period", "system_id"]),
)
def test_no_secret_survives_in_any_string(secret, field):
    value = secret.encode("latin-1")
    sizes = {"service_type": 5, "validity_period": 16, "source_addr": 20, "system_id": 15}
    value = value[: sizes[field]]
    words = HiddenWords([value.decode("latin-1")])
    pdu = BindTransceiver() if field == "system_id" else SubmitSm()
    octets = replace(pdu, **{field: value}).encode()
    found = masked_pdu(octets, words)
    assert len(found) == len(octets)
    assert value not in found[16:]
