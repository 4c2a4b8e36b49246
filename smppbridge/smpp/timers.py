"""The timers of a session (SMPP 3.4, 7.2), in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from smppbridge.smpp.matrix import State


@dataclass(frozen=True, slots=True)
class Timers:
    """The timers of SMPP 3.4, 7.2, and a few of ours.

    *pdu* runs from the first octet of a PDU to the last, *unbind* from an unbind to the end.
    *inactivity* counts without enquire_links. *enquire_link* counts from the last octet received;
    *enquire_link_misses* unanswered enquire_links, each followed by silence, end the session.
    """

    session_init: float = 30
    enquire_link: float = 50
    enquire_link_resp: float = 15
    enquire_link_misses: int = 2
    inactivity: float | None = None
    response: float = 60
    pdu: float = 10
    unbind: float = 5


DEFAULT_TIMERS = Timers()


_MOST_PROBES = 4  # enquire_links that are remembered until they are answered


class Timeout(Enum):
    """The cause of a session's action when a timer has run out."""

    SESSION_INIT = "no bind in time"
    SLOW_PDU = "a PDU came too slowly"
    ENQUIRE_LINK = "enquire_link unanswered"
    INACTIVITY = "inactivity"
    UNBIND = "unbind"


class Timeouts:
    """The times of a session's last events, and the timeouts that follow from these times.

    *active* is when the last submit_sm or awaited response was received, or a request of ours sent;
    *asked* when any other request was received, but for enquire_link.
    """

    __slots__ = (
        "_probes",
        "active",
        "asked",
        "heard",
        "misses",
        "opened",
        "part_by",
        "partial_since",
        "probed",
    )

    def __init__(self, now: float) -> None:
        self.opened = self.heard = self.active = self.asked = now
        self.misses = 0
        self.probed: float | None = None
        self.partial_since: float | None = None
        self.part_by: float | None = None
        self._probes: dict[int, float] = {}

    def probe(self, number: int, now: float) -> None:
        """Note that an enquire_link was sent."""
        self.probed = self._probes[number] = now
        if len(self._probes) > _MOST_PROBES:
            del self._probes[next(iter(self._probes))]

    def probe_answered(self, number: int, now: float) -> float | None:
        """Return how long an enquire_link waited for its response; None if none such is open."""
        sent = self._probes.pop(number, None)
        return None if sent is None else now - sent

    def hear(self, now: float) -> None:
        """Record that the peer is alive: any octet proves so."""
        self.heard = now
        self.forgive()

    def forgive(self) -> None:
        """Forget unanswered enquire_links: their answers may have lain unread."""
        self.probed = None
        self.misses = 0

    def set(self, state: State, timers: Timers) -> Iterator[tuple[float, Timeout]]:
        """Yield the timeouts of this state with their times, in the order of precedence."""
        if self.part_by is not None:
            yield self.part_by, Timeout.UNBIND
        if self.partial_since is not None:
            yield self.partial_since + timers.pdu, Timeout.SLOW_PDU
        if state in (State.OPEN, State.BINDING):
            yield self.opened + timers.session_init, Timeout.SESSION_INIT
        elif state is not State.UNBOUND:
            if self.probed is None:
                yield self.heard + timers.enquire_link, Timeout.ENQUIRE_LINK
            else:
                yield self.probed + timers.enquire_link_resp, Timeout.ENQUIRE_LINK
            if timers.inactivity is not None:
                last = max(self.active, self.asked)
                yield last + timers.inactivity, Timeout.INACTIVITY
