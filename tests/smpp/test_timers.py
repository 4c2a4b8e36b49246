from __future__ import annotations

import pytest

from smppbridge.smpp.events import FaultyPdu, LateResponse, Unanswered
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.pdus import (
    AlertNotification,
    BindTransceiver,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    QuerySm,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from smppbridge.smpp.session import Session, Timers
from smppbridge.smpp.window import MOST_LATE
from tests.smpp.sessions import consume, esme, feed, sent, smsc

TIMERS = Timers(enquire_link=50, enquire_link_resp=10, enquire_link_misses=2)


def test_no_bind_in_time() -> None:
    session = smsc(State.OPEN, timers=Timers(session_init=3))
    feed(session, EnquireLink(0, 1), now=2.0)
    assert session.deadline() == 3
    assert list(session.tick(2.9)) == []
    assert session.state is State.OPEN
    assert list(session.tick(3.0)) == []
    assert (session.state, session.end_reason) == (State.CLOSED, "no bind in time")
    assert session.deadline() is None


def test_a_bind_of_ours_is_answered_in_time_or_it_ends() -> None:
    session = Session(Role.ESME, 0.0)
    session.ask(BindTransceiver(), "bind", 0.0)
    assert session.deadline() == 30
    list(session.tick(30.0))
    assert session.state is State.CLOSED
    assert session.lost() == ["bind"]


def test_silence_is_probed_and_two_misses_end_it() -> None:
    session = smsc(timers=TIMERS)
    for now in (50.0, 60.0):
        assert session.deadline() == now
        list(session.tick(now - 0.1))
        assert sent(session) == []
        list(session.tick(now))
        assert [type(p) for p in sent(session)] == [EnquireLink]
    list(session.tick(70.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "enquire_link unanswered")


@pytest.mark.parametrize(
    "octets", [EnquireLinkResp(0, 1).encode(), GenericNack(3, 1).encode(), b"\0"], ids=bytes.hex
)
def test_any_octet_is_life(octets: bytes) -> None:
    session = smsc(timers=Timers(enquire_link_resp=10, pdu=1000))
    list(session.tick(50.0))
    list(session.tick(60.0))
    list(session.receive(octets, 69.0))
    assert (session.last_heard, session.deadline()) == (69.0, 119.0)


def test_a_probe_can_be_sent_any_time() -> None:
    session = smsc(timers=TIMERS)
    session.probe(7.0)
    assert [type(p) for p in sent(session)] == [EnquireLink]
    assert (session.deadline(), session.last_heard) == (17.0, 0.0)
    unbound = smsc(State.OPEN)
    unbound.probe(7.0)
    assert sent(unbound) == []


def test_a_held_session_cannot_be_silent() -> None:
    session = smsc(receive_window=1, timers=TIMERS)
    list(session.receive(SubmitSm(0, 1).encode(), 0.0))
    assert session.deadline() is None
    list(session.tick(1000.0))
    assert (session.octets_to_send(), session.state) == (b"", State.BOUND_TRX)


def test_misses_are_forgiven_when_reading_goes_on() -> None:
    session = smsc(receive_window=1, timers=TIMERS)
    list(session.tick(50.0))
    list(session.tick(60.0))
    list(session.resume(70.0))
    list(session.tick(70.0))
    assert (session.state, session.deadline()) == (State.BOUND_TRX, 80.0)


def test_inactivity_does_not_count_enquire_links() -> None:
    session = smsc(timers=Timers(inactivity=100))
    feed(session, SubmitSm(0, 1), now=10.0)
    for now in (50.0, 100.0):
        feed(session, EnquireLink(0, 2), now=now)
    session.octets_to_send()
    assert session.deadline() == 110
    list(session.tick(110.0))
    assert [type(p) for p in sent(session)] == [Unbind]
    feed(session, UnbindResp(0, 1), now=111.0)
    assert session.end_reason == "inactivity"


def test_unanswered_requests_come_back_in_order() -> None:
    session = smsc(timers=Timers(response=60))
    for now, about in ((0.0, "a"), (1.0, "b"), (30.0, "c")):
        session.ask(DeliverSm(), about, now)
    feed(session, EnquireLink(0, 1), now=59.0)
    assert session.deadline() == 60
    assert list(session.tick(61.0)) == [Unanswered("a"), Unanswered("b")]
    assert [type(e) for e in feed(session, DeliverSmResp(0, 1))] == [FaultyPdu]
    assert session.lost() == ["c"]


def test_a_pdu_may_not_dribble_in() -> None:
    session = smsc(timers=Timers(pdu=10))
    octets = SubmitSm(0, 1).encode()
    for now, octet in enumerate(octets[:9]):
        list(session.receive(bytes((octet,)), float(now)))
    assert session.deadline() == 10
    list(session.tick(10.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "a PDU came too slowly")


def test_a_whole_pdu_stops_the_clock_of_the_next() -> None:
    session = smsc(timers=Timers(pdu=10))
    octets = SubmitSm(0, 1).encode()
    for now in (0.0, 8.0):
        consume(
            session, session.receive(octets[:20] if now == 0 else octets[20:] + octets[:5], now)
        )
    assert session.deadline() == 18


def test_timers_may_change_after_the_bind() -> None:
    session = smsc()
    session.go_by(Timers(enquire_link=7))
    assert (session.life.timers.enquire_link, session.deadline()) == (7, 7)


def test_silence_is_counted_from_the_answer_to_a_bind() -> None:
    session = smsc(State.OPEN, timers=Timers(enquire_link=50))
    [bind] = session.receive(BindTransceiver(0, 1).encode(), 0.0)
    assert isinstance(bind, BindTransceiver)
    session.accept_bind(bind, b"SMSC", 20.0)
    assert (session.last_heard, session.deadline()) == (20.0, 70.0)


def test_inactivity_is_counted_from_requests_and_answers_of_both() -> None:
    timers = Timers(inactivity=100, enquire_link=1_000, response=1_000)
    session = smsc(timers=timers)
    assert session.deadline() == 100
    session.ask(DeliverSm(), "a", 30.0)
    assert session.deadline() == 130
    feed(session, DeliverSmResp(0, 1), now=50.0)
    assert session.deadline() == 150
    feed(session, SubmitSm(0, 1), now=70.0)
    assert session.deadline() == 170
    feed(session, QuerySm(0, 2, b"1"), now=90.0)
    assert session.deadline() == 190


def test_a_held_session_parts_in_time() -> None:
    session = smsc(receive_window=1, timers=Timers(unbind=5))
    list(session.receive(SubmitSm(0, 1).encode(), 0.0))
    session.unbind(0.0, "shutdown")
    assert (session.held, session.deadline()) == (True, 5)
    list(session.tick(5.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "shutdown")


def watched(**timers: int) -> Session:
    """Return a bound session whose owner knows the deadline."""
    session = smsc(window=100, timers=Timers(enquire_link=50, **timers))
    assert session.sooner  # it is bound now
    assert (session.deadline(), session.sooner) == (50, False)
    return session


def test_the_owner_is_told_when_a_request_makes_the_deadline_sooner() -> None:
    session = watched(response=10)
    session.ask(DeliverSm(), "a", 0.0)
    assert session.sooner
    session.ask(DeliverSm(), "b", 1.0)
    assert session.sooner, "until the owner asks"
    assert (session.deadline(), session.sooner) == (10, False)
    for later in (0.0, 5.0):  # the same is not sooner
        session.ask(DeliverSm(), later, later)
    assert not session.sooner
    session = watched(response=60)
    session.ask(DeliverSm(), "a", 0.0)
    assert not session.sooner


def test_a_request_that_has_no_answer_makes_no_deadline_sooner() -> None:
    session = watched(response=1)
    session.ask(AlertNotification(0, 0, 1, 1, b"447700900123"), None, 0.0)
    assert not session.sooner


def test_the_owner_of_a_held_session_is_told_of_any_deadline() -> None:
    session = smsc(receive_window=1)
    list(session.receive(SubmitSm(0, 1).encode(), 0.0))
    assert (session.deadline(), session.sooner) == (None, False)
    session.ask(DeliverSm(), "a", 0.0)
    assert session.sooner


def test_a_probe_a_parting_and_half_a_pdu_make_the_deadline_sooner() -> None:
    for act in (
        lambda s: s.probe(0.0),
        lambda s: s.unbind(0.0, "shutdown"),
        lambda s: list(s.receive(b"\0", 0.0)),
    ):
        session = watched()
        act(session)
        assert session.sooner
        assert (session.deadline() or 0.0) < 50
        assert not session.sooner


def test_a_session_that_ends_tells_its_owner() -> None:
    session = watched()
    session.lost()
    assert session.sooner
    assert (session.deadline(), session.sooner) == (None, False)


def test_a_submit_sm_resp_that_comes_late_names_its_request_once() -> None:
    session = esme(timers=Timers(response=60))
    numbers = [session.ask(SubmitSm(), about, 0.0) for about in ("a", "b")]
    session.octets_to_send()
    assert list(session.tick(60.0)) == [Unanswered("a"), Unanswered("b")]
    late = SubmitSmResp(0, numbers[1], b"7")
    assert feed(session, late, now=70.0) == [LateResponse("b", late)]
    assert [type(event) for event in feed(session, late, now=71.0)] == [FaultyPdu]
    refused = SubmitSmResp(8, numbers[0])
    assert feed(session, refused, now=72.0) == [LateResponse("a", refused)]


def test_late_responses_are_awaited_up_to_a_bound() -> None:
    session = esme(timers=Timers(response=60), window=MOST_LATE + 1)
    numbers = [session.ask(SubmitSm(), n, 0.0) for n in range(MOST_LATE + 1)]
    session.octets_to_send()
    assert len(list(session.tick(60.0))) == MOST_LATE + 1
    kinds = [type(feed(session, SubmitSmResp(0, n), now=70.0)[0]) for n in numbers[:2]]
    assert kinds == [FaultyPdu, LateResponse]
