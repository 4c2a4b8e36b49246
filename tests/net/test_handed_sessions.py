"""Sessions that the next process takes up, some of whose connections are gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from smppbridge.model.account import Secret
from smppbridge.net.handed_sessions import Adopter, HandedRequest, HandedSession, _digest, can_pass
from smppbridge.relay.responses import WaitingResponses
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.pdus import DeliverSmResp, EnquireLink, EnquireLinkResp, Unbind
from tests.net.house import BANK, House
from tests.net.wires import Wire, pdus

KEY = b"key"
ASKED = HandedRequest(sequence_number=7, command_id=5, left=9.0, message_id=3, parent=3, state=2)


def handed(fd: int, **fields: Any) -> HandedSession:
    whole: dict[str, Any] = {
        "host": "192.0.2.7",
        "invited": False,
        "system_id": "bank",
        "password": _digest(KEY, Secret("secret")),
        "bound_as": int(CommandId.BIND_TRANSCEIVER),
        "bound_ago": 3.0,
        "interface_version": 0x34,
        "last_number": 7,
        "asked": (ASKED,),
        "responses": (),
        "faults": 0,
        "silences": 0,
        "inbound": b"",
        "outbound": b"",
    }
    return HandedSession(fd=fd, **(whole | fields))


class Heir:
    """A house that takes up sessions; a connection is a Wire, and *lost* ones fail."""

    def __init__(self) -> None:
        self.house, self.held = House(), list[tuple[int, int]]()
        self.lost: set[int] = set()
        self.house.deliver.adopt = lambda found: self.held.extend(  # type: ignore[attr-defined]
            (d.message_id, d.state) for d in found
        )
        self.adopter = Adopter(
            smsc=self.house.smsc,
            outbinds=SimpleNamespace(adopt=lambda *_: None),  # type: ignore[arg-type]
            responses=WaitingResponses(SimpleNamespace(clock=None, meters=None)),  # type: ignore[arg-type]
            connect=self._connect,
            key=KEY,
        )

    def _connect(self, fd: int, family: int, factory: Any) -> None:
        if os.fstat(fd).st_ino in self.lost:
            raise OSError("not connected")
        factory.buildProtocol(None).makeConnection(Wire())


@pytest.fixture
def heir() -> Heir:
    return Heir()


@pytest.fixture
def fds() -> Iterator[tuple[int, int, int]]:
    """Descriptors of three sockets."""
    found = [socket.socket().detach() for _ in range(3)]
    yield (found[0], found[1], found[2])
    for fd in found:
        assert not os.path.exists(f"/proc/self/fd/{fd}"), "Twisted has a copy"


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_connection_that_was_lost_keeps_no_other_from_going_on(
    heir: Heir, fds: tuple[int, int, int], lost: int
) -> None:
    heir.lost = {os.fstat(fds[lost]).st_ino}
    found = heir.adopter.adopt([handed(fd, last_number=n) for n, fd in enumerate(fds)])
    assert [session.session.asked.last for session in found] == [n for n in range(3) if n != lost]
    assert heir.house.smsc.sessions == set(found) == set(heir.house.smsc.binds.sessions["bank"])
    assert heir.house.deliver.receivers == found
    assert heir.house.deliver.back == [1]  # its delivery is sent again


def test_deliveries_that_are_awaited_are_held_before_any_leaves(
    heir: Heir, fds: tuple[int, int, int]
) -> None:
    other = replace(ASKED, message_id=4)
    found = heir.adopter.adopt([handed(fds[0]), handed(fds[1], asked=(other,)), handed(fds[2])])
    assert heir.held == [(3, 2), (4, 2), (3, 2)]
    found[1].dataReceived(DeliverSmResp(0, 7).encode())
    assert heir.house.deliver.answers == [("bank", 0)]


def test_octets_go_on_where_they_stood(heir: Heir, fds: tuple[int, int, int]) -> None:
    asked = EnquireLink(0, 8).encode()
    given = handed(fds[0], inbound=asked[:9], outbound=b"the rest of a PDU"), handed(fds[1])
    found = heir.adopter.adopt([*given, handed(fds[2])])
    found[0].dataReceived(asked[9:])
    transport: Any = found[0].transport
    assert transport.read() == b"the rest of a PDU" + EnquireLinkResp(0, 8).encode()


@pytest.mark.parametrize("odd", [0, 1, 2])
@pytest.mark.parametrize("change", [{"system_id": "gone"}, {"password": "another"}])
def test_a_session_that_could_not_bind_now_is_unbound(
    heir: Heir, fds: tuple[int, int, int], odd: int, change: dict[str, str]
) -> None:
    given = [handed(fd, **(change if n == odd else {})) for n, fd in enumerate(fds)]
    for n, session in enumerate(heir.adopter.adopt(given)):
        transport: Any = session.transport
        assert [type(pdu) for pdu in pdus(transport.read())] == ([Unbind] if n == odd else [])


def test_a_session_bound_with_the_older_password_is_known_by_it(
    heir: Heir, fds: tuple[int, int, int]
) -> None:
    older = Secret("older")
    heir.house.use(replace(BANK, old_password=older))
    given = [handed(fd, password=_digest(KEY, older)) for fd in fds]
    assert {session.known_by for session in heir.adopter.adopt(given)} == {older}
    assert heir.house.smsc.old_password_counts() == {("bank",): 3}


def test_only_a_bound_session_on_a_socket_can_pass() -> None:
    session = House().bind()
    responses = WaitingResponses(SimpleNamespace(clock=None, meters=None))  # type: ignore[arg-type]
    assert not can_pass(session, responses), "a transport that is not Twisted's TCP"
