"""The parts of a bridge that some operations use, played."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smppbridge.web.api.traces import TracedPacket, TracedPackets, TraceItem, TraceOrder
from smppbridge.web.problems import Refusal

MOST_TRACES = 4


@dataclass
class PlayedTraces:
    """Trace 1, and those that are started."""

    items: dict[int, TraceItem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start(TraceOrder(of="account", value="bank"), "ann")

    def start(self, order: TraceOrder, by: str) -> TraceItem:
        if len(self.items) >= MOST_TRACES:
            raise Refusal(409, "4 traces run already: stop one")
        number = max(self.items, default=0) + 1
        item = TraceItem(
            id=str(number),
            by=by,
            began_at="2026-11-26T14:05:51.206Z",
            seconds_left=order.seconds,
            packets=0,
            octets=0,
            ended=None,
            **order.model_dump(exclude={"seconds"}),
        )
        self.items[number] = item
        return item

    def all(self) -> list[TraceItem]:
        return list(self.items.values())

    def view(self, number: int) -> TraceItem:
        if number not in self.items:
            raise Refusal(404, f"there is no trace {number}")
        return self.items[number]

    def read(self, number: int, after: int, most: int) -> TracedPackets:
        self.view(number)
        fields: dict[str, Any] = {"at": "x", "line": "bank#1", "inbound": True, "words": ""}
        packets = [
            TracedPacket(n=n, protocol="smpp", text="EnquireLink", octets="00", **fields)
            for n in range(after, min(after + most, 3))
        ]
        reached = after + len(packets)
        return TracedPackets(items=packets, next=f"{reached:x}", more=True)

    async def pcapng(self, number: int) -> bytes:
        self.view(number)
        return b"\n\r\r\n"

    def stop(self, number: int) -> TraceItem:
        self.items[number] = self.view(number).model_copy(update={"ended": "stopped"})
        return self.items[number]

    def forget(self, number: int) -> None:
        self.view(number)
        del self.items[number]
