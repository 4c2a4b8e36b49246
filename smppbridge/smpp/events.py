"""What a session tells its owner; a request of the peer is its own event, the PDU."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.smpp.pdus import Pdu


@dataclass(slots=True)
class Answered:
    """The answer to a request of ours: maybe a GenericNack, maybe with parts missing."""

    about: object
    response: Pdu


@dataclass(slots=True)
class Unanswered:
    """The response timer of a request of ours ran out."""

    about: object


@dataclass(slots=True)
class Faulty:
    """A PDU that the session refused, answered as it should be: to be counted and logged.

    *status* is the one we answered with; of a response that fits no request of ours, its own.
    """

    command_id: int
    status: int
    why: str


@dataclass(slots=True)
class Alive:
    """The peer answered an enquire_link of ours, *seconds* after it was sent."""

    seconds: float


Happening = Pdu | Unanswered | Faulty | Alive
Event = Happening | Answered
