"""Operations other than submit_sm: each request to its movement, in the order of the PDUs."""

from __future__ import annotations

from typing import Any

from smppbridge.relay.accept.data import AcceptData
from smppbridge.relay.accept.refusals import RefusalLog
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import (
    AlertNotification,
    DataSm,
    DataSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from tests.net.house import House, say, wire_of
from tests.net.wires import pdus
from tests.relay.fakes import World


def test_operations_come_in_the_order_of_the_pdus() -> None:
    house, order = House(), []

    async def query(session: Any, request: QuerySm) -> None:
        order.append(request.sequence_number)
        session.answer(QuerySmResp(0, request.sequence_number, b"7", b"", 2, 0))

    async def take(session: Any, requests: list[SubmitSm]) -> None:
        order.extend(request.sequence_number for request in requests)

    house.smsc.operations = {CommandId.QUERY_SM: query}
    house.smsc.accept.take = take  # type: ignore[method-assign, assignment]
    link = house.bind()
    submits = [SubmitSm(0, n, destination_addr=b"243810000001") for n in (2, 3, 5)]
    answered = say(link, *submits[:2], QuerySm(0, 4, b"7"), submits[2])
    assert order == [2, 3, 4, 5]
    assert answered == [QuerySmResp(0, 4, b"7", b"", 2, 0)]


def test_an_operation_without_a_movement_is_refused() -> None:
    house = House()
    link = house.bind()
    (answered,) = say(link, ReplaceSm(0, 2, b"7"))
    assert answered.command_status == Status.ESME_RSYSERR


def test_a_data_sm_is_accepted_and_answered_by_its_own_response() -> None:
    house, refused = House(), RefusalLog(World().around)
    house.smsc.operations = {CommandId.DATA_SM: AcceptData(house.smsc.accept, refused)}
    link = house.bind()
    whole = DataSm(0, 3, destination_addr=b"243810000001", tlvs=((0x0424, b"x"),))
    assert say(link, DataSm(0, 2), whole) == [
        DataSmResp(Status.ESME_RMISSINGOPTPARAM, 2),
        DataSmResp(0, 3, b"1"),
    ]
    assert link.session.unanswered == 0
    assert (link.gone, link.parting) == (False, False)


def test_a_response_can_be_given_until_the_session_is_over() -> None:
    house = House()
    waiting: list[SubmitSm] = []

    async def take(session: Any, requests: list[SubmitSm]) -> None:
        waiting.extend(requests)

    house.smsc.accept.take = take  # type: ignore[method-assign, assignment]
    link = house.bind()
    say(link, SubmitSm(0, 2), Unbind(0, 3))
    assert (link.gone, link.parting) == (False, True)
    link.answer(SubmitSmResp(0, 2, b"1"))
    link.flush()
    assert [type(each) for each in pdus(wire_of(link).value())] == [SubmitSmResp, UnbindResp]
    assert (link.gone, link.parting) == (True, False)
    link.answer(SubmitSmResp(0, 2, b"1"))  # and nothing happens


def test_an_alert_notification_takes_no_room() -> None:
    link = House().bind()
    wire_of(link).clear()
    link.notify(AlertNotification(0, 0, 1, 1, b"447700900123", 3, 0, b"60123"))
    link.flush()
    assert pdus(wire_of(link).value()) == [
        AlertNotification(0, 1, 1, 1, b"447700900123", 3, 0, b"60123")
    ]
    assert link.room() == 4
