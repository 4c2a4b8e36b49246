"""USSD over several daemons on one database: gateways call one, the ESME is bound at another."""

from __future__ import annotations

import json
import select
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from smppbridge.relay.ussd.passing import GRACE
from smppbridge.relay.ussd.whereabouts import Whereabouts
from smppbridge.simulators.ussd import Phone, PhoneScreen
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BindReceiver, BindTransmitter, DeliverSm
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import Esme
from tests.system.provider import Provider
from tests.system.test_ussd import CODE, KEY, NUMBER, PIN, In, next_deliver_sm, op_of, screen

NODE_KEY = "node-key-node-key-node-key"
DEADLINE = 3.0


class Ussd(Cluster):
    """Nodes with USSD that reach each other."""

    def add(self, name: str, **node: Any) -> Daemon:
        [port] = kept_ports(1)
        reached = {
            "listen": f"tcp:{port}:interface=127.0.0.1",
            "address": f"http://127.0.0.1:{port}",
            "key": NODE_KEY,
        }
        daemon = super().add(name, **{**reached, **node})
        daemon.settings["ussd"] = {"key": KEY, "codes": {CODE: "bank"}, "deadline": DEADLINE}
        daemon.settings["log"] = {"messages": "all", "level": "debug"}
        return daemon


@pytest.fixture
def cluster(tmp_path: Path, provider: Provider) -> Iterator[Ussd]:
    made = Ussd(tmp_path, provider, lease=10.0)
    yield made
    made.close()


@pytest.fixture
def meanwhile() -> Iterator[In]:
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def at(daemon: Daemon) -> str:
    """Where the gateway calls a node."""
    return f"http://127.0.0.1:{daemon.callbacks}/ussd/{KEY}"


