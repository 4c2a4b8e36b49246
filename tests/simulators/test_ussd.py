from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from typing import Any

import pytest

from smppbridge.providers.exchange import HttpRequest
from smppbridge.simulators.ussd import Dropped, Phone, PhoneScreen, converse, over_http, screen_in
from smppbridge.web.ussd import read_dialled


class GatewayClient:
    """The client of the gateway: answers with *screens*, one after the other."""

    def __init__(self, *screens: bytes) -> None:
        self.screens, self.said = list(screens), []  # type: ignore[var-annotated]

    def __call__(self, url: str, body: bytes) -> bytes:
        assert json.loads(body)["CALLBACK_URL"] == url
        self.said.append(read_dialled(HttpRequest("POST", "/ussd", body=body)))
        return self.screens.pop(0)


@pytest.mark.parametrize(("joined", "last"), [(True, "1*2"), (False, "2")])
def test_a_dialogue(joined: bool, last: str) -> None:
    client = GatewayClient(b"CON Menu", b"CON PIN?", b"END Bye")
    phone = Phone("http://x/ussd/k", "*384*77#", "254722000001", joined=joined, post=client)
    assert phone.dial() == PhoneScreen("Menu", False)
    assert phone.answer("1") == PhoneScreen("PIN?", False)
    assert phone.answer("2") == PhoneScreen("Bye", True)
    assert [said.text for said in client.said] == ["", "1", last]
    assert {(said.msisdn, said.service_code) for said in client.said} == {
        ("254722000001", "*384*77#")
    }
    assert len({said.session_id for said in client.said}) == 1


def test_what_is_dialled_behind_the_code_counts_as_typed() -> None:
    client = GatewayClient(b"CON Menu", b"END Bye")
    phone = Phone("u", "*1#", "254722000001", post=client)
    phone.dial("5")
    phone.answer("1")
    assert [said.text for said in client.said] == ["5", "5*1"]


@pytest.mark.parametrize("body", [b"", b"Menu", b"CON", b"con Menu", b" CON Menu", b"ENDE x"])
def test_anything_but_con_and_end_drops_the_dialogue(body: bytes) -> None:
    with pytest.raises(Dropped, match="CON nor END"):
        screen_in(body)


def test_a_phone_in_a_terminal_stops_at_the_last_screen() -> None:
    phone = Phone("u", "*1#", "254722000001", post=GatewayClient(b"CON Menu\n1. Go", b"END Bye"))
    terminal = StringIO()
    typed = iter(["1\n", "never typed\n"])
    converse(phone, typed, terminal)
    assert terminal.getvalue() == "Menu\n1. Go\nBye\n"
    assert next(typed) == "never typed\n"


def test_a_phone_may_be_put_down() -> None:
    phone = Phone("u", "*1#", "254722000001", post=GatewayClient(b"CON Menu"))
    terminal = StringIO()
    converse(phone, [], terminal)
    assert terminal.getvalue() == "Menu\n"


class GatewayPage(BaseHTTPRequestHandler):
    """Answers 200 below /good, 500 elsewhere."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.path == "/good" else 500)
        self.end_headers()
        self.wfile.write(b"CON " + body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), GatewayPage)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_over_http(server: str) -> None:
    assert over_http(f"{server}/good", b"{}") == b"CON {}"
    with pytest.raises(Dropped, match="HTTP 500"):
        over_http(f"{server}/bad", b"{}")


def test_nobody_there_drops_the_dialogue() -> None:
    with pytest.raises(Dropped):
        over_http("http://127.0.0.1:1/ussd", b"{}")
