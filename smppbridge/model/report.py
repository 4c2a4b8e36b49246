"""What an ESME is to hear: what a provider says became of its messages, and what is owed to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.smpp.constants import MessageState


@dataclass(frozen=True, slots=True)
class Report:
    """A provider's word on one message.

    It names the message by its own id, or, where it can carry ours along, by *message_id*.
    *error* is a network error code, 0 for none.  *renamed* is what the provider calls the message
    from now on, if it only tells now.
    """

    provider_message_id: str
    state: MessageState
    error: int = 0
    message_id: int | None = None
    renamed: str = ""


@dataclass(frozen=True, slots=True)
class MoContent:
    """What the deliver_sm of an MO message carries: *octets* with the header they may have."""

    octets: bytes = field(repr=False)
    data_coding: int = 0
    esm_class: int = 0


@dataclass(slots=True)
class Delivery:
    """One deliver_sm owed: a receipt for the segment (or whole message) called *message_id*.

    There is at most one for each (message_id, state).  *parent* is the whole message.  *due* is
    when it may next be sent, *expires_at* when it is given up; UNIX seconds.  A receipt that is not
    *final* is an intermediate notification.

    One with *content* is no receipt but a segment of an MO message, from its own source to its own
    destination: its state is 0, and *parent* is the message_id of the first segment.
    """

    message_id: int
    parent: int
    system_id: str
    source: Address
    destination: Address
    state: int
    error: int
    submitted_at: float
    done_at: float
    due: float
    expires_at: float
    attempts: int = 0
    text: str = field(default="", repr=False)
    service_type: str = ""
    content: MoContent | None = None
    final: bool = True


def delivery_of(
    message: Message,
    *,
    message_id: int,
    state: int,
    error: int,
    done_at: float,
    expires_at: float,
    due: float | None = None,
    attempts: int = 0,
    final: bool = True,
) -> Delivery:
    """Return the delivery that tells of *state*; *message_id* is the segment's."""
    return Delivery(
        message_id,
        message.message_id,
        message.system_id,
        message.source,
        message.destination,
        state,
        error,
        message.accepted_at,
        done_at,
        done_at if due is None else due,
        expires_at,
        attempts,
        message.text[:20],
        message.traits.service_type,
        None,
        final,
    )
