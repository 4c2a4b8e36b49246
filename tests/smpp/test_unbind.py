from __future__ import annotations

import pytest

from smppbridge.smpp.errors import LocalError
from smppbridge.smpp.events import Answered, FaultyPdu
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    CancelSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from smppbridge.smpp.session import Timers
from tests.smpp.sessions import esme, feed, sent, smsc


def test_unbind_waits_for_open_requests() -> None:
    session = smsc()
    events = session.receive(SubmitSm(0, 1).encode() + Unbind(0, 2).encode(), 0.0)
    assert len(list(events)) == 1
    assert (session.state, session.end_reason, session.room()) == (State.UNBOUND, "", 0)
    assert [type(e) for e in feed(session, CancelSm(0, 3))] == [FaultyPdu]
    session.answer(SubmitSmResp(0, 1, b"ID"))
    assert [(type(p), p.sequence_number) for p in sent(session)][1:] == [
        (SubmitSmResp, 1),
        (UnbindResp, 2),
    ]
    assert (session.state, session.end_reason) == (State.CLOSED, "unbind")


def test_unbind_waits_but_not_for_ever() -> None:
    session = smsc(timers=Timers(unbind=5))
    list(session.receive(SubmitSm(0, 1).encode() + Unbind(0, 2).encode(), 0.0))
    assert session.deadline() == 5
    assert list(session.tick(5.0)) == []
    assert [type(p) for p in sent(session)] == [UnbindResp]
    assert session.state is State.CLOSED


@pytest.mark.parametrize("answered", [True, False])
def test_our_unbind_waits_for_its_answer(answered: bool) -> None:
    session = smsc()
    session.ask(DeliverSm(), "a", 0.0)
    session.unbind(0.0, "shutdown")
    session.unbind(0.0, "again")
    assert [type(p) for p in sent(session)] == [DeliverSm, Unbind]
    with pytest.raises(LocalError):
        session.ask(DeliverSm(), "b", 0.0)
    late = feed(session, SubmitSm(0, 8), DeliverSmResp(0, 1), Unbind(0, 9))
    assert [type(e) for e in late] == [FaultyPdu, Answered]
    assert [type(p) for p in sent(session)] == [SubmitSmResp, UnbindResp]
    assert session.state is State.UNBOUND
    if answered:
        feed(session, UnbindResp(0, 2))
    else:
        assert list(session.tick(5.0)) == []
    assert (session.state, session.end_reason) == (State.CLOSED, "shutdown")


def test_an_unbind_resp_that_nobody_asked_for_ends_nothing() -> None:
    session = smsc()
    list(session.receive(SubmitSm(0, 1).encode() + Unbind(0, 2).encode(), 0.0))
    assert feed(session, UnbindResp(0, 1)) == []
    assert session.state is State.UNBOUND


def test_parting_is_not_probed() -> None:
    session = smsc(timers=Timers(enquire_link=1, inactivity=2, unbind=5))
    session.unbind(0.0, "shutdown")
    assert session.deadline() == 5


def test_unbind_before_a_bind_just_ends() -> None:
    session = smsc(State.OPEN)
    session.unbind(0.0, "shutdown")
    assert (session.state, session.octets_to_send()) == (State.CLOSED, b"")


def test_an_unbind_is_answered_at_once_when_nothing_is_open() -> None:
    session = smsc()
    assert feed(session, Unbind(0, 7)) == []
    assert sent(session) == [UnbindResp(0, 7)]
    assert (session.state, session.end_reason) == (State.CLOSED, "unbind")


def test_what_a_session_says_of_itself_has_no_error() -> None:
    session = smsc()
    session.probe(0.0)
    session.unbind(0.0, "shutdown")
    feed(session, Unbind(0, 9))
    assert sent(session) == [EnquireLink(0, 1), Unbind(0, 2), UnbindResp(0, 9)]


def test_responses_behind_the_unbind_count() -> None:
    session = smsc()
    for about in "abcd":
        session.ask(DeliverSm(), about, 0.0)
    behind = (Unbind(0, 7), SubmitSm(0, 8), DeliverSmResp(0, 1), DeliverSmResp(0, 9))
    events = feed(session, DeliverSmResp(0, 3), *behind)
    assert [e.about for e in events if isinstance(e, Answered)] == ["c", "a"]
    octets = DeliverSmResp(0, 2).encode()
    assert list(session.receive(octets[:5], 0.0)) == []
    assert [e.about for e in session.receive(octets[5:], 0.0) if isinstance(e, Answered)] == ["b"]
    assert [type(p) for p in sent(session)][4:] == [UnbindResp]
    assert (session.end_reason, session.lost()) == ("unbind", ["d"])
    assert feed(session, DeliverSmResp(0, 4)) == []


def test_responses_behind_the_unbind_resp_count() -> None:
    session = esme()
    session.ask(SubmitSm(), "a", 0.0)
    session.unbind(0.0, "shutdown")
    events = feed(session, UnbindResp(0, 3), SubmitSmResp(0, 2, b"ID"))
    assert [e.about for e in events if isinstance(e, Answered)] == ["a"]
    assert (session.state, session.lost()) == (State.CLOSED, [])


def test_nothing_counts_that_comes_behind_another_end() -> None:
    session = smsc()
    session.ask(DeliverSm(), "a", 0.0)
    events = session.receive(b"GET / HTTP/1.1\r\n" + DeliverSmResp(0, 1).encode(), 0.0)
    assert list(events) == []
    assert feed(session, DeliverSmResp(0, 1)) == []
    assert session.lost() == ["a"]
    session = smsc()
    session.ask(DeliverSm(), "a", 0.0)
    assert feed(session, Unbind(0, 7)) == []
    assert list(session.receive(b"GET / HTTP/1.1\r\n" + DeliverSmResp(0, 1).encode(), 0.0)) == []
    assert session.lost() == ["a"]
