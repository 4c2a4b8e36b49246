"""A small ESME on a blocking socket, every wait of which has a deadline."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from smppbridge.smpp import codec
from smppbridge.smpp.pdus import (
    Bind,
    BindTransceiver,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from tests.patience import PATIENCE

NUMBER = "243810000001"


class Closed(Exception):
    """The SMSC has closed the connection."""


@dataclass
class Receipt:
    """What a deliver_sm says of a message."""

    message_id: str
    stat: str


class Esme:
    """One connection; *acknowledges* says whether deliver_sm are answered.

    *called* is the connection that the SMSC has opened, where it called us.
    """

    def __init__(
        self, port: int = 0, *, acknowledges: bool = True, called: socket.socket | None = None
    ) -> None:
        self.socket = called or socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.acknowledges, self.unbound = acknowledges, False
        self.receipts: list[Receipt] = []
        self._octets, self._number = b"", 0

    def __enter__(self) -> Esme:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def send(self, *pdus: Pdu | bytes) -> None:
        """Send PDUs as they are, numbers and all."""
        octets = [pdu if isinstance(pdu, bytes) else pdu.encode() for pdu in pdus]
        self.socket.sendall(b"".join(octets))

    def read(self, seconds: float = PATIENCE) -> Pdu:
        """Return the next PDU; raises Closed, TimeoutError."""
        deadline = time.monotonic() + seconds
        while (pdu := self._cut()) is None:
            self._fill(deadline)
        return pdu

    def take_in(self, pdu: Pdu) -> None:
        """Do what an ESME does with a request of the SMSC."""
        if isinstance(pdu, EnquireLink):
            self.send(EnquireLinkResp(0, pdu.sequence_number))
        elif isinstance(pdu, Unbind):
            self.unbound = True
            self.send(UnbindResp(0, pdu.sequence_number))
        elif isinstance(pdu, DeliverSm):
            self.receipts.append(receipt(pdu))
            if self.acknowledges:
                self.send(DeliverSmResp(0, pdu.sequence_number))

    def ask(self, request: Pdu, seconds: float = PATIENCE) -> Any:
        """Send a request and return its response."""
        request.sequence_number = self.next_number()
        self.send(request)
        while True:
            pdu = self.read(seconds)
            if (pdu.command_id, pdu.sequence_number) == (
                request.command_id | 0x80000000,
                request.sequence_number,
            ):
                return pdu
            self.take_in(pdu)

    def bind(
        self,
        kind: type[Bind] = BindTransceiver,
        system_id: str = "bank",
        password: str = "secret",
    ) -> int:
        """Bind and return the command_status."""
        status: int = self.ask(kind(0, 0, system_id.encode(), password.encode())).command_status
        return status

    def submit(self, text: str, to: str = NUMBER, **fields: Any) -> SubmitSmResp:
        """Submit a text and return the response."""
        response: SubmitSmResp = self.ask(submit_sm(text, to, **fields))
        return response

    def await_receipts(self, count: int, seconds: float = PATIENCE) -> list[Receipt]:
        """Wait until so many receipts have come in all; return them."""
        deadline = time.monotonic() + seconds
        while len(self.receipts) < count:
            self.take_in(self.read(deadline - time.monotonic()))
        return self.receipts

    def await_end(self, seconds: float = PATIENCE) -> bytes:
        """Return what comes until the SMSC closes, its requests answered."""
        deadline, came = time.monotonic() + seconds, b""
        with suppress(Closed):
            while True:
                pdu = self.read(deadline - time.monotonic())
                came += pdu.encode()
                self.take_in(pdu)
        return came

    @property
    def holds_pdu(self) -> bool:
        """Whether a PDU that came together with another one was not read yet."""
        return len(self._octets) >= max(int.from_bytes(self._octets[:4], "big"), 16)

    def _cut(self) -> Pdu | None:
        if not self.holds_pdu:
            return None
        length = int.from_bytes(self._octets[:4], "big")
        octets, self._octets = self._octets[:length], self._octets[length:]
        return codec.decode(octets)

    def _fill(self, deadline: float) -> None:
        waiting = select.poll()  # not select: there may be more than 1,024 descriptors
        waiting.register(self.socket, select.POLLIN)
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1_000):
            raise TimeoutError("the SMSC says nothing")
        try:
            octets = self.socket.recv(65_536)
        except ConnectionError as error:
            raise Closed from error
        if not octets:
            raise Closed
        self._octets += octets


def submit_sm(text: str, to: str = NUMBER, **fields: Any) -> SubmitSm:
    """Return a submit_sm of a text in ASCII, with a receipt asked for."""
    whole: dict[str, Any] = {
        "source_addr_ton": 5,
        "source_addr": b"BANK",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": to.encode(),
        "registered_delivery": 1,
        "short_message": text.encode("ascii"),
    }
    return SubmitSm(0, 0, **(whole | fields))


def receipt(pdu: DeliverSm) -> Receipt:
    """Read a receipt."""
    found = re.match(rb"id:(\d+) .* stat:([A-Z]{7}) ", pdu.short_message)
    assert found, pdu.short_message
    return Receipt(found[1].decode(), found[2].decode())


@dataclass
class Load:
    """Texts to be submitted within a window, and what became of them.

    *answered* are message_ids by text; *unanswered* were sent when a connection was lost.
    """

    texts: list[str]
    window: int = 50
    answered: dict[str, str] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    def run(self, port: int, *, at: int | None = None, then: Callable[[], None] = int) -> None:
        """Submit what is left; call *then* when *at* texts are answered in all."""
        with Esme(port) as esme:
            assert esme.bind() == 0
            try:
                self.go_on(esme, at, then)
            except (Closed, ConnectionError):
                assert then is not int, "the bridge has ended the session"
            self.receipts += esme.receipts

    def go_on(self, esme: Esme, at: int | None = None, then: Callable[[], None] = int) -> None:
        """Submit what is left on a bound session; raises Closed, OSError."""
        out: dict[int, str] = {}
        try:
            while self.texts or out:
                self._send(esme, out)
                pdu = esme.read()
                if isinstance(pdu, SubmitSmResp):
                    text = out.pop(pdu.sequence_number)
                    if pdu.command_status:
                        self.refused.append(text)
                    else:
                        self.answered[text] = pdu.message_id.decode()
                    if at is not None and len(self.answered) >= at:
                        at = None
                        then()
                else:
                    esme.take_in(pdu)
        finally:
            self.unanswered += out.values()

    def _send(self, esme: Esme, out: dict[int, str]) -> None:
        pdus = []
        while self.texts and len(out) < self.window:
            number, text = esme.next_number(), self.texts.pop()
            out[number] = text
            pdu = submit_sm(text)
            pdu.sequence_number = number
            pdus.append(pdu)
        if pdus:
            esme.send(*pdus)


def ids(receipts: Sequence[Receipt]) -> set[str]:
    """Return whose receipts these are."""
    return {each.message_id for each in receipts}
