from __future__ import annotations

import pytest
from twisted.internet.testing import MemoryReactorClock

from smppbridge.simulators import simulator_type
from smppbridge.simulators.smsc import SmscSimulator
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState, Tag
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    QuerySm,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from tests.net.wires import Wire, lose, pdus

NUMBER = "2547220000"
DELAY = 2.0
NOON = 1_775_044_800.0  # 2026-04-01, 12:00 UTC


@pytest.fixture
def clock():
    return MemoryReactorClock()


@pytest.fixture
def simulator(clock):
    return made(clock)


def made(clock, **options):
    return SmscSimulator(clock, delay=DELAY, wall=lambda: NOON, **options)


class SimulatedEsme:
    """One connection to a simulator."""

    def __init__(self, simulator, kind=BindTransceiver, password=b"any", system_id=b"bank"):
        self.link = simulator.buildProtocol(None)
        self.wire = Wire()
        self.link.makeConnection(self.wire)
        self.number = 1
        (self.bound,) = self.say(kind(0, 1, system_id, password))

    def say(self, *said):
        self.link.dataReceived(b"".join(pdu.encode() for pdu in said))
        return self.hear()

    def hear(self):
        return pdus(self.wire.read())

    def submit(self, ending, text=b"Hello", **fields):
        self.number += 1
        fields = {"registered_delivery": 1, **fields}
        request = SubmitSm(
            0,
            self.number,
            source_addr_ton=5,
            source_addr=b"ACME",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=(NUMBER + ending).encode(),
            short_message=text,
            **fields,
        )
        return self.say(request)

    def acknowledge(self, deliver, status=0):
        return self.say(DeliverSmResp(status, deliver.sequence_number))


def stats(found):
    return [pdu.short_message.split(b"stat:")[1].split()[0] for pdu in found]


def test_it_is_among_the_simulators():
    assert simulator_type("smsc") is SmscSimulator


@pytest.mark.parametrize("kind", [BindTransceiver, BindTransmitter, BindReceiver])
def test_any_credential_binds_but_the_wrong_one(simulator, clock, kind):
    assert SimulatedEsme(simulator, kind).bound.command_status == 0
    refused = SimulatedEsme(simulator, kind, b"wrong")
    assert refused.bound.command_status == Status.ESME_RINVPASWD
    clock.advance(1.0)
    assert refused.wire.disconnecting


def test_it_may_have_no_transceivers(clock):
    simulator = made(clock, trx=False)
    assert SimulatedEsme(simulator).bound.command_status == Status.ESME_RBINDFAIL
    assert SimulatedEsme(simulator, BindTransmitter).bound.command_status == 0


def test_a_message_is_taken_and_reported_after_the_delay_without_a_text_tail(simulator, clock):
    esme = SimulatedEsme(simulator)
    (response,) = esme.submit("01")
    assert response.command_status == 0
    clock.advance(DELAY - 0.1)
    assert esme.hear() == []
    clock.advance(0.1)
    (receipt,) = esme.hear()
    assert receipt.short_message == (
        b"id:%b sub:001 dlvrd:001 submit date:2604011200 done date:2604011200 stat:DELIVRD err:000"
        % response.message_id
    )
    assert (receipt.esm_class, receipt.tlvs) == (4, ())
    assert (receipt.source_addr, receipt.destination_addr) == (f"{NUMBER}01".encode(), b"ACME")
    assert (receipt.source_addr_ton, receipt.dest_addr_ton) == (1, 5)
    assert simulator.taken == {(f"{NUMBER}01", b"Hello"): 1}


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("90", [b"UNDELIV"]),
        ("97", [b"DELIVRD", b"DELIVRD"]),
        ("98", []),
        ("99", [b"EXPIRED"]),
    ],
)
def test_endings_that_are_taken(simulator, clock, ending, expected):
    esme = SimulatedEsme(simulator)
    assert esme.submit(ending)[0].command_status == 0
    clock.advance(DELAY)
    assert stats(esme.hear()) == expected


@pytest.mark.parametrize(
    ("ending", "status"), [("91", Status.ESME_RINVDSTADR), ("93", Status.ESME_RSYSERR)]
)
def test_endings_that_are_not_taken(simulator, clock, ending, status):
    esme = SimulatedEsme(simulator)
    assert esme.submit(ending) == [SubmitSmResp(status, 2)]
    clock.advance(DELAY)
    assert esme.hear() == []
    assert (simulator.requests, simulator.accepted) == (1, 0)


def test_91_may_be_taken_and_then_rejected_with_eight_letters(clock):
    esme = SimulatedEsme(made(clock, rejects_late=True))
    assert esme.submit("91")[0].command_status == 0
    clock.advance(DELAY)
    assert stats(esme.hear()) == [b"REJECTED"]


def test_92_is_answered_after_five_seconds_and_reported_later(simulator, clock):
    esme = SimulatedEsme(simulator)
    assert esme.submit("92") == []
    clock.advance(5.0)
    assert isinstance(esme.hear()[0], SubmitSmResp)
    clock.advance(DELAY)
    assert stats(esme.hear()) == [b"DELIVRD"]


def test_94_is_throttled_twice_and_then_taken(simulator):
    esme = SimulatedEsme(simulator)
    found = [esme.submit("94")[0].command_status for _ in range(3)]
    assert found == [Status.ESME_RTHROTTLED, Status.ESME_RTHROTTLED, 0]
    assert esme.submit("94", b"Another")[0].command_status == Status.ESME_RTHROTTLED


