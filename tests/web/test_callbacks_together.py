from __future__ import annotations

from collections.abc import Sequence

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpRequest, Received
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import StoreFailure
from smppbridge.web.callbacks import CallbacksResource, Caller
from smppbridge.web.site import callbacks_site
from tests.web.rooms import room

GOOD, ODD = b"id=7", b"id=%20"
SEVEN = Report("7", MessageState.DELIVERED)


class House:
    """Two providers that call over one connection, and a relay that stores what they say."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.recorded: list[tuple[str, list[Received]]] = []
        self.counted: list[tuple[str, str, int]] = []
        self.full: set[str] = set()
        counted = lambda *result: self.counted.append(result)  # noqa: E731
        callbacks = CallbacksResource(
            self.read, self.record, self.clock, counted, lambda *_, **fields: None
        )
        callbacks.admit([Caller(provider=name, key=b"k3y") for name in ("a", "b")])
        self.site = callbacks_site(callbacks, Clock(), room())

    def read(self, provider: str, request: HttpRequest) -> Sequence[Received]:
        if not request.query["id"].strip():
            raise BadReply("no id")
        return (Report(request.query["id"], MessageState.DELIVERED),)

    async def record(self, provider: str, received: list[Received]) -> None:
        self.recorded.append((provider, received))
        await Deferred.fromCoroutine(self.store(provider))

    async def store(self, provider: str) -> None:
        if provider in self.full:
            raise StoreFailure("disk full")

    def call(self, *calls: tuple[str, bytes]) -> list[bytes]:
        """Let each call come over a connection of its own, in one turn; return the statuses."""
        transports = []
        for provider, query in calls:
            transports.append(StringTransport())
            channel = self.site.buildProtocol(None)
            channel.makeConnection(transports[-1])
            path = b"/callbacks/%s/k3y?%s" % (provider.encode(), query)
            channel.dataReceived(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
        assert len(self.clock.getDelayedCalls()) == 1
        self.clock.advance(0)
        return [transport.value()[9:12] for transport in transports]


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_callback_that_nobody_can_read_leaves_those_that_came_with_it_to_be_read(
    odd: int,
) -> None:
    house = House()
    calls = [("a", GOOD), ("a", GOOD)]
    calls.insert(odd, ("a", ODD))
    answers = house.call(*calls)
    assert answers == [b"400" if at == odd else b"200" for at in range(3)]
    assert house.recorded == [("a", [SEVEN, SEVEN])]
    assert sorted(house.counted) == [("a", "bad_request", 1), ("a", "ok", 2)]


@pytest.mark.parametrize("calls", [("a", "b"), ("b", "a")])
def test_what_one_provider_said_is_on_disk_though_anothers_is_not(calls: tuple[str, ...]) -> None:
    house = House()
    house.full = {"a"}
    answers = house.call(*[(provider, GOOD) for provider in calls])
    assert dict(zip(calls, answers, strict=True)) == {"a": b"503", "b": b"200"}
    assert sorted(house.recorded) == [("a", [SEVEN]), ("b", [SEVEN])]
    assert sorted(house.counted) == [("a", "failed", 1), ("b", "ok", 1)]
