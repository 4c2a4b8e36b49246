from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.relay.ussd.pdus import LONGEST_ADDRESS, AnswerScreen, Dialled, Dialogue, Screen
from smppbridge.web.callbacks import CallbacksResource, Caller
from smppbridge.web.site import callbacks_site
from smppbridge.web.ussd import LONGEST_INPUT, UssdResource, body_of, read_dialled
from tests.web.rooms import room
from tests.web.test_callbacks import get, without_date

KEY = "ussdkeyussdkeyussdkey"
SAID = {
    "MSISDN": "254722000001",
    "SESSION_ID": "634073548",
    "CALLBACK_URL": "https://client.example/ussd",
    "USSD_STRING": "1*2",
    "USER_DATA": "1*2",
    "SERVICE_CODE": "*384*77#",
}
DIALLED = Dialled("254722000001", "634073548", "*384*77#", "1*2")


class Phones:
    """Notes what is asked; answers at once with *screen* if there is one."""

    def __init__(self, screen: Screen | None = None) -> None:
        self.screen = screen
        self.asked: list[tuple[Dialled, AnswerScreen]] = []
        self.gone: list[AnswerScreen] = []

    def ask(self, said: Dialled, answer: AnswerScreen) -> Dialogue:
        self.asked.append((said, answer))
        if self.screen:
            answer(self.screen)
        return Dialogue("bank", said.msisdn, said.session_id, said.service_code, 1)

    def left(self, dialogue: Dialogue, answer: AnswerScreen) -> None:
        self.gone.append(answer)


async def nothing(provider: str, received: object) -> None:
    """Receive a callback without reports."""


