"""An Smsc with all it needs, on a clock, and what is said over its links."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from smppbridge.model.account import Account, Secret
from smppbridge.model.address import Address
from smppbridge.model.report import Delivery
from smppbridge.net.binds import Binds
from smppbridge.net.esme_session import EsmeSession
from smppbridge.net.room import Limits
from smppbridge.net.smpp_server import Smsc
from smppbridge.relay.accept.intake import Rights, rights_of
from smppbridge.smpp.pdus import (
    BindTransceiver,
    DeliverSm,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from smppbridge.smpp.session import Timers
from tests.net.wires import Wire, pdus

BANK = Account(system_id="bank", password=Secret("secret"), deliver_window=4)


class Taking:
    """Accepts all that is submitted."""

    async def take(self, session: EsmeSession, requests: Iterable[SubmitSm]) -> None:
        for request in requests:
            session.answer(SubmitSmResp(0, request.sequence_number, b"1"))


class Owing:
    """Notes what is said of deliveries."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int]] = []
        self.silent: list[str] = []
        self.receivers: list[Any] = []
        self.back: list[int] = []
        self.went_on = 0

    def bound(self, system_id: str, receiver: Any) -> None:
        self.receivers.append(receiver)

    def lost(self, system_id: str, receiver: Any, unanswered: list[Delivery]) -> None:
        self.back.append(len(unanswered))

    def answered(self, system_id: str, answers: list[tuple[Delivery, int]]) -> None:
        self.answers += [(system_id, status) for _, status in answers]

    def unanswered(self, system_id: str, deliveries: list[Delivery]) -> None:
        self.silent.append(system_id)

    def go_on(self, system_id: str) -> None:
        self.went_on += 1


class Meters:
    """Counts binds and faults; the rest is nothing to these tests."""

    def __init__(self) -> None:
        self.binds: list[str] = []
        self.old: list[str] = []
        self.errors: list[int] = []
        self.oddities: list[tuple[str, str]] = []

    def pdu_error(self, status: int) -> None:
        self.errors.append(status)

    def bind_attempt(self, result: str, reason: str) -> None:
        self.binds.append(reason or result)

    def old_password(self, system_id: str) -> None:
        self.old.append(system_id)

    def bind_ended(self, seconds: float) -> None:
        pass

    def enquire_link(self, seconds: float) -> None:
        pass

    def odd(self, system_id: str, oddity: str) -> None:
        self.oddities.append((system_id, oddity))


class House:
    """An Smsc with one account and all it needs."""

    def __init__(self, limits: Limits | None = None, **timers: Any) -> None:
        self.clock, self.deliver, self.meters = Clock(), Owing(), Meters()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.failed: list[tuple[str, str]] = []
        binds = Binds(verified=self._verified, wait=self._wait, seconds=self.clock.seconds)
        self.smsc = Smsc(
            "SMSC",
            accept=Taking(),  # type: ignore[arg-type]
            deliver=self.deliver,  # type: ignore[arg-type]
            binds=binds,
            timers=Timers(**timers),
            limits=limits or Limits(),
            failed=self._failed,
            clock=self.clock,
            spawn=self._spawn,
            meters=self.meters,
            journal=self._journal,
        )
        self.use(BANK)

    def use(self, *accounts: Account) -> None:
        self.smsc.change({a.system_id: self.rights(a) for a in accounts})

    def rights(self, account: Account) -> Rights:
        return rights_of(account, self.clock.seconds())

    async def _verified(self, hashed: str, password: str) -> bool:
        return False

    async def _wait(self, seconds: float) -> None:
        await deferLater(self.clock, seconds)

    def _journal(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def _failed(self, host: str, reason: str, why: str = "") -> None:
        self.failed.append((host, reason))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(coroutine)

    def connect(self, host: str = "192.0.2.1") -> EsmeSession | None:
        link: Any = self.smsc.buildProtocol(IPv4Address("TCP", host, 1))
        if link is not None:
            link.makeConnection(Wire())
        return link

    def bind(self, kind: type[Any] = BindTransceiver, password: bytes = b"secret") -> EsmeSession:
        link = self.connect()
        assert link is not None
        say(link, kind(0, 1, b"bank", password))
        return link


def say(link: EsmeSession, *requests: Pdu) -> list[Pdu]:
    """Send PDUs; return what was written since."""
    wire_of(link).read()
    link.dataReceived(b"".join(request.encode() for request in requests))
    return pdus(wire_of(link).value())


def wire_of(link: EsmeSession) -> Wire:
    assert isinstance(link.transport, Wire)
    return link.transport


def delivery(number: int = 1) -> Delivery:
    phone, bank = Address("243810000001", 1, 1), Address("BANK", 5, 0)
    return Delivery(number, number, "bank", bank, phone, 2, 0, 0.0, 1.0, 1.0, 9.0)


def deliver(house: House, link: EsmeSession, count: int) -> None:
    for number in range(count):
        link.ask(DeliverSm(), delivery(number))
    link.flush()
