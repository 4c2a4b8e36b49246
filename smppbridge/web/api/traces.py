"""traces: what passes between the bridge and its peers, listened to for a while and read."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal, Protocol

from pydantic import Field

from smppbridge.web.api.shapes import Cursor, Done, Moment
from smppbridge.web.keyring import OPERATOR
from smppbridge.web.operations import API, Answer, ApiRequest, File, Sent
from smppbridge.web.problems import RequestRefused

TraceId = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")]
PCAPNG = "application/vnd.tcpdump.pcap"
_PLACE = {"id": TraceId}


class TraceOrder(Sent):
    """Whose PDUs and exchanges are kept, and for how long."""

    of: Literal["account", "number", "provider", "address"]
    value: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[!-~]+( [!-~]+)*$",
        description="The account's system_id, the phone's number, the provider's name, or an IP"
        " address or network as 10.0.0.0/8",
    )
    seconds: float = Field(
        default=600.0, ge=1, le=3_600, description="How long, unless it is stopped or full before"
    )
    texts: bool = Field(
        default=False, description="Texts of messages stay readable; only for the role admin"
    )


class TraceItem(Answer):
    """A trace: its subject, how far it is, why it ended."""

    id: TraceId
    of: Literal["account", "number", "provider", "address"]
    value: str
    texts: bool
    by: str = Field(description="Who started it")
    began_at: Moment
    seconds_left: float
    packets: int = Field(description="PDUs and HTTP messages that it has kept")
    octets: int
    ended: str | None = Field(description="Why it ended; absent while it runs")


class TraceList(Answer):
    """The traces that run, and those that ended lately."""

    items: list[TraceItem]


class TracedPacket(Answer):
    """A PDU or an HTTP message; passwords, secrets and texts in it are masked."""

    n: int = Field(description="Its number in the trace, from 0 on")
    at: Moment
    line: str = Field(description="The session or the provider, as bank#1 or keccel")
    inbound: bool = Field(description="To the bridge")
    protocol: Literal["smpp", "http", "words"]
    text: str = Field(description="Its content for people, of one line or more")
    words: str = Field(description="The message that it is about")
    octets: str = Field(description="Its octets in hexadecimal digits")


class TracedPackets(Answer):
    """A part of a trace, in the order of the time."""

    items: list[TracedPacket]
    next: str | None = Field(description="The cursor of the next part; absent at the end")
    more: bool = Field(description="There may be more: the trace runs, or has not been read whole")


class PacketsQuery(Sent):
    """Which part of a trace."""

    limit: int = Field(default=200, ge=1, le=500, description="Most items of the part")
    cursor: Cursor | None = Field(default=None, description="`next` of the part before")


class TracePort(Protocol):
    """The traces of a bridge; each method raises RequestRefused."""

    def start(self, order: TraceOrder, by: str) -> TraceItem:
        """Begin a trace."""

    def all(self) -> list[TraceItem]:
        """Return the traces that can be read."""

    def view(self, number: int) -> TraceItem:
        """Return the state of a trace."""

    def read(self, number: int, after: int, most: int) -> TracedPackets:
        """Return a part of a trace."""

    def pcapng(self, number: int) -> Awaitable[bytes]:
        """Return a trace as a file."""

    def stop(self, number: int) -> TraceItem:
        """End a trace."""

    def forget(self, number: int) -> None:
        """End a trace and drop it."""


@API.operation("GET", "/traces", OPERATOR, returns=TraceList)
async def list_traces(call: ApiRequest) -> TraceList:
    """The traces that run, and those that ended lately."""
    return TraceList(items=call.ports.traces.all())


@API.operation(
    "POST",
    "/traces",
    OPERATOR,
    body=TraceOrder,
    returns=TraceItem,
    refusals=(409, 503),
    audited=False,
)
async def start_trace(call: ApiRequest) -> TraceItem:
    """Begin a trace; at most four run at once, and none survives a restart."""
    order: TraceOrder = call.body
    if order.texts and (call.who is None or call.who.role != "admin"):
        raise RequestRefused(403, "a trace with texts is for the role admin")
    await call.ports.note(call, "start_trace", order.of, order.model_dump(mode="json"))
    started: TraceItem = call.ports.traces.start(order, call.actor)
    return started


@API.operation("GET", "/traces/{id}.pcapng", OPERATOR, places=_PLACE, returns=None, media=PCAPNG)
async def download_trace(call: ApiRequest) -> File:
    """A trace as a file for Wireshark."""
    item = _readable(call)
    octets = await call.ports.traces.pcapng(int(item.id))
    return File(octets, f"smppbridge-trace-{item.id}.pcapng")


@API.operation("GET", "/traces/{id}", OPERATOR, places=_PLACE, returns=TraceItem)
async def get_trace(call: ApiRequest) -> TraceItem:
    """The state of a trace."""
    item: TraceItem = call.ports.traces.view(int(call.named["id"]))
    return item


@API.operation(
    "GET",
    "/traces/{id}/pdus",
    OPERATOR,
    places=_PLACE,
    query=PacketsQuery,
    returns=TracedPackets,
)
async def read_trace(call: ApiRequest) -> TracedPackets:
    """A part of a trace; also while the trace runs."""
    item, query = _readable(call), call.query
    after = 0 if query.cursor is None else int(query.cursor, 16)
    found: TracedPackets = call.ports.traces.read(int(item.id), after, query.limit)
    return found


@API.operation("POST", "/traces/{id}/stop", OPERATOR, places=_PLACE, returns=TraceItem)
async def stop_trace(call: ApiRequest) -> TraceItem:
    """End a trace; what it has kept can be read for an hour."""
    item: TraceItem = call.ports.traces.stop(int(call.named["id"]))
    return item


@API.operation("DELETE", "/traces/{id}", OPERATOR, places=_PLACE, returns=Done)
async def forget_trace(call: ApiRequest) -> Done:
    """End a trace and drop what it has kept."""
    call.ports.traces.forget(int(call.named["id"]))
    return Done()


def _readable(call: ApiRequest) -> TraceItem:
    """Return a trace that the requester may read: one with texts is an admin's.

    Raises RequestRefused.
    """
    item: TraceItem = call.ports.traces.view(int(call.named["id"]))
    if item.texts and (call.who is None or call.who.role != "admin"):
        raise RequestRefused(403, "a trace with texts is for the role admin")
    return item
