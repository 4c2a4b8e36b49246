"""alert_notification: from an upstream SMSC to one session of the account of its esme_addr."""

from __future__ import annotations

import pytest

from smppbridge.relay.alerts import Alerts
from smppbridge.routing.mo import MoRule, MoTable
from smppbridge.smpp.pdus import AlertNotification
from tests.relay.fakes import FakeReceiver, World, delivery

RULES = [MoRule("bank", "60123", provider="up"), MoRule("shop", "447*")]
TLVS = ((0x0422, b"\0"),)


def alert(esme_addr: bytes = b"60123") -> AlertNotification:
    return AlertNotification(0, 9, 1, 1, b"447700900123", 3, 0, esme_addr, TLVS)


def alerted(
    *requests: AlertNotification, provider: str = "up", bound: bool = True, window: int = 10
):
    world, receiver = World(), FakeReceiver(window)
    if bound:
        world.deliver.bound("bank", receiver)
    alerts = Alerts(world.deliver, world.around.meters)
    alerts.change(MoTable(RULES))
    for request in requests:
        alerts.receive(provider, request)
    return world, receiver


@pytest.mark.parametrize("written", [b"60123", b"+60123", b" 60123"])
def test_it_is_passed_on_to_the_account_of_its_esme_addr(written: bytes) -> None:
    world, receiver = alerted(alert(written))
    (passed,) = receiver.notified
    assert (passed.source_addr, passed.esme_addr, passed.tlvs) == (b"447700900123", written, TLVS)
    assert receiver.flushes
    assert world.said.counts["alert", "up", "passed"] == 1


@pytest.mark.parametrize(
    ("esme_addr", "provider", "bound", "window", "outcome"),
    [
        (b"99999", "up", True, 10, "unrouted"),
        (b"", "up", True, 10, "unrouted"),
        (b"\xff\xfe", "up", True, 10, "unrouted"),
        (b"60123", "other", True, 10, "unrouted"),
        (b"447700900001", "up", True, 10, "unbound"),  # the shop, which was never there
        (b"60123", "up", False, 10, "unbound"),
        (b"60123", "up", True, 0, "unbound"),
    ],
)
def test_else_it_is_counted(
    esme_addr: bytes, provider: str, bound: bool, window: int, outcome: str
) -> None:
    world, receiver = alerted(alert(esme_addr), provider=provider, bound=bound, window=window)
    assert receiver.notified == []
    assert world.said.counts["alert", provider, outcome] == 1


@pytest.mark.parametrize("order", [(b"60123", b"9"), (b"9", b"60123")])
def test_an_odd_one_beside_a_good_one(order: tuple[bytes, ...]) -> None:
    _, receiver = alerted(*map(alert, order))
    assert [each.esme_addr for each in receiver.notified] == [b"60123"]


@pytest.mark.parametrize("last", [False, True])
def test_it_goes_to_the_session_that_has_room_and_is_no_transmitter(last: bool) -> None:
    world = World()
    full, transmitter, free = FakeReceiver(1), FakeReceiver(1), FakeReceiver(1)
    transmitter.alertable = False  # it has receipts all the same, where the account says so
    for each in (full, transmitter, free) if last else (free, transmitter, full):
        world.deliver.bound("bank", each)
    full.out.append(delivery())
    alerts = Alerts(world.deliver, world.around.meters)
    alerts.change(MoTable(RULES))
    alerts.receive("up", alert())
    assert [len(each.notified) for each in (full, transmitter, free)] == [0, 0, 1]
    world.deliver.lost("bank", free, [])
    alerts.receive("up", alert())
    assert world.said.counts["alert", "up", "unbound"] == 1
