from __future__ import annotations

import gc
import tracemalloc
from ipaddress import ip_network
from typing import Any

import pytest

from smppbridge.model.account import Account, Secret
from smppbridge.net.binds import REPLACED
from smppbridge.net.esme_session import MOST_UNANSWERED, PACE
from smppbridge.net.room import Limits
from smppbridge.relay.receipt_answers import is_end
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pace import REST
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Pdu,
    QuerySm,
    SubmitSm,
    Unbind,
    UnbindResp,
)
from tests.net.house import BANK, House, deliver, say, wire_of
from tests.net.wires import lose, names, pdus, until
from tests.vectors.vectors import MALFORMED

NOT_SERVED = [
    (QuerySm(0, 7, b"1"), Status.ESME_RSYSERR),  # of an Smsc without that movement
]


@pytest.mark.parametrize(
    ("request_", "status"), NOT_SERVED, ids=lambda value: getattr(value, "name", "")
)
def test_what_is_not_served_has_its_own_response(request_: Pdu, status: Status) -> None:
    house = House()
    link = house.bind()
    answers = say(link, request_, EnquireLink(0, 8), SubmitSm(0, 9))
    assert [(a.command_id, a.command_status, a.sequence_number) for a in answers] == [
        (request_.command_id | 0x80000000, status, 7),
        (EnquireLink.command_id | 0x80000000, 0, 8),
        (SubmitSm.command_id | 0x80000000, 0, 9),
    ]
    assert link.session.state is State.BOUND_TRX


def test_a_submit_multi_to_nobody_is_told_so() -> None:
    link = House().bind()
    link.dataReceived(MALFORMED["submit_multi_zero_dests"].octets)
    assert pdus(wire_of(link).value())[-1].command_status == Status.ESME_RINVNUMDESTS


@pytest.mark.parametrize(
    ("password", "status"), [(b"secret", 0), (b"guess", Status.ESME_RINVPASWD)]
)
def test_a_bind_is_answered_and_told_of(password: bytes, status: int) -> None:
    house = House()
    link = house.bind(password=password)
    (answer,) = pdus(wire_of(link).value())
    assert answer.command_status == status
    event, fields = house.events[-1]
    assert (event, fields["system_id"], fields["address"]) == (
        "session_refused" if status else "session_bound",
        "bank",
        "192.0.2.1",
    )
    assert "guess" not in str(house.events)
    assert house.smsc.bound_counts()["bank", "transceiver"] == (0 if status else 1)
    lose(link)
    assert (house.smsc.sessions, house.smsc.binds.sessions) == (set(), {})


@pytest.mark.parametrize(
    ("kind", "receives"), [(BindTransmitter, False), (BindReceiver, True), (BindTransceiver, True)]
)
def test_receivers_are_replayed_what_is_owed(kind: type[Any], receives: bool) -> None:
    house = House()
    link = house.bind(kind)
    assert house.deliver.receivers == ([link] if receives else [])
    assert link.room() == (4 if receives else 0)


def test_a_connection_lost_while_its_bind_is_judged_leaves_nothing() -> None:
    house = House()
    lose(house.bind(password=b"wrong"))
    link = house.bind()
    assert not wire_of(link).reads
    lose(link)
    assert house.clock.getDelayedCalls() == []  # nor its turn: who comes and goes piles up nothing
    assert house.smsc.binds._reserved == {}
    assert set(house.smsc.bound_counts().values()) == {0}
    assert house.deliver.receivers == []
    assert link not in house.smsc.sessions


def test_a_bind_is_no_more_judged_once_the_bridge_stops() -> None:
    house = House()
    house.bind(password=b"wrong")
    link = house.bind()
    house.smsc.drain()
    house.clock.advance(1.0)
    (answer,) = pdus(wire_of(link).value())
    assert answer.command_status == Status.ESME_RBINDFAIL
    assert house.smsc.binds._reserved == {}
    assert house.connect() is None


def test_a_dead_session_is_cut_off_for_a_new_one() -> None:
    house = House()
    house.use(Account(system_id="bank", password=Secret("secret"), binds=1))
    old = house.bind()
    house.clock.advance(5.0)
    new = house.bind()
    assert names(wire_of(old).value())[-1] == "EnquireLink"
    house.clock.advance(2.0)
    assert wire_of(old).aborted
    assert [p.command_status for p in pdus(wire_of(new).value())] == [0]
    lose(old)
    assert house.smsc.binds.sessions == {"bank": [new]}


