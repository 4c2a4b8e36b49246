"""An SMSC, played on loopback: the upstream of the bridge where a provider speaks SMPP."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory

from smppbridge.simulators.magic import Behaviour, Remembered, Throttle, behaviour_of
from smppbridge.simulators.smsc_link import SimulatedLink
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus, EsmClass, MessageState, RegisteredDelivery, Tag
from smppbridge.smpp.pdus import Bind, BindTransceiver, DeliverSm, SubmitSm, SubmitSmResp

_STAT = {
    MessageState.DELIVERED: b"DELIVRD",
    MessageState.UNDELIVERABLE: b"UNDELIV",
    MessageState.EXPIRED: b"EXPIRED",
}
_ERR = {b"DELIVRD": 0, b"UNDELIV": 1, b"EXPIRED": 3, b"REJECTED": 2}
_AGAIN = 1.0  # seconds before a refused deliver_sm is delivered again
_MOST_TRIES = 10
_REJECTED = Behaviour(state=MessageState.REJECTED)


@dataclass(slots=True)
class _Owed:
    """One deliver_sm owed to a system_id; *taken* fires when the ESME acknowledges it."""

    system_id: str
    pdu: DeliverSm = field(repr=False)
    taken: Deferred[None] = field(default_factory=Deferred)
    tries: int = 0


def _line() -> deque[_Owed]:
    return deque(maxlen=100_000)


class SmscSimulator(Factory):
    """An SMSC: accepts any password but ``wrong``, reports in MSpace's form of receipt.

    *requests* counts submit_sm, *accepted* the accepted ones, *taken* the number of times that each
    (destination, octets) was accepted, *refused_deliveries* the deliver_sm that ESMEs did not
    acknowledge.  Options: *trx* False has no transceivers, *hex_ids* names messages in hexadecimal
    and reports in ten decimal digits, *rejects_late* accepts messages to numbers that end with 91
    and reports them REJECTED, *with_tlvs* puts TLVs into receipts.
    """

    noisy = False
    scheme = "smpp"

    def __init__(
        self,
        reactor: Any,
        *,
        callback_url: str | None = None,
        delay: float = 1.0,
        trx: bool = True,
        hex_ids: bool = False,
        rejects_late: bool = False,
        with_tlvs: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.callback_url = callback_url  # there is none: reports come over the session
        self.requests = self.accepted = self.refused_deliveries = 0
        self.taken: Remembered[tuple[str, bytes], int] = Remembered()
        self.links: set[SimulatedLink] = set()
        self.submitted: deque[SubmitSm] = deque(maxlen=1_000)
        self._reactor, self._delay, self._wall = reactor, delay, wall
        self._trx, self._hex_ids, self._with_tlvs = trx, hex_ids, with_tlvs
        self._rejects_late = rejects_late
        self._throttle = Throttle()
        self._last_id = int(wall() * 1_000) % 1_000_000_000
        self._owed: defaultdict[str, deque[_Owed]] = defaultdict(_line)
        self._timers: set[Any] = set()
        self._port: Any = None

    # -- the interface of simulators ------------------------------------------------------------

    def listen(self, port: int = 0, interface: str = "127.0.0.1") -> int:
        """Serve on *port* (0: any) and return the port."""
        self._port = self._reactor.listenTCP(port, self, interface=interface)
        return int(self._port.getHost().port)

    def close(self) -> Deferred[Any]:
        """Stop at once: sessions lose their connection, reports are forgotten."""
        for timer in tuple(self._timers):
            timer.cancel()
        self._timers.clear()
        stopped = succeed(None) if self._port is None else maybeDeferred(self._port.stopListening)
        for link in tuple(self.links):
            link.close()
        return stopped

    def receive(
        self,
        system_id: str,
        source: str,
        destination: str,
        octets: bytes,
        *,
        data_coding: int = 0,
        esm_class: int = 0,
        with_tlvs: tlvs.Tlvs = (),
    ) -> Deferred[None]:
        """Deliver a message from a phone; the Deferred fires when the ESME has acknowledged it."""
        pdu = DeliverSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=source.encode("ascii"),
            dest_addr_ton=3,
            destination_addr=destination.encode("ascii"),
            esm_class=esm_class,
            data_coding=data_coding,
            short_message=octets,
            tlvs=with_tlvs,
        )
        return self._deliver(system_id, pdu)

    def unbind(self) -> None:
        """Unbind all ESMEs, as an SMSC under maintenance does."""
        for link in tuple(self.links):
            link.unbind()

    # -- sessions -------------------------------------------------------------------------------

    def buildProtocol(self, addr: Any) -> SimulatedLink:
        """Make the protocol of a new connection."""
        link = SimulatedLink(self, self._reactor)
        self.links.add(link)
        return link

    def judge(self, request: Bind) -> int:
        """Return the command_status of a bind's response."""
        if request.password == b"wrong":
            return CommandStatus.ESME_RINVPASWD
        if isinstance(request, BindTransceiver) and not self._trx:
            return CommandStatus.ESME_RBINDFAIL
        return CommandStatus.ESME_ROK

    def bound(self, link: SimulatedLink) -> None:
        """Deliver all deliver_sm owed to the ESME."""
        self._go_on(link.system_id)

    def ended(self, link: SimulatedLink, unanswered: list[Any]) -> None:
        """Put the unanswered deliver_sm of a lost connection in line again."""
        self.links.discard(link)
        if unanswered:
            self._owed[link.system_id].extendleft(reversed(unanswered))
            self._go_on(link.system_id)

    def answered(self, owed: Any, status: int) -> None:
        """Conclude *owed* at ESME_ROK; else deliver *owed* again, ten times at most."""
        if status == CommandStatus.ESME_ROK:
            owed.taken.callback(None)
        else:
            self.refused_deliveries += 1
            owed.tries += 1
            if owed.tries < _MOST_TRIES:
                self._later(_AGAIN, self._owe, owed)
        self._go_on(owed.system_id)

    # -- submit_sm ------------------------------------------------------------------------------

    def submit(self, link: SimulatedLink, request: SubmitSm) -> None:
        """Answer a submit_sm by the behaviour of its destination."""
        self.requests += 1
        self.submitted.append(request)
        number = request.destination_addr.decode("latin-1")
        behaviour = behaviour_of(number)
        if behaviour.answer == "reject" and self._rejects_late:
            behaviour = _REJECTED
        octets = request.short_message or tlvs.find(request.tlvs, Tag.MESSAGE_PAYLOAD) or b""
        match behaviour.answer:
            case "silence":
                return
            case "reject":
                status = CommandStatus.ESME_RINVDSTADR
            case "error":
                status = CommandStatus.ESME_RSYSERR
            case "throttle" if self._throttle.refuses((number, octets)):
                status = CommandStatus.ESME_RTHROTTLED
            case _:
                self._accept(link, request, behaviour, (number, octets))
                return
        link.answer(SubmitSmResp(status, request.sequence_number))

    def _accept(
        self,
        link: SimulatedLink,
        request: SubmitSm,
        behaviour: Behaviour,
        message: tuple[str, bytes],
    ) -> None:
        self.accepted += 1
        self.taken[message] = self.taken.get(message, 0) + 1
        self._last_id += 1
        number = self._last_id
        message_id = b"%X" % number if self._hex_ids else b"%d" % number
        response = SubmitSmResp(0, request.sequence_number, message_id)
        wanted = request.registered_delivery & RegisteredDelivery.RECEIPT
        receipts = behaviour.reports if wanted and behaviour.state is not None else 0
        if behaviour.early and receipts and self._can_deliver(link.system_id):
            delivered = self._report(link.system_id, request, behaviour, number)
            delivered.addCallback(lambda _: link.answer_later(response))
            return
        if behaviour.answer_after:
            self._later(behaviour.answer_after, link.answer_later, response)
        else:
            link.answer(response)
        for _ in range(receipts):
            after = behaviour.answer_after + self._delay
            report = partial(self._report, link.system_id, request, behaviour, number)
            self._later(after, report)

    # -- deliver_sm -----------------------------------------------------------------------------

    def _report(
        self, system_id: str, request: SubmitSm, behaviour: Behaviour, number: int
    ) -> Deferred[None]:
        state = behaviour.state or MessageState.DELIVERED
        stat = _STAT.get(state, b"REJECTED")  # so, with eight letters, MSpace's manual has it
        reported = b"%010d" % number if self._hex_ids else b"%d" % number
        date = time.strftime("%y%m%d%H%M", time.gmtime(self._wall())).encode()
        text = b"id:%b sub:001 dlvrd:%03d submit date:%b done date:%b stat:%b err:%03d" % (
            reported,
            state is MessageState.DELIVERED,
            date,
            date,
            stat,
            _ERR[stat],
        )
        receipt = DeliverSm(
            source_addr_ton=request.dest_addr_ton,
            source_addr_npi=request.dest_addr_npi,
            source_addr=request.destination_addr,
            dest_addr_ton=request.source_addr_ton,
            dest_addr_npi=request.source_addr_npi,
            destination_addr=request.source_addr,
            esm_class=EsmClass.RECEIPT,
            short_message=text,
        )
        if self._with_tlvs:
            receipt.tlvs = (
                tlvs.make_c_octets(Tag.RECEIPTED_MESSAGE_ID, reported),
                tlvs.make_integer(Tag.MESSAGE_STATE, state),
            )
        return self._deliver(system_id, receipt)

    def _deliver(self, system_id: str, pdu: DeliverSm) -> Deferred[None]:
        owed = _Owed(system_id, pdu)
        self._owe(owed)
        return owed.taken

    def _owe(self, owed: _Owed) -> None:
        self._owed[owed.system_id].append(owed)
        self._go_on(owed.system_id)

    def _go_on(self, system_id: str) -> None:
        """Deliver owed deliver_sm while a session has room; the rest stays in line."""
        line = self._owed[system_id]
        links = [link for link in self.links if link.system_id == system_id]
        while line and links:
            link = max(links, key=SimulatedLink.room)
            if not link.room():
                return
            owed = line.popleft()
            link.deliver(owed.pdu, owed)

    def _can_deliver(self, system_id: str) -> bool:
        return any(link.system_id == system_id and link.room() for link in self.links)

    def _later(self, seconds: float, call: Callable[..., Any], *arguments: Any) -> None:
        def due() -> None:
            self._timers.discard(timer)
            call(*arguments)

        timer = self._reactor.callLater(seconds, due)
        self._timers.add(timer)
