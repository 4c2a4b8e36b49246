"""The id in an answer to a poll, as the provider writes it there: the very one before others."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpResponse
from smppbridge.providers.keccel import Keccel
from smppbridge.smpp.constants import MessageState
from tests.providers import mspace, smscx
from tests.relay.fakes import message

ASKED = "0aB1"
SPELLINGS = ["0aB1", "0AB1", "ab1"]
KECCEL = Keccel(token="t")


def concluded(exchange: Any, document: Any) -> Any:
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(200, smscx.octets(document)))
    return end.value.value


def keccel(*ids: str) -> Any:
    document = {"messageid": ids[0], "status": "DELIVERED"}
    return concluded(KECCEL.query(message(), ASKED), document)


def mspace_v2(*ids: str) -> Any:
    entries = [{"messageId": each, "status": 3, "statusDescription": "Delivered"} for each in ids]
    return mspace.carried(mspace.JSON.query(mspace.MESSAGE, ASKED), {"message": entries})[1]


def smscx_ids(*ids: str) -> Any:
    entry = {"status": "DELIVERED", "errorCode": None}
    document = {"data": [{**entry, "msgId": each} for each in ids]}
    answer = HttpResponse(200, smscx.octets(document))
    return smscx.CarriedExchange(smscx.SMSCX.query(smscx.FIRST, ASKED), answer).result


READERS = [keccel, mspace_v2, smscx_ids]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("answered", SPELLINGS)
def test_an_id_in_another_spelling_is_returned_as_it_is_answered(read: Any, answered: str) -> None:
    assert read(answered) == Report(answered, MessageState.DELIVERED)


@pytest.mark.parametrize("read", [mspace_v2, smscx_ids])
@pytest.mark.parametrize("ids", [("ab1", ASKED), (ASKED, "ab1")])
def test_the_very_id_goes_before_a_similar_one(read: Any, ids: tuple[str, str]) -> None:
    assert read(*ids) == Report(ASKED, MessageState.DELIVERED)


@pytest.mark.parametrize("read", [mspace_v2])
def test_of_two_similar_ids_none_is_meant(read: Any) -> None:
    with pytest.raises(BadReply):
        read("ab1", "AB1")


@pytest.mark.parametrize("read", [keccel, mspace_v2])
def test_another_id_is_not_meant(read: Any) -> None:
    with pytest.raises(BadReply):
        read("0aB12")
