"""A phone, the daemon and an ESME: HTTP on one side, SMPP over TCP on the other."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from smppbridge.simulators.ussd import Phone, PhoneScreen
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    SubmitSm,
    SubmitSmResp,
)
from tests.patience import PATIENCE
from tests.system.daemon import Daemon
from tests.system.esme import Esme
from tests.system.provider import Provider

KEY, CODE, NUMBER = "ussdkeyussdkeyussdkey", "*384*77#", "254722000001"
PIN = "471147"
Dial = Callable[[], Phone]
In = Callable[..., "Future[PhoneScreen]"]


@pytest.fixture
def dial(daemon: Daemon) -> Dial:
    """A phone at a daemon that is started with USSD."""
    daemon.settings["ussd"] = {"key": KEY, "codes": {CODE: "bank"}, "deadline": "3s"}
    daemon.settings["log"] = {"messages": "all", "level": "debug"}
    url = f"http://127.0.0.1:{daemon.callbacks}/ussd/{KEY}"
    daemon.start()
    return lambda: Phone(url, CODE, NUMBER)


@pytest.fixture
def meanwhile() -> Iterator[In]:
    """Runs what a phone does while the test is the ESME."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def next_deliver_sm(esme: Esme, status: int = 0) -> DeliverSm:
    """Return what the phone sent, acknowledged."""
    while not isinstance(pdu := esme.read(), DeliverSm):
        esme.take_in(pdu)
    esme.send(DeliverSmResp(status, pdu.sequence_number))
    return pdu


def screen(to: DeliverSm, text: bytes, op: int, **fields: Any) -> SubmitSm:
    """Answer a deliver_sm as ESMEs do: addresses swapped, its_session_info sent back."""
    info = tlvs.find(to.tlvs, Tag.ITS_SESSION_INFO)
    assert info
    return SubmitSm(
        service_type=b"USSD",
        source_addr=to.destination_addr,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=to.source_addr,
        data_coding=0x0F,
        short_message=text,
        tlvs=(
            tlvs.make_integer(Tag.USSD_SERVICE_OP, op),
            tlvs.make_octets(Tag.ITS_SESSION_INFO, info),
        ),
        **fields,
    )


def op_of(pdu: DeliverSm) -> int | None:
    return tlvs.integer(pdu.tlvs, Tag.USSD_SERVICE_OP)


def test_a_dialogue_of_three_screens(
    daemon: Daemon, provider: Provider, dial: Dial, meanwhile: In
) -> None:
    phone = dial()
    with daemon.bound() as esme:
        shown = meanwhile(phone.dial)
        first = next_deliver_sm(esme)
        assert (op_of(first), first.short_message) == (1, CODE.encode())
        assert (first.source_addr, first.destination_addr) == (NUMBER.encode(), CODE.encode())
        response: SubmitSmResp = esme.ask(screen(first, b"1. Balance\n2. Exit", 2))
        assert (response.command_status, response.message_id.isdigit()) == (0, True)
        assert shown.result(10) == PhoneScreen("1. Balance\n2. Exit", False)

        shown = meanwhile(phone.answer, "1")
        second = next_deliver_sm(esme)
        assert (op_of(second), second.short_message) == (18, b"1")
        assert esme.ask(screen(second, b"PIN?", 2)).command_status == 0
        assert shown.result(10) == PhoneScreen("PIN?", False)

        shown = meanwhile(phone.answer, PIN)
        third = next_deliver_sm(esme)
        assert (op_of(third), third.short_message) == (18, PIN.encode())
        assert esme.ask(screen(third, b"Balance: 10 \x02", 17)).command_status == 0
        assert shown.result(10) == PhoneScreen("Balance: 10 $", True)
        assert esme.ask(screen(third, b"more", 17)).command_status == Status.ESME_RINVDSTADR
        assert esme.submit("a message").command_status == 0

        assert 'ussd_ended_total{account="bank",outcome="ended"} 1.0' in daemon.get("/metrics")[1]
        assert daemon.await_event("ussd_ended")["requests"] == 3
    assert daemon.stop() == 0
    told = "\n".join(daemon.lines)
    stored = b"".join(file.read_bytes() for file in daemon.database.parent.glob("bridge.db*"))
    for secret in (PIN, "Balance", NUMBER, KEY):
        assert secret not in told
        assert secret.encode() not in stored
    assert provider.taken == {"a message": 1}


