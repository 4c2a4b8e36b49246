from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.events import Answered, Event, FaultyPdu, PeerAlive, Slowed, Unanswered
from smppbridge.smpp.fields import SmeAddress
from smppbridge.smpp.matrix import BOUND, Role, State
from smppbridge.smpp.pace import LONGEST_FLOOD, REST, Pace, PaceLimits
from smppbridge.smpp.pdus import (
    BindTransceiver,
    CancelSm,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from smppbridge.smpp.session import Session
from tests.smpp.sessions import consume, esme, feed, sent, smsc

LIMITS = PaceLimits(rate=10, burst=20, before_bind=3)
FLOODS = [
    GenericNack(CommandStatus.ESME_RINVCMDID, 9),
    EnquireLink(0, 9),
    EnquireLinkResp(0, 9),
    DeliverSmResp(0, 9),
    BindTransceiver(0, 9),
    DeliverSm(0, 9),
    SubmitSm(0, 9, schedule_delivery_time=b"1" * 16),
]
WORK = [
    SubmitSm(0, 9),
    SubmitMulti(0, 9, dest_address=(SmeAddress(1, 1, b"1"),)),
    DataSm(0, 9),
    QuerySm(0, 9, b"1"),
    CancelSm(0, 9),
    ReplaceSm(0, 9, b"1"),
]


def bound(limits: PaceLimits = LIMITS) -> Session:
    return smsc(pace=Pace(limits))


def spoilt(pdu: Pdu) -> bytes:
    """Return the octets of a PDU; of a submit_sm without its end, which is a fault."""
    octets = pdu.encode()
    return (len(octets) - 2).to_bytes(4, "big") + octets[4:-2] if type(pdu) is SubmitSm else octets


def rests(session: Session, start: float, seconds: float) -> Iterator[tuple[float, list[Event]]]:
    """Yield the events behind each rest of a session, and when the rest was over."""
    now = start
    while session.held and now < start + seconds:
        now = session.deadline() or now
        assert list(session.tick(now)) == []
        yield now, consume(session, session.resume(now))


@pytest.mark.parametrize("pdu", FLOODS, ids=lambda pdu: type(pdu).__name__)
def test_a_flood_is_read_at_the_rate_in_order_and_to_its_end(pdu: Pdu) -> None:
    session = bound()
    last = SubmitSm(0, 10, short_message=b"last")
    flood = spoilt(pdu) * 50 + last.encode()
    first = consume(session, session.receive(flood, 0.0))
    assert (session.held, session.stopped, first[-1]) == (True, True, Slowed())
    assert session.state in BOUND
    assert session.deadline() == REST
    assert last not in first
    ends = dict(rests(session, 0.0, 60.0))
    assert not session.held
    assert max(ends) == pytest.approx((50 - 20) / 10, abs=2 * REST)
    assert [e for events in ends.values() for e in events][-1] == last
    assert len([p for p in sent(session) if p.sequence_number == 10]) == 1


def test_messages_and_answers_are_never_too_many() -> None:
    session = bound()
    for number in range(1, 200):
        asked = session.ask(DeliverSm(), number, 0.0)
        found = feed(session, SubmitSm(0, number), DeliverSmResp(0, asked))
        assert [type(event) for event in found] == [SubmitSm, Answered]
        session.probe(0.0)
    assert not session.held


@pytest.mark.parametrize("pdu", WORK, ids=lambda pdu: type(pdu).__name__)
def test_work_is_never_too_much(pdu: Pdu) -> None:
    session = bound()
    session.receive_window = 1_000
    assert len(feed(session, *[pdu] * 500)) == 500
    assert not session.held


def test_what_carries_a_message_ends_a_flood_and_what_names_one_does_not() -> None:
    for pdu, ends in ((DataSm(0, 2), False), (QuerySm(0, 2, b"1"), True)):
        session = bound()
        session.receive_window = 1_000
        block = EnquireLink(0, 1).encode() * 100 + pdu.encode()
        consume(session, session.receive(block * 10, 0.0))
        list(rests(session, 0.0, 120.0))
        assert (session.state is State.CLOSED) is ends


def test_an_awaited_enquire_link_resp_costs_nothing() -> None:
    session = bound(PaceLimits(rate=10, burst=0, before_bind=3))
    session.probe(0.0)
    assert feed(session, EnquireLinkResp(0, 1), now=1.0) == [PeerAlive(1.0)]
    assert not session.held
    feed(session, EnquireLink(0, 1), now=1.0)
    assert session.held


def test_what_comes_slowly_is_read_at_once() -> None:
    session = bound()
    for n in range(1_000):
        feed(session, EnquireLink(0, 1), now=n / 9)
        assert not session.held


def test_nothing_but_a_flood_ends_a_session() -> None:
    session = bound()
    list(session.receive(EnquireLink(0, 1).encode() * 10_000, 0.0))
    ended_at = max(at for at, _ in rests(session, 0.0, 60.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "PDUs without a message")
    assert ended_at == pytest.approx(LONGEST_FLOOD, abs=2 * REST)


def test_a_flood_with_messages_in_it_ends_nothing() -> None:
    session = bound()
    block = EnquireLink(0, 1).encode() * 100 + SubmitSm(0, 2).encode()
    consume(session, session.receive(block * 10, 0.0))
    came = [e for _, events in rests(session, 0.0, 120.0) for e in events if type(e) is SubmitSm]
    assert (session.state, len(came)) == (State.BOUND_TRX, 10)


def test_floods_with_a_pause_between_them_are_not_added_up() -> None:
    session = bound()
    now = 0.0
    for _ in range(20):
        consume(session, session.receive(EnquireLink(0, 1).encode() * 60, now))
        now = max(at for at, _ in rests(session, now, 60.0)) + 10
    assert session.state is State.BOUND_TRX


def test_a_rest_delays_neither_a_response_timer_nor_the_end_of_an_unbind() -> None:
    session = bound()
    session.ask(DeliverSm(), "delivery", 0.0)
    session.unbind(0.0, "enough")
    consume(session, session.receive(EnquireLink(0, 1).encode() * 10_000, 0.0))
    assert session.deadline() == REST
    list(rests(session, 0.0, 60.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "enough")
    flooded = bound()
    flooded.ask(DeliverSm(), "delivery", 0.0)
    consume(flooded, flooded.receive(EnquireLink(0, 1).encode() * 30, 59.9))
    assert flooded.deadline() == 59.9 + REST
    assert list(flooded.tick(59.9 + REST)) == [Unanswered("delivery")]


@pytest.mark.parametrize("pdu", [*FLOODS[:4], *WORK], ids=lambda pdu: type(pdu).__name__)
def test_an_unbound_session_ends_after_a_few_pdus_that_are_no_bind(pdu: Pdu) -> None:
    session = smsc(State.OPEN, pace=Pace(LIMITS))
    feed(session, pdu, pdu, pdu)
    assert session.state is State.OPEN
    list(session.receive(pdu.encode() * 1_000, 0.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "PDUs without a bind")
    assert len(sent(session)) <= 4


def test_a_few_pdus_before_a_bind_are_no_matter() -> None:
    session = smsc(State.OPEN, pace=Pace(LIMITS))
    feed(session, EnquireLink(0, 1), EnquireLink(0, 2), BindTransceiver(0, 3), Unbind(0, 4))
    assert session.end_reason == "unbind"


@pytest.mark.parametrize("make", [smsc, esme])
def test_without_limits_nothing_is_counted(make: Any) -> None:
    session = make()
    feed(session, *[EnquireLink(0, n) for n in range(1_000)], GenericNack(3, 9))
    assert (session.held, session.role in Role) == (False, True)


def test_a_submit_sm_is_what_an_esme_sends_and_not_what_it_gets() -> None:
    session = esme(pace=Pace(PaceLimits(rate=10, burst=5, before_bind=3)))
    feed(session, *[DeliverSm(0, n) for n in range(1, 100)])
    assert not session.held
    list(session.receive(SubmitSmResp(0, 999).encode() * 9, 0.0))
    assert session.held


def test_faults_are_told_until_the_rest() -> None:
    session = bound()
    found = consume(session, session.receive(DeliverSmResp(0, 9).encode() * 50, 0.0))
    assert [type(event) for event in found] == [FaultyPdu] * 21 + [Slowed]
