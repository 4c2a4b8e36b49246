"""A message on its way, the segments it came in, and one try at one provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from smppbridge.model.address import Address


class Stage(IntEnum):
    """Where a message is in the flow; GATHERING ones are still only segments."""

    GATHERING = 0
    WAITING = 1
    SUBMITTING = 2
    SUBMITTED = 3
    FINISHED = 4


@dataclass(frozen=True, slots=True)
class Traits:
    """What few submit_sm say about a message; kept for those that do.

    *sender* is what its route puts in the place of the source address; *scheduled* (UNIX seconds)
    is when the provider is to send it, if it keeps it until then.
    """

    service_type: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    user_message_reference: int | None = None
    udh: bytes = field(default=b"", repr=False)
    sender: str = ""
    scheduled: float | None = None


PLAIN = Traits()


@dataclass(frozen=True, slots=True)
class GatheringKey:
    """Which segments belong together: never the connection they came by."""

    system_id: str
    source: Address
    destination: Address
    kind: str
    reference: int
    total: int
    udh: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Segment:
    """One submit_sm of a long text, and what that submit_sm asked for.

    *octets* are its user data without concatenation element; they go once the message is joined.
    """

    message_id: int
    number: int
    registered_delivery: int
    received_at: float
    data_coding: int = 0
    priority: int = 0
    due: float = 0.0
    expires_at: float = 0.0
    traits: Traits = PLAIN
    octets: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Message:
    """A whole message as accepted from an ESME.

    Characters are in *text*; a message that is not characters has its octets in *binary*.
    *number* is the destination in E.164 digits; *destination* is what the ESME wrote.
    Times are UNIX seconds.  *segments* is empty when it came in one PDU.
    """

    message_id: int
    system_id: str
    source: Address
    destination: Address
    number: str
    text: str = field(repr=False)
    data_coding: int
    priority: int
    registered_delivery: int
    route: tuple[str, ...]
    accepted_at: float
    expires_at: float
    due: float
    binary: bytes | None = field(default=None, repr=False)
    traits: Traits = PLAIN
    segments: tuple[Segment, ...] = ()


@dataclass(slots=True)
class Attempt:
    """The latest try at a provider; *number* counts all tries, *hop* is the place in the route.

    *state* is what reports have said so far (0: nothing).  *batch* is the key of the request that
    carried it, where requests have keys; *begun_at* is when that key was first used.
    """

    message: Message
    provider: str
    number: int = 0
    hop: int = 0
    begun_at: float = 0.0
    answered_at: float = 0.0
    provider_message_id: str | None = None
    state: int = 0
    batch: str | None = None
