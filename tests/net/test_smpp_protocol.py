from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from smppbridge.net.smpp_protocol import LAST_WRITE, LINGER, SmppProtocol
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.events import Unanswered
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    BindTransceiver,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    SubmitSm,
    Unbind,
    UnbindResp,
)
from smppbridge.smpp.session import Timers
from tests.net.wires import BUFFER, Noting, Wire, connected, lose, names, pdus, until

BIND = BindTransceiver(0, 1, b"bank", b"secret").encode()


def bound(*, answers: bool = True, **settings: Any) -> tuple[SmppProtocol, Wire, Noting]:
    protocol, wire, owner = connected(Noting(answers=answers), **settings)
    protocol.dataReceived(BIND)
    protocol.flush()
    wire.read()
    return protocol, wire, owner


def clock_of(protocol: SmppProtocol) -> Clock:
    assert isinstance(protocol.clock, Clock)
    return protocol.clock


def submits(count: int, first: int = 1) -> bytes:
    return b"".join(SubmitSm(0, n).encode() for n in range(first, first + count))


def test_a_bind_and_what_follows_it_may_come_in_one_segment() -> None:
    protocol, wire, owner = connected()
    protocol.dataReceived(BIND + submits(2, 2) + EnquireLink(0, 9).encode())
    assert names(wire.read()) == [
        "BindTransceiverResp",
        "EnquireLinkResp",
        "SubmitSmResp",
        "SubmitSmResp",
    ]
    assert (owner.lists, wire.reads) == ([2], True)


def test_a_stream_may_come_octet_by_octet() -> None:
    protocol, wire, owner = connected()
    for octet in BIND + submits(2, 2):
        protocol.dataReceived(bytes((octet,)))
    assert names(wire.read()) == ["BindTransceiverResp", "SubmitSmResp", "SubmitSmResp"]
    assert owner.lists == [1, 1]


def test_nothing_is_read_while_a_bind_is_judged() -> None:
    protocol, wire, owner = connected(Noting(judges=False))
    protocol.dataReceived(BIND + submits(1, 2))
    assert (wire.reads, owner.lists, wire.read()) == (False, [], b"")
    owner.let_in()
    protocol.flush()
    assert (wire.reads, owner.lists) == (True, [1])
    assert names(wire.read()) == ["BindTransceiverResp", "SubmitSmResp"]


def test_a_full_window_pauses_reading_and_goes_on_when_there_is_room() -> None:
    protocol, wire, owner = bound(answers=False, receive_window=3)
    protocol.dataReceived(submits(5))
    assert (wire.reads, owner.lists) == (False, [3])
    owner.answer(1)
    protocol.flush()
    assert (wire.reads, owner.lists) == (False, [3, 1])
    owner.answer()
    protocol.flush()
    assert (wire.reads, owner.lists) == (True, [3, 1, 1])
    owner.answer()
    protocol.flush()
    assert [pdu.sequence_number for pdu in pdus(wire.read())] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("window", [1, 3, 100])
def test_what_is_refused_at_once_does_not_leave_the_rest_unheard(window: int) -> None:
    protocol, wire, owner = bound(receive_window=window)
    protocol.dataReceived(submits(1_000))
    turns = 0
    while not wire.reads:  # in turns: two windows are read, and other sessions have their turn
        assert len(owner.told) - 1 <= 2 * window + turns * window
        clock_of(protocol).advance(0)
        turns += 1
    assert [pdu.sequence_number for pdu in pdus(wire.read())] == list(range(1, 1_001))
    assert (max(owner.lists), wire.reads) == (window, True)


def test_a_turn_that_is_to_come_is_not_taken_once_the_connection_is_gone() -> None:
    protocol, _, owner = bound(receive_window=1)
    protocol.dataReceived(submits(10))
    lose(protocol)
    assert clock_of(protocol).getDelayedCalls() == []
    assert len(owner.lists) == 2


def test_a_peer_that_does_not_read_is_not_heard_and_costs_little() -> None:
    protocol, wire, owner = bound()
    flood = EnquireLink(0, 1).encode() * 4_096
    for _ in range(3):
        if wire.reads:
            protocol.dataReceived(flood)
    assert (protocol.choked, wire.reads) == (True, False)
    assert len(wire.value()) <= BUFFER + len(flood)
    wire.read()
    assert (wire.reads, protocol.choked, owner.writable_calls) == (True, False, 1)


def test_a_peer_that_never_reads_is_cut_off() -> None:
    protocol, wire, _ = bound(timers=Timers(enquire_link=50, enquire_link_resp=15))
    for _ in range(3):
        if wire.reads:
            protocol.dataReceived(EnquireLink(0, 1).encode() * 4_096)
    gone = until(lambda: wire.aborted, clock_of(protocol))
    assert gone == pytest.approx(50 + 15 + 15 + LINGER + LAST_WRITE, abs=0.5)
    assert len(wire.value()) < 2 * BUFFER + 100


