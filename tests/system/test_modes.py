"""Transaction and datagram mode, data_sm and outbind, over TCP, kill -9 and restarts."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    EnquireLink,
    Outbind,
    SubmitSmResp,
)
from tests.patience import PATIENCE
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER, Esme, ids, submit_sm
from tests.system.provider import Provider

TRANSACTION = 0x02


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where an ESME waits to be called."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


def data_sm(text: str, **fields: int) -> DataSm:
    payload = ((0x0424, text.encode("ascii")),)
    to = NUMBER.encode()
    return DataSm(0, 0, b"", 5, 0, b"BANK", 1, 1, to, registered_delivery=1, tlvs=payload, **fields)


def test_the_answer_waits_for_the_provider_and_the_session_goes_on(
    daemon: Daemon, provider: Provider
) -> None:
    with daemon.start().bound() as esme:
        with provider.held():
            esme.send(submit_sm("waits", esm_class=TRANSACTION))
            provider.await_taken(1)
            assert esme.ask(EnquireLink()).command_status == 0
            assert "smppbridge_responses_waiting" in daemon.get("/metrics")[1]
        answer = esme.read()
        assert type(answer) is SubmitSmResp
        assert answer.command_status == 0
        assert ids(esme.await_receipts(1)) == {answer.message_id.decode()}


@pytest.mark.parametrize("by", ["submit_sm", "data_sm", "the account"])
def test_a_refusal_is_the_answer(daemon: Daemon, provider: Provider, by: str) -> None:
    provider.refusal = "Invalid number"
    if by == "the account":
        daemon.settings["accounts"][0]["answer"] = "provider"
    with daemon.start().bound() as esme:
        if by == "data_sm":
            answer = esme.ask(data_sm("no", esm_class=TRANSACTION))
            assert type(answer) is DataSmResp
        else:
            answer = esme.submit("no", esm_class=0 if by == "the account" else TRANSACTION)
        assert (answer.command_status, answer.message_id) == (Status.ESME_RINVDSTADR, b"")
        provider.refusal = ""
        answer = esme.submit("yes")
        assert ids(esme.await_receipts(1)) == {answer.message_id.decode()}
    assert daemon.rows("select count(*) from delivery") == [(1,)]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_message_that_waits_outlives_the_bridge(
    daemon: Daemon, provider: Provider, end: int
) -> None:
    url, daemon.keccel["base_url"] = daemon.keccel["base_url"], "http://127.0.0.1:9/"
    with daemon.start().bound() as esme:
        esme.send(submit_sm("waits", esm_class=TRANSACTION))
        daemon.await_rows("select stage from message", [(1,)])  # nobody listens there
        daemon.signal(end)
        if end == signal.SIGTERM:
            assert esme.read().command_status == 0  # on disk, and the receipt tells
        with suppress(OSError):
            esme.await_end()
        daemon.end()
    daemon.keccel["base_url"] = url
    with daemon.start().bound() as esme:
        ((message_id,),) = daemon.rows("select message_id from message")
        assert ids(esme.await_receipts(1)) == {str(message_id)}
    assert provider.taken == {"waits": 1}


def test_a_data_sm_is_accepted_and_has_a_receipt(daemon: Daemon, provider: Provider) -> None:
    with daemon.start().bound() as esme:
        answer = esme.ask(data_sm("by data"))
        assert answer.command_status == 0
        assert ids(esme.await_receipts(1)) == {answer.message_id.decode()}
    assert provider.taken == {"by data": 1}


def test_a_datagram_has_no_receipt(daemon: Daemon, provider: Provider) -> None:
    with daemon.start().bound() as esme:
        esme.submit("datagram", esm_class=0x01)
        answer = esme.submit("message")
        assert ids(esme.await_receipts(1)) == {answer.message_id.decode()}
    daemon.await_rows("select count(*) from message where stage = 4", [(2,)])
    assert daemon.rows("select count(*) from delivery") == [(1,)]


def test_an_esme_that_is_owed_a_receipt_is_called(
    daemon: Daemon, provider: Provider, listener: socket.socket
) -> None:
    to = f"127.0.0.1:{listener.getsockname()[1]}"
    daemon.settings["accounts"][0]["outbind"] = {"to": to, "password": "outpw"}
    with daemon.start().bound(kind=BindTransmitter) as esme:  # type: ignore[arg-type]
        sent = [esme.submit(f"text {n}").message_id.decode() for n in range(3)]
    called, _ = listener.accept()
    with Esme(called=called) as esme:
        outbind = esme.read()
        assert type(outbind) is Outbind
        assert (outbind.system_id, outbind.password) == (b"SMPPBRIDGE", b"outpw")
        assert esme.bind(BindReceiver) == 0
        assert ids(esme.await_receipts(3)) == set(sent)
    assert daemon.stop() == 0


def test_an_esme_is_called_after_a_restart_until_it_is_there(
    daemon: Daemon, provider: Provider, listener: socket.socket
) -> None:
    with daemon.start().bound(kind=BindTransmitter) as esme:  # type: ignore[arg-type]
        sent = esme.submit("text").message_id.decode()
        daemon.await_rows("select count(*) from delivery", [(1,)])
    daemon.kill()
    daemon.settings["accounts"][0]["outbind"] = f"127.0.0.1:{listener.getsockname()[1]}"
    daemon.start()
    called, _ = listener.accept()
    called.close()  # it does not bind
    assert daemon.await_event("outbind_failed")["result"] == "silent"
    called, _ = listener.accept()
    with Esme(called=called) as esme:
        assert type(esme.read()) is Outbind
        assert esme.bind(BindReceiver) == 0
        assert ids(esme.await_receipts(1)) == {sent}
