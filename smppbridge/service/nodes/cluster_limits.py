"""cluster_limits: the limits that all nodes keep together: binds, rates and requests at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from smppbridge.service.nodes.places import LOOKED_EVERY, ClusterPlaces, Node
from smppbridge.service.nodes.shares import TURNED_EVERY, Shares
from smppbridge.store.postgres.in_turn import InTurn

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge


class Every(Protocol):
    """Calls a function every so many seconds, until the node ends."""

    def __call__(self, seconds: float, call: Callable[[], None], /) -> None:
        """Begin to call."""


class ClusterLimits:
    """The places of sessions and the parts of limits of one node, on a connection for both.

    *node* is ours, *reached* returns whether the database answers, *notify* tells all nodes.
    """

    def __init__(
        self,
        bridge: Bridge,
        *,
        node: Callable[[], Node],
        connect: Callable[[], Any],
        reached: Callable[[], bool],
        notify: Callable[[str, str], object],
    ) -> None:
        self._bridge = bridge
        self._acts = InTurn(connect, bridge.reactor.callFromThread)
        self.places = ClusterPlaces(
            node=node,
            acts=self._acts,
            reached=reached,
            notify=notify,
            reactor=bridge.reactor,
            clock=bridge.clock,
            spawn=bridge.spawn,
        )
        self.shares = Shares(lambda: node().slot, self._acts, self.places, spawn=bridge.spawn)

    def start(self, every: Every) -> None:
        """Look, tell and divide from now on: the bridge is built."""
        self._acts.start()
        self.shares.tick()
        every(LOOKED_EVERY, self.places.look)
        every(TURNED_EVERY, self.shares.tick)

    def told(self, kind: str, key: str) -> bool:
        """Go by a notification; return whether it is about limits."""
        if kind == "bound":
            self.places.look()
        elif kind == "probe":
            command_id, _, system_id = key.partition(" ")
            self._bridge.spawn(self._bridge.doors.binds.probe(system_id, int(command_id)))
        return kind in ("bound", "probe")

    def stop(self, timeout: float) -> None:
        """End after the acts that were asked for (blocks)."""
        self._acts.stop(timeout)
