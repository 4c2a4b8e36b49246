"""A session goes on in another process, at the octet where it stood."""

from __future__ import annotations

import pytest

from smppbridge.smpp.events import Answered, Unanswered
from smppbridge.smpp.handed_session import Continuation, continuation_of, go_on
from smppbridge.smpp.matrix import DELIVERS_TO_ALL, MAY_SEND, Role, State
from smppbridge.smpp.pdus import (
    Bind,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    SubmitSm,
)
from smppbridge.smpp.session import Session

BIND = BindTransceiver(0, 1, b"bank", b"secret", interface_version=0x34)


def bound(bind: Bind = BIND, now: float = 100.0) -> Session:
    session = Session(Role.SMSC, now)
    list(session.receive(bind.encode(), now))
    session.accept_bind(bind, b"SMSC", now)
    session.octets_to_send()
    return session


def heir_of(session: Session, bind: Bind = BIND, at: float = 110.0, now: float = 5.0) -> Session:
    """Return the session that goes on in a process whose clock shows *now*."""
    heir = Session(Role.SMSC, now)
    go_on(heir, continuation_of(session, bind.command_id, at), MAY_SEND, now)
    return heir


def test_state_names_and_numbers_go_on() -> None:
    session = bound()
    session.ask(DeliverSm(), "first", 100)
    heir = heir_of(session)
    assert (heir.state, heir.system_id, heir.interface_version) == (State.BOUND_TRX, "bank", 0x34)
    assert heir.ask(DeliverSm(), "second", 5) == 2
    assert heir.room() == session.room() - 1


def test_a_response_finds_its_request() -> None:
    session = bound()
    numbers = [session.ask(DeliverSm(), about, 100) for about in ("first", "last")]
    (event,) = heir_of(session).receive(DeliverSmResp(0, numbers[1]).encode(), 6)
    assert isinstance(event, Answered)
    assert event.about == "last"


@pytest.mark.parametrize(("at", "due"), [(110, 55), (159, 6), (300, 6)])
def test_a_request_expires_when_it_would_have_but_not_at_once(at: float, due: float) -> None:
    session = bound()
    session.ask(DeliverSm(), "first", 100)  # until 160
    heir = heir_of(session, at=at)
    assert list(heir.tick(due - 0.5)) == []
    assert list(heir.tick(due)) == [Unanswered("first")]


@pytest.mark.parametrize("cut", [1, 3, 4, 15, 16, 20])
def test_a_pdu_that_came_in_part_is_read_whole(cut: int) -> None:
    session, octets = bound(), EnquireLink(0, 8).encode() + SubmitSm(0, 9).encode()
    received = octets[: 16 + cut]
    for octet in received:
        list(session.receive(bytes([octet]), 101))
    heir = heir_of(session)
    assert list(heir.resume(5)) == []
    (event,) = heir.receive(octets[16 + cut :], 6)
    assert event == SubmitSm(0, 9)


def test_pdus_that_were_not_read_yet_are_read() -> None:
    session = bound()
    session.receive_window = 1
    requests = [SubmitSm(0, number) for number in (2, 3, 4)]
    list(session.receive(b"".join(each.encode() for each in requests), 101))
    assert list(heir_of(session).resume(5)) == requests[1:]


def test_a_transmitter_that_has_receipts_has_them_still() -> None:
    bind = BindTransmitter(0, 1, b"bank", b"secret")
    session, heir = bound(bind), Session(Role.SMSC, 5)
    assert not heir_of(session, bind).may_deliver
    go_on(heir, continuation_of(session, bind.command_id, 110), DELIVERS_TO_ALL, 5)
    assert heir.may_deliver


def test_octets_are_not_shown() -> None:
    by = Continuation(
        system_id="bank", bound_as=9, interface_version=0x34, last_number=1, octets=b"text"
    )
    assert "text" not in repr(by)
