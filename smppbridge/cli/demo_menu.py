"""The ESME of `demo`'s service code: a bank's menu, over SMPP like any other ESME's."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.pdus import BindTransceiver, DeliverSm, DeliverSmResp, SubmitSm
from smppbridge.smpp.session import Session

_INDICATION, _REQUEST, _LAST = 1, 2, 17  # ussd_service_op (SMPP 3.4, 5.3.2.44)
_FIRST = "Demo bank\n1. Balance\n2. Send money\n0. Leave"
_BALANCE = "Your balance is 1250.00 USD."
_AMOUNT = "How much?"
_NO_AMOUNT = "That is no amount. How much?"
_SENT = "{} USD are on their way."
_BYE = "Goodbye."
_MOST_PHONES = 1_000


class Menu(Protocol):
    """A session as transceiver that answers phones with screens; it ends with the bridge.

    Only the instance writes which phones are asked for an amount.
    """

    transport: Any

    def __init__(self, clock: Any, system_id: str, password: str) -> None:
        self._clock = clock
        self._session = Session(Role.ESME, clock.seconds())
        self._login = system_id.encode(), password.encode()
        self._sending: dict[bytes, None] = {}  # phones that are asked for an amount

    def connectionMade(self) -> None:
        """Bind."""
        system_id, password = self._login
        bind = BindTransceiver(system_id=system_id, password=password)
        self._session.ask(bind, None, self._clock.seconds())
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        """Show the next screen to each phone whose input came."""
        for event in self._session.receive(data, self._clock.seconds()):
            if isinstance(event, DeliverSm):
                self._session.answer(DeliverSmResp(0, event.sequence_number))
                self._show(event)
        self._flush()

    def _show(self, request: DeliverSm) -> None:
        info = tlvs.find(request.tlvs, Tag.ITS_SESSION_INFO)
        if info is None or info[1] & 1 or not self._session.room():
            self._sending.pop(request.source_addr, None)
            return
        text, op = self._screen(request)
        screen = SubmitSm(
            service_type=b"USSD",
            source_addr=request.destination_addr,
            dest_addr_ton=request.source_addr_ton,
            dest_addr_npi=request.source_addr_npi,
            destination_addr=request.source_addr,
            data_coding=0x0F,
            short_message=text.encode("ascii"),
            tlvs=(
                tlvs.make_integer(Tag.USSD_SERVICE_OP, op),
                tlvs.make_octets(Tag.ITS_SESSION_INFO, info),
            ),
        )
        self._session.ask(screen, None, self._clock.seconds())

    def _screen(self, request: DeliverSm) -> tuple[str, int]:
        phone = request.source_addr
        sends = phone in self._sending
        self._sending.pop(phone, None)
        text = request.short_message.decode("latin-1").strip()
        if tlvs.integer(request.tlvs, Tag.USSD_SERVICE_OP) == _INDICATION:
            return _FIRST, _REQUEST
        if sends and text.isascii() and text.isdecimal() and len(text) <= 6:
            return _SENT.format(int(text)), _LAST
        if sends or text == "2":
            if len(self._sending) < _MOST_PHONES:
                self._sending[phone] = None
            return _NO_AMOUNT if sends else _AMOUNT, _REQUEST
        if text == "1":
            return _BALANCE, _LAST
        return (_BYE, _LAST) if text == "0" else (_FIRST, _REQUEST)

    def _flush(self) -> None:
        self.transport.write(self._session.octets_to_send())
        if self._session.state is State.CLOSED:
            self.transport.loseConnection()


def join(reactor: Any, port: int, system_id: str, password: str) -> Deferred[Menu]:
    """Connect a menu to the SMSC on *port* of 127.0.0.1."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    joined: Deferred[Menu] = connectProtocol(endpoint, Menu(reactor, system_id, password))
    return joined
