from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppbridge.smpp import codec
from smppbridge.smpp.constants import RESPONSE, CommandStatus
from smppbridge.smpp.errors import LocalError
from smppbridge.smpp.events import Answered, FaultyPdu
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.pdus import (
    BY_COMMAND_ID,
    AlertNotification,
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Outbind,
    Pdu,
    SubmitSm,
    SubmitSmResp,
)
from smppbridge.smpp.session import MAX_WAITING, Session
from tests.smpp.sessions import BINDS, consume, esme, feed, sent, smsc
from tests.vectors.vectors import JUDGED_BY_VALUE, MALFORMED, STREAMS, VECTORS, answers_match


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("name", sorted(set(MALFORMED) - JUDGED_BY_VALUE))
def test_what_is_malformed_gets_its_answer(name: str, chunk: int) -> None:
    vector = MALFORMED[name]
    expected = vector.answer
    if name == "length_70000" and chunk < 16:  # refused before its sequence_number is there
        expected = expected[:12] + bytes(4)
    session = (smsc if vector.from_esme else esme)(State[vector.state])
    for i in range(0, len(vector.octets), chunk):
        consume(session, session.receive(vector.octets[i : i + chunk], 0.0))
    assert answers_match(session.octets_to_send(), expected)
    assert (session.state is State.CLOSED) == vector.closes
    assert bool(session.end_reason) == vector.closes


@pytest.mark.parametrize("name", sorted(JUDGED_BY_VALUE))
def test_what_is_judged_by_value_reaches_the_owner(name: str) -> None:
    vector = MALFORMED[name]
    session = smsc(State[vector.state])
    [event] = consume(session, session.receive(vector.octets, 0.0))
    assert isinstance(event, Pdu)


def test_every_judged_vector_exists() -> None:
    assert set(MALFORMED) >= JUDGED_BY_VALUE


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_streams_make_their_events(stream: Any) -> None:
    session = smsc()
    events = [e for chunk in stream.chunks for e in consume(session, session.receive(chunk, 0.0))]
    expected = [codec.decode(VECTORS[name].octets) for name in stream.pdus]
    assert events == [pdu for pdu in expected if not isinstance(pdu, EnquireLink)]
    answers = [pdu.command_id for pdu in sent(session)]
    assert answers == [pdu.command_id | RESPONSE for pdu in expected]


def test_a_bind_is_answered_before_what_is_behind_it_is_judged() -> None:
    session = smsc(State.OPEN)
    octets = BindReceiver(0, 1, b"bank").encode() + SubmitSm(0, 2).encode()
    events = session.receive(octets, 0.0)
    bind = next(events)
    assert isinstance(bind, BindReceiver)
    assert (session.state, session.held) == (State.BINDING, True)
    assert list(session.resume(0.0)) == []
    session.accept_bind(bind, b"SMSC", 0.0)
    assert not session.held
    [refused] = session.resume(0.0)
    assert isinstance(refused, FaultyPdu)
    tlvs = ((0x0210, b"\x34"),)
    assert sent(session) == [
        BindReceiverResp(0, 1, b"SMSC", tlvs),
        SubmitSmResp(CommandStatus.ESME_RINVBNDSTS, 2),
    ]
    assert (session.system_id, session.interface_version) == ("bank", 0x34)
    assert list(events) == []


@pytest.mark.parametrize(
    ("version", "told", "counts_as"),
    [
        (0x00, True, 0x34),  # left unset: larvitsmpp refuses receipts without TLVs
        (0x01, False, 0x01),
        (0x03, False, 0x03),
        (0x33, False, 0x33),
        (0x34, True, 0x34),
        (0x50, True, 0x50),
    ],
)
def test_old_peers_get_no_tlvs(version: int, told: bool, counts_as: int) -> None:
    session = smsc(State.OPEN)
    feed(session, BindTransceiver(0, 1, b"bank", interface_version=version))
    [response] = sent(session)
    assert isinstance(response, BindTransceiverResp)
    assert bool(response.tlvs) == told
    assert session.interface_version == counts_as