def test_choked_and_full_at_once_waits_for_both() -> None:
    protocol, wire, owner = bound(answers=False, receive_window=1)
    protocol.dataReceived(submits(2))
    wire.write(b"\0" * (BUFFER + 1))
    wire.read()
    assert (wire.reads, owner.lists) == (False, [1])
    owner.answer()
    protocol.flush()
    assert (wire.reads, owner.lists) == (False, [1, 1])
    owner.answer()
    protocol.flush()
    assert wire.reads


def test_many_pdus_arm_few_timers() -> None:
    armed = []

    class Counting(Clock):
        def callLater(self, when: float, what: Any, *args: Any, **kw: Any) -> Any:
            armed.append(when)
            return super().callLater(when, what, *args, **kw)

    clock = Counting()
    protocol, _, _ = bound(clock=clock)
    for n in range(1_000):
        protocol.dataReceived(SubmitSm(0, n + 2).encode())
        clock.advance(0.01)
    assert len(armed) <= 3
    assert len(clock.getDelayedCalls()) == 1


@pytest.mark.parametrize("enquire_link", [1_000.0, float("inf")])
def test_the_response_timer_runs_however_seldom_links_are_enquired(enquire_link: float) -> None:
    protocol, _, owner = bound(timers=Timers(enquire_link=enquire_link, response=60))
    clock = clock_of(protocol)
    clock.advance(31.0)
    protocol.session.ask(DeliverSm(), "delivery", clock.seconds())
    protocol.flush()
    clock.pump([1.0] * 60)
    assert Unanswered("delivery") in owner.told


def test_two_silences_end_the_session_politely() -> None:
    protocol, wire, owner = bound(timers=Timers(enquire_link=5, enquire_link_resp=2))
    until(lambda: wire.disconnecting, clock_of(protocol))
    assert names(wire.read()) == ["EnquireLink", "EnquireLink"]
    assert (wire.aborted, protocol.session.end_reason) == (False, "enquire_link unanswered")
    lose(protocol)
    assert owner.unanswered == []


def test_an_unbind_is_answered_and_closed_after_a_moment() -> None:
    protocol, wire, _ = bound()
    protocol.dataReceived(Unbind(0, 7).encode())
    assert [(type(p), p.sequence_number) for p in pdus(wire.read())] == [(UnbindResp, 7)]
    assert not wire.disconnecting
    clock = clock_of(protocol)
    assert until(lambda: wire.disconnecting, clock) == pytest.approx(LINGER, abs=0.06)
    assert until(lambda: wire.aborted, clock) == pytest.approx(LINGER + LAST_WRITE, abs=0.1)


def test_an_answer_behind_the_unbind_is_taken_as_long_as_the_connection_lasts() -> None:
    protocol, _, owner = bound()
    for about in "abc":
        protocol.session.ask(DeliverSm(), about, 0.0)
    protocol.flush()
    protocol.dataReceived(Unbind(0, 7).encode() + DeliverSmResp(0, 1).encode())
    protocol.dataReceived(DeliverSmResp(0, 2).encode())
    lose(protocol)
    assert owner.unanswered == ["c"]


def test_a_refused_bind_is_answered_before_the_close() -> None:
    protocol, wire, owner = connected(Noting(judges=False))
    protocol.dataReceived(BIND + submits(1, 2))
    protocol.session.refuse_bind(owner.binds[0], CommandStatus.ESME_RINVPASWD)
    protocol.flush()
    (answer,) = pdus(wire.read())
    assert (answer.command_status, wire.disconnecting) == (CommandStatus.ESME_RINVPASWD, False)
    # what the peer goes on sending is read, and dropped: a close over it would lose the answer
    assert wire.reads
    protocol.dataReceived(submits(100, 3))
    until(lambda: wire.disconnecting, clock_of(protocol))
    assert (owner.lists, wire.producer, wire.value()) == ([], None, b"")


def test_what_is_no_smpp_is_closed_without_a_word() -> None:
    protocol, wire, _ = connected()
    protocol.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    until(lambda: wire.disconnecting, clock_of(protocol))
    assert wire.value() == b""


@pytest.mark.parametrize("state", ["open", "bound", "parting", "closing", "losing", "choked"])
def test_nothing_is_left_in_the_clock(state: str) -> None:
    protocol, wire, owner = connected() if state == "open" else bound()
    clock = clock_of(protocol)
    if state == "parting":
        protocol.session.unbind(0.0, "enough")
        protocol.flush()
    elif state in ("closing", "losing"):
        protocol.dataReceived(Unbind(0, 2).encode())
        clock.advance(LINGER if state == "losing" else 0)
    elif state == "choked":
        wire.write(b"\0" * (BUFFER + 1))
    lose(protocol)
    assert clock.getDelayedCalls() == []
    protocol.flush()
    protocol.close()
    assert clock.getDelayedCalls() == []
    assert owner.unanswered == []


def test_the_owner_is_given_back_what_was_not_answered() -> None:
    protocol, _, owner = bound()
    for about in "abc":
        protocol.session.ask(DeliverSm(), about, 0.0)
    protocol.flush()
    protocol.dataReceived(DeliverSmResp(0, 2).encode())
    lose(protocol)
    assert (owner.told[-1], owner.unanswered) == ("b", ["a", "c"])
    assert protocol.session.state is State.CLOSED
