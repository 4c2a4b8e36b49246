"""A message, the segments of a message, and one attempt at one provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from smppbridge.model.address import Address
from smppbridge.model.parts import Part
from smppbridge.model.tlvs import Tlvs

REMEMBERED_FOR = 60.0  # seconds: how long a segment of a joined message is known again


class AsSent(NamedTuple):
    """Fields of a submit_sm as the ESME sent them (SMPP 3.4, 5.2.17, 5.2.19, 5.2.12)."""

    registered_delivery: int
    data_coding: int
    esm_class: int


class Stage(IntEnum):
    """The stage of a message; at GATHERING there are only segments."""

    GATHERING = 0
    WAITING = 1
    SUBMITTING = 2
    SUBMITTED = 3
    FINISHED = 4


@dataclass(frozen=True, slots=True)
class Traits:
    """Properties that few submit_sm give to a message; a message without them has PLAIN.

    *sender* is the source address that the route puts in place of the ESME's; *scheduled* (UNIX
    seconds) is the time at which the provider has to send the message, where the provider keeps
    scheduled messages.  *transliterate*: the route wants the text in GSM 03.38 at every provider.
    *multi* is the message_id that a submit_multi was answered: the first of the *destinations*
    message_ids in a row that its messages have.
    *datagram*: one attempt, no receipt (SMPP 3.4, 5.2.12).
    *tlvs* are those of the ESME that the bridge itself does not go by, and those of the route.
    *references* are the user_message_references of a long message's segments by message_id, where
    they are not all the same.
    *quiet* are the route's quiet hours, as ``routing.quiet`` writes them, if they hold the message.
    *limited*: the ESME gave a validity_period.
    *sent* are the fields of the submit_sm, where the message does not have them as they came.
    """

    service_type: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    user_message_reference: int | None = None
    udh: bytes = field(default=b"", repr=False)
    sender: str = ""
    scheduled: float | None = None
    transliterate: bool = False
    multi: int = 0
    destinations: int = 0
    datagram: bool = False
    tlvs: Tlvs = field(default=(), repr=False)
    references: tuple[tuple[int, int], ...] = ()
    quiet: str = ""
    limited: bool = False
    sent: AsSent | None = None


PLAIN = Traits()
LIMITED = Traits(limited=True)


@dataclass(frozen=True, slots=True)
class GatheringKey:
    """The fields that all segments of one message have in common; the session is none of them."""

    system_id: str
    source: Address
    destination: Address
    kind: str
    reference: int
    total: int
    udh: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Segment:
    """One submit_sm of a long text, with the fields of that submit_sm.

    *octets* are the user data without the concatenation element, empty once the message is joined.
    *scheduled* and *limited* are whether the submit_sm has a schedule_delivery_time and a
    validity_period.  *opened_by* is the message_id of the segment that opened the gathering.  A
    segment that *repeats* another one, which was accepted elsewhere, has no octets: it shares the
    fate of the message.
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
    scheduled: bool = False
    limited: bool = False
    opened_by: int = 0
    repeats: bool = False


@dataclass(slots=True)
class Message:
    """A whole message as accepted from an ESME.

    *text* holds the characters; a message of no characters has its octets in *binary*.  *number* is
    the destination in E.164 digits; *destination* is the address as the ESME wrote it.  Times are
    UNIX seconds.  *segments* is empty for a message that came in one PDU.
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

    @property
    def answered_id(self) -> int:
        """Return the message_id that the ESME knows: that of a whole submit_multi, or its own."""
        return self.traits.multi or self.message_id


@dataclass(slots=True)
class Attempt:
    """The latest attempt at a provider.

    *number* counts all attempts, *hop* is the place in the route.  *state* is the message_state of
    the last report (0: no report yet).  *batch* is the key of the request that carried the message,
    where requests have keys; *begun_at* is the time of that key's first use.  *parts* are those of
    a message with several provider_message_ids, as they were when the attempt was read or accepted.
    *left_at* (monotonic seconds) is when a request with this attempt alone left; no store keeps it.
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
    parts: tuple[Part, ...] = ()
    left_at: float = field(default=0.0, compare=False)


class KnownState(NamedTuple):
    """The state of a message, without its content; *plan* is TON * 256 + NPI of the source address.

    *done_at* (UNIX seconds) is None before the message is FINISHED.  A segment that waits for the
    others of its message is GATHERING.
    """

    system_id: str
    source: str
    plan: int
    stage: int
    state: int = 0
    error: int = 0
    done_at: float | None = None


def fingerprint(octets: bytes) -> int:
    """Return the number by which the octets of a joined segment are known after a restart."""
    return crc32(octets)
