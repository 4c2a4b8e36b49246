"""Outbind: the bridge calls an ESME that is owed deliveries, and the ESME binds."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError

from smppbridge.model.account import Account, OutbindTarget, Secret
from smppbridge.model.receipts import Receipts
from smppbridge.net.outbind import MISTAKEN, CalledSession, Outbinds
from smppbridge.net.room import Limits
from smppbridge.relay.deliver import Outbox
from smppbridge.smpp import pdus
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    EnquireLink,
    Unbind,
)
from tests.net.house import BANK, House, say, wire_of
from tests.net.wires import Wire, lose, until
from tests.net.wires import pdus as read
from tests.relay.fakes import FakeReceiver

AT = OutbindTarget("192.0.2.7", 2776, "outpw")
CALLED = replace(BANK, outbind=AT)
SHOP = Account(
    system_id="shop", password=Secret("secret"), outbind=OutbindTarget("192.0.2.8", 2776)
)


class Calling:
    """A house whose Outbinds call over wires; *links* are the connections that were opened."""

    def __init__(self, *accounts: Account, owed: int = 1, **about: Any) -> None:
        self.house = House(**about)
        self.accounts = accounts or (CALLED,)
        self.outboxes = {a.system_id: Outbox(a.system_id) for a in self.accounts}
        for outbox in self.outboxes.values():
            outbox.depth = owed
        self.links: list[CalledSession] = []
        self.tries: list[tuple[float, str]] = []
        self.open: Deferred[Any] | None = None  # in place of a connection
        self.reachable = True
        self.results: list[tuple[str, str]] = []
        self.outbinds = Outbinds(
            self.house.smsc,
            SimpleNamespace(outboxes=self.outboxes),
            connect=self._connect,
            random=lambda: 0.5,
            meters=SimpleNamespace(outbind=lambda *facts: self.results.append(facts)),
        )
        self.use(*self.accounts)

    def use(self, *accounts: Account) -> None:
        self.outbinds.change({a.system_id: a for a in accounts})
        self.house.use(*accounts)

    def _connect(self, called: OutbindTarget, factory: Any) -> Deferred[Any]:
        self.tries.append((self.house.clock.seconds(), called.host))
        if self.open is not None:
            return self.open
        made: Deferred[Any] = Deferred()
        link = factory.buildProtocol(IPv4Address("TCP", called.host, called.port))
        if not self.reachable or link is None:
            made.errback(ConnectError(string="nobody listens"))
            return made
        link.makeConnection(Wire())
        self.links.append(link)
        made.callback(link)
        return made

    def call(self) -> CalledSession:
        self.outbinds.tick()
        return self.links[-1]

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.house.clock.advance(1.0)
            self.outbinds.tick()

    def failures(self) -> list[dict[str, Any]]:
        return [fields for event, fields in self.house.events if event == "outbind_failed"]


def bind(link: CalledSession, kind: type[Any] = BindReceiver, password: bytes = b"secret") -> int:
    """Bind as the ESME that was called; return the command_status of the response."""
    return say(link, kind(0, 1, b"bank", password))[-1].command_status


def test_it_calls_and_the_esme_binds_on_the_same_connection() -> None:
    calling = Calling()
    link = calling.call()
    (outbind,) = read(wire_of(link).read())
    assert outbind == pdus.Outbind(0, 1, b"SMSC", b"outpw")
    assert bind(link) == 0
    assert link.session.state is State.BOUND_RX
    assert calling.house.deliver.receivers == [link]
    assert calling.results == [("bank", "bound")]
    assert link.host == "192.0.2.7"


@pytest.mark.parametrize(
    "why", ["nothing owed", "a receiver is bound", "no outbind", "no outbox", "draining"]
)
def test_it_calls_only_where_there_is_need(why: str) -> None:
    calling = Calling(owed=0 if why == "nothing owed" else 1)
    if why == "a receiver is bound":
        calling.outboxes["bank"].receivers.append(FakeReceiver())
    elif why == "no outbind":
        calling.use(BANK)
    elif why == "no outbox":
        calling.outboxes.clear()
    elif why == "draining":
        calling.outbinds.drain()
    calling.wait(5)
    assert calling.tries == []


def test_nobody_there_is_called_again_ever_more_slowly() -> None:
    calling = Calling()
    calling.reachable = False
    calling.wait(800)
    times = [at for at, _ in calling.tries]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:8] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert set(calling.results) == {("bank", "unreachable")}
    first = calling.failures()[0]
    assert (first["system_id"], first["address"], first["again_in"]) == ("bank", "192.0.2.7", "2s")
    assert "outpw" not in str(calling.house.events)


@pytest.mark.parametrize("first", [True, False])
def test_an_account_that_is_not_there_holds_up_no_other(first: bool) -> None:
    calling = Calling(*((SHOP, CALLED) if first else (CALLED, SHOP)))
    stuck: Deferred[Any] = Deferred()
    connect = calling._connect
    calling.outbinds._connect = lambda to, f: stuck if to.host.endswith("8") else connect(to, f)
    link = calling.call()
    assert bind(link) == 0
    assert calling.results == [("bank", "bound")]


def test_one_call_at_a_time() -> None:
    calling = Calling()
    link = calling.call()
    calling.wait(10)
    assert len(calling.tries) == 1
    assert bind(link) == 0
    calling.wait(10)
    assert len(calling.tries) == 1


@pytest.mark.parametrize("mistake", ["a transmitter", "another account"])
def test_who_binds_as_no_receiver_of_the_account_is_unbound_and_called_later(mistake: str) -> None:
    calling = Calling(CALLED, replace(BANK, system_id="clinic"))
    link = calling.call()
    if mistake == "a transmitter":
        *_, response, unbind = say(link, BindTransmitter(0, 1, b"bank", b"secret"))
    else:
        *_, response, unbind = say(link, BindReceiver(0, 1, b"clinic", b"secret"))
    assert response.command_status == 0
    assert isinstance(unbind, Unbind)
    assert say(link, pdus.UnbindResp(0, unbind.sequence_number)) == []
    lose(link)
    assert calling.results == [("bank", "refused")]
    assert [each["reason"] for each in calling.failures()] == [MISTAKEN]
    assert calling.house.smsc.binds.sessions == {}
    assert calling.house.deliver.receivers == []
    calling.wait(1)
    assert len(calling.tries) == 1
    calling.wait(2)
    assert len(calling.tries) == 2


STRANGE = {
    "closes": b"",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a length without end": b"\xff" * 16,
    "an outbind": pdus.Outbind(0, 1, b"SMSC", b"outpw").encode(),
    "a nack": pdus.GenericNack(Status.ESME_RINVCMDID, 1).encode(),
    "a submit_sm": pdus.SubmitSm(0, 1).encode(),
    "an unbind": Unbind(0, 1).encode(),
    "a flood": EnquireLink(0, 1).encode() * 100,
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_peer_is_called_later_and_keeps_nothing(name: str) -> None:
    calling = Calling(session_init=20.0)
    link = calling.call()
    link.dataReceived(STRANGE[name])
    if name != "closes":
        until(lambda: wire_of(link).disconnecting, calling.house.clock)
    lose(link)
    assert calling.results == [("bank", "silent")]
    assert len(calling.failures()) == 1
    assert calling.house.smsc.sessions == set()
    calling.wait(3)
    assert len(calling.tries) == 2


def test_a_second_bind_is_refused_and_the_session_goes_on() -> None:
    calling = Calling()
    link = calling.call()
    assert [bind(link), bind(link)] == [0, Status.ESME_RALYBND]
    assert link.session.state is State.BOUND_RX
    assert calling.results == [("bank", "bound")]


def test_a_transmitter_that_gets_receipts_is_a_receiver() -> None:
    calling = Calling(replace(CALLED, receipts=Receipts(on="any")))
    link = calling.call()
    assert bind(link, BindTransmitter) == 0
    assert calling.results == [("bank", "bound")]
    assert calling.house.deliver.receivers == [link]


def test_a_connection_that_is_being_opened_is_a_call() -> None:
    calling = Calling()
    calling.open = Deferred()
    calling.wait(5)
    assert len(calling.tries) == 1
    assert calling.outbinds.calling == 1
    calling.open.errback(ConnectError(string="nobody listens"))
    assert calling.outbinds.calling == 0


def test_an_esme_that_does_not_bind_is_cut_off_and_called_later() -> None:
    calling = Calling(session_init=30.0)
    link = calling.call()
    calling.wait(29)
    assert not link.gone
    calling.wait(2)
    assert link.gone
    lose(link)
    assert calling.results == [("bank", "silent")]
    assert calling.house.failed == []  # it did not come by a listener
    calling.wait(3)
    assert len(calling.tries) == 2


@pytest.mark.parametrize(
    ("account", "password"),
    [(CALLED, b"wrong"), (replace(CALLED, allow_from=(ip_network("10.0.0.0/8"),)), b"secret")],
)
def test_its_bind_is_judged_like_any_other(account: Account, password: bytes) -> None:
    calling = Calling(account)
    link = calling.call()
    assert bind(link, password=password) == Status.ESME_RINVPASWD
    assert link.gone
    lose(link)
    assert calling.results == [("bank", "refused")]
    assert calling.house.deliver.receivers == []


def test_who_binds_and_is_gone_at_once_is_not_called_at_once() -> None:
    calling = Calling()
    link = calling.call()
    assert bind(link, BindTransceiver) == 0
    say(link, Unbind(0, 2))
    lose(link)
    calling.wait(1)
    assert len(calling.tries) == 1
    calling.wait(1)
    assert len(calling.tries) == 2


def test_after_a_long_session_the_pauses_begin_anew() -> None:
    calling = Calling()
    calling.reachable = False
    calling.wait(20)
    calling.reachable = True
    calling.wait(20)
    link = calling.links[-1]
    assert bind(link) == 0
    for _ in range(7):
        calling.wait(10)
        say(link, EnquireLink(0, 3))
    lose(link)
    before = len(calling.tries)
    calling.wait(2)
    assert len(calling.tries) == before + 1


@pytest.mark.parametrize("bound", [True, False])
def test_a_removed_account_is_called_no_more(bound: bool) -> None:
    calling = Calling()
    link = calling.call()
    if bound:
        assert bind(link) == 0
    calling.use()
    assert wire_of(link).aborted is not bound  # a bound session is unbound like any other
    lose(link)
    calling.wait(20)
    assert len(calling.tries) == 1
    assert calling.failures() == []


def test_another_address_is_called_at_once() -> None:
    calling = Calling()
    calling.reachable = False
    calling.wait(100)
    before = len(calling.tries)
    calling.use(replace(CALLED, outbind=replace(AT, host="192.0.2.9")))
    calling.outbinds.tick()
    assert [host for _, host in calling.tries[before:]] == ["192.0.2.9"]


def test_a_reload_that_leaves_it_alone_keeps_the_pause_and_the_session() -> None:
    calling = Calling()
    link = calling.call()
    calling.use(CALLED)
    calling.wait(3)
    assert not link.gone
    assert len(calling.tries) == 1


@pytest.mark.parametrize("stage", ["opening", "open"])
def test_at_the_end_nobody_is_called(stage: str) -> None:
    calling = Calling()
    if stage == "opening":
        calling.open = Deferred()
        calling.outbinds.tick()
    else:
        calling.call()
    calling.outbinds.drain()
    if stage == "open":
        assert wire_of(calling.links[0]).aborted
        lose(calling.links[0])
    assert calling.failures() == []
    calling.wait(10)
    assert len(calling.tries) == 1


def test_a_full_house_calls_nobody() -> None:
    calling = Calling(limits=Limits(connections=1, idle=1))
    calling.house.bind()
    calling.outbinds.tick()
    assert calling.results == [("bank", "unreachable")]