@pytest.mark.parametrize(
    "last",
    [Unbind(0, 2).encode(), b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x0f"],
    ids=["unbind", "stranger", "length"],
)
def test_a_session_that_is_over_no_longer_counts_though_its_connection_is_there(
    last: bytes,
) -> None:
    house = House()
    house.use(Account(system_id="bank", password=Secret("secret"), binds=1))
    old = house.bind()
    old.dataReceived(last)
    assert house.smsc.binds.sessions == {}
    assert set(house.smsc.bound_counts().values()) == {0}
    new = house.bind()  # at once, and nothing is asked of the old one
    assert [p.command_status for p in pdus(wire_of(new).value())] == [0]
    lose(old)
    assert house.smsc.binds.sessions == {"bank": [new]}
    assert house.smsc.bound_counts()["bank", "transceiver"] == 1


def test_a_flood_is_read_slowly_and_logged_once() -> None:
    house = House()
    link = house.bind()
    nacks = GenericNack(3, 9).encode() * 1_000
    link.dataReceived(nacks + SubmitSm(0, 77).encode())
    assert not wire_of(link).reads
    read = len(house.meters.errors)
    assert read == PACE.burst + 1
    house.clock.advance(REST)
    assert not wire_of(link).reads
    assert 0 < len(house.meters.errors) - read < 2 * REST * PACE.rate
    until(lambda: wire_of(link).reads, house.clock)
    assert house.clock.seconds() == pytest.approx((1_000 - PACE.burst) / PACE.rate, abs=2 * REST)
    assert len(house.meters.errors) == 1_000
    assert pdus(wire_of(link).value())[-1].sequence_number == 77
    assert [event for event, _ in house.events].count("session_slowed") == 1


def test_a_flood_without_credentials_ends_at_once() -> None:
    house = House()
    link = house.connect()
    assert link is not None
    link.dataReceived(GenericNack(3, 9).encode() * 4_096)
    assert (link.session.state, len(house.meters.errors)) == (State.CLOSED, PACE.before_bind + 1)
    until(lambda: wire_of(link).disconnecting, house.clock)
    lose(link)
    assert house.failed == [("192.0.2.1", "never_bound")]
    assert house.clock.getDelayedCalls() == []


def test_connections_that_never_bind_are_few_and_short() -> None:
    house = House(Limits(connections=300, idle=50, idle_per_address=20), session_init=30)
    links = [house.connect() for _ in range(1_000)]
    links += [house.connect(f"198.51.{n // 5}.100") for n in range(1_000)]
    assert None not in links  # a newcomer finds room
    kept = [link for link in links if link is not None and not wire_of(link).aborted]
    assert len(kept) == 50
    assert house.failed.count(("192.0.2.1", "gave_way")) >= 980
    for link in set(links) - set(kept):
        assert link is not None
        lose(link)
    assert set(kept) == house.smsc.sessions
    until(lambda: all(wire_of(link).disconnecting for link in kept), house.clock)
    for link in kept:
        lose(link)
    assert house.clock.getDelayedCalls() == []
    assert len(house.smsc._room) == 0
    assert house.connect() is not None
    reasons = [reason for _, reason in house.failed]
    assert (reasons.count("gave_way"), reasons.count("never_bound")) == (1_950, 50)
    assert not house.events  # these are logged once an address


def test_silent_connections_do_not_lock_an_esme_out() -> None:
    """200 silent ones of 10 addresses were enough to turn every ESME away."""
    house = House()
    for n in range(200):
        house.connect(f"198.51.100.{n % 10}")
    assert house.bind().session.state is State.BOUND_TRX
    for n in range(200):
        house.connect(f"198.51.100.{n % 10}")
    assert house.bind().session.state is State.BOUND_TRX
    assert house.smsc.bound_counts()["bank", "transceiver"] == 2


def test_addresses_of_accounts_keep_their_room() -> None:
    house = House(Limits(idle=20))
    inner = Account(
        system_id="bank", password=Secret("secret"), allow_from=(ip_network("192.0.2.0/24"),)
    )
    house.use(inner)
    waiting = [house.connect("192.0.2.1"), house.connect("192.0.2.2")]
    for n in range(100):
        house.connect(f"198.51.100.{n}")
    assert not any(wire_of(link).aborted for link in waiting if link is not None)


def test_a_session_gone_silent_says_that_it_was_replaced() -> None:
    house = House()
    house.use(Account(system_id="bank", password=Secret("secret"), binds=1))
    old = house.bind()
    house.clock.advance(5.0)
    house.bind()
    house.clock.advance(2.0)
    lose(old)
    assert house.events[-1][1]["reason"] == REPLACED


def test_a_refused_bind_is_counted_by_its_reason() -> None:
    house = House()
    house.bind(password=b"wrong")
    assert house.meters.binds == ["wrong_password"]
    assert house.events[-1][1]["reason"] == "wrong_password"
    (kept,) = house.smsc.refused.listed()
    assert (kept.system_id, kept.address, kept.kind) == ("bank", "192.0.2.1", "transceiver")
    assert (kept.reason, "wrong'" in repr(kept)) == ("wrong_password", False)


def test_accounts_that_are_not_bound_count_none() -> None:
    house = House()
    assert house.smsc.bound_counts() == {
        ("bank", "transmitter"): 0,
        ("bank", "receiver"): 0,
        ("bank", "transceiver"): 0,
    }


def test_bound_connections_count_in_all_only() -> None:
    house = House(Limits(connections=3, idle=1, idle_per_address=1))
    for _ in range(3):
        house.bind()
    assert house.connect() is None
    assert house.failed == [("192.0.2.1", "no_room")]


def test_refused_binds_leak_nothing() -> None:
    house = House()

    def held_after(binds: int) -> int:
        for n in range(binds):
            link = house.bind(password=b"wrong" if n % 2 else b"right?")
            house.clock.advance(9.0)
            lose(link)
            house.events.clear()
            house.meters.binds.clear()
        gc.collect()  # it runs by itself when the whole process has made enough objects
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = held_after(500)
        assert held_after(1_500) - before < 200_000
    finally:
        tracemalloc.stop()
    assert house.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    "status", [Status.ESME_ROK, Status.ESME_RX_T_APPN, Status.ESME_RINVCMDID], ids=str
)
@pytest.mark.parametrize("kind", [DeliverSmResp, GenericNack])
def test_any_answer_to_a_deliver_sm_is_an_answer(kind: type[Any], status: Status) -> None:
    house = House()
    link = house.bind()
    deliver(house, link, 2)
    say(link, kind(status, 2))
    ((system_id, answer),) = house.deliver.answers
    assert system_id == "bank"
    if kind is GenericNack:  # whatever its status: the receipt in the deliver_sm was not read
        assert not is_end(answer)
    else:
        assert answer == status
    assert (link.room(), link.session.state) == (3, State.BOUND_TRX)
    lose(link)
    assert house.deliver.back == [1]


