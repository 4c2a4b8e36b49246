"""Receipts as few accounts want them: by data_sm, or on transmitters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.receipts import Receipts
from smppbridge.relay.receipt_answers import is_end
from smppbridge.settings.receipts import AccountReceiptsSection
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    GenericNack,
    Pdu,
    SubmitSm,
    Unbind,
    UnbindResp,
)
from tests.net.house import BANK, House, delivery, say, wire_of
from tests.net.wires import lose, names, pdus
from tests.vectors.vectors import VECTORS

TEXT = ((int(Tag.MESSAGE_PAYLOAD), b"id:1 stat:DELIVRD"),)
ANYWHERE = replace(BANK, receipts=Receipts(on="any"))


def ask(house: House, link: Any, *requests: Pdu) -> None:
    for number, request in enumerate(requests):
        link.ask(request, delivery(number))
    link.flush()


@pytest.mark.parametrize("kind", [BindReceiver, BindTransceiver])
@pytest.mark.parametrize(
    "answer",
    [
        DataSmResp(0, 1),
        DataSmResp(0, 1, b"17"),
        DataSmResp(Status.ESME_RX_T_APPN, 1),
        DataSmResp(Status.ESME_RX_P_APPN, 1, b"17", ((0x0425, b"\1"),)),
    ],
    ids=lambda answer: f"{answer.command_status} {answer.message_id}",
)
def test_a_data_sm_resp_is_an_answer(kind: type[Any], answer: DataSmResp) -> None:
    house = House()
    link = house.bind(kind)
    ask(house, link, DataSm(tlvs=TEXT), DataSm(tlvs=TEXT))
    assert names(wire_of(link).value())[-2:] == ["DataSm", "DataSm"]
    assert link.room() == 2
    say(link, answer)
    assert house.deliver.answers == [("bank", answer.command_status)]
    assert (link.room(), house.meters.errors) == (3, [])
    lose(link)
    assert house.deliver.back == [1]


@pytest.mark.parametrize("name", ["data_sm_resp_ok", "data_sm_resp_error_header_only"])
def test_the_data_sm_resp_of_the_vectors(name: str) -> None:
    house = House()
    link = house.bind()
    for number in range(30):
        link.session.window = 40
        link.ask(DataSm(tlvs=TEXT), delivery(number))
    link.flush()
    link.dataReceived(VECTORS[name].octets)
    assert house.deliver.answers == [("bank", VECTORS[name].fields["command_status"])]


def test_a_nacked_data_sm_is_not_ended_by_any_list_of_the_account() -> None:
    house = House()
    link = house.bind()
    ask(house, link, DataSm(tlvs=TEXT))
    say(link, GenericNack(Status.ESME_RINVCMDID, 1))
    ((_, status),) = house.deliver.answers
    named = AccountReceiptsSection.model_validate({"retry_on": ["ESME_RSYSERR"]}).terms().retry_on
    assert not is_end(status)
    assert not is_end(status, named)


@pytest.mark.parametrize("answer", [DeliverSmResp(0, 1), DataSmResp(0, 2)], ids=lambda a: type(a))
def test_an_answer_of_another_kind_is_none(answer: Pdu) -> None:
    house = House()
    link = house.bind()
    ask(house, link, DataSm(tlvs=TEXT), DeliverSm())
    say(link, answer)
    assert (house.deliver.answers, link.room()) == ([], 2)


def test_data_sm_that_are_never_answered_are_put_off_and_end_the_session() -> None:
    house = House(response=60, enquire_link=1_000)
    link = house.bind()
    ask(house, link, *(DataSm(tlvs=TEXT) for _ in range(4)))
    house.clock.pump([1.0] * 61)
    assert len(house.deliver.silent) == 4
    assert link.session.state is State.UNBOUND


# -- receipts on a transmitter --------------------------------------------------------------------


@pytest.mark.parametrize("request_", [DeliverSm(), DataSm(tlvs=TEXT)], ids=["deliver", "data"])
def test_a_transmitter_is_delivered_to_where_its_account_says_so(request_: Pdu) -> None:
    house = House()
    house.use(ANYWHERE)
    link = house.bind(BindTransmitter)
    assert house.deliver.receivers == [link]
    assert (link.room(), link.session.may_deliver) == (4, True)
    ask(house, link, request_)
    answered = DeliverSmResp if isinstance(request_, DeliverSm) else DataSmResp
    said = say(link, answered(0, 1), SubmitSm(0, 9, destination_addr=b"1"))
    assert house.deliver.answers == [("bank", 0)]
    assert [(type(pdu).__name__, pdu.sequence_number) for pdu in said] == [("SubmitSmResp", 9)]
    assert house.meters.errors == []
    lose(link)
    assert house.deliver.back == [0]


@pytest.mark.parametrize("kind", [BindTransmitter, BindReceiver, BindTransceiver])
def test_an_alert_notification_goes_to_no_transmitter(kind: type[Any]) -> None:
    house = House()
    house.use(ANYWHERE)
    link = house.bind(kind)
    assert link.alertable == (kind is not BindTransmitter)
    if link.alertable:
        link.notify(AlertNotification(source_addr=b"1", esme_addr=b"2"))


@pytest.mark.parametrize("version", [0x33, 0x34])
def test_an_alert_notification_goes_to_no_peer_that_is_older(version: int) -> None:
    link = House().connect()
    assert link is not None
    say(link, BindReceiver(0, 1, b"bank", b"secret", b"", version))
    assert link.room()
    assert link.alertable == (version == 0x34)


def test_an_answer_behind_the_unbind_of_a_transmitter_counts() -> None:
    house = House()
    house.use(ANYWHERE)
    link = house.bind(BindTransmitter)
    ask(house, link, DeliverSm())
    link.dataReceived(Unbind(0, 5).encode() + DeliverSmResp(0, 1).encode())
    assert house.deliver.answers == [("bank", 0)]
    assert isinstance(pdus(wire_of(link).value())[-1], UnbindResp)


def test_a_session_keeps_the_law_it_was_bound_by() -> None:
    house = House()
    before = house.bind(BindTransmitter)
    house.use(ANYWHERE)
    after = house.bind(BindTransmitter)
    assert [before.room(), after.room()] == [0, 4]
    house.use(BANK)
    assert after.room() == 4
    say(before, DeliverSmResp(0, 1))
    assert (len(house.meters.errors), house.deliver.answers) == (1, [])
