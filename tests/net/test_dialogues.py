"""Dialogues on an ESME's links, beside its messages and receipts."""

from __future__ import annotations

from typing import Any, cast

import pytest

from smppbridge.model.account import Account, Secret
from smppbridge.model.identifiers import Identifiers
from smppbridge.net.esme_session import MOST_UNANSWERED
from smppbridge.relay.ports import Around
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.pdus import Dialled, Screen, UssdRules
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
)
from tests.net.house import BANK, House, deliver, say, wire_of
from tests.net.wires import lose, pdus
from tests.relay.fakes import FakeNotes
from tests.relay.ussd.world import CODE, PHONE, Meters, screen_sm

SHOP = Account(system_id="shop", password=Secret("secret"))


class UssdHouse(House):
    """A house whose ``bank`` owns a service code."""

    def __init__(self, **timers: Any) -> None:
        super().__init__(**timers)
        self.screens: list[Screen] = []
        self.smsc.dialogues = self.dialogues = Dialogues(
            UssdRules(codes={CODE: "bank"}, unavailable="away"),
            identifiers=Identifiers(0, 1.0, slots=1),
            around=Around(self, cast(Any, Meters()), self._journal, self._spawn, FakeNotes()),
        )

    def monotonic(self) -> float:
        return self.clock.seconds()

    def wall(self) -> float:
        return self.clock.seconds()

    def dial(self, phone: str = PHONE) -> None:
        self.dialogues.ask(Dialled(phone, "s", CODE, ""), self.screens.append)


def ussd_asked(written: list[Pdu]) -> list[DeliverSm]:
    return [pdu for pdu in written if isinstance(pdu, DeliverSm) and pdu.service_type == b"USSD"]


def test_a_screen_passes_the_relay_by() -> None:
    house = UssdHouse()
    link = house.bind()
    house.dial()
    (asked,) = ussd_asked(pdus(wire_of(link).value()))
    message = SubmitSm(0, 8, destination_addr=PHONE.encode(), short_message=b"an SMS")
    answers = say(link, DeliverSmResp(0, asked.sequence_number), screen_sm(b"Menu"), message)
    assert [(a.command_status, a.sequence_number) for a in answers] == [(0, 7), (0, 8)]
    assert house.screens == [Screen("Menu", False)]
    assert house.deliver.answers == []
    assert link.session.unanswered == 0


def test_accounts_without_a_code_submit_as_ever() -> None:
    house = UssdHouse()
    house.use(BANK, SHOP)
    link = house.connect()
    assert link
    say(link, BindTransmitter(0, 1, b"shop", b"secret"))
    (answer,) = say(link, screen_sm(b"Menu"))
    assert answer.command_status == 0


def test_a_phone_goes_before_receipts() -> None:
    house = UssdHouse()
    link = house.bind()
    deliver(house, link, 4)
    assert link.room() == 0
    house.dial()
    receipts = [pdu for pdu in pdus(wire_of(link).value()) if isinstance(pdu, DeliverSm)]
    written = say(link, DeliverSmResp(0, receipts[0].sequence_number))
    assert len(ussd_asked(written)) == 1
    assert house.deliver.answers == [("bank", 0)]
    assert link.room() == 0


def test_a_peer_that_reads_again_gets_what_waited() -> None:
    house = UssdHouse()
    link = house.bind()
    link.choked = True
    wire_of(link).read()
    house.dial()
    assert wire_of(link).value() == b""
    link.resumeProducing()
    assert len(ussd_asked(pdus(wire_of(link).value()))) == 1
    assert house.deliver.went_on == 1


@pytest.mark.parametrize("status", [Status.ESME_RX_T_APPN, Status.ESME_RSYSERR])
def test_a_refused_deliver_sm_is_not_postponed(status: int) -> None:
    house = UssdHouse()
    link = house.bind()
    house.dial()
    (asked,) = ussd_asked(pdus(wire_of(link).value()))
    say(link, DeliverSmResp(status, asked.sequence_number))
    assert house.screens == [Screen("away", True)]
    assert house.deliver.answers == []


def test_deliver_sm_of_dialogues_go_unanswered_like_any_other() -> None:
    house = UssdHouse(response=5.0)
    link = house.bind()
    for number in range(MOST_UNANSWERED):
        house.dial(f"25472200000{number}")
    house.clock.advance(5.0)
    assert house.deliver.silent == []
    assert link.session.state is State.UNBOUND


def test_a_lost_link_gives_dialogues_and_receipts_back_to_whom_they_belong() -> None:
    house = UssdHouse()
    link = house.bind()
    deliver(house, link, 2)
    house.dial()
    lose(link)
    assert house.deliver.back == [2]
    assert house.screens == [Screen("away", True)]
    house.dial()
    assert len(house.screens) == 2


def test_a_lost_link_ends_its_dialogues_though_another_is_bound() -> None:
    house = UssdHouse()
    links = [house.bind(), house.bind()]
    house.dial()
    (asked,) = [link for link in links if link.room() == 3]
    lose(asked)
    assert house.screens == [Screen("away", True)]


def test_only_sessions_that_receive_are_asked() -> None:
    house = UssdHouse()
    transmitter = house.bind(BindTransmitter)
    house.dial()
    assert house.screens == [Screen("away", True)]
    receiver = house.bind(BindReceiver)
    house.dial()
    assert len(ussd_asked(pdus(wire_of(receiver).value()))) == 1
    say(transmitter, screen_sm(b"Menu"))
    assert house.screens[1:] == [Screen("Menu", False)]
