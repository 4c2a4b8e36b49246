"""Traces of a running bridge: sessions, exchanges and callbacks, from the first PDU to the last."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from smppbridge.model.account import Account, Secret
from smppbridge.model.address import Address
from smppbridge.model.message import Attempt, Message
from smppbridge.model.report import Delivery
from smppbridge.net.http_client import HttpClient
from smppbridge.net.upstream.client import Terms, Upstreams
from smppbridge.net.wires import Wires
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer
from smppbridge.providers.smpp.binding import SmppRequest
from smppbridge.relay.lanes.batch import Batch
from smppbridge.relay.submit.carry import Carried
from smppbridge.relay.ussd.pdus import Screen
from smppbridge.service.tracing import Tracing, secrets_of
from smppbridge.settings.configuration import load
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from smppbridge.tracing.lines import line_of
from smppbridge.tracing.recording import NotTraced, Order
from smppbridge.web.callbacks import CallbacksResource, Caller
from smppbridge.web.site import callbacks_site
from smppbridge.web.ussd import UssdResource
from tests.net.house import BANK, House
from tests.net.smscs import SMPP, Around
from tests.net.wires import Wire, lose
from tests.web.rooms import room

SHOP = Account(system_id="shop", password=Secret("secret"))
NUMBER = "243810555042"
TEXT = "Your code is 471183"
SUBMIT = SubmitSm(0, 2, destination_addr=NUMBER.encode(), short_message=TEXT.encode())


class PlayedDialogues:
    """Each request gets a screen at once."""

    def ask(self, dialled: Any, answer: Any) -> Any:
        answer(Screen(f"Balance of {dialled.msisdn}: 5", ends=False))
        return None

    def left(self, dialogue: Any, answer: Any) -> None:
        pass


class Bridge:
    """The parts of a bridge that traces listen to."""

    def __init__(self) -> None:
        self.house, self.around = House(), Around()
        self.house.use(BANK, SHOP)
        self.clock = self.house.clock
        self.answers: list[Any] = []
        self.http = HttpClient(lambda call: call(), self.answers.extend)
        self.wires = Wires(self.http, Upstreams(self.around.ports))
        self.callbacks = CallbacksResource(
            lambda provider, request: (),
            self._receive,
            self.clock,
            lambda *counted: None,
            lambda event, /, **fields: None,
        )
        self.callbacks.admit([Caller(provider="keccel", key=b"k3yk3yk3y", most=64_000)])
        self.ussd = UssdResource(self.callbacks, lambda *counted: None)
        self.ussd.admit("k3yk3yk3yk3y", PlayedDialogues())
        self.events: list[tuple[str, dict[str, Any]]] = []
        relay, doors = (
            SimpleNamespace(wires=self.wires),
            SimpleNamespace(smsc=self.house.smsc, callbacks=self.callbacks, ussd=self.ussd),
        )
        self.tracing = Tracing(relay, doors, self.clock, self._journal)  # type: ignore[arg-type]
        self.wires.smpp.tapped = self.tracing.tapped
        self.called = StringTransport()

    async def _receive(self, provider: str, received: list[Any]) -> None:
        pass

    def _journal(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def start(self, kind: Any = "account", value: str = "bank", **more: Any) -> int:
        return self.tracing.start(Order(kind=kind, value=value, **more), "ann").id

    def lines(self, number: int) -> list[str]:
        """The lines of a trace, without time and words."""
        return [line_of(packet).partition(" ")[2] for packet in self.tracing.read(number).packets]

    def connect(self, host: str = "192.0.2.1") -> Any:
        session: Any = self.house.smsc.buildProtocol(IPv4Address("TCP", host, 1))
        wire = Wire()
        wire.peerAddr = IPv4Address("TCP", host, 41822)
        session.makeConnection(wire)
        return session

    def bound(self, account: Account = BANK, host: str = "192.0.2.1", kind: Any = None) -> Any:
        session = self.connect(host)
        bind = (kind or BindTransceiver)(0, 1, account.system_id.encode(), b"secret")
        session.dataReceived(bind.encode())
        return session

    def ask(self, token: Any, provider: str = "keccel", **fields: Any) -> None:
        made = {"method": "POST", "url": "https://192.0.2.99/sms", **fields}
        self.http.send(provider, [(token, HttpRequest(**made))])

    def reply(self, token: Any, answer: Any) -> None:
        self.http._answers.append([(token, answer)])
        self.http._answer()

    def call(self, octets: bytes) -> None:
        """Let a provider call, over a connection of its own."""
        site = callbacks_site(self.ussd, self.clock, room())
        channel: Any = site.buildProtocol(IPv4Address("TCP", "198.51.100.7", 1))
        channel.makeConnection(StringTransport())
        channel.dataReceived(octets)
        self.clock.advance(0)


@pytest.fixture
def bridge():
    made = Bridge()
    yield made
    made.http.stop(1)


def carried(account: str = "bank", number: str = NUMBER, message_id: int = 4119) -> Carried:
    message = Message(
        message_id=message_id,
        system_id=account,
        source=Address("BANK"),
        destination=Address(number),
        number=number,
        text=TEXT,
        data_coding=0,
        priority=0,
        registered_delivery=1,
        route=("keccel",),
        accepted_at=0,
        expires_at=0,
        due=0,
    )
    return Carried(Attempt(message, "keccel", 2), "keccel", iter(()), lambda c: None)  # type: ignore[arg-type]


def callback(ident: str, key: str = "k3yk3yk3y", more: str = "") -> bytes:
    return f"GET /callbacks/keccel/{key}?messageID={ident}&status=1{more} HTTP/1.1\r\n\r\n".encode()


# -- sessions of ESMEs ----------------------------------------------------------------------------


def test_nobody_listens_without_a_trace(bridge):
    session = bridge.bound()
    assert (session.tap, bridge.http.tap, bridge.callbacks.tap) == (None, None, None)
    number = bridge.start()
    assert session.tap is not None
    assert bridge.http.tap is not None
    assert bridge.callbacks.tap is not None
    later = bridge.connect()
    assert later.tap is not None
    bridge.tracing.stop(number)
    assert (session.tap, later.tap, bridge.http.tap, bridge.callbacks.tap) == (None,) * 4
    assert bridge.connect().tap is None


def test_a_trace_of_an_account_has_its_sessions_from_bind_to_end(bridge):
    number = bridge.start()
    session = bridge.bound()
    bridge.bound(SHOP).dataReceived(SUBMIT.encode())
    session.dataReceived(SUBMIT.encode())
    session.dataReceived(Unbind(0, 3).encode())
    lose(session)
    assert [" ".join(line.split(" ")[:3]) for line in bridge.lines(number)] == [
        "192.0.2.1#1 -> BindTransceiver",
        "192.0.2.1#1 <- BindTransceiverResp",
        "192.0.2.1#1 -> SubmitSm",
        "192.0.2.1#1 <- SubmitSmResp",
        "192.0.2.1#1 -> Unbind",
        "192.0.2.1#1 <- UnbindResp",
        "192.0.2.1#1 -> the",
    ]
    assert bridge.lines(number)[-1].endswith("the session is over: unbind")


def test_a_stranger_that_says_nothing_and_leaves_does_not_end_the_trace(bridge):
    number = bridge.start("address", "192.0.2.0/24")
    session = bridge.connect()

    def without_socket() -> None:  # as Twisted's transport is when a connection is lost
        raise AttributeError("socket")

    session.transport.getHost = without_socket
    lose(session)
    assert bridge.tracing.running == 1
    (line,) = bridge.lines(number)
    assert line.startswith("192.0.2.1#1 ->")
    assert "the session is over" in line


def test_a_session_that_is_bound_already_is_in_the_trace(bridge):
    session, other = bridge.bound(), bridge.bound(SHOP)
    number = bridge.start()
    other.dataReceived(SUBMIT.encode())
    session.dataReceived(SUBMIT.encode())
    assert len(bridge.lines(number)) == 2


def test_a_pdu_that_is_cut_by_the_start_is_whole(bridge):
    session, octets = bridge.bound(), SUBMIT.encode()
    session.dataReceived(octets[:7])
    number = bridge.start()
    session.dataReceived(octets[7:30])
    session.dataReceived(octets[30:] + EnquireLink(0, 3).encode())
    kinds = [line.split(" ")[2] for line in bridge.lines(number)]
    assert sorted(kinds) == ["EnquireLink", "EnquireLinkResp", "SubmitSm", "SubmitSmResp"]


def test_a_refused_bind_is_in_the_trace(bridge):
    number, by_address = bridge.start(), bridge.start("address", "192.0.2.0/24")
    session = bridge.connect()
    session.dataReceived(BindTransceiver(0, 1, b"bank", b"wrong").encode())
    bridge.clock.pump([1.0] * 20)
    lines = bridge.lines(number)
    assert "password=*****" in lines[0]
    assert "wrong" not in "".join(lines)
    assert lines[1].startswith("192.0.2.1#1 <- BindTransceiverResp #1 ESME_R")
    assert bridge.lines(by_address)[:2] == lines[:2]


def test_strangers_are_in_a_trace_by_address(bridge):
    number = bridge.start("address", "198.51.100.7")
    bridge.connect("198.51.100.8").dataReceived(EnquireLink(0, 1).encode())
    session = bridge.connect("198.51.100.7")
    session.dataReceived(EnquireLink(0, 1).encode())
    bridge.connect("198.51.100.7").dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    lines = bridge.lines(number)
    assert lines[0] == "198.51.100.7#2 -> EnquireLink #1"
    assert lines[-1] == "198.51.100.7#3 -> 18 octets that are no PDU: HTTP request"


def test_a_trace_of_a_number_has_its_pdus_and_their_responses(bridge):
    number = bridge.start("number", "0810555042")
    session, other = bridge.bound(), bridge.bound(SHOP, "192.0.2.2")
    for destination in (b"243810555043", NUMBER.encode(), b"243810555044"):
        for each in (session, other):
            each.dataReceived(SubmitSm(0, 7, destination_addr=destination).encode())
    kinds = [line.split(" ")[:3] for line in bridge.lines(number)]
    assert kinds == [
        ["192.0.2.1#1", "->", "SubmitSm"],
        ["192.0.2.1#1", "<-", "SubmitSmResp"],
        ["192.0.2.2#2", "->", "SubmitSm"],
        ["192.0.2.2#2", "<-", "SubmitSmResp"],
    ]


def test_a_deliver_sm_says_which_message_it_is_about(bridge):
    number = bridge.start()
    session = bridge.bound(kind=BindReceiver)
    address = Address(NUMBER)
    owed = Delivery(17957, 17957, "bank", address, address, 2, 0, 0, 0, 0, 0)
    session.ask(DeliverSm(destination_addr=b"BANK"), owed)
    session.flush()
    session.dataReceived(DeliverSmResp(0, 1).encode())
    sent, answered = bridge.lines(number)[-2:]
    assert sent.startswith("192.0.2.1#1 <- DeliverSm #1")
    assert sent.endswith("(receipt of message 17957)")
    assert answered.endswith("(receipt of message 17957)")


def test_a_fault_of_the_trace_ends_the_trace_and_not_the_session(bridge, monkeypatch):
    session, number = bridge.bound(), bridge.start()
    monkeypatch.setattr("smppbridge.tracing.session_tap.masked_pdu", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(bridge.tracing._traces, "_failed", lambda: None)
    session.dataReceived(SUBMIT.encode())
    assert session.transport.value().endswith(SubmitSmResp(0, 2, b"1").encode())
    assert bridge.tracing.view(number).ended == "a fault of the trace"
    assert session.tap is None


# -- providers ------------------------------------------------------------------------------------


def test_exchanges_of_an_account_are_in_its_trace(bridge):
    number = bridge.start()
    first, others, last = carried(), carried("shop"), carried(message_id=5000)
    for token in (others, first, last, others):
        bridge.ask(token, body=json.dumps({"message": TEXT, "to": NUMBER}).encode())
    bridge.reply(first, HttpResponse(200, b'{"messageID":"K-9912","status":"SENT"}'))
    bridge.reply(others, HttpResponse(200, b'{"messageID":"K-9913"}'))
    bridge.reply(last, NoAnswer("timed out"))
    lines = bridge.lines(number)
    assert len(lines) == 4
    assert "(submit: message 4119 attempt 2)" in lines[0]
    assert '"to": "243810***042"' in lines[0]
    assert "(submit: message 5000 attempt 2)" in lines[1]
    assert lines[2].startswith("keccel -> HTTP/1.1 200 OK")
    assert "K-9912" in lines[2]
    assert lines[3] == "keccel -> submit: message 5000 attempt 2: NoAnswer: timed out"
    assert TEXT not in "".join(lines)


def test_a_poll_belongs_to_the_account_of_its_message(bridge):
    number, token = bridge.start(), carried()
    token.about = (token.about, "K-9912")
    bridge.ask(token, operation="query")
    (line,) = bridge.lines(number)
    assert "(query: message 4119 attempt 2)" in line


def test_a_batch_names_its_messages(bridge):
    number = bridge.start("number", NUMBER)
    attempts = [carried(number="1" * 9, message_id=n).about for n in range(1, 7)]
    attempts[-1] = carried(message_id=7).about
    token = Carried(Batch("key", attempts), "keccel", iter(()), lambda c: None)  # type: ignore[arg-type]
    bridge.ask(token)
    (line,) = bridge.lines(number)
    assert "message 1 attempt 2, 2 attempt 2" in line
    assert "and 1 more" in line


def test_a_trace_of_a_provider_has_all_its_exchanges(bridge):
    number, by_address = bridge.start("provider", "keccel"), bridge.start("address", "192.0.2.99")
    bridge.ask("login", operation="login")
    bridge.ask("other", provider="d7", url="https://192.0.2.98/")
    bridge.reply("login", HttpResponse(200, b'{"access_token":"hush"}'))
    lines = bridge.lines(number)
    assert lines == bridge.lines(by_address)
    assert len(lines) == 2
    assert "hush" not in lines[1]


def test_an_answer_after_the_end_of_the_trace_is_nothing(bridge):
    number, other = bridge.start("provider", "keccel"), bridge.start("provider", "d7")
    bridge.ask("one")
    bridge.tracing.stop(number)
    bridge.reply("one", HttpResponse(200, b""))
    assert len(bridge.lines(number)) == 1
    bridge.tracing.stop(other)
    bridge.reply("one", HttpResponse(200, b""))


def test_callbacks_follow_their_message_into_the_trace_of_its_account(bridge):
    number = bridge.start()
    token = carried()
    bridge.ask(token)
    bridge.reply(token, HttpResponse(200, b'{"messageID":"K-9912"}'))
    for ident in ("K-1", "k-9912", "K-2"):
        bridge.call(callback(ident))
    asked, answered = bridge.lines(number)[2:]
    assert asked.startswith("keccel -> GET /callbacks/keccel/*********?messageID=k-9912&status=1")
    assert answered.startswith("keccel <- HTTP/1.1 200 OK")


def test_callbacks_of_a_number_and_of_an_address(bridge):
    by_number, by_address = bridge.start("number", NUMBER), bridge.start("address", "198.51.100.7")
    bridge.call(callback("1", more=f"&to={NUMBER}"))
    bridge.call(callback("2", more="&to=243810555043"))
    assert "to=243810***042" in bridge.lines(by_number)[0]
    assert (len(bridge.lines(by_number)), len(bridge.lines(by_address))) == (2, 4)


def dial(text: str = "*1*4711#") -> bytes:
    body = json.dumps(
        {"MSISDN": NUMBER, "SESSION_ID": "s1", "SERVICE_CODE": "*1#", "USSD_STRING": text}
    )
    head = f"POST /ussd/k3yk3yk3yk3y HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n{body}".encode()


def test_a_phone_that_dials_is_in_the_trace_of_its_number(bridge):
    number, other = bridge.start("number", NUMBER), bridge.start("number", "243810555043")
    shown = bridge.start("provider", "ussd", texts=True)
    bridge.call(dial())
    asked, answered = bridge.lines(number)
    assert asked.startswith("ussd -> POST /ussd/************ HTTP/1.1  (a phone dials)")
    assert answered.startswith("ussd <- HTTP/1.1 200 OK")
    assert answered.rstrip().rpartition("\n")[2].strip().rstrip("*") == "CON "
    assert "4711" not in asked
    assert "Balance" not in answered
    assert bridge.lines(other) == []
    asked, answered = bridge.lines(shown)
    assert "*1*4711#" in asked
    assert "Balance of" in answered
    assert "k3yk3y" not in asked
    bridge.tracing.stop(number)
    bridge.tracing.stop(other)
    bridge.tracing.stop(shown)
    bridge.call(dial())
    assert bridge.ussd.tap is None


def test_refused_callbacks_are_in_the_trace_without_their_key(bridge):
    number = bridge.start("provider", "keccel")
    bridge.call(callback("1", key="k3yk3yk3x"))
    bridge.call(
        b"POST /callbacks/keccel/wrong HTTP/1.1\r\nContent-Length: 3\r\nCookie: a=hush\r\n\r\nabc"
    )
    lines = bridge.lines(number)
    assert [line.split("\n")[0][:40] for line in lines] == [
        "keccel -> GET /callbacks/keccel/********",
        "keccel <- HTTP/1.1 404 Not Found  (callb",
        "keccel -> POST /callbacks/keccel/***** H",
    ]
    assert "k3yk" not in "".join(lines)
    assert "hush" not in "".join(lines)


def test_sessions_with_an_upstream_smsc(bridge):
    by_provider, by_account = bridge.start("provider", "it"), bridge.start()
    bridge.wires.smpp.change({"it": Terms(SMPP)})
    (smsc,) = bridge.around.smscs
    assert "BindTransceiver" in bridge.lines(by_provider)[0]
    assert "sesame" not in bridge.lines(by_provider)[0]
    asked = [(carried("shop"), SmppRequest(SUBMIT)), (carried(), SmppRequest(replace(SUBMIT)))]
    bridge.wires.smpp.send("it", [*asked, (carried("shop"), SmppRequest(replace(SUBMIT)))])
    ids = (b"AB11", b"AB12", b"AB13")
    answered = [
        SubmitSmResp(0, pdu.sequence_number, ident)
        for pdu, ident in zip(smsc.submitted(), ids, strict=True)
    ]
    for response in answered:
        smsc.say(response)
    lines = bridge.lines(by_account)
    assert [line.split(" ")[2] for line in lines] == ["SubmitSm", "SubmitSmResp"]
    assert "(message 4119 attempt 2)" in lines[0]
    smsc.say(DeliverSm(0, 9, esm_class=4, short_message=b"id:0ab12 stat:DELIVRD err:000 text:"))
    smsc.say(DeliverSm(0, 10, esm_class=4, short_message=b"id:ab13 stat:DELIVRD err:000 text:"))
    assert [line.split(" ")[2] for line in bridge.lines(by_account)[2:]].count("DeliverSm") == 1
    assert len(bridge.lines(by_provider)) > 6
    bridge.tracing.stop(by_provider)
    assert smsc.link.tap is not None
    bridge.tracing.stop(by_account)
    assert smsc.link.tap is None


# -- the traces themselves ------------------------------------------------------------------------


def test_each_trace_is_audited(bridge):
    number = bridge.start("number", NUMBER, seconds=5)
    bridge.clock.advance(5)
    bridge.tracing.tick()
    (started, ended) = bridge.events
    assert started[0] == "trace_started"
    assert started[1]["by"] == ended[1]["by"] == "ann"
    assert started[1]["number"] == NUMBER  # which the log masks
    assert (ended[0], ended[1]["reason"], ended[1]["trace"]) == (
        "trace_ended",
        "its time is over",
        number,
    )
    assert bridge.tracing.running == 0


def test_the_state_of_a_trace(bridge):
    number = bridge.start()
    bridge.clock.advance(10)
    view = bridge.tracing.view(number)
    assert (view.of, view.value, view.seconds_left, view.packets) == ("account", "bank", 590, 0)
    assert bridge.tracing.all() == [view]
    page = bridge.tracing.read(number)
    assert (list(page.packets), page.more) == ([], True)
    bridge.tracing.forget(number)
    with pytest.raises(NotTraced):
        bridge.tracing.pcapng(number)


def test_a_page_goes_on_where_the_last_one_ended(bridge):
    number = bridge.start()
    session = bridge.bound()
    page = bridge.tracing.read(number)
    session.dataReceived(EnquireLink(0, 3).encode())
    later = bridge.tracing.read(number, 2)
    assert (len(page.packets), len(later.packets), later.more) == (2, 2, True)
    assert bridge.tracing.read(number, 0, 3).packets == [*page.packets, later.packets[0]]
    bridge.tracing.stop(number)
    assert not bridge.tracing.read(number, 4).more
    assert bridge.tracing.read(number, 0, 3).more


SETTINGS = """\
accounts:
  - {system_id: bank, password: [MARKER-1, MARKER-2]}
  - {system_id: shop, password: {hash: '$argon2id$v=19$m=8,t=1,p=1$MARKER3$abcd'}}
  - {system_id: post, password: x, outbind: {to: "192.0.2.1:2775", password: MARKER-4}}
