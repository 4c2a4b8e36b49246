"""What phones say, from the provider's call to the ESME, over kill -9 and restarts."""

from __future__ import annotations

import json
import signal
import subprocess
from http.client import HTTPConnection
from typing import Any

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BindReceiver, DeliverSm, DeliverSmResp
from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, KEY, Daemon
from tests.system.esme import NUMBER, Esme

OURS, PHONE = "447700900001", "254722000001"


@pytest.fixture
def daemon(daemon: Daemon) -> Daemon:
    """A daemon to which SMS.CX tells what phones say."""
    smscx = {"type": "smscx", "api_key": "k", "callback_key": KEY, "optouts": "refuse"}
    daemon.settings["providers"]["smscx"] = {**smscx, "base_url": "http://127.0.0.1:9"}
    daemon.settings["routes"] = [{"via": ["keccel", "smscx"]}]
    daemon.settings["mo"] = [{"to": OURS, "account": "bank"}]
    daemon.settings["retention"] = "3650d"  # what the tests tell has a date
    return daemon


def tell(daemon: Daemon, event: str, *items: dict[str, Any]) -> int:
    """Call as SMS.CX does; return the status."""
    connection = HTTPConnection("127.0.0.1", daemon.callbacks, timeout=PATIENCE)
    try:
        body = json.dumps({"event": event, "data": items})
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/callbacks/smscx/{KEY}", body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def sms(name: str, text: str, to: str = OURS) -> dict[str, Any]:
    at = "2026-01-02 03:10:00"
    return {"msgId": name, "from": f"+{PHONE}", "to": f"+{to}", "text": text, "receivedAt": at}


def receiver(daemon: Daemon) -> Esme:
    esme = Esme(daemon.smpp)
    assert esme.bind(BindReceiver) == 0
    return esme


def heard(esme: Esme, count: int, *, answer: bool = True) -> list[DeliverSm]:
    """Wait for so many deliver_sm."""
    found: list[DeliverSm] = []
    while len(found) < count:
        pdu = esme.read()
        if isinstance(pdu, DeliverSm):
            found.append(pdu)
            if answer:
                esme.send(DeliverSmResp(0, pdu.sequence_number))
        else:
            esme.take_in(pdu)
    return found


def test_a_phone_is_heard_once_over_kills_and_restarts(daemon: Daemon) -> None:
    daemon.start()
    assert tell(daemon, "receive_sms", sms("A", "x" * 200)) == 200
    daemon.kill()  # right after the answer: nobody was bound
    daemon.start()
    assert tell(daemon, "receive_sms", sms("A", "x" * 200), sms("B", "écho ж")) == 200
    with receiver(daemon) as esme:
        one, two, three = heard(esme, 3, answer=False)
    assert [one.esm_class, two.esm_class, three.esm_class] == [0x40, 0x40, 0]
    assert one.short_message[6:] + two.short_message[6:] == b"x" * 200
    assert (three.short_message, three.data_coding) == ("écho ж".encode("utf-16-be"), 8)
    assert (one.source_addr, one.source_addr_ton) == (PHONE.encode(), 1)
    assert (one.destination_addr, one.dest_addr_ton) == (OURS.encode(), 1)
    daemon.kill()  # before any acknowledgement is on disk
    daemon.start()
    with receiver(daemon) as esme:
        again = heard(esme, 3)
        assert [pdu.short_message for pdu in again] == [
            pdu.short_message for pdu in (one, two, three)
        ]
        daemon.await_rows("select count(*) from delivery where finished_at is null", [(0,)])
        assert tell(daemon, "receive_sms", sms("A", "x" * 200), sms("C", "last")) == 200
        assert heard(esme, 1)[0].short_message == b"last"
    assert daemon.stop() == 0
    assert not daemon.events("unhandled_error")


def test_another_stack_reads_what_a_phone_says(daemon: Daemon) -> None:
    daemon.start()
    texts = ["h\u00e9llo {\u20ac}", "\u0434\u0430 \U0001f600", "x" * 161, ""]
    for number, text in enumerate(texts):
        assert tell(daemon, "receive_sms", sms(f"N{number}", text)) == 200
    where = ["--port", str(daemon.smpp), "--system-id", "bank", "--password", "secret"]
    listen = [str(COMMAND), "listen", *where, "--json", "--count", "5"]
    done = subprocess.run(listen, capture_output=True, text=True, timeout=PATIENCE, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["text"] for each in found] == [*texts[:2], "x" * 153, "x" * 8, ""]
    assert {(each["event"], each["from"], each["to"]) for each in found} == {
        ("message", PHONE, OURS)
    }


def test_nobodys_message_is_told_of_and_not_asked_for_again(daemon: Daemon) -> None:
    daemon.start()
    assert tell(daemon, "receive_sms", sms("A", "private words", "447700900099")) == 200
    told = daemon.await_event("mo_unrouted")
    assert (told["provider"], told["destination"]) == ("smscx", "4477*****099")
    assert "private" not in "".join(daemon.lines)
    assert (
        'smppbridge_mo_total{outcome="unrouted",provider="smscx"} 1.0' in daemon.get("/metrics")[1]
    )
    daemon.settings["mo"] = [{"to": "44*", "account": "bank"}]
    daemon.write()
    daemon.signal(signal.SIGHUP)
    daemon.await_event("configuration_applied")
    assert tell(daemon, "receive_sms", sms("A", "hello", "447700900099")) == 200
    with receiver(daemon) as esme:
        assert heard(esme, 1)[0].short_message == b"hello"


def test_who_opted_out_gets_nothing_until_that_is_ended_by_hand(daemon: Daemon) -> None:
    daemon.start()
    assert tell(daemon, "new_optout", {"phoneNumber": f"+{NUMBER}", "optoutType": "link"}) == 200
    daemon.kill()
    daemon.start()
    with daemon.bound() as esme:
        assert esme.submit("hello").command_status == Status.ESME_RINVDSTADR
        assert esme.submit("hello", "243810000002").command_status == 0
        assert "smppbridge_opted_out_numbers 1.0" in daemon.get("/metrics")[1]
        where = ["--config", str(daemon.file)]
        done = subprocess.run([COMMAND, "optouts", *where, "remove", NUMBER], check=False)
        assert done.returncode == 0
        daemon.await_event("optout_ended_by_hand")
        assert esme.submit("hello").command_status == 0
