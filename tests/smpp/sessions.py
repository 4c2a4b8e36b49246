"""Sessions in any state, and an owner that lets everybody in and takes everything."""

from __future__ import annotations

from typing import Any

from smppbridge.smpp import codec
from smppbridge.smpp.constants import RESPONSE, CommandStatus
from smppbridge.smpp.events import Event
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.pdus import (
    BY_COMMAND_ID,
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    is_answered,
    refusal,
)
from smppbridge.smpp.session import Session

BINDS: dict[State, type[Bind]] = {
    State.BOUND_TX: BindTransmitter,
    State.BOUND_RX: BindReceiver,
    State.BOUND_TRX: BindTransceiver,
}


def sent(session: Session) -> list[Pdu]:
    octets, found = session.octets_to_send(), []
    while octets:
        length = int.from_bytes(octets[:4], "big")
        found.append(codec.decode(octets[:length]))
        octets = octets[length:]
    return found


def consume(session: Session, events: Any) -> list[Event]:
    """Play an owner that lets everybody in and takes everything."""
    found = []
    for event in events:
        found.append(event)
        if isinstance(event, Bind):
            session.accept_bind(event, b"SMSC", 0.0)
        elif isinstance(event, SubmitSm):
            session.answer(SubmitSmResp(0, event.sequence_number, b"ID"))
        elif isinstance(event, DataSm):
            session.answer(DataSmResp(0, event.sequence_number))
        elif isinstance(event, DeliverSm):
            session.answer(DeliverSmResp(0, event.sequence_number))
        elif isinstance(event, Pdu) and is_answered(event.command_id):
            session.answer(refusal(event, CommandStatus.ESME_RSYSERR))
    return found


def feed(session: Session, *pdus: Pdu, now: float = 0.0) -> list[Event]:
    return consume(session, session.receive(b"".join(pdu.encode() for pdu in pdus), now))


def smsc(state: State = State.BOUND_TRX, **settings: Any) -> Session:
    session = Session(Role.SMSC, 0.0, **settings)
    if state in BINDS:
        feed(session, BINDS[state](0, 1, b"bank"))
    session.octets_to_send()
    assert session.state is state
    return session


def esme(state: State = State.BOUND_TRX, **settings: Any) -> Session:
    session = Session(Role.ESME, 0.0, **settings)
    if state is State.BINDING:
        session.ask(BindTransceiver(), "bind", 0.0)
    elif state in BINDS:
        number = session.ask(BINDS[state](system_id=b"bank"), "bind", 0.0)
        response = BY_COMMAND_ID[BINDS[state].command_id | RESPONSE](0, number)
        feed(session, response)
    session.octets_to_send()
    assert session.state is state
    return session
