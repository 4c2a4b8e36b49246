from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import MessageState, Tag
from smppbridge.smpp.pdus import DataSm, DeliverSm
from smppbridge.text import udh

SMPP = Smpp(host="smsc.test", system_id="bank", password="sesame")
MSPACE = (
    "id:{id} sub:001 dlvrd:001 submit date:2604010930 done date:2604010931 stat:{stat} err:{err}"
)
DONE = datetime(2026, 4, 1, 9, 31, tzinfo=UTC).timestamp()


def smpp(**settings):
    return Smpp(host="smsc.test", system_id="bank", password="sesame", **settings)


def receipt(text="", esm_class=4, more=(), **fields):
    octets = (
        text or MSPACE.format(**{"id": "42", "stat": "DELIVRD", "err": "000", **fields})
    ).encode()
    return DeliverSm(
        0,
        1,
        source_addr=b"254722000001",
        destination_addr=b"ACME",
        esm_class=esm_class,
        short_message=octets,
        tlvs=more,
    )


def read(pdu, adapter=SMPP, session="s"):
    (heard,) = adapter.read_deliver(pdu, session)
    return heard


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELIVRD", MessageState.DELIVERED),
        ("delivrd", MessageState.DELIVERED),
        ("EXPIRED", MessageState.EXPIRED),
        ("UNDELIV", MessageState.UNDELIVERABLE),
        ("ACCEPTD", MessageState.ACCEPTED),
        ("UNKNOWN", MessageState.UNKNOWN),
        ("REJECTED", MessageState.REJECTED),
        ("REJECTD", MessageState.REJECTED),
        ("ENROUTE", MessageState.ENROUTE),
        ("SCHEDUL", MessageState.ENROUTE),
        ("WHATEVER", MessageState.ENROUTE),
    ],
)
def test_a_receipt_without_a_text_tail_says_what_became_of_it(stat, state):
    assert read(receipt(stat=stat)) == Report("42", state, done_at=DONE)


def test_a_word_of_stat_that_is_not_known_is_named():
    assert read(receipt(stat="Whatever")).unknown == "WHATEVER"
    for stat in ("ENROUTE", "DELIVRD", "SCHEDUL"):
        assert read(receipt(stat=stat)).unknown == ""
    assert read(receipt(stat="Lost"), smpp(states={"LOST": "undeliverable"})).unknown == ""


def test_words_of_stat_can_be_added():
    assert read(receipt(stat="Lost"), smpp(states={"LOST": "undeliverable"})).state == 5
    assert read(receipt(stat="FAILED"), smpp(states={"FAILED": "expired"})).state == 3


def test_tlvs_are_enough():
    more = (
        (Tag.RECEIPTED_MESSAGE_ID, b"4711"),  # without its NUL
        tlvs.make_integer(Tag.MESSAGE_STATE, 5),
        tlvs.make_octets(Tag.NETWORK_ERROR_CODE, b"\x03\x00\x1b"),
    )
    pdu = DeliverSm(esm_class=4, tlvs=more)
    assert read(pdu) == Report("4711", MessageState.UNDELIVERABLE, 27)
    assert read(DataSm(esm_class=4, tlvs=more)) == Report("4711", MessageState.UNDELIVERABLE, 27)


@pytest.mark.parametrize(
    ("err", "error"), [("000", 0), ("027", 27), ("27", 27), ("0A1", 0), ("99999", 999), ("١", 0)]
)
def test_the_error_is_a_number_of_three_digits(err, error):
    assert read(receipt(stat="UNDELIV", err=err)).error == error


@pytest.mark.parametrize(
    ("written", "offset", "done_at"),
    [
        ("2604010931", 0, DONE),
        ("260401093105", 0, DONE + 5),
        ("2604011231", 3 * 3_600, DONE),
        ("2604010331", -6 * 3_600, DONE),
        ("0000000000", 0, None),
        ("soon", 0, None),
    ],
)
def test_the_done_date_is_the_operators_in_the_time_of_the_smsc(written, offset, done_at):
    text = f"id:42 sub:001 submit date:2604010930 done date:{written} stat:EXPIRED err:000 text:"
    assert read(receipt(text), smpp(utc_offset=offset)).done_at == done_at
    assert read(receipt("id:42 stat:EXPIRED"), smpp(utc_offset=offset)).done_at is None


@pytest.mark.parametrize("coding", ["utf-16-be", "utf-16-le"])
def test_a_receipt_in_ucs2_is_read(coding):
    pdu = receipt(stat="UNDELIV", err="027")
    pdu.data_coding, pdu.short_message = 8, pdu.short_message.decode().encode(coding)
    assert read(pdu) == Report("42", MessageState.UNDELIVERABLE, 27, done_at=DONE)


def test_an_intermediate_notification_is_a_report_too():
    assert read(receipt(stat="ENROUTE", esm_class=0x20)).state is MessageState.ENROUTE


