"""Outbind: the bridge calls an ESME that is owed deliveries and has no session (SMPP 3.4, 2.2.1).

The ESME listens; the bridge connects, sends an outbind, and waits for the bind of the ESME on the
same connection.  That bind is judged like any other, and `session_init` is its time limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from smppbridge.model.account import Account, OutbindTarget, Secret
from smppbridge.net.esme_session import EsmeSession
from smppbridge.net.smpp_server import Smsc
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.deliver import Outbox
from smppbridge.relay.lanes.retry import pause
from smppbridge.smpp.events import Happening
from smppbridge.smpp.pdus import Bind, Outbind

STABLE = 60.0  # seconds: after a session that lasted so long the pauses begin anew
CONNECT_TIMEOUT = 10.0
MISTAKEN = "bound by outbind as no receiver of the account that was called"

Connect = Callable[[OutbindTarget, Factory], Deferred[Any]]
"""Opens a connection for a factory; its Deferred fails as those of endpoints do."""


class OutbindMeters(Protocol):
    """Counts the calls of ESMEs."""

    def outbind(self, system_id: str, result: str) -> None:
        """Count a call by its result: bound, refused, silent, unreachable."""


class OwedDeliveries(Protocol):
    """The outboxes of all accounts."""

    @property
    def outboxes(self) -> Mapping[str, Outbox]:
        """The outboxes by system_id."""


class CalledSession(EsmeSession):
    """A session whose connection we opened; *report* is given the end of the call.

    The call has an end when the session is: *asked* is whether a bind came, *bound_as* whether the
    bind was accepted.
    """

    invited = True

    def __init__(
        self, smsc: Smsc, host: str, outbind: Outbind, report: Callable[[CalledSession], None]
    ) -> None:
        super().__init__(smsc, host)
        self.asked = False
        self._outbind, self._report = outbind, report

    def connectionMade(self) -> None:
        """Send the outbind, unless the ESME is bound since before a restart."""
        super().connectionMade()
        if self.bound_as:
            return
        self.session.ask(self._outbind, None, self.clock.seconds())
        self.flush()

    def happened(self, event: Happening) -> None:
        """Note that a bind came; go by the event."""
        self.asked = self.asked or isinstance(event, Bind)
        super().happened(event)

    def accept(
        self, request: Bind, rights: Rights, known_by: Secret | None, system_id: bytes
    ) -> None:
        """Put the response to a bind in line; the call is a success."""
        super().accept(request, rights, known_by, system_id)
        self._report(self)

    def ended(self, unanswered: list[object]) -> None:
        """Hand the requests without a response back, then end the call."""
        try:
            super().ended(unanswered)
        finally:  # a fault there must not keep the ESME from being called again
            self._report(self)


@dataclass(slots=True)
class _Line:
    """The calls of one account: at most one at a time, *connecting* or with its *session*."""

    called: OutbindTarget
    failures: int = 0
    not_before: float = 0.0
    connecting: Deferred[Any] | None = None
    session: CalledSession | None = field(default=None, repr=False)

    @property
    def busy(self) -> bool:
        """Whether a call is made, or its session lives."""
        return self.connecting is not None or self.session is not None


class Outbinds:
    """Calls the ESMEs of accounts with `outbind`; only it writes whom it calls, and when.

    *random* returns 0 to 1, for the jitter of pauses.
    """

    def __init__(
        self,
        smsc: Smsc,
        deliver: OwedDeliveries,
        *,
        connect: Connect,
        random: Callable[[], float],
        meters: OutbindMeters,
    ) -> None:
        self._smsc, self._deliver, self._connect = smsc, deliver, connect
        self._random, self._meters = random, meters
        self._lines: dict[str, _Line] = {}
        self._draining = False

    @property
    def calling(self) -> int:
        """How many connections are being opened."""
        return sum(line.connecting is not None for line in self._lines.values())

    def change(self, accounts: Mapping[str, Account]) -> None:
        """Call by new accounts from now on; a bound session is the Smsc's to keep or to end."""
        called = {name: a.outbind for name, a in accounts.items() if a.outbind is not None}
        for name in [n for n, line in self._lines.items() if called.get(n) != line.called]:
            self._hang_up(self._lines.pop(name))
        for name, receiver in called.items():
            self._lines.setdefault(name, _Line(receiver))

    def drain(self, draining: bool = True) -> None:
        """Call nobody any more: the bridge is stopping; or call again."""
        self._draining = draining
        for line in self._lines.values() if draining else ():
            self._hang_up(line)

    def adopt(self, system_id: str, host: str) -> CalledSession | None:
        """Return a session for an ESME that was called before a restart, and has bound.

        None if the account's ESME is called no more.
        """
        line = self._lines.get(system_id)
        if line is None or line.busy:
            return None
        report = partial(self._report, system_id, line)
        line.session = session = CalledSession(self._smsc, host, Outbind(), report)
        session.asked = True
        return session

    def tick(self) -> None:
        """Call the ESMEs that are owed deliveries and have no session; called once a second."""
        if self._draining:
            return
        now = self._smsc.clock.seconds()
        for system_id, line in self._lines.items():
            outbox = self._deliver.outboxes.get(system_id)
            owed = outbox is not None and outbox.depth > 0 and not outbox.receivers
            if owed and not line.busy and now >= line.not_before:
                self._call(system_id, line)

    def _call(self, system_id: str, line: _Line) -> None:
        password = line.called.password.encode("ascii")
        outbind = Outbind(system_id=self._smsc.system_id, password=password)
        factory = _Calls(self._smsc, outbind, partial(self._report, system_id, line))
        line.connecting = connecting = self._connect(line.called, factory)

        def connected(session: CalledSession) -> None:
            line.connecting = None
            if not session.gone:
                line.session = session

        def failed(failure: Failure) -> None:
            line.connecting = None
            self._failed(system_id, line, "unreachable", failure.getErrorMessage()[:200])

        connecting.addCallbacks(connected, failed)

    def _report(self, system_id: str, line: _Line, session: CalledSession) -> None:
        if session.bound_as and not session.gone:
            self._bound(system_id, session)
            return
        if line.session is session:
            line.session = None
        if not session.bound_as or session.end_reason == MISTAKEN:
            result = "refused" if session.asked else "silent"
            self._failed(system_id, line, result, session.end_reason)
            return
        now = self._smsc.clock.seconds()
        if now - session.bound_at >= STABLE:
            line.failures = 0
        self._pause(line)

    def _bound(self, system_id: str, session: CalledSession) -> None:
        """Keep a session that takes the deliveries; any other would keep the ESME from a call."""
        if session.session.may_deliver and session.rights.account.system_id == system_id:
            self._meters.outbind(system_id, "bound")
        else:
            session.session.unbind(self._smsc.clock.seconds(), MISTAKEN)

    def _failed(self, system_id: str, line: _Line, result: str, reason: str) -> None:
        if self._lines.get(system_id) is not line or self._draining:
            return  # hung up by ourselves
        self._meters.outbind(system_id, result)
        seconds = self._pause(line)
        self._smsc.journal(
            "outbind_failed",
            system_id=system_id,
            address=line.called.host,
            result=result,
            reason=reason,
            again_in=f"{seconds:.0f}s",
        )

    def _pause(self, line: _Line) -> float:
        line.failures += 1
        seconds = pause(line.failures, self._random())
        line.not_before = self._smsc.clock.seconds() + seconds
        return seconds

    def _hang_up(self, line: _Line) -> None:
        if line.connecting is not None:
            line.connecting.cancel()
        if line.session is not None and not line.session.bound_as:
            line.session.close()


def caller(reactor: Any) -> Connect:
    """Return `Outbinds.connect`: TCP without TLS."""

    def connect(called: OutbindTarget, factory: Factory) -> Deferred[Any]:
        endpoint = HostnameEndpoint(reactor, called.host, called.port, CONNECT_TIMEOUT)
        return endpoint.connect(factory)

    return connect


class _Calls(Factory):
    """Makes the session of one call, if the Smsc has room for one more."""

    noisy = False

    def __init__(
        self, smsc: Smsc, outbind: Outbind, report: Callable[[CalledSession], None]
    ) -> None:
        self._smsc, self._outbind, self._report = smsc, outbind, report

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        """Return the session of the call, None if there is no room."""
        host = getattr(addr, "host", "local")
        return self._smsc.admit(CalledSession(self._smsc, host, self._outbind, self._report))
