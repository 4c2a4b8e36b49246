from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from smppbridge.simulators import serving
from smppbridge.simulators.serving import Pusher

URL = "http://127.0.0.1:1/callback"


class StandInResponse:
    def __init__(self, code):
        self.code = code

    def deliverBody(self, protocol):
        protocol.dataReceived(b"x")
        protocol.connectionLost(Failure(ResponseDone()))


class StandInAgent:
    """Stands in for the agent: gives out *answers* one by one, then silence."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def request(self, method, url, headers, body):
        self.asked.append((method, url))
        return self.answers.pop(0) if self.answers else Deferred()


@pytest.fixture
def clock():
    return MemoryReactorClock()


def pusher_to(clock, receiver):
    pusher = Pusher(clock)
    pusher._agent = receiver
    return pusher


def test_a_callback_is_made_when_it_is_due(clock):
    receiver = StandInAgent(succeed(StandInResponse(204)))
    pusher = pusher_to(clock, receiver)
    done = pusher.push("GET", URL, after=2.0)
    clock.advance(1.9)
    assert not receiver.asked
    clock.advance(0.1)
    assert receiver.asked == [(b"GET", URL.encode())]
    assert done.called
    assert (pusher.pushed, pusher.failed) == (1, 0)


@pytest.mark.parametrize(
    "fault", [lambda: succeed(StandInResponse(500)), lambda: fail(ConnectionError()), Deferred]
)
def test_a_callback_that_was_not_taken_is_made_three_times_more(clock, fault):
    receiver = StandInAgent(*(fault() for _ in range(4)))
    pusher = pusher_to(clock, receiver)
    done = pusher.push("GET", URL)
    clock.pump([0.0, *[1.0] * 60])
    assert done.called
    assert len(receiver.asked) == 4
    assert (pusher.pushed, pusher.failed) == (0, 1)


def test_a_closed_pusher_makes_no_more_callbacks(clock):
    receiver = StandInAgent()
    pusher = pusher_to(clock, receiver)
    waiting, asking = pusher.push("GET", URL, after=2.0), pusher.push("GET", URL)
    clock.advance(0.0)
    pusher.close()
    clock.advance(60.0)
    assert waiting.called
    assert asking.called
    assert len(receiver.asked) == 1
    assert not clock.getDelayedCalls()


def test_callbacks_waiting_are_bounded(clock, monkeypatch):
    monkeypatch.setattr(serving, "_WAITING", 1)
    pusher = pusher_to(clock, StandInAgent())
    pusher.push("GET", URL)
    assert pusher.push("GET", URL).called
    assert pusher.failed == 1
    pusher.close()
