"""Operations other than submit_sm: each request to its movement, in the order of the PDUs."""

from __future__ import annotations

from typing import Any

from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import QuerySm, QuerySmResp, ReplaceSm, SubmitSm
from tests.net.house import House, say


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