class Connection:
    """The provider's connection to the callbacks listener."""

    def __init__(self, screen: Screen | None = None, *, key: str | None = KEY) -> None:
        self.phones = Phones(screen)
        self.counted: list[tuple[str, str]] = []
        self.clock = Clock()
        callbacks = CallbacksResource(
            lambda *_: (), nothing, self.clock, self.count, lambda *_, **fields: None
        )
        callbacks.admit([Caller(provider="keccel", key=b"k3y")])
        self.ussd = UssdResource(callbacks, self.count)
        self.ussd.admit(key, self.phones)
        self.channel: Any = callbacks_site(self.ussd, Clock(), room()).buildProtocol(None)
        self.transport = StringTransport()
        self.channel.makeConnection(self.transport)

    def count(self, provider: str, result: str, count: int) -> None:
        self.counted += [(provider, result)] * count

    def posts(
        self, body: bytes, path: str = f"/ussd/{KEY}", kind: str = "application/json"
    ) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        self.channel.dataReceived(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def loses(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    @property
    def head(self) -> bytes:
        return self.transport.value().partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.transport.value().partition(b"\r\n\r\n")[2]


def test_the_answer_is_the_next_screen() -> None:
    connection = Connection()
    connection.posts(json.dumps(SAID).encode())
    ((said, answer),) = connection.phones.asked
    assert said == DIALLED
    assert connection.transport.value() == b""
    answer(Screen("Choisissez\n1. Solde €", False))
    assert connection.head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain; charset=utf-8" in connection.head
    assert connection.body == "CON Choisissez\n1. Solde €".encode()
    assert b"Content-Length: %d" % len(connection.body) in connection.head
    assert (connection.counted, connection.phones.gone) == ([("ussd", "ok")], [])


def test_an_answer_may_be_there_at_once_and_the_connection_goes_on() -> None:
    connection = Connection(Screen("Bye", True))
    for _ in range(2):
        connection.posts(json.dumps(SAID).encode())
        assert connection.body == b"END Bye"
        connection.transport.clear()
    connection.loses()
    assert connection.phones.gone == []


def test_a_provider_that_goes_away_frees_the_dialogue() -> None:
    connection = Connection()
    connection.posts(json.dumps(SAID).encode())
    connection.loses()
    ((_, answer),) = connection.phones.asked
    assert connection.phones.gone == [answer]
    answer(Screen("in vain", True))
    assert b"in vain" not in connection.transport.value()


STRANGERS = [
    "/",
    "/ussd",
    "/ussd/",
    "/ussd/wrong",
    f"/ussd/{KEY}/",
    f"/ussd/{KEY}/x",
    f"/ussd/{KEY[:-1]}",
    f"/USSD/{KEY}",
    f"//ussd/{KEY}",
    f"/callbacks/ussd/{KEY}",
    "/callbacks/keccel/wrong",
    "/" + "%00" * 31,
]


def test_whoever_has_no_key_sees_the_same_of_every_path() -> None:
    seen = set()
    for path in STRANGERS:
        connection = Connection()
        connection.posts(json.dumps(SAID).encode(), path)
        assert connection.phones.asked == []
        assert connection.counted == [("", "unknown")]
        seen.add(without_date(connection.transport.value()))
    assert len(seen) == 1
    assert seen.pop().startswith(b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize("path", ["/ussd/", "/ussd/None"])
def test_without_a_key_there_is_nothing(path: str) -> None:
    connection = Connection(key=None)
    connection.posts(json.dumps(SAID).encode(), path)
    assert connection.phones.asked == []
    assert b" 404 " in connection.transport.value()


def test_another_key_can_be_admitted() -> None:
    connection = Connection()
    connection.ussd.admit("another", connection.phones)
    connection.posts(json.dumps(SAID).encode(), "/ussd/another")
    assert len(connection.phones.asked) == 1
    connection.posts(json.dumps(SAID).encode())
    assert len(connection.phones.asked) == 1


def test_callbacks_are_where_they_were() -> None:
    connection = Connection()
    connection.channel.dataReceived(get(b"/callbacks/keccel/k3y"))
    connection.clock.advance(0)
    assert connection.counted == [("keccel", "ok")]


def test_only_post_is_heard() -> None:
    connection = Connection()
    connection.channel.dataReceived(get(f"/ussd/{KEY}".encode()))
    assert connection.head.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: POST" in connection.head
    assert connection.phones.asked == []


def test_a_form_does_as_well() -> None:
    connection = Connection()
    form = b"MSISDN=%2B254722000001&SESSION_ID=634073548&SERVICE_CODE=*384*77%23&USER_DATA=1*2"
    connection.posts(form, kind="application/x-www-form-urlencoded")
    connection.posts(form, kind="text/plain")
    assert [said for said, _ in connection.phones.asked] == [DIALLED]
    connection.phones.asked[0][1](Screen("", True))
    assert [said for said, _ in connection.phones.asked] == [DIALLED, DIALLED]


def test_what_cannot_be_understood_is_told_so() -> None:
    connection = Connection()
    connection.posts(b"<html>")
    assert connection.head.startswith(b"HTTP/1.1 400 ")
    assert connection.counted == [("ussd", "bad_request")]
    assert connection.phones.asked == []


def read(body: object) -> Dialled:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_dialled(HttpRequest("POST", "/ussd", body=octets))


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"MSISDN": 254722000001}, "msisdn", "254722000001"),
        ({"MSISDN": "+254722000001"}, "msisdn", "254722000001"),
        ({"SESSION_ID": 634073548}, "session_id", "634073548"),
        ({"SERVICE_CODE": 38477}, "service_code", "38477"),
        ({"USSD_STRING": 12}, "text", "12"),
        ({"USSD_STRING": None}, "text", "1*2"),
        ({"USSD_STRING": None, "USER_DATA": None}, "text", ""),
        ({"USSD_STRING": ""}, "text", ""),
        ({"USSD_STRING": " a é "}, "text", " a é "),
        ({"USSD_STRING": "x" * LONGEST_INPUT}, "text", "x" * LONGEST_INPUT),
        ({"more": {"nested": [1]}}, "text", "1*2"),
    ],
)
def test_spellings_that_are_understood(changes: dict[str, Any], field: str, value: str) -> None:
    assert getattr(read(SAID | changes), field) == value
    assert getattr(read({k.lower(): v for k, v in (SAID | changes).items()}), field) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"MSISDN": None},
        {"MSISDN": ""},
        {"MSISDN": "+"},
        {"MSISDN": "ann"},
        {"MSISDN": "²54"},
        {"MSISDN": "٢٥٤٧٢٢٠٠٠٠٠١"},
        {"MSISDN": "1" * (LONGEST_ADDRESS + 1)},
        {"MSISDN": True},
        {"MSISDN": ["254722000001"]},
        {"SESSION_ID": None},
        {"SESSION_ID": " "},
        {"SESSION_ID": "x" * 65},
        {"SESSION_ID": "a\nb"},
        {"SESSION_ID": 1.5},
        {"SERVICE_CODE": None},
        {"SERVICE_CODE": {}},
        {"USSD_STRING": "x" * (LONGEST_INPUT + 1)},
        {"USSD_STRING": ["1"]},
        {"USSD_STRING": False},
    ],
)
def test_nonsense_is_no_request(changes: dict[str, Any]) -> None:
    with pytest.raises(BadReply) as caught:
        read(SAID | changes)
    assert "254722000001" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 60_000,
        b"{" * 70_000,
        b'{"MSISDN":' + b"9" * 5_000 + b"}",
    ],
)
def test_bodies_that_are_nothing(body: bytes) -> None:
    with pytest.raises(BadReply):
        read(body)


def test_a_screen_says_whether_it_is_the_last() -> None:
    assert body_of(Screen("a", False)) == b"CON a"
    assert body_of(Screen("", True)) == b"END "
    assert body_of(Screen("a\ud800", True)) == b"END a?"