def test_a_refused_bind_ends_the_session() -> None:
    session = smsc(State.OPEN)
    octets = BindTransceiver(0, 9).encode() + SubmitSm(0, 10).encode()
    for bind in session.receive(octets, 0.0):
        assert isinstance(bind, BindTransceiver)
        session.refuse_bind(bind, CommandStatus.ESME_RINVPASWD)
    assert session.state is State.CLOSED
    assert session.end_reason == "bind refused with ESME_RINVPASWD"
    assert session.octets_to_send().hex() == "00000010800000090000000e00000009"


def test_a_late_judgement_of_a_lost_session_does_nothing() -> None:
    session = smsc(State.OPEN)
    [bind] = session.receive(BindTransceiver(0, 1).encode(), 0.0)
    assert isinstance(bind, Bind)
    assert session.lost() == []
    session.accept_bind(bind, b"SMSC", 1.0)
    session.refuse_bind(bind, CommandStatus.ESME_RSYSERR)
    session.answer(SubmitSmResp(0, 1))
    assert (session.octets_to_send(), session.state) == (b"", State.CLOSED)
    assert session.end_reason == "connection lost"


def test_what_was_not_asked_cannot_be_answered() -> None:
    session = smsc()
    with pytest.raises(LocalError):
        session.answer(SubmitSmResp(0, 1))
    with pytest.raises(LocalError):
        session.accept_bind(BindTransceiver(0, 1), b"SMSC", 0.0)


def test_a_full_receive_window_holds_and_answers_make_room() -> None:
    session = smsc(receive_window=2)
    octets = b"".join(SubmitSm(0, n).encode() for n in range(1, 6)) + EnquireLink(0, 6).encode()
    first = list(session.receive(octets, 0.0))
    assert [e.sequence_number for e in first if isinstance(e, SubmitSm)] == [1, 2]
    assert (session.held, session.unanswered, session.deadline()) == (True, 2, None)
    session.answer(SubmitSmResp(0, 1, b"ID"))
    assert not session.held
    assert len(list(session.resume(0.0))) == 1
    session.answer(SubmitSmResp(0, 2, b"ID"))
    consume(session, session.resume(0.0))
    assert [pdu.sequence_number for pdu in sent(session)] == [1, 2, 4, 5, 6]
    assert session.unanswered == 1


def test_an_abandoned_iterator_loses_nothing() -> None:
    session = smsc()
    octets = b"".join(SubmitSm(0, n).encode() for n in range(1, 5))
    seen = [next(session.receive(octets[:70], 0.0)), next(session.receive(octets[70:], 0.0))]
    session.receive(b"", 0.0)
    seen += session.resume(0.0)
    assert [pdu.sequence_number for pdu in seen if isinstance(pdu, SubmitSm)] == [1, 2, 3, 4]