def reach(phone: Phone, esme: Esme, meanwhile: In) -> tuple[Future[PhoneScreen], DeliverSm]:
    """Dial until the nodes know where the ESME is bound; return what the phone waits for."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        shown = meanwhile(phone.dial)
        while not shown.done():
            if select.select([esme.socket], [], [], 0.05)[0]:
                return shown, next_deliver_sm(esme)
        assert "not available" in shown.result().text
    raise AssertionError("the ESME is never asked")


def number_of(slot: int) -> str:
    """Return a phone whose dialogues begin at a node, of two that have receivers."""
    known = Whereabouts()
    known.see("bank", (1, 2), 0.0)
    numbers = (str(int(NUMBER) + n) for n in range(100))
    return next(n for n in numbers if known.stops("bank", n, 1.0, (1, 2))[0].slot == slot)


def passed(daemon: Daemon, result: str) -> bool:
    """Whether a node has counted a request that went to another node."""
    line = f'ussd_passed_total{{account="bank",result="{result}"}}'
    return line in daemon.get("/metrics")[1]


def test_a_dialogue_crosses_nodes_and_goes_on_at_another(cluster: Ussd, meanwhile: In) -> None:
    """And no text of it is written anywhere on its way."""
    own = "254722936417"  # the server may have the numbers of other tests
    a, b = cluster.start("a", "b")
    with b.bound() as esme:
        phone = Phone(at(a), CODE, own)
        shown, first = reach(phone, esme, meanwhile)
        assert (op_of(first), first.short_message) == (1, CODE.encode())
        assert esme.ask(screen(first, b"1. Balance", 2)).command_status == 0
        assert shown.result(10) == PhoneScreen("1. Balance", False)

        phone.url = at(b)
        shown = meanwhile(phone.answer, "1")
        second = next_deliver_sm(esme)
        assert (op_of(second), second.short_message) == (18, b"1")
        assert esme.ask(screen(second, b"PIN?", 2)).command_status == 0
        assert shown.result(10) == PhoneScreen("PIN?", False)

        phone.url = at(a)
        shown = meanwhile(phone.answer, PIN)
        third = next_deliver_sm(esme)
        assert (op_of(third), third.short_message) == (18, PIN.encode())
        assert esme.ask(screen(third, b"Balance: 471.12", 17)).command_status == 0
        assert shown.result(10) == PhoneScreen("Balance: 471.12", True)
        assert esme.ask(screen(third, b"more", 17)).command_status == Status.ESME_RINVDSTADR
        assert passed(a, "answered")
        assert b.await_event("ussd_ended")["requests"] == 3
    assert (a.stop(), b.stop()) == (0, 0)
    told = "\n".join([*a.lines, *b.lines]).encode()
    files = [file for file in cluster.server.folder.rglob("*") if file.is_file()]
    stored = b"".join(file.read_bytes() for file in files)
    for secret in (PIN.encode(), b"Balance", own.encode(), NODE_KEY.encode()):
        assert secret not in told
        assert secret not in stored


def test_a_screen_of_a_transmitter_at_another_node(cluster: Ussd, meanwhile: In) -> None:
    a, b = cluster.start("a", "b")
    with b.bound(BindReceiver) as receiver, a.bound(BindTransmitter) as transmitter:
        phone = Phone(at(a), CODE, NUMBER)
        shown, asked = reach(phone, receiver, meanwhile)
        assert transmitter.ask(screen(asked, b"Menu", 2)).command_status == 0
        assert shown.result(10) == PhoneScreen("Menu", False)
        late = transmitter.ask(screen(asked, b"again", 2))
        assert late.command_status == Status.ESME_RSUBMITFAIL
        shown = meanwhile(phone.answer, "1")
        next_deliver_sm(receiver)
        long = transmitter.ask(screen(asked, b"x" * 183, 2))
        assert long.command_status == Status.ESME_RINVMSGLEN
        assert "not available" in shown.result(10).text
        gone = transmitter.ask(screen(asked, b"late", 2))
        assert gone.command_status == Status.ESME_RINVDSTADR


def test_an_esme_that_is_late_and_a_gateway_that_hangs_up(cluster: Ussd, meanwhile: In) -> None:
    a, b = cluster.start("a", "b")
    with b.bound() as esme:
        shown, _ = reach(Phone(at(a), CODE, NUMBER), esme, meanwhile)
        began = time.monotonic()
        late = shown.result(10)
        assert (late.ends, "in time" in late.text) == (True, True)
        assert time.monotonic() - began < DEADLINE + GRACE + 1.0
        assert next_deliver_sm(esme).short_message == b""
        assert b.await_event("ussd_ended")["outcome"] == "timeout"

        body = json.dumps(
            {"MSISDN": NUMBER, "SESSION_ID": "7", "SERVICE_CODE": CODE, "USSD_STRING": ""}
        )
        gateway = HTTPConnection("127.0.0.1", a.callbacks, timeout=PATIENCE)
        gateway.request("POST", f"/ussd/{KEY}", body)
        assert next_deliver_sm(esme).short_message == CODE.encode()
        gateway.close()
        assert next_deliver_sm(esme).short_message == b""
        assert b.await_event("ussd_ended", 2)["outcome"] == "gone"


def test_the_node_of_a_dialogue_is_killed(cluster: Ussd, meanwhile: In) -> None:
    """The phone learns it at once; its next dialogue begins where the ESME binds next."""
    a, b = cluster.start("a", "b")
    phone = Phone(at(a), CODE, NUMBER)
    with b.bound() as esme:
        shown, _ = reach(phone, esme, meanwhile)
        b.kill()
        assert "not available" in shown.result(2).text
        assert passed(a, "lost")
        assert "not available" in phone.dial().text  # nobody has taken it over yet
        assert a.await_event("node_unreachable")["node"] == "b"
    with a.bound() as esme:
        shown, asked = reach(phone, esme, meanwhile)
        assert esme.ask(screen(asked, b"Bye", 17)).command_status == 0
        assert shown.result(10) == PhoneScreen("Bye", True)


def test_the_node_that_the_gateway_called_is_killed(cluster: Ussd, meanwhile: In) -> None:
    a, b = cluster.start("a", "b")
    with b.bound() as esme:
        shown, asked = reach(Phone(at(a), CODE, NUMBER), esme, meanwhile)
        a.kill()
        assert shown.exception(10)
        assert next_deliver_sm(esme).short_message == b""
        assert esme.ask(screen(asked, b"late", 2)).command_status == Status.ESME_RINVDSTADR
        assert b.await_event("ussd_ended")["outcome"] == "gone"


def test_the_node_of_a_dialogue_stands_still(cluster: Ussd, meanwhile: In) -> None:
    """The phone has its last screen in time; the ESME learns the end when its node wakes."""
    a, b = cluster.start("a", "b")
    with b.bound() as esme:
        shown, _ = reach(Phone(at(a), CODE, NUMBER), esme, meanwhile)
        b.signal(signal.SIGSTOP)
        try:
            late = shown.result(DEADLINE + GRACE + 2.0)
        finally:
            b.signal(signal.SIGCONT)
        assert (late.ends, "in time" in late.text) == (True, True)
        assert passed(a, "timeout")
        assert next_deliver_sm(esme).short_message == b""


def test_a_dialogue_stays_where_it_began_when_another_node_would_be_first(
    cluster: Ussd, meanwhile: In
) -> None:
    a, b = cluster.start("a", "b")
    phone = Phone(at(b), CODE, number_of(2))
    with a.bound() as esme:
        shown, first = reach(phone, esme, meanwhile)
        assert esme.ask(screen(first, b"Menu", 2)).command_status == 0
        assert shown.result(10) == PhoneScreen("Menu", False)
        with b.bound() as other:
            shown = meanwhile(phone.answer, "1")
            second = next_deliver_sm(esme)
            assert (op_of(second), second.short_message) == (18, b"1")
            assert esme.ask(screen(second, b"Bye", 17)).command_status == 0
            assert shown.result(10) == PhoneScreen("Bye", True)
            shown, anew = reach(phone, other, meanwhile)
            assert other.ask(screen(anew, b"Bye", 17)).command_status == 0
            assert shown.result(10) == PhoneScreen("Bye", True)


def test_a_node_that_ends_lets_the_last_screen_come(cluster: Ussd, meanwhile: In) -> None:
    """Both do: the node that the gateway called, and the node that has the dialogue."""
    a, b = cluster.start("a", "b")
    with b.bound() as esme:
        for daemon in (a, b):
            shown, asked = reach(Phone(at(a), CODE, NUMBER), esme, meanwhile)
            daemon.signal(signal.SIGTERM)
            daemon.await_notice("STOPPING=1")
            assert esme.ask(screen(asked, b"Bye", 17)).command_status == 0
            assert shown.result(10) == PhoneScreen("Bye", True)
            assert daemon.end() == 0
            a = daemon.start() if daemon is a else a
