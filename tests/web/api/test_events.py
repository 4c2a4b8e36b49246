"""The stream of events: one snapshot for all, bounded, and over with the right to listen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smppbridge.web.api.events import Broadcast
from smppbridge.web.connection import TIMEOUT, HttpConnection
from smppbridge.web.keyring import User
from smppbridge.web.streams import PATIENCE
from tests.web.desk import Desk


class Listener:
    """A peer that listens to the stream."""

    def __init__(self, desk: Desk, header: str = "Authorization: Bearer viewer") -> None:
        self.connection: HttpConnection = desk.site().buildProtocol(None)  # type: ignore[assignment]
        self.connection.host = "127.0.0.1"
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)
        head = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"
        self.connection.dataReceived(head.encode())

    @property
    def head(self) -> str:
        return self.transport.value().partition(b"\r\n\r\n")[0].decode()

    @property
    def closed(self) -> bool:
        return self.transport.disconnecting

    def events(self) -> list[tuple[str, Any]]:
        found = []
        for block in self.transport.value().partition(b"\r\n\r\n")[2].decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines())
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"])))
        return found

    def leave(self) -> None:
        self.connection.connectionLost(Failure(ConnectionError()))


@pytest.fixture
def broadcast(desk: Desk) -> Broadcast:
    return Broadcast(desk.ports_given)


def tick(broadcast: Broadcast, times: int = 1) -> None:
    for _ in range(times):
        assert Deferred.fromCoroutine(broadcast.tick()).called


def test_everybody_gets_the_same_overview(desk: Desk, broadcast: Broadcast) -> None:
    one, two = Listener(desk), Listener(desk)
    assert one.head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
    assert "content-length" not in one.head.lower()
    assert "Content-Security-Policy" in one.head
    tick(broadcast, 2)
    (first, _), (second, shown) = one.events()
    assert (first, second) == ("overview", "overview")
    assert shown["flow"]["gathering"] == 1
    assert two.events() == one.events()


def test_nothing_is_made_while_nobody_listens(desk: Desk, broadcast: Broadcast) -> None:
    asked: list[int] = []
    desk.live.counted = lambda: asked.append(1)  # type: ignore[method-assign, assignment, return-value]
    tick(broadcast)
    listener = Listener(desk)
    listener.leave()
    tick(broadcast)
    assert asked == []
    assert len(desk.live.streams) == 0


def test_alarms_and_notes_are_told_once(desk: Desk, broadcast: Broadcast) -> None:
    listener = Listener(desk)
    tick(broadcast)
    desk.lanes.by_name["d7"].held = True
    desk.live.noted = 2
    desk.live.events = [
        {"ts": "t", "level": "warning", "event": name} for name in ("last", "first", "old")
    ]
    tick(broadcast, 2)
    desk.lanes.by_name["d7"].held = False
    tick(broadcast)
    others = [(name, data) for name, data in listener.events() if name != "overview"]
    raised, first, last, cleared = others
    assert [each["code"] for each in raised[1]["raised"]] == ["provider_held"]
    assert (first[1]["event"], last[1]["event"]) == ("first", "last")
    assert [each["about"] for each in cleared[1]["cleared"]] == ["d7"]
    assert len(listener.events()) == 4 + 4


def test_time_outs_do_not_cut_a_stream(desk: Desk, broadcast: Broadcast) -> None:
    listener = Listener(desk)
    for _ in range(3):
        desk.clock.advance(TIMEOUT)
        tick(broadcast)
    assert len(listener.events()) == 3
    assert not listener.closed


def test_there_are_so_many_streams_and_no_more(desk: Desk) -> None:
    listeners = [Listener(desk) for _ in range(2)]
    refused = Listener(desk)
    assert refused.head.startswith("HTTP/1.1 429 ")
    assert "Retry-After: 10" in refused.head
    listeners[0].leave()
    assert Listener(desk).head.startswith("HTTP/1.1 200 ")


def test_a_peer_that_does_not_read_misses_pieces_and_is_cut_off(
    desk: Desk, broadcast: Broadcast
) -> None:
    slow, good = Listener(desk), Listener(desk)
    slow.transport.producer.pauseProducing()
    tick(broadcast, 2)
    assert (len(slow.events()), len(good.events())) == (0, 2)
    slow.transport.producer.resumeProducing()
    tick(broadcast)
    assert len(slow.events()) == 1
    slow.transport.producer.pauseProducing()
    aborted: list[int] = []
    slow.transport.abortConnection = lambda: aborted.append(1)  # type: ignore[method-assign]
    tick(broadcast, PATIENCE + 1)
    assert aborted == [1]
    assert len(desk.live.streams) == 1
    assert not good.closed


def test_a_stream_ends_with_its_session_and_with_another_role(
    desk: Desk, broadcast: Broadcast
) -> None:
    cookies = [desk.keyring.log_in("ann", "operator")[0], desk.keyring.log_in("zoe", "viewer")[0]]
    ann, zoe = (Listener(desk, f"Cookie: smppbridge={cookie}") for cookie in cookies)
    tick(broadcast)
    desk.keyring.log_out(cookies[0])
    tick(broadcast)
    assert (ann.closed, zoe.closed) == (True, False)
    assert ann.transport.producer is None
    desk.keyring.change([desk.users[0], User("zoe", "billing", "hash of z")], [])
    tick(broadcast)
    assert zoe.closed
    assert len(ann.events()) == 1


def test_a_stream_does_not_keep_its_session_from_being_idle(
    desk: Desk, broadcast: Broadcast
) -> None:
    cookie, _ = desk.keyring.log_in("zoe", "viewer")
    listener = Listener(desk, f"Cookie: smppbridge={cookie}")
    for _ in range(13):
        desk.clock.advance(3_600.0)
        tick(broadcast)
    assert listener.closed


def test_a_token_that_is_taken_out_ends_its_stream(desk: Desk, broadcast: Broadcast) -> None:
    listener = Listener(desk)
    desk.keyring.change(desk.users, [])
    tick(broadcast)
    assert listener.closed


def test_all_streams_end_at_the_end(desk: Desk) -> None:
    listener = Listener(desk)
    desk.live.streams.close()
    assert listener.closed
    assert listener.transport.producer is None


def test_a_head_and_a_stranger(desk: Desk) -> None:
    reply = desk.call("HEAD", "/events", role="viewer")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream")
    assert desk.call("GET", "/events", role="billing").status == 403
    assert desk.call("GET", "/events", role=None).status == 401
    assert len(desk.live.streams) == 0


def test_a_slow_store_lets_no_snapshots_pile_up(desk: Desk, broadcast: Broadcast) -> None:
    answer: Deferred[None] = Deferred()
    asked: list[int] = []

    def counted() -> Deferred[None]:
        asked.append(1)
        return answer

    desk.live.counted = counted  # type: ignore[method-assign, assignment]
    listener = Listener(desk)
    first = Deferred.fromCoroutine(broadcast.tick())
    tick(broadcast)
    assert asked == [1]
    answer.callback(None)
    assert first.called
    assert len(listener.events()) == 1
