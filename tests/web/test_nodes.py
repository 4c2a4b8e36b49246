"""The listener for other nodes: who may ask, what, and what is answered."""

from __future__ import annotations

import json

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smppbridge.relay.ussd import words
from smppbridge.relay.ussd.pdus import Dialled
from smppbridge.relay.ussd.served import ServedDialogues
from smppbridge.web.nodes import MAX_BODY, NodesResource, authorization_of
from smppbridge.web.site import Site
from tests.relay.ussd.world import CODE, PHONE, Session, World, screen_sm
from tests.web.rooms import room

KEY = "clé of the nodes"
ASK = words.ask_of(Dialled(PHONE, "s1", CODE, ""), begins=True)


class Connection:
    """The connection of another node to this one, whose ESME is bound."""

    def __init__(self) -> None:
        self.world = World()
        served = ServedDialogues(self.world.dialogues, lambda: {"bank": Session().rights})
        site = Site(NodesResource(KEY, served), Clock(), room())
        self.protocol = site.buildProtocol(None)
        assert self.protocol is not None
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def posts(
        self, path: str, body: bytes, key: str = KEY, method: str = "POST"
    ) -> tuple[int, bytes]:
        """Make a request; return the status and the body of the answer, 0 without one."""
        self.transport.clear()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization_of(key)}\r\n"
        length = f"Content-Length: {len(body)}\r\n\r\n"
        self.protocol.dataReceived((head + length).encode() + body)
        return self.answer

    @property
    def answer(self) -> tuple[int, bytes]:
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        return int(head[9:12] or 0), body


@pytest.fixture
def connection() -> Connection:
    return Connection()


def test_a_phone_is_answered_when_its_screen_is_there(connection: Connection) -> None:
    assert connection.posts(words.ASK, ASK) == (0, b"")
    assert connection.world.session.last.short_message == CODE.encode()
    connection.world.esme(b"Menu")
    status, body = connection.answer
    assert (status, json.loads(body)) == (200, {"text": "Menu", "ends": False})


def test_a_dialogue_that_is_not_here(connection: Connection) -> None:
    again = words.ask_of(Dialled(PHONE, "s1", CODE, "1"), begins=False)
    assert connection.posts(words.ASK, again) == (409, b"not here\n")
    assert connection.posts(words.SHOW, words.show_of("bank", screen_sm())) == (
        409,
        b"not here\n",
    )
    assert connection.posts(words.SHOW, words.show_of("nobody", screen_sm()))[0] == 409
    assert connection.posts(words.LEAVE, again) == (200, b"")
    assert connection.world.session.asked == []


def test_a_screen_and_its_status(connection: Connection) -> None:
    phone = connection.world.phone()
    status, body = connection.posts(words.SHOW, words.show_of("bank", screen_sm()))
    assert (status, json.loads(body)) == (200, {"status": 0})
    assert [screen.text for screen in phone.screens] == ["Menu"]
    status, body = connection.posts(words.SHOW, words.show_of("bank", screen_sm()))
    assert (status, json.loads(body)["reason"]) == (200, "bad_screen")


def test_the_esme_learns_that_a_node_has_gone(connection: Connection) -> None:
    connection.posts(words.ASK, ASK)
    connection.protocol.connectionLost(Failure(ConnectionDone()))
    assert connection.world.ended() == {"gone": 1}


def test_a_gateway_that_leaves(connection: Connection) -> None:
    connection.posts(words.ASK, ASK)
    other = Connection()
    other.protocol._resource = connection.protocol._resource
    assert other.posts(words.LEAVE, ASK) == (200, b"")
    assert connection.world.ended() == {"gone": 1}
    assert connection.answer[0] == 200  # nobody reads it


@pytest.mark.parametrize("path", [words.ASK, words.LEAVE, words.SHOW])
def test_a_stranger_and_a_wrong_path_learn_nothing(path: str) -> None:
    assert Connection().posts(path, ASK, key="wrong")[0] == 404
    assert Connection().posts(path, b"", key="wrong") == (404, b"not found\n")
    assert Connection().posts(path + "/x", ASK)[0] == 404
    connection = Connection()
    assert connection.posts(path, b"nonsense") == (400, b"not understood\n")
    assert connection.posts(path, b"", method="GET")[0] == 405
    assert connection.posts(path, b"x" * (MAX_BODY + 1))[0] == 413


def test_the_key_itself_is_not_sent() -> None:
    assert KEY not in authorization_of(KEY)
    assert authorization_of(KEY).isascii()
    assert authorization_of("a") != authorization_of("b")
