"""What foreign stacks have sent, whole and mutilated: no octets end a session with an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.smpp.constants import RESPONSE
from smppbridge.smpp.events import FaultyPdu
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.session import MAX_WAITING, Session
from tests.smpp.sessions import consume, sent
from tests.vectors.vectors import CAPTURES

STREAMS = [pytest.param(octets, id=stack) for stack in CAPTURES for octets in CAPTURES[stack]]


@pytest.mark.parametrize("octets", STREAMS)
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_others_have_sent_is_understood(octets: bytes, size: int) -> None:
    session, found = Session(Role.SMSC, 0.0), []
    for start in range(0, len(octets), size):
        found += consume(session, session.receive(octets[start : start + size], 0.0))
    faulty = [event for event in found if isinstance(event, FaultyPdu)]
    # It has nothing to deliver, so all deliver_sm_resp are about requests that it never made.
    assert [event for event in faulty if not event.command_id & RESPONSE] == []
    assert len(sent(session)) >= 1


def pdus_of(octets: bytes) -> list[bytes]:
    """Return the PDUs of a stream, as octets."""
    found = []
    while octets:
        length = int.from_bytes(octets[:4], "big")
        found.append(octets[:length])
        octets = octets[length:]
    return found


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """Return a capture with some of its octets wrong, and its PDUs perhaps in another order."""
    streams = draw(st.sampled_from(sorted(CAPTURES)).map(CAPTURES.__getitem__))
    pdus = [bytearray(pdu) for pdu in pdus_of(draw(st.sampled_from(streams)))]
    if draw(st.booleans()):
        pdus = draw(st.permutations(pdus))
    for _ in range(draw(st.integers(1, 6))):
        pdu = pdus[draw(st.integers(0, len(pdus) - 1))]
        _mutilate(draw, pdu)
    return b"".join(map(bytes, pdus))


def _mutilate(draw: st.DrawFn, pdu: bytearray) -> None:
    at = draw(st.integers(0, len(pdu)))
    match draw(st.sampled_from(["octet", "length", "cut", "insert", "repeat", "field"])):
        case "octet" if at < len(pdu):
            pdu[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        case "length":
            pdu[:4] = draw(st.integers(0, 200)).to_bytes(4, "big")
        case "cut":
            del pdu[at : at + draw(st.integers(1, 20))]
        case "insert":
            pdu[at:at] = draw(st.binary(min_size=1, max_size=20))
        case "repeat":
            pdu += pdu[: 4 * draw(st.integers(1, 20))]
        case _ if len(pdu) >= 4:  # cut or lengthened, but its length is said truly
            pdu[:4] = len(pdu).to_bytes(4, "big")


@given(octets=mutilated(), size=st.integers(1, 300))
def test_what_is_mutilated_is_refused_or_ends_the_session(octets: bytes, size: int) -> None:
    session: Any = Session(Role.SMSC, 0.0)
    for start in range(0, len(octets), size):
        was_over = session.state is State.CLOSED
        consume(session, session.receive(octets[start : start + size], float(start)))
        sent(session)  # each is a whole PDU that can be read
        consume(session, session.tick(float(start)))
        assert session.frames.size <= MAX_WAITING
        assert session.unanswered >= 0
        assert not was_over or session.state is State.CLOSED
    assert (session.state is State.CLOSED) == bool(session.end_reason)