def test_deliver_sm_that_are_never_answered_end_the_session() -> None:
    house = House(response=60, enquire_link=1_000)
    link = house.bind()
    deliver(house, link, 4)
    house.clock.pump([1.0] * 61)
    assert len(house.deliver.silent) == 4
    assert link.session.state is State.UNBOUND
    assert names(wire_of(link).value())[-1] == "Unbind"
    until(lambda: wire_of(link).disconnecting, house.clock)
    lose(link)
    assert house.deliver.back == [0]


def test_an_answer_now_and_then_keeps_the_session() -> None:
    house = House(response=60, enquire_link=1_000)
    link = house.bind()
    for n in range(2 * MOST_UNANSWERED):
        deliver(house, link, 1)
        if n % 2:
            say(link, DeliverSmResp(0, n + 1))
        house.clock.pump([1.0] * 61)
    assert len(house.deliver.silent) == MOST_UNANSWERED
    assert link.session.state is State.BOUND_TRX


def test_a_choked_receiver_is_sent_no_more() -> None:
    house = House()
    link = house.bind()
    wire_of(link).write(b"\0" * 100_000)
    assert link.room() == 0
    wire_of(link).read()
    assert (link.room(), house.deliver.went_on) == (4, 1)


def test_a_reload_parts_from_changed_accounts_and_leaves_the_others() -> None:
    house = House()
    shop = Account(system_id="shop", password=Secret("secret"))
    house.use(BANK, shop)
    link = house.bind()
    house.use(shop, Account(system_id="bank", password=Secret("secret"), window=7))
    assert (link.session.receive_window, link.session.state) == (7, State.BOUND_TRX)
    house.use(shop, Account(system_id="bank", password=Secret("other")))
    assert names(wire_of(link).value())[-1] == "Unbind"
    say(link, UnbindResp(0, 1))
    assert link.session.end_reason == "the account has changed"
    again = house.bind()
    assert pdus(wire_of(again).value())[-1].command_status == Status.ESME_RINVPASWD


def test_faults_are_counted_and_told_without_ending_the_session() -> None:
    house = House()
    link = house.bind()
    say(link, DeliverSmResp(0, 77), BindTransceiver(0, 2, b"bank"))
    assert house.meters.errors == [0, Status.ESME_RALYBND]
    assert [event for event, _ in house.events[-2:]] == ["pdu_refused"] * 2
    assert link.session.state is State.BOUND_TRX


def test_stopping_parts_from_everybody() -> None:
    house = House()
    bound, waiting = house.bind(), house.connect()
    assert waiting is not None
    house.smsc.drain()
    house.smsc.unbind_all()
    assert names(wire_of(bound).value())[-1] == "Unbind"
    assert waiting.session.state is State.CLOSED
    say(bound, UnbindResp(0, 1))
    until(lambda: wire_of(bound).disconnecting, house.clock)
