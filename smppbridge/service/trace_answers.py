"""trace_answers: the traces of a bridge, as the API answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twisted.internet.threads import deferToThreadPool

from smppbridge.service.tracing import TraceView
from smppbridge.tracing.lines import text_of
from smppbridge.tracing.recording import NotTraced, Order, Packet
from smppbridge.web.api.shapes import cursor, moment
from smppbridge.web.api.traces import TracedPacket, TracedPackets, TraceItem, TraceOrder
from smppbridge.web.problems import RequestRefused

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

MOST_OCTETS = 1 << 20
"""Octets of packets in one answer, roughly."""


class TraceAnswers:
    """The traces of a bridge, as the API answers them."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def start(self, order: TraceOrder, by: str) -> TraceItem:
        """Begin a trace; raises RequestRefused."""
        with _refused(409):
            wanted = Order(
                kind=order.of, value=order.value, seconds=order.seconds, texts=order.texts
            )
            return _item(self._bridge.tracing.start(wanted, by))

    def all(self) -> list[TraceItem]:
        """Return the traces that can be read."""
        return [_item(view) for view in self._bridge.tracing.all()]

    def view(self, number: int) -> TraceItem:
        """Return the state of a trace; raises RequestRefused."""
        with _refused(404):
            return _item(self._bridge.tracing.view(number))

    def read(self, number: int, after: int, most: int) -> TracedPackets:
        """Return a part of a trace; raises RequestRefused."""
        with _refused(404):
            page = self._bridge.tracing.read(number, after, most)
        items = list(_bounded(page.packets, after))
        reached = after + len(items)
        more = page.more or len(items) < len(page.packets)
        return TracedPackets(items=items, next=cursor(reached) if more else None, more=more)

    def pcapng(self, number: int) -> Awaitable[bytes]:
        """Return a trace as a file, made on a thread; raises RequestRefused."""
        bridge = self._bridge
        with _refused(404):
            made = bridge.tracing.pcapng(number)
        return deferToThreadPool(bridge.reactor, bridge.pool, made)

    def stop(self, number: int) -> TraceItem:
        """End a trace; raises RequestRefused."""
        with _refused(404):
            return _item(self._bridge.tracing.stop(number))

    def forget(self, number: int) -> None:
        """End a trace and drop it; raises RequestRefused."""
        with _refused(404):
            self._bridge.tracing.forget(number)


@contextmanager
def _refused(status: int) -> Iterator[None]:
    try:
        yield
    except NotTraced as error:
        raise RequestRefused(status, str(error)) from None


def _item(view: TraceView) -> TraceItem:
    return TraceItem(
        id=str(view.id),
        of=view.of,
        value=view.value,
        texts=view.texts,
        by=view.by,
        began_at=moment(view.began),
        seconds_left=view.seconds_left,
        packets=view.packets,
        octets=view.octets,
        ended=view.ended or None,
    )


def _bounded(packets: Sequence[Packet], first: int) -> Iterator[TracedPacket]:
    """Yield packets until they are large together; one at least."""
    octets = 0
    for n, packet in enumerate(packets, first):
        octets += len(packet.octets)
        if octets > MOST_OCTETS and n > first:
            return
        yield TracedPacket(
            n=n,
            at=moment(packet.at / 1e9),
            line=packet.line,
            inbound=packet.inbound,
            protocol=packet.protocol,
            text=text_of(packet),
            words=packet.words,
            octets=packet.octets.hex(),
        )