def test_95_is_never_answered(simulator, clock):
    esme = SimulatedEsme(simulator)
    assert esme.submit("95") == []
    clock.advance(10.0)
    assert esme.hear() == []


def test_96_is_answered_when_its_receipt_was_acknowledged(simulator):
    esme = SimulatedEsme(simulator)
    (receipt,) = esme.submit("96")
    assert isinstance(receipt, DeliverSm)
    (response,) = esme.acknowledge(receipt)
    assert response.message_id in receipt.short_message


def test_96_is_answered_at_once_where_nobody_could_hear_of_it(simulator):
    assert isinstance(SimulatedEsme(simulator, BindTransmitter).submit("96")[0], SubmitSmResp)


@pytest.mark.parametrize("asked", [0, 4, 16])
def test_receipts_come_only_where_they_were_asked_for(simulator, clock, asked):
    esme = SimulatedEsme(simulator)
    esme.submit("01", registered_delivery=asked)
    esme.submit("96", registered_delivery=asked)
    clock.advance(DELAY)
    assert esme.hear() == []


def test_receipts_come_to_any_receiver_of_the_same_system_id(simulator, clock):
    transmitter = SimulatedEsme(simulator, BindTransmitter)
    other = SimulatedEsme(simulator, BindReceiver, system_id=b"shop")
    receiver = SimulatedEsme(simulator, BindReceiver)
    transmitter.submit("01")
    clock.advance(DELAY)
    assert (transmitter.hear(), other.hear()) == ([], [])
    assert stats(receiver.hear()) == [b"DELIVRD"]


def test_receipts_wait_for_a_receiver(simulator, clock):
    SimulatedEsme(simulator, BindTransmitter).submit("01")
    clock.advance(DELAY)
    late = simulator.buildProtocol(None)
    wire = Wire()
    late.makeConnection(wire)
    late.dataReceived(BindReceiver(0, 1, b"bank", b"any").encode())
    assert stats(pdus(wire.read())[1:]) == [b"DELIVRD"]


def test_what_was_not_acknowledged_comes_again(simulator, clock):
    esme = SimulatedEsme(simulator)
    esme.submit("01")
    clock.advance(DELAY)
    (receipt,) = esme.hear()
    esme.acknowledge(receipt, Status.ESME_RX_T_APPN)
    clock.advance(1.0)
    (again,) = esme.hear()
    assert again.short_message == receipt.short_message
    assert simulator.refused_deliveries == 1
    esme.acknowledge(again)
    clock.advance(10.0)
    assert esme.hear() == []


def test_what_was_lost_with_a_session_comes_over_another(simulator, clock):
    first = SimulatedEsme(simulator)
    first.submit("01")
    clock.advance(DELAY)
    (receipt,) = first.hear()
    second = SimulatedEsme(simulator, BindReceiver)
    lose(first.link)
    assert [pdu.short_message for pdu in second.hear()] == [receipt.short_message]


def test_ids_may_be_of_the_heritage(clock):
    esme = SimulatedEsme(made(clock, hex_ids=True, with_tlvs=True))
    (response,) = esme.submit("01")
    clock.advance(DELAY)
    (receipt,) = esme.hear()
    reported = receipt.short_message[3:13]
    assert int(response.message_id, 16) == int(reported)
    assert tlvs.c_octets(receipt.tlvs, Tag.RECEIPTED_MESSAGE_ID) == reported
    assert tlvs.integer(receipt.tlvs, Tag.MESSAGE_STATE) == MessageState.DELIVERED


def test_a_phone_is_heard(simulator):
    esme = SimulatedEsme(simulator)
    done = simulator.receive("bank", f"{NUMBER}01", "22141", b"\0Y", data_coding=8)
    (mo,) = esme.hear()
    assert (mo.short_message, mo.data_coding, mo.esm_class) == (b"\0Y", 8, 0)
    assert not done.called
    esme.acknowledge(mo)
    assert done.called


def test_it_answers_enquire_link_and_unbind_and_refuses_the_rest(simulator, clock):
    esme = SimulatedEsme(simulator)
    assert esme.say(EnquireLink(0, 7)) == [EnquireLinkResp(0, 7)]
    assert esme.say(QuerySm(0, 8, b"1"))[0].command_status == Status.ESME_RSYSERR
    assert esme.say(Unbind(0, 9)) == [UnbindResp(0, 9)]
    clock.advance(1.0)
    assert esme.wire.disconnecting


def test_it_may_part_from_all(simulator):
    esme = SimulatedEsme(simulator)
    simulator.unbind()
    assert isinstance(esme.hear()[0], Unbind)


def test_nonsense_ends_the_connection_and_nothing_else(simulator, clock):
    esme, other = SimulatedEsme(simulator), SimulatedEsme(simulator)
    esme.link.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    clock.advance(1.0)
    assert esme.wire.disconnecting
    assert other.submit("01")[0].command_status == 0


def test_closing_cuts_all_and_leaves_no_timer(simulator, clock):
    esme = SimulatedEsme(simulator)
    esme.submit("01")
    simulator.close()
    assert esme.wire.aborted
    lose(esme.link)
    assert not clock.getDelayedCalls()