callbacks: {listen: tcp:8776, public_url: https://sms.example.org}
ussd: {codes: {"*1#": bank}, key: MARKER-5-MARKER-5}
providers:
  keccel: {type: keccel, token: MARKER-6, callback_key: MARKER-7-MARKER-7}
  d7:
    {type: d7, username: MARKER-8, password: MARKER-9, proxy: "http://me:MARKER-10@h:1",
     reports: none}
  up: {type: smpp, host: smsc.test, system_id: up, password: MARKER-11}
  own:
    type: template
    secrets: {token: MARKER-12}
    submit:
      url: https://x.example.org/sms
      send: form
      body: {token: "{token}", to: "{number}", text: "{text}"}
      id: /id
routes: [{via: [keccel, d7, up, own]}]
"""


def test_secrets_of_the_settings_are_masked_wherever_they_stand(tmp_path):
    path = tmp_path / "bridge.yaml"
    path.write_text(SETTINGS)
    found = secrets_of(load(path, {}))
    wanted = {f"MARKER-{n}" for n in (1, 2, 4, 6, 9, 10, 11, 12)}
    wanted |= {"MARKER-5-MARKER-5", "MARKER-7-MARKER-7", "x"}
    assert wanted <= found
    assert any("MARKER3" in each for each in found)
    assert not {"bank", "shop", "smsc.test", "keccel", "https://sms.example.org"} & found


@pytest.mark.skipif(shutil.which("tshark") is None, reason="TSHARK IS MISSING: apt install tshark")
def test_tshark_reads_a_whole_trace(bridge, tmp_path):
    number = bridge.start("address", "0.0.0.0/0")
    session = bridge.bound()
    session.dataReceived(SUBMIT.encode())
    token = carried()
    bridge.ask(token, body=json.dumps({"message": TEXT}).encode())
    bridge.reply(token, HttpResponse(200, b'{"messageID":"K-9912"}'))
    bridge.call(callback("K-9912"))
    bridge.connect().dataReceived(b"SSH-2.0-x\r\n\r\n-------")
    file = tmp_path / "trace.pcapng"
    file.write_bytes(bridge.tracing.pcapng(number)())

    def read(show: str) -> list[str]:
        command = ["tshark", "-n", "-r", str(file), "-Y", show]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert len(read("frame")) == len(bridge.lines(number)) >= 9
    assert read("_ws.malformed || _ws.short") == []
    assert (len(read("smpp")), len(read("http"))) == (4, 4)
    assert len(read('frame.comment contains "4119"')) == 2
