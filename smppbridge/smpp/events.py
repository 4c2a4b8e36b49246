"""The events that a session returns to its owner; a request of the peer is an event: the PDU."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import Pdu


@dataclass(slots=True)
class Answered:
    """The response to a request of ours: perhaps a GenericNack, perhaps with parts missing."""

    about: object
    response: Pdu


@dataclass(slots=True)
class LateResponse:
    """The response to a submit_sm of ours that was Unanswered: only an ESME meets one."""

    about: object
    response: Pdu


@dataclass(slots=True)
class Unanswered:
    """The response timer of a request of ours ran out."""

    about: object


@dataclass(slots=True)
class FaultyPdu:
    """A PDU that the session refused and answered; the owner counts and logs the event.

    *status* is the one of our answer; for a response that fits no request of ours, the response's
    own.  *oddity* is the kind of the fault if the fault is one of form.
    """

    command_id: int
    status: int
    why: str
    oddity: Oddity | None = None


@dataclass(slots=True)
class PeerAlive:
    """The peer answered an enquire_link of ours, *seconds* after it was sent."""

    seconds: float


@dataclass(slots=True)
class Slowed:
    """The peer sends too many PDUs without a message: for a moment the session reads no more."""


Happening = Pdu | Unanswered | FaultyPdu | PeerAlive | Slowed
Event = Happening | Answered | LateResponse
