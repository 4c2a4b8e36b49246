"""A trace is bounded in every way, and ends by itself."""

from __future__ import annotations

import pytest

from smppbridge.tracing.recording import (
    LONGEST,
    MOST_OCTETS,
    MOST_PACKETS,
    NotTraced,
    Order,
    Packet,
    PacketEnd,
    Recording,
)
from smppbridge.tracing.traces import KEPT_FOR, MOST_KEPT, MOST_RUNNING, Traces


class Told:
    """The clock of traces, and all that they told."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.events: list[tuple[int, str]] = []
        self.faults = 0
        self.traces = Traces(lambda: 7, lambda: self.seconds, self.changed, self.failed)

    def changed(self, recording: Recording) -> None:
        self.events.append((recording.number, recording.ended))

    def failed(self) -> None:
        self.faults += 1


@pytest.fixture
def told():
    return Told()


def packet(octets: bytes = b"") -> Packet:
    end = PacketEnd("192.0.2.1", 1)
    return Packet(
        at=7, line="l", protocol="http", source=end, destination=end, octets=octets, inbound=True
    )


BANK = Order(kind="account", value="bank")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "session"}, "account, number, provider, address"),
        ({"value": ""}, "which account"),
        ({"seconds": 0}, "at most 3600"),
        ({"seconds": LONGEST + 1}, "at most 3600"),
        ({"seconds": float("nan")}, "at most 3600"),
        ({"packets": 0}, "10,000"),
        ({"packets": MOST_PACKETS + 1}, "10,000"),
        ({"octets": 0}, "octets"),
        ({"octets": MOST_OCTETS + 1}, "octets"),
        ({"kind": "number", "value": "BANK"}, "digits"),
        ({"kind": "address", "value": "bank"}, "IP address"),
    ],
)
def test_an_order_over_a_bound_is_refused_and_says_why(fields, why):
    with pytest.raises(NotTraced, match=why):
        Order(**{"kind": "account", "value": "bank", **fields})


def test_it_ends_when_its_time_is_over(told):
    recording = told.traces.start(Order(kind="account", value="bank", seconds=60))
    told.seconds += 59.9
    told.traces.tick()
    assert told.traces.running == (recording,)
    told.seconds += 0.1
    told.traces.tick()
    assert told.traces.running == ()
    assert told.events == [(1, ""), (1, "its time is over")]


def test_it_ends_at_its_last_packet(told):
    recording = told.traces.start(Order(kind="account", value="bank", packets=2))
    for _ in range(4):
        told.traces.keep(packet(), [recording])
    assert (len(recording.packets), recording.ended) == (2, "full")
    assert told.events == [(1, ""), (1, "full")]


def test_it_ends_before_its_last_octet(told):
    recording = told.traces.start(Order(kind="account", value="bank", octets=1000))
    for _ in range(4):
        told.traces.keep(packet(b"x" * 300), [recording])
    assert recording.ended == "full"
    assert recording.octets <= 1000
    assert len(recording.packets) == 2


def test_a_full_one_does_not_end_the_others(told):
    small = told.traces.start(Order(kind="account", value="bank", packets=1))
    large = told.traces.start(BANK)
    for _ in range(3):
        told.traces.keep(packet(), [small, large])
    assert told.traces.running == (large,)
    assert (len(small.packets), len(large.packets)) == (1, 3)


def test_four_run_at_once(told):
    for _ in range(MOST_RUNNING):
        told.traces.start(BANK)
    with pytest.raises(NotTraced, match="4 traces run"):
        told.traces.start(BANK)
    told.traces.stop(2)
    assert told.traces.start(BANK).number == MOST_RUNNING + 1


def test_an_ended_one_is_read_for_an_hour(told):
    recording = told.traces.start(BANK)
    told.traces.keep(packet(), [recording])
    assert told.traces.stop(1).ended == "stopped"
    told.traces.stop(1)  # again: nothing
    told.seconds += KEPT_FOR - 1
    told.traces.tick()
    assert len(told.traces.read(1).packets) == 1
    told.seconds += 1
    told.traces.tick()
    with pytest.raises(NotTraced, match="no trace 1"):
        told.traces.read(1)
    assert told.events == [(1, ""), (1, "stopped")]


def test_of_many_ended_ones_the_latest_are_kept(told):
    for number in range(1, 8):
        told.traces.start(BANK)
        told.traces.stop(number)
    assert [one.number for one in told.traces.all()] == list(range(8 - MOST_KEPT, 8))


def test_a_forgotten_one_is_gone(told):
    told.traces.start(BANK)
    told.traces.forget(1)
    assert (told.traces.all(), told.traces.running) == ([], ())
    with pytest.raises(NotTraced):
        told.traces.forget(1)


def test_a_fault_ends_all_and_harms_nobody(told):
    told.traces.start(BANK)
    told.traces.start(BANK)
    with told.traces.guard():
        raise KeyError("x")
    assert told.faults == 1
    assert [one.ended for one in told.traces.all()] == ["a fault of the trace"] * 2


def test_secrets_of_earlier_settings_stay_hidden(told):
    told.traces.hide(["first"])
    told.traces.hide(["second"])
    words = told.traces.words
    assert words.hide(b"first second") == b"***** ******"
    told.traces.hide(["second", ""])
    assert told.traces.words is words  # nothing is compiled anew for a reload without new secrets


def test_packets_are_read_in_pages(told):
    recording = told.traces.start(BANK)
    for number in range(5):
        recording.keep(packet(b"%d" % number))
    assert [p.octets for p in recording.after(1, 2)] == [b"1", b"2"]
    assert list(recording.after(5, 2)) == []


@pytest.mark.parametrize(
    ("number", "same"),
    [
        ("243810555042", True),
        ("+243 810 555 042", True),
        ("00243810555042", True),
        ("0810555042", True),
        ("810555043", False),
        ("42", False),
        ("", False),
        ("BANK", False),
    ],
)
def test_a_number_in_any_form(number, same):
    recording = Recording(1, Order(kind="number", value="243810555042"), 0, 0)
    assert recording.is_number("BANK", number) is same
    assert recording.is_number(number, "BANK") is same


@pytest.mark.parametrize(
    ("host", "is_in"),
    [("10.2.0.14", True), ("::ffff:10.2.0.14", True), ("10.3.0.1", False), ("local", False)],
)
def test_an_address_in_a_network(host, is_in):
    recording = Recording(1, Order(kind="address", value="10.2.0.0/16"), 0, 0)
    assert recording.is_address(host) is is_in
    assert not Recording(1, BANK, 0, 0).is_address(host)


def test_ids_are_known_in_any_case():
    recording = Recording(1, BANK, 0, 0)
    recording.remember(["00AB-12", ""])
    assert recording.knows(["x", "ab-12"])
    assert not recording.knows(["", "0"])
