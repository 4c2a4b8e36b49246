"""recording: one trace, what it is about, its bounds, and the packets that it has kept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from smppbridge.model.account import Network

Kind = Literal["account", "number", "provider", "address"]
Protocol = Literal["smpp", "http", "words"]
KINDS: Final[tuple[Kind, ...]] = ("account", "number", "provider", "address")

LONGEST: Final = 3_600.0
"""Seconds that a trace may last."""
USUAL: Final = 600.0
MOST_PACKETS: Final = 10_000
MOST_OCTETS: Final = 16 << 20
MOST_IDS: Final = 100_000
"""Ids of providers that a trace remembers, to know callbacks about its messages."""
_OVERHEAD: Final = 200
"""Octets that a packet costs beside its own, roughly."""
_COMPARED_DIGITS: Final = 9
_NOT_DIGITS: Final = re.compile("[^0-9]")


class NotTraced(Exception):
    """A trace that cannot be started, and why."""


@dataclass(frozen=True, slots=True)
class PacketEnd:
    """One end of a packet's way: an address or a name, and a port (0: not known)."""

    host: str
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A masked PDU or HTTP message at *at*, nanoseconds of UTC; *line* is its session or provider.

    *words* say which message it is about; a packet of protocol ``words`` has nothing else to show.
    """

    at: int
    line: str
    protocol: Protocol
    source: PacketEnd
    destination: PacketEnd
    octets: bytes = field(repr=False)
    inbound: bool
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A trace as it was asked for: of one account, number, provider or address, for *seconds*.

    *texts*: the texts of messages stay readable; secrets never do.
    """

    kind: Kind
    value: str
    seconds: float = USUAL
    texts: bool = False
    packets: int = MOST_PACKETS
    octets: int = MOST_OCTETS

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NotTraced(f"a trace is of one of {', '.join(KINDS)}, not of a {self.kind}")
        if not self.value:
            raise NotTraced(f"which {self.kind}?")
        if not 0 < self.seconds <= LONGEST:
            raise NotTraced(f"a trace lasts at most {LONGEST:.0f} seconds")
        if not 0 < self.packets <= MOST_PACKETS:
            raise NotTraced(f"a trace keeps 1 to {MOST_PACKETS:,} PDUs and HTTP messages")
        if not 0 < self.octets <= MOST_OCTETS:
            raise NotTraced(f"a trace keeps 1 to {MOST_OCTETS:,} octets")
        if self.kind == "number" and not digits_of(self.value):
            raise NotTraced("a number has digits")
        if self.kind == "address":
            self.network  # noqa: B018 - raises

    @property
    def network(self) -> Network:
        """The addresses of an order by address; raises NotTraced."""
        try:
            return ipaddress.ip_network(self.value, strict=False)
        except ValueError:
            raise NotTraced("an address is an IP address, or a network as 10.0.0.0/8") from None


def digits_of(number: str) -> str:
    """Return the digits of a number, without prefixes of international and national dialling."""
    return _NOT_DIGITS.sub("", number).lstrip("0")


def same_number(one: str, other: str) -> bool:
    """Whether two digit strings can be one phone's: by their last nine digits if they have nine."""
    if min(len(one), len(other)) < _COMPARED_DIGITS:
        return bool(one) and one == other
    return one[-_COMPARED_DIGITS:] == other[-_COMPARED_DIGITS:]


def plain_id(provider_message_id: str) -> str:
    """Return a provider's id as ids are compared here: without case and leading zeros."""
    return provider_message_id.strip().lower().lstrip("0")


class Recording:
    """A trace that runs or has ended; its packets are numbered from 0.

    Only the recording writes its state.  A recording ends by `end`, or by itself at a bound.
    """

    def __init__(self, number: int, order: Order, began: int, deadline: float) -> None:
        self.number, self.order, self.began, self.deadline = number, order, began, deadline
        self.packets: list[Packet] = []
        self.octets = 0
        self.ended = ""  # why; empty while it runs
        self.ids: set[str] = set()
        self._digits = digits_of(order.value) if order.kind == "number" else ""
        self._network = order.network if order.kind == "address" else None

    @property
    def running(self) -> bool:
        """Whether packets are kept still."""
        return not self.ended

    def keep(self, packet: Packet) -> None:
        """Keep a packet; the one that would pass a bound ends the recording and is not kept."""
        if self.ended:
            return
        size = len(packet.octets) + len(packet.words) + _OVERHEAD
        if len(self.packets) >= self.order.packets or self.octets + size > self.order.octets:
            self.end("full")
            return
        self.packets.append(packet)
        self.octets += size

    def end(self, reason: str) -> None:
        """End the recording, unless it has ended."""
        self.ended = self.ended or reason

    def after(self, number: int, most: int) -> Sequence[Packet]:
        """Return up to *most* packets from *number* on."""
        return self.packets[number : number + most]

    def remember(self, ids: Iterable[str]) -> None:
        """Remember ids of providers for messages of this trace."""
        for each in ids:
            if len(self.ids) < MOST_IDS and (plain := plain_id(each)):
                self.ids.add(plain)

    def knows(self, ids: Iterable[str]) -> bool:
        """Whether one of these ids is of a message of this trace."""
        return bool(self.ids) and any(plain_id(each) in self.ids for each in ids)

    def is_about(self, kind: Kind, value: str) -> bool:
        """Whether the order is for this account or provider."""
        return self.order.kind == kind and self.order.value == value

    def is_number(self, *numbers: str) -> bool:
        """Whether one of these numbers is the one asked for."""
        mine = self._digits
        return bool(mine) and any(same_number(mine, digits_of(each)) for each in numbers)

    def is_address(self, host: str) -> bool:
        """Whether an address is among those asked for."""
        if self._network is None:
            return False
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address) in self._network