def test_a_held_session_is_bounded() -> None:
    session = smsc(receive_window=1)
    next(session.receive(SubmitSm(0, 1).encode(), 0.0))
    for _ in range(16):
        assert session.state is State.BOUND_TRX
        assert list(session.receive(b"\0" * (MAX_WAITING // 16), 0.0)) == []
    list(session.receive(b"\0", 0.0))
    assert session.state is State.CLOSED


def test_the_longest_pdu_depends_on_the_bind() -> None:
    long = SubmitSm(0, 2, tlvs=((0x0424, b"x" * 2000),))
    for state, ends in ((State.OPEN, True), (State.BOUND_TX, False)):
        session = smsc(state)
        feed(session, long)
        assert (session.state is State.CLOSED) == ends


def test_requests_of_ours_come_back_with_what_they_were_about() -> None:
    session = smsc(window=3)
    numbers = [session.ask(DeliverSm(), about, 0.0) for about in "abc"]
    assert (numbers, session.room()) == ([1, 2, 3], 0)
    with pytest.raises(LocalError):
        session.ask(DeliverSm(), "d", 0.0)
    answers = [DeliverSmResp(0, 2), GenericNack(3, 1), SubmitSmResp(0, 3), DeliverSmResp(0, 9)]
    told = feed(session, *answers)
    assert told[:2] == [Answered("b", answers[0]), Answered("a", answers[1])]
    assert [type(e) for e in told[2:]] == [FaultyPdu, FaultyPdu]
    assert session.room() == 2
    assert session.lost() == ["c"]
    assert session.lost() == []


def test_nothing_is_answered_to_a_response() -> None:
    session = smsc()
    session.octets_to_send()
    for command_id in (*BY_COMMAND_ID, 0x80000099):
        if command_id & RESPONSE:
            header = (16, command_id, 0, 5)
            octets = b"".join(n.to_bytes(4, "big") for n in header)
            told = [] if command_id in (0x80000015, 0x80000006) else [FaultyPdu]
            assert [type(e) for e in session.receive(octets, 0.0)] == told
    assert (session.octets_to_send(), session.state) == (b"", State.BOUND_TRX)


def test_a_pdu_that_cannot_be_written_leaves_no_trace() -> None:
    session = smsc()
    with pytest.raises(LocalError):
        session.ask(DeliverSm(short_message=b"x" * 255), "a", 0.0)
    assert (session.room(), session.octets_to_send()) == (10, b"")
    next(session.receive(SubmitSm(0, 1).encode(), 0.0))
    with pytest.raises(LocalError):
        session.answer(SubmitSmResp(0, 1, b"x" * 65))
    assert session.unanswered == 1


@pytest.mark.parametrize(
    ("response", "version", "state"),
    [
        (BindTransceiverResp(0, 1, b"X", ((0x0210, b"\x50"),)), 0x50, State.BOUND_TRX),
        (BindTransceiverResp(0, 1, b"X", ((0x0210, b"\0"),)), 0x34, State.BOUND_TRX),
        (BindTransceiverResp(0, 1), 0x33, State.BOUND_TRX),
        (BindTransceiverResp(CommandStatus.ESME_RALYBND, 1), 0, State.CLOSED),
        (GenericNack(CommandStatus.ESME_RINVCMDID, 1), 0, State.CLOSED),
    ],
)
def test_an_esme_binds(response: Pdu, version: int, state: State) -> None:
    session = Session(Role.ESME, 0.0)
    assert session.room() == 0
    session.ask(BindTransceiver(system_id=b"bank"), "bind", 0.0)
    assert session.state is State.BINDING
    with pytest.raises(LocalError):
        session.ask(SubmitSm(), "early", 0.0)
    assert feed(session, response, DeliverSm(0, 1))[0] == Answered("bind", response)
    assert (session.state, session.interface_version) == (state, version)


@pytest.mark.parametrize("state", [State.OPEN, *BINDS])
def test_a_session_is_bound_from_its_bind_to_its_unbind(state: State) -> None:
    session = smsc(state)
    assert session.bound == (state in BINDS)
    session.unbind(0.0, "over")
    assert not session.bound


def test_only_the_right_end_has_room() -> None:
    assert [smsc(state).room() > 0 for state in BINDS] == [False, True, True]
    assert [esme(state).room() > 0 for state in BINDS] == [True, False, True]


def test_notifications_need_no_answer() -> None:
    session = esme()
    notification = AlertNotification(0, 5, 1, 1, b"447700900123")
    assert feed(session, notification) == [notification]
    assert (session.unanswered, session.octets_to_send()) == (0, b"")
    assert feed(esme(State.OPEN), Outbind(0, 1, b"SMSC")) == [Outbind(0, 1, b"SMSC")]
    smsc().ask(notification, None, 0.0)


@pytest.mark.parametrize("request_", [DeliverSm(0, 7), Outbind(0, 7), AlertNotification(0, 7)])
def test_misplaced_requests_are_told(request_: Pdu) -> None:
    [told] = feed(smsc(), request_)
    assert isinstance(told, FaultyPdu)
    assert told.command_id == request_.command_id


pieces = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([v.octets for v in VECTORS.values()]),
    st.sampled_from([v.octets for v in MALFORMED.values()]),
)


@settings(max_examples=150)
@given(
    st.sampled_from([(smsc, state) for state in (State.OPEN, *BINDS)])
    | st.sampled_from([(esme, state) for state in (State.OPEN, State.BINDING, *BINDS)]),
    st.lists(st.tuples(pieces, st.sampled_from(["", "unbind", "ask", "tick", "cut"])), max_size=6),
    st.integers(1, 3),
)
def test_no_octets_make_a_session_raise(
    start: tuple[Any, State], script: list[tuple[bytes, str]], window: int
) -> None:
    make, state = start
    session = make(state, receive_window=window)
    now = 0.0
    for octets, deed in script:
        now += 20
        events = session.receive(octets[: len(octets) // 2 if deed == "cut" else None], now)
        consume(session, events) if deed != "ask" else list(events)
        if deed == "unbind":
            session.unbind(now, "because")
        if deed == "ask" and session.room():
            request = DeliverSm() if session.role is Role.SMSC else SubmitSm()
            session.ask(request, now, now)
        if deed == "tick":
            list(session.tick(now))
            assert (session.deadline() or now + 1) > now
        sent(session)
        assert bool(session.end_reason) == (session.state is State.CLOSED)
        assert session.unanswered <= window
    asked = [about for about in session.lost() if about != "bind"]
    assert asked == sorted(asked)


@given(st.lists(st.sampled_from([v.octets for v in VECTORS.values()]), max_size=5), st.data())
def test_chunks_change_nothing(octets: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(octets)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=6).map(sorted))
    one, other = smsc(), smsc()
    events = consume(one, one.receive(whole, 0.0))
    found = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
        for event in consume(other, other.receive(whole[start:end], 0.0))
    ]
    assert found == events
    assert other.octets_to_send() == one.octets_to_send()


def test_a_held_session_keeps_a_mebibyte_and_no_more() -> None:
    session = smsc(receive_window=1)
    next(session.receive(SubmitSm(0, 1).encode(), 0.0))
    list(session.receive(bytes(1_048_576), 0.0))
    assert session.state is State.BOUND_TRX
    list(session.receive(b"\0", 0.0))
    assert (session.state, session.end_reason) == (State.CLOSED, "the peer sends without end")


def test_a_hundred_requests_may_be_unanswered_by_default() -> None:
    session = smsc()
    octets = b"".join(SubmitSm(0, n).encode() for n in range(1, 120))
    assert len(list(session.receive(octets, 0.0))) == 100


def test_a_window_that_is_made_smaller_has_no_room() -> None:
    session = smsc(window=3)
    for about in "abc":
        session.ask(DeliverSm(), about, 0.0)
    session.window = 1
    assert session.room() == 0


def test_both_ends_learn_who_the_other_is() -> None:
    assert (Session(Role.SMSC, 0.0).system_id, smsc().system_id) == ("", "bank")
    session = Session(Role.ESME, 0.0)
    number = session.ask(BindTransceiver(), "bind", 0.0)
    assert session.system_id == ""
    feed(session, BindTransceiverResp(0, number, b"SMSC"))
    assert session.system_id == "SMSC"


def test_the_owner_is_told_that_events_ended_because_the_session_is_held() -> None:
    session = smsc(receive_window=1)
    assert not Session(Role.SMSC, 0.0).stopped
    list(session.receive(SubmitSm(0, 1).encode() + SubmitSm(0, 2).encode(), 0.0))
    assert session.stopped
    session.answer(SubmitSmResp(0, 1))
    for event in session.resume(0.0):
        session.answer(SubmitSmResp(0, event.sequence_number))
    assert not session.stopped
    fresh = smsc(State.OPEN)
    for bind in fresh.receive(BindTransceiver(0, 1).encode(), 0.0):
        fresh.refuse_bind(bind, CommandStatus.ESME_RBINDFAIL)
    assert (fresh.state, fresh.stopped) == (State.CLOSED, False)
