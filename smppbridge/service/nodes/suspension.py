"""suspension: without the database nothing leaves, nobody is served; it ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smppbridge.providers.exchange import NotSent

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.store.postgres.lease import Lease

Send = Callable[[str, list[tuple[Any, Any]]], None]
_NOT_NOW = NotSent("this node may send nothing: it does not reach its store")


class Suspension:
    """Whether this bridge stands still, which is as long as its lease does not hold.

    Only `suspend` and `tick` write it, in the reactor thread.
    """

    def __init__(self, bridge: Bridge, lease: Lease) -> None:
        self.is_on = False
        self._bridge, self._lease = bridge, lease
        self._reactor, self._journal = bridge.reactor, bridge.journal

    def gated(self, send: Send, answered: Callable[[list[tuple[Any, Any]]], None]) -> Send:
        """Return a *send* that lets no request leave unless the lease holds at that moment.

        Those that do not leave are *answered* NotSent.
        """

        def gate(provider: str, asks: list[tuple[Any, Any]]) -> None:
            if self._lease.holds(self._reactor.seconds()) and not self.is_on:
                send(provider, asks)
            else:
                self._reactor.callLater(0, answered, [(token, _NOT_NOW) for token, _ in asks])

        return gate

    def tick(self) -> None:
        """Suspend the bridge, or let it go on; called many times a lease."""
        holds = self._lease.holds(self._reactor.seconds())
        if not holds and not self.is_on:
            self.suspend()
        elif holds and self.is_on and not self._fenced():
            self._let_go_on()

    def suspend(self) -> None:
        """End the sessions without answers, as the end of the process would; begin nothing."""
        self.is_on = True
        self._drain(draining=True)
        sessions = list(self._bridge.doors.smsc.sessions)
        for session in sessions:
            session.close()
        self._journal("node_suspended", sessions=len(sessions))

    def _let_go_on(self) -> None:
        self.is_on = False
        if not self._bridge.draining:
            self._drain(draining=False)
            self._journal("node_goes_on")

    def _fenced(self) -> bool:
        membership = self._bridge.membership
        return membership is not None and membership.is_fenced

    def _drain(self, *, draining: bool) -> None:
        relay, doors = self._bridge.relay, self._bridge.doors
        relay.submit.suspend(draining)
        relay.submit.drain(draining)
        relay.accept.drain(draining)
        relay.dialogues.drain(draining)
        doors.smsc.drain(draining)
        doors.outbinds.drain(draining)
