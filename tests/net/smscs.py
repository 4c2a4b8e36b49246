"""SMSCs on wires, ports for upstreams, and the answers and reports that come back."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from zope.interface import implementer

from smppbridge.net.upstream.link import UpstreamSession
from smppbridge.net.upstream.sessions import Terms, UpstreamPorts
from smppbridge.providers.smpp.binding import SmppRequest
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.smpp.pdus import (
    BIND_RESPS,
    Bind,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from tests.net.wires import Wire, lose, pdus

SMPP = Smpp(host="smsc.test", system_id="bank", password="sesame")


@implementer(ISSLTransport)
class TlsWire(Wire):  # type: ignore[misc]  # what nobody calls is left out
    """Twisted's TLS may be told to forget a producer that it never had."""

    def unregisterProducer(self) -> None:
        if self.producer is not None:
            super().unregisterProducer()


class Smsc:
    """The SMSC's end of one connection; it answers binds with *status* (None: not at all)."""

    def __init__(
        self, link: UpstreamSession, status: int | None = 0, *, over_tls: bool = False
    ) -> None:
        self.link, self.status = link, status
        self.wire: Any = TlsWire() if over_tls else Wire()
        self.heard: list[Pdu] = []
        self.number = 0
        self.parts = True  # answers unbind
        link.makeConnection(self.wire)

    def hear(self) -> list[Pdu]:
        """Take what was written; answer what an SMSC answers without thinking."""
        found = pdus(self.wire.read())
        self.heard += found
        for pdu in found:
            if isinstance(pdu, Bind) and self.status is not None:
                response = BIND_RESPS[pdu.command_id]
                self.say(response(self.status, pdu.sequence_number))
            elif isinstance(pdu, EnquireLink):
                self.say(EnquireLinkResp(0, pdu.sequence_number))
            elif isinstance(pdu, Unbind) and self.parts:
                self.say(UnbindResp(0, pdu.sequence_number))
        return found

    def say(self, *said: Pdu) -> None:
        """Send PDUs."""
        self.link.dataReceived(b"".join(pdu.encode() for pdu in said))

    def submitted(self) -> list[SubmitSm]:
        """Return the submit_sm that came since."""
        return [pdu for pdu in self.hear() if isinstance(pdu, SubmitSm)]

    def answer(self, request: SubmitSm, message_id: bytes = b"1", status: int = 0) -> None:
        """Answer a submit_sm."""
        self.say(SubmitSmResp(status, request.sequence_number, message_id))

    def deliver(self, octets: bytes, esm_class: int = 4) -> int:
        """Deliver; return the sequence_number."""
        self.number += 1
        self.say(DeliverSm(0, self.number, esm_class=esm_class, short_message=octets))
        return self.number

    def lose(self) -> None:
        """End the connection, if it is there."""
        if not self.link.gone.called:
            lose(self.link)


class Around:
    """Ports of upstreams: *smscs* are the connections made, *status* is what binds are answered."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.smscs: list[Smsc] = []
        self.tries: list[float] = []
        self.status: int | None = 0
        self.reachable = True
        self.connecting: Deferred[Any] | None = None  # instead of a connection
        self.answers: list[tuple[Any, Any]] = []
        self.late: list[tuple[Any, Any]] = []
        self.recorded: list[tuple[str, list[Any]]] = []
        self.storing: Any = None  # a Deferred or an exception that recording waits for
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.alerts: list[tuple[str, Any]] = []
        self.ports = UpstreamPorts(
            clock=self.clock,
            connect=self.connect,
            answered=self.answers.extend,
            late=self.late.extend,
            record=self.record,
            bound=lambda name: None,
            alerted=lambda name, alert: self.alerts.append((name, alert)),
            random=lambda: 0.5,
            wall=lambda: 1_700_000_000.0 + self.clock.seconds(),
            journal=lambda event, /, **fields: self.events.append((event, fields)),
        )

    def connect(self, terms: Terms, factory: Any) -> Deferred[Any]:
        self.tries.append(self.clock.seconds())
        made: Deferred[Any] = Deferred()
        if self.connecting is not None:
            return self.connecting
        if not self.reachable:
            return fail(ConnectError(string="nobody listens"))
        smsc = Smsc(factory.buildProtocol(None), self.status, over_tls=terms.provider.tls)
        self.smscs.append(smsc)
        made.callback(smsc.link)
        smsc.hear()
        return made

    async def record(self, provider: str, heard: list[Any]) -> None:
        self.recorded.append((provider, heard))
        if isinstance(self.storing, Exception):
            raise self.storing
        if self.storing is not None:
            await self.storing

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the fields of each event of that name."""
        return [fields for name, fields in self.events if name == event]

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps; SMSCs hear meanwhile."""
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)
            for smsc in self.smscs:
                smsc.hear()


def asks(*names: str, after: float = 0.0) -> list[tuple[str, SmppRequest]]:
    """Return submit_sm to be sent, each beside its name."""
    return [(name, SmppRequest(SubmitSm(short_message=name.encode()), after)) for name in names]
