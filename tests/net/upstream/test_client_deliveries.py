"""What an upstream SMSC delivers to us."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.net.upstream.client import Upstreams
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import (
    AlertNotification,
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DataSmResp,
    DeliverSmResp,
    GenericNack,
    QuerySm,
    SubmitSm,
    SubmitSmResp,
    UnbindResp,
)
from smppbridge.store.port import StoreFailure
from tests.net.smscs import Around, asks
from tests.net.upstream.smsc_session import RECEIPT, bound

# -- what is delivered ----------------------------------------------------------------------------


def responses(smsc):
    return [
        (pdu.sequence_number, pdu.command_status)
        for pdu in smsc.hear()
        if isinstance(pdu, DeliverSmResp)
    ]


def test_a_receipt_is_answered_when_it_is_on_disk(client, around):
    (smsc,) = bound(client, around)
    around.storing = Deferred()
    number = smsc.deliver(RECEIPT)
    around.clock.advance(0)
    assert around.recorded == [("it", [Report("42", MessageState.DELIVERED)])]
    assert responses(smsc) == []
    around.storing.callback(None)
    assert responses(smsc) == [(number, 0)]


def test_what_comes_together_is_told_together(client, around):
    first, second = bound(client, around, binds=2)
    first.deliver(RECEIPT)
    first.deliver(RECEIPT)
    second.deliver(RECEIPT)
    around.clock.advance(0)
    ((_, heard),) = around.recorded
    assert len(heard) == 3
    assert (len(responses(first)), len(responses(second))) == (2, 1)


def test_what_is_not_on_disk_has_to_come_again(client, around):
    (smsc,) = bound(client, around)
    around.storing = StoreFailure("disk full")
    number = smsc.deliver(RECEIPT)
    around.clock.advance(0)
    assert responses(smsc) == [(number, Status.ESME_RX_T_APPN)]


def test_what_nobody_can_read_does_not_come_again(client, around):
    (smsc,) = bound(client, around)
    number = smsc.deliver(b"who knows")
    assert responses(smsc) == [(number, 0)]
    assert around.recorded == []
    assert around.named("deliver_sm_unread")[0]["provider"] == "it"


@pytest.mark.parametrize("said", [(b"who knows", RECEIPT), (RECEIPT, b"who knows")])
def test_a_receipt_beside_one_that_nobody_can_read_is_told(client, around, said):
    (smsc,) = bound(client, around)
    numbers = [smsc.deliver(each) for each in said]
    around.clock.advance(0)
    assert around.recorded == [("it", [Report("42", MessageState.DELIVERED)])]
    assert sorted(responses(smsc)) == [(number, 0) for number in numbers]


def test_a_flood_of_unreadable_receipts_does_not_flood_the_log(client, around):
    (smsc,) = bound(client, around)
    for _ in range(50):
        smsc.deliver(b"nothing")
    assert len(around.named("deliver_sm_unread")) == 20


def test_a_fault_of_whoever_is_told_does_not_keep_a_session_from_being_bound_again(around):
    def faulty(answers):
        raise KeyError("somebody's fault")

    client = Upstreams(replace(around.ports, answered=faulty))
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    with pytest.raises(KeyError):
        smsc.lose()
    around.pass_time(2)
    assert len(around.smscs) == 2


def test_a_session_that_is_gone_is_not_answered(client, around):
    (smsc,) = bound(client, around)
    around.storing = Deferred()
    smsc.deliver(RECEIPT)
    around.clock.advance(0)
    smsc.lose()
    around.storing.callback(None)


def test_a_data_sm_without_anything_is_refused(client, around):
    (smsc,) = bound(client, around)
    smsc.say(DataSm(0, 1))
    assert smsc.hear()[-1].command_status == Status.ESME_RMISSINGOPTPARAM


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_data_sm_is_read_like_a_deliver_sm(client, around, order):
    (smsc,) = bound(client, around)
    phone: Any = {"source_addr": b"447700900123", "destination_addr": b"60123"}
    receipt = ((0x001E, b"4711\0"), (0x0427, b"\x02"))
    both = [
        DataSm(0, 1, esm_class=4, tlvs=receipt, **phone),
        DataSm(0, 2, tlvs=((0x0424, b"YES"),), **phone),
    ]
    smsc.say(*[both[n] for n in order])
    around.clock.advance(0)
    ((_, recorded),) = around.recorded
    assert [type(each) for each in recorded] == [(Report, Mo)[n] for n in order]
    assert [(type(r), r.sequence_number, r.command_status) for r in smsc.hear()] == [
        (DataSmResp, 1 + n, 0) for n in order
    ]


def test_an_alert_notification_is_passed_on(client, around):
    (smsc,) = bound(client, around)
    alert = AlertNotification(0, 5, 1, 1, b"447700900123", 3, 0, b"60123")
    smsc.say(alert)
    assert around.alerts == [("it", alert)]
    assert smsc.hear() == []


def test_reading_pauses_while_too_much_is_not_on_disk(client, around):
    (smsc,) = bound(client, around)
    around.storing = Deferred()
    for _ in range(100):
        smsc.deliver(RECEIPT)
    assert not smsc.wire.reads
    around.clock.advance(0)
    around.storing.callback(None)
    assert smsc.wire.reads


def test_odd_pdus_are_told_of_and_end_nothing(client, around):
    (smsc,) = bound(client, around)
    smsc.say(SubmitSmResp(0, 99, b"1"), UnbindResp(0, 99))
    assert around.named("pdu_refused")[0]["reason"] == "answers no request of ours"
    assert client.bound_counts() == {("it", "transceiver"): 1}


@pytest.mark.parametrize(
    "pdu",
    [
        AlertNotification(0, 1),
        SubmitSm(0, 1, short_message=b"x"),
        QuerySm(0, 1, b"1"),
        GenericNack(Status.ESME_RINVCMDLEN, 0),
        DeliverSmResp(0, 1),
        BindTransceiverResp(0, 1),
        BindTransceiver(0, 1),
    ],
)
def test_what_an_smsc_has_no_reason_to_say_changes_nothing(client, around, pdu):
    (smsc,) = bound(client, around)
    smsc.say(pdu)
    smsc.hear()
    client.send("it", asks("a"))
    (request,) = smsc.submitted()
    smsc.answer(request)
    assert [about for about, _ in around.answers] == ["a"]


@given(octets=st.binary(max_size=200))
def test_nonsense_ends_the_session_at_most(octets):
    around = Around()
    client = Upstreams(around.ports)
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    smsc.link.dataReceived(octets)
    for _ in range(12):  # a PDU may be on its way for 10 s
        around.pass_time(1)
        if smsc.wire.disconnecting:
            smsc.lose()
    assert client.bound_counts() == {("it", "transceiver"): 1}


def test_a_generic_nack_answers_a_submit_sm(client, around):
    (smsc,) = bound(client, around)
    client.send("it", asks("a"))
    (request,) = smsc.submitted()
    smsc.say(GenericNack(Status.ESME_RINVCMDLEN, request.sequence_number))
    ((about, answer),) = around.answers
    assert (about, answer.command_status) == ("a", Status.ESME_RINVCMDLEN)


@pytest.mark.parametrize(
    "answer", [GenericNack(Status.ESME_RINVCMDID, 1), BindTransceiverResp(Status.ESME_RSYSERR, 1)]
)
def test_a_bind_may_be_refused_in_any_form(client, around, answer):
    around.status = None
    (smsc,) = bound(client, around)
    smsc.say(answer)
    around.pass_time(1)
    smsc.lose()
    (refused,) = around.named("upstream_refused")
    assert refused["command_status"] == Status(answer.command_status).name