def test_a_receipt_behind_a_header_is_read():
    pdu = receipt(esm_class=0x44)
    pdu.short_message = b"\x05\x00\x03\x01\x01\x01" + pdu.short_message
    assert read(pdu) == Report("42", MessageState.DELIVERED, done_at=DONE)


@pytest.mark.parametrize(
    ("ids", "said", "kept"),
    [
        ("same", "00AB", "00AB"),
        ("hex_to_decimal", "0000000031", "31"),
        ("decimal_to_hex", "001F", "1f"),
    ],
)
def test_ids_of_receipts_are_spelled_like_those_that_were_kept(ids, said, kept):
    assert read(receipt(id=said), smpp(ids=ids)).provider_message_id == kept


@pytest.mark.parametrize(
    "text", ["nothing", "id: stat:DELIVRD", "id:42 text:x", f"id:{'9' * 65} stat:DELIVRD"]
)
def test_half_a_receipt_is_a_bad_reply(text):
    with pytest.raises(BadReply):
        SMPP.read_deliver(receipt(text))


def test_what_only_reads_like_a_receipt_is_one_where_that_is_set():
    pdu = receipt(esm_class=0)
    assert isinstance(read(pdu), Mo)
    assert read(pdu, smpp(receipts_as_text=True)) == Report(
        "42", MessageState.DELIVERED, done_at=DONE
    )
    said = receipt("id please", esm_class=0)
    assert isinstance(read(said, smpp(receipts_as_text=True)), Mo)


# -- from phones ----------------------------------------------------------------------------------


def mo(octets=b"YES", number=1, **fields):
    return DeliverSm(
        0,
        number,
        source_addr=b"+254722000001",
        destination_addr=b"22141",
        short_message=octets,
        **fields,
    )


def test_a_message_from_a_phone_is_passed_on_as_it_is():
    heard = read(mo(b"\x05\x00\x03\x07\x02\x01YE", data_coding=8, esm_class=0x40))
    assert heard.octets == b"\x05\x00\x03\x07\x02\x01YE"
    assert (heard.source, heard.destination) == ("254722000001", "22141")
    assert (heard.data_coding, heard.esm_class, heard.text) == (8, 0x40, "")


def test_a_payload_is_read_like_a_short_message():
    payload = (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, b"YES"),)
    assert read(mo(b"", tlvs=payload)).octets == b"YES"
    assert read(DataSm(tlvs=payload)).octets == b"YES"


def test_a_segment_told_by_tlvs_gets_a_header_that_says_the_same():
    sar = (
        tlvs.make_integer(Tag.SAR_MSG_REF_NUM, 0x0102),
        tlvs.make_integer(Tag.SAR_TOTAL_SEGMENTS, 3),
        tlvs.make_integer(Tag.SAR_SEGMENT_SEQNUM, 2),
    )
    heard = read(mo(b"YE", tlvs=sar))
    header, rest = udh.parse(heard.octets)
    assert header.concatenation == udh.Concatenation(0x0102, 3, 2, wide=True)
    assert (rest, heard.esm_class) == (b"YE", 0x40)
    wrong = (*sar[:2], tlvs.make_integer(Tag.SAR_SEGMENT_SEQNUM, 4))
    assert read(mo(b"YE", tlvs=wrong)).octets == b"YE"


def test_only_a_repetition_is_the_same_message():
    first = read(mo()).provider_message_id
    assert read(mo()).provider_message_id == first
    others = [
        read(mo(number=2)),
        read(mo(b"NO")),
        read(mo(), session="another"),
        read(DeliverSm(0, 1, source_addr=b"254722000002", short_message=b"YES")),
    ]
    assert len({first, *(heard.provider_message_id for heard in others)}) == 5


def test_a_name_that_the_smsc_gives_holds_over_sessions_and_segments():
    named = (tlvs.make_c_octets(Tag.RECEIPTED_MESSAGE_ID, b"x" * 64),)
    first = read(mo(tlvs=named)).provider_message_id
    assert read(mo(number=9, tlvs=named), session="later").provider_message_id == first
    assert read(mo(b"next segment", tlvs=named)).provider_message_id != first
    assert len(first) <= 64


@given(
    octets=st.binary(max_size=254),
    esm_class=st.integers(0, 255),
    more=st.lists(st.tuples(st.sampled_from(Tag), st.binary(max_size=80)), max_size=4),
    as_text=st.booleans(),
)
def test_whatever_is_delivered_is_heard_or_a_bad_reply(octets, esm_class, more, as_text):
    pdu = DeliverSm(esm_class=esm_class, short_message=octets, tlvs=tuple(more))
    with suppress(BadReply):
        heard = read(pdu, smpp(receipts_as_text=as_text))
        assert isinstance(heard, Report | Mo)
        assert 0 < len(heard.provider_message_id) <= 64
