"""The room of a listener: how many connections there are, and which of them gives way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Protocol

NO_ROOM, GAVE_WAY, STOPPING, NEVER_BOUND = "no_room", "gave_way", "stopping", "never_bound"
"""Why a connection came to nothing: turned away, cut off for a newcomer, the bridge is stopping, or
it was no session of an ESME."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections a listener has: in all, idle ones, and idle ones from one address.

    A connection of an ESME is idle until it is bound, a connection of HTTP while no request on it
    is being answered.
    """

    connections: int = 2_000
    idle: int = 200
    idle_per_address: int = 20


class RoomConnection(Protocol):
    """A connection, as far as its listener's room is concerned; *since* is when it became idle."""

    host: str
    busy: bool
    since: float

    def give_way(self) -> None:
        """Cut the connection off: a newcomer takes its place."""


def origin_of(host: str) -> str:
    """Return the address that stands for *host*: itself, or an IPv6 address's network of 64 bits.

    A host of IPv6 has all addresses of such a network; a mapped IPv4 address is an IPv4 address.
    """
    if ":" not in host:
        return host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Address(int(address) >> 64 << 64))


class Room:
    """The connections of a listener.

    A connection that finds the room full takes the place of an idle one: of an address that is not
    expected, if there is one, and of the address that has most; there of the one that has been idle
    for longest.  *failed* is called with the address of a connection that was turned away or gave
    way, and which of the two.  Only the Room writes which connections it has, and how many it has
    let in, *admitted*.
    """

    def __init__(
        self,
        limits: Limits,
        failed: Callable[[str, str], None],
        expected: Callable[[str], bool] = lambda host: False,
    ) -> None:
        self.limits = limits
        self._failed, self._expected = failed, expected
        self._loose: dict[str, dict[RoomConnection, None]] = {}  # by origin; the others are settled
        self._strange: dict[str, bool] = {}  # by origin, like *loose*
        self._settled: set[RoomConnection] = set()
        self._loose_count = 0
        self.admitted = 0

    def __len__(self) -> int:
        return self._loose_count + len(self._settled)

    def admit(self, guest: RoomConnection) -> bool:
        """Take a new connection in, in the place of another if need be; return whether it is in."""
        origin = origin_of(guest.host)
        strange = self._strange.get(origin)
        if strange is None:
            strange = not self._expected(guest.host)
        here = self._loose.get(origin, {})
        if len(here) >= (most := self.limits.idle_per_address) and _idle(here) >= most:
            self._give_way(min(_idle_of(here), key=_since))
        elif self._loose_count >= self.limits.idle or len(self) >= self.limits.connections:
            leaving = self._longest_idle(strange)
            if leaving is None:
                self._failed(guest.host, NO_ROOM)
                return False
            self._give_way(leaving)
        self._loose.setdefault(origin, {})[guest] = None
        self._strange[origin] = strange
        self._loose_count += 1
        self.admitted += 1
        return True

    def adopt(self, guest: RoomConnection) -> None:
        """Take in a connection that was bound before a restart, whatever the limits are now."""
        self._settled.add(guest)

    def settle(self, guest: RoomConnection) -> None:
        """Let a connection, which is bound, give way to nobody from now on."""
        if self._remove(guest):
            self._settled.add(guest)

    def leave(self, guest: RoomConnection) -> None:
        """Give back the place of a connection, if it has one."""
        self._settled.discard(guest)
        self._remove(guest)

    def _remove(self, guest: RoomConnection) -> bool:
        origin = origin_of(guest.host)
        here = self._loose.get(origin)
        if here is None or guest not in here:
            return False
        del here[guest]
        self._loose_count -= 1
        if not here:
            del self._loose[origin], self._strange[origin]
        return True

    def _give_way(self, leaving: RoomConnection) -> None:
        self.leave(leaving)
        leaving.give_way()
        self._failed(leaving.host, GAVE_WAY)

    def _longest_idle(self, strange: bool) -> RoomConnection | None:
        """Return the connection that gives way to one of a strange, or of an expected, address."""
        idle = {origin: _idle_of(here) for origin, here in self._loose.items()}
        origins = [origin for origin, guests in idle.items() if guests and self._strange[origin]]
        if not origins and not strange:
            origins = [origin for origin, guests in idle.items() if guests]
        if not origins:
            return None
        most = max(len(idle[origin]) for origin in origins)
        return min((min(idle[o], key=_since) for o in origins if len(idle[o]) == most), key=_since)


def _idle_of(guests: Iterable[RoomConnection]) -> list[RoomConnection]:
    return [guest for guest in guests if not guest.busy]


def _idle(guests: Iterable[RoomConnection]) -> int:
    return len(_idle_of(guests))


def _since(guest: RoomConnection) -> float:
    return guest.since