def test_a_receiver_and_a_transmitter_share_a_dialogue(
    daemon: Daemon, dial: Dial, meanwhile: In
) -> None:
    with (
        daemon.bound(kind=BindReceiver) as receiver,  # type: ignore[arg-type]
        daemon.bound(kind=BindTransmitter) as transmitter,  # type: ignore[arg-type]
    ):
        shown = meanwhile(dial().dial)
        asked = next_deliver_sm(receiver)
        assert transmitter.ask(screen(asked, b"Bye", 17)).command_status == 0
        assert shown.result(10) == PhoneScreen("Bye", True)


def test_an_esme_that_is_late_learns_it(daemon: Daemon, dial: Dial, meanwhile: In) -> None:
    with daemon.bound() as esme:
        shown = meanwhile(dial().dial)
        asked = next_deliver_sm(esme)
        late = shown.result(10)
        assert (late.ends, "in time" in late.text) == (True, True)
        end = next_deliver_sm(esme)
        info = tlvs.find(end.tlvs, Tag.ITS_SESSION_INFO)
        assert (end.short_message, info and info[1] & 1) == (b"", 1)
        assert esme.ask(screen(asked, b"late", 2)).command_status == Status.ESME_RINVDSTADR


def test_nobody_there_a_refusal_and_a_lost_session_are_told_at_once(
    daemon: Daemon, dial: Dial, meanwhile: In
) -> None:
    assert dial().dial().ends
    with daemon.bound() as esme:
        shown = meanwhile(dial().dial)
        next_deliver_sm(esme, Status.ESME_RX_T_APPN)
        assert "not available" in shown.result(10).text
        shown = meanwhile(dial().dial)
        next_deliver_sm(esme)
        esme.socket.close()
        assert "not available" in shown.result(10).text


def test_a_provider_that_hangs_up_ends_the_dialogue(daemon: Daemon, dial: Dial) -> None:
    phone = dial()

    def hang_up(url: str, body: bytes) -> bytes:
        connection = HTTPConnection("127.0.0.1", daemon.callbacks, timeout=PATIENCE)
        connection.request("POST", f"/ussd/{KEY}", body)
        next_deliver_sm(esme)
        connection.close()
        return b"END "

    phone._post = hang_up
    with daemon.bound() as esme:
        phone.dial()
        assert next_deliver_sm(esme).short_message == b""
        assert daemon.await_event("ussd_ended")["outcome"] == "gone"


def test_a_daemon_that_stops_lets_the_last_screen_come(
    daemon: Daemon, dial: Dial, meanwhile: In
) -> None:
    with daemon.bound() as esme:
        shown = meanwhile(dial().dial)
        asked = next_deliver_sm(esme)
        daemon.signal(signal.SIGTERM)
        daemon.await_notice("STOPPING=1")
        assert esme.ask(screen(asked, b"Bye", 17)).command_status == 0
        assert shown.result(10) == PhoneScreen("Bye", True)
        esme.await_end()
    assert daemon.end() == 0


def test_a_reload_changes_who_owns_a_code(daemon: Daemon, dial: Dial, meanwhile: In) -> None:
    daemon.settings["accounts"].append({"system_id": "shop", "password": "secret"})
    daemon.settings["ussd"]["codes"] = {CODE: "shop"}
    daemon.write()
    daemon.signal(signal.SIGHUP)
    daemon.await_notice("READY=1")
    with daemon.bound(), daemon.bound(system_id="shop") as shop:
        shown = meanwhile(dial().dial)
        assert shop.ask(screen(next_deliver_sm(shop), b"Shop", 17)).command_status == 0
        assert shown.result(10) == PhoneScreen("Shop", True)
