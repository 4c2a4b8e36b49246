"""query_sm, cancel_sm and replace_sm of a daemon: over several sessions, and after kill -9."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import BindTransmitter, CancelSm, QuerySm, ReplaceSm
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER, Esme, Receipt, ids
from tests.system.provider import Provider

HOUR = b"000000010000000R"
BANK: dict[str, Any] = {"source_addr_ton": 5, "source_addr": b"BANK"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def daemon(tmp_path: Path, provider: Provider) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, provider.url)
    yield daemon.start()
    daemon.close()


def state(esme: Esme, message_id: bytes) -> int:
    response = esme.ask(QuerySm(0, 0, message_id, **BANK))
    assert response.message_id == message_id
    assert bool(response.final_date) == (response.message_state not in (1, 7))
    return int(response.command_status or response.message_state)


def test_messages_are_named_over_sessions_and_after_a_kill(
    daemon: Daemon, provider: Provider
) -> None:
    with Esme(daemon.smpp) as one, Esme(daemon.smpp) as two:
        assert (one.bind(), two.bind(BindTransmitter)) == (0, 0)
        later: dict[str, Any] = {"schedule_delivery_time": HOUR}
        first, second, third = (one.submit(f"text {n}", **later).message_id for n in range(3))
        flagged = two.submit("text 3", replace_if_present_flag=1, **later).message_id
        assert [state(two, each) for each in (first, second, third, flagged)] == [
            MessageState.ENROUTE,
            MessageState.ENROUTE,
            MessageState.DELETED,
            MessageState.ENROUTE,
        ]
        now = ReplaceSm(0, 0, first, **BANK, schedule_delivery_time=b"200101000000000+")
        now.registered_delivery, now.short_message = 1, b"new"
        assert two.ask(now).command_status == 0
        provider.await_taken(1)
        assert list(provider.taken) == ["new"]
        assert two.ask(CancelSm(0, 0, message_id=first, **BANK)).command_status == (
            Status.ESME_RCANCELFAIL
        )
        one.await_receipts(2)
        assert Receipt(third.decode(), "DELETED") in one.receipts
        assert Receipt(first.decode(), "DELIVRD") in one.receipts
    daemon.kill()
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind() == 0
        assert [state(esme, each) for each in (first, second, third)] == [
            MessageState.DELIVERED,
            MessageState.ENROUTE,
            MessageState.DELETED,
        ]
        assert state(esme, b"1") == Status.ESME_RQUERYFAIL
        whole = CancelSm(0, 0, **BANK, destination_addr=NUMBER.encode(), dest_addr_ton=1)
        assert esme.ask(whole).command_status == 0
        assert esme.ask(whole).command_status == Status.ESME_RCANCELFAIL
        owed = {second.decode(), flagged.decode()}
        while not owed <= ids([r for r in esme.receipts if r.stat == "DELETED"]):
            esme.await_receipts(len(esme.receipts) + 1)
        assert [state(esme, each) for each in (second, flagged)] == [MessageState.DELETED] * 2
    assert list(provider.taken) == ["new"]


def test_queries_of_a_whole_window_are_answered_and_rest_no_session(daemon: Daemon) -> None:
    with Esme(daemon.smpp) as esme:
        assert esme.bind() == 0
        message_id = esme.submit("text", schedule_delivery_time=HOUR).message_id
        queries = [QuerySm(0, 1_000 + n, message_id, **BANK) for n in range(1_000)]
        esme.send(*queries)
        found = [esme.read() for _ in queries]
        assert {(pdu.command_status, type(pdu).__name__) for pdu in found} == {(0, "QuerySmResp")}
        assert sorted(pdu.sequence_number for pdu in found) == list(range(1_000, 2_000))
    assert "session_slowed" not in "".join(daemon.lines)
