"""What ESMEs and we say to each other, in Prometheus' words."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smppbridge.net.esme_session import EsmeSession
from smppbridge.observe.metrics import Metrics
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import (
    CancelSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    SubmitSm,
    Unbind,
)
from tests.net.house import House, deliver, say, wire_of
from tests.net.wires import pdus

ODD = CancelSm(0, 9)
SUBMITS = [SubmitSm(0, number) for number in range(1, 6)]
NACK = GenericNack(Status.ESME_RX_T_APPN, 1)
TAKEN = [DeliverSmResp(0, 2), DeliverSmResp(0, 3)]


def metered() -> tuple[House, Metrics]:
    house, metrics = House(enquire_link=50), Metrics("1")
    house.smsc.meters = metrics
    metrics.watch("smppbridge_pdus_total", house.smsc.tally.totals)
    return house, metrics


def samples(metrics: Metrics, family: str) -> dict[str, float]:
    """Return the samples of a family that are not 0, by their labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    (found,) = [each for each in families if each.name == family]
    return {
        " ".join((each.name.removeprefix(family), *each.labels.values())).strip(): each.value
        for each in found.samples
        if each.value
    }


def enquired(house: House, link: EsmeSession, seconds: float) -> None:
    """Let the ESME be silent until it is asked, and answer after *seconds*."""
    wire_of(link).read()
    house.clock.advance(50.0)
    (asked,) = pdus(wire_of(link).read())
    assert isinstance(asked, EnquireLink)
    house.clock.advance(seconds)
    link.dataReceived(EnquireLinkResp(0, asked.sequence_number).encode())


@pytest.mark.parametrize(
    ("requests", "answers"),
    [([ODD, *SUBMITS], [NACK, *TAKEN]), ([*SUBMITS, ODD], [*TAKEN, NACK])],
    ids=["odd first", "odd last"],
)
def test_the_exposition_has_the_exact_number_of_pdus_both_ways(
    requests: list[Pdu], answers: list[Pdu]
) -> None:
    house, metrics = metered()
    link = house.bind()
    house.bind(password=b"wrong")
    say(link, *requests)
    deliver(house, link, 3)
    say(link, *answers)
    enquired(house, link, 0.3)
    say(link, EnquireLink(0, 20), Unbind(0, 21))
    assert samples(metrics, "smppbridge_pdus") == {
        "_total bind_transceiver in ESME_ROK": 2,
        "_total cancel_sm in ESME_ROK": 1,
        "_total deliver_sm_resp in ESME_ROK": 2,
        "_total enquire_link in ESME_ROK": 1,
        "_total enquire_link_resp in ESME_ROK": 1,
        "_total generic_nack in ESME_RX_T_APPN": 1,
        "_total submit_sm in ESME_ROK": 5,
        "_total unbind in ESME_ROK": 1,
        "_total bind_transceiver_resp out ESME_RINVPASWD": 1,
        "_total bind_transceiver_resp out ESME_ROK": 1,
        "_total cancel_sm_resp out ESME_RSYSERR": 1,
        "_total deliver_sm out ESME_ROK": 3,
        "_total enquire_link out ESME_ROK": 1,
        "_total enquire_link_resp out ESME_ROK": 1,
        "_total submit_sm_resp out ESME_ROK": 5,
        "_total unbind_resp out ESME_ROK": 1,
    }


def test_answers_of_esmes_to_our_enquire_link_are_timed() -> None:
    house, metrics = metered()
    link = house.bind()
    for seconds in (0.02, 0.3, 2.0):
        enquired(house, link, seconds)
    found = samples(metrics, "smppbridge_enquire_link_seconds")
    assert found["_count"] == 3
    assert found["_sum"] == pytest.approx(2.32)
    assert (found["_bucket 0.025"], found["_bucket 0.5"], found["_bucket 2.5"]) == (1, 2, 3)
