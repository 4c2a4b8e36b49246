"""handed_session: a bound session of an SMSC goes on in another process, at its last octet."""

from __future__ import annotations

from dataclasses import dataclass, field

from smppbridge.smpp.matrix import BOUND_AS, Law
from smppbridge.smpp.session import Session

_LEAST = 1.0
"""Seconds that an open request is left: its response may lie unread in the socket."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request of ours that has no response yet, and the seconds until the request expires."""

    sequence_number: int
    command_id: int
    left: float
    about: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """All that the next process must know of a session (SMPP 3.4, 2.2 and 5.1.4).

    *bound_as* is the command_id of the bind, *last_number* the sequence_number of our last request,
    *octets* are those of the peer that are no whole PDU yet or are not read yet.
    """

    system_id: str
    bound_as: int
    interface_version: int
    last_number: int
    asked: tuple[OpenRequest, ...] = ()
    octets: bytes = field(default=b"", repr=False)


def continuation_of(session: Session, bound_as: int, now: float) -> Continuation:
    """Return how a bound session goes on; the octets that are to be sent are the caller's."""
    asked = [OpenRequest(n, c, at - now, about) for n, (at, c, about) in session.asked.open.items()]
    return Continuation(
        system_id=session.system_id,
        bound_as=bound_as,
        interface_version=session.interface_version,
        last_number=session.asked.last,
        asked=tuple(asked),
        octets=session.frames.rest(),
    )


def go_on(session: Session, by: Continuation, law: Law, now: float) -> None:
    """Let a new session, which is not connected yet, go on as another one stood.

    Its timers begin anew.  The octets of the peer are read by `Session.resume`.
    """
    session.system_id, session.interface_version = by.system_id, by.interface_version
    session.asked.count_from(by.last_number)
    for each in by.asked:
        expiry = now + max(_LEAST, each.left)
        session.asked.put(each.sequence_number, each.command_id, each.about, expiry)
    session.frames.feed(by.octets)
    session.life.go(BOUND_AS[by.bound_as], law)
