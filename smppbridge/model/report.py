"""Reports from providers, and deliveries owed to ESMEs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from smppbridge.model.address import Address
from smppbridge.model.message import PLAIN, Message, Traits
from smppbridge.smpp.constants import MessageState

QUOTED = 20
"""Characters of a message that its receipt has at most (SMPP 3.4, Appendix B)."""


@dataclass(frozen=True, slots=True)
class Report:
    """The message_state of one message, as its provider reports it.

    The report names the message by *provider_message_id*, or by our *message_id* where the provider
    returns ours.  *error* is a network error code, 0 for none.  *renamed* is the message's new
    provider_message_id, where the provider names the message only now.  *done_at* is when the
    operator says that the state was reached (UNIX seconds), None where no operator says.  *unknown*
    is the status where the provider's table has no state for the status: the message is taken to be
    on its way.
    """

    provider_message_id: str
    state: MessageState
    error: int = 0
    message_id: int | None = None
    renamed: str = ""
    done_at: float | None = None
    unknown: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class MoContent:
    """The user data of an MO message's deliver_sm: *octets*, with their header if they have one."""

    octets: bytes = field(repr=False)
    data_coding: int = 0
    esm_class: int = 0


NOBODY: Final = -1
"""The holder of a delivery that no bridge holds."""


@dataclass(slots=True)
class Delivery:
    """One deliver_sm owed: a receipt for the segment (or whole message) called *message_id*.

    There is at most one delivery for each (message_id, state).  *parent* is the message_id of the
    whole message.  *due* is the earliest time of the next attempt, *expires_at* the end of all
    attempts; UNIX seconds.  *traits* are those of the message that a receipt is about; a receipt
    that is not *final* is an intermediate notification.  *postponed_by* is the command_status of
    the response that postponed the delivery last, 0 if no response came.  *held_by* is the slot of
    another bridge that delivers it, 0 for this one, NOBODY for whoever has the account bound.

    A delivery with *content* is a segment of an MO message, from the message's own source to its
    own destination: its state is 0, and *parent* is the message_id of the first segment.
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
    traits: Traits = PLAIN
    content: MoContent | None = None
    final: bool = True
    postponed_by: int = 0
    held_by: int = field(default=0, compare=False)

    @property
    def answered_id(self) -> int:
        """Return the message_id that the ESME knows: that of a whole submit_multi, or its own."""
        return self.traits.multi or self.message_id


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
    """Return the delivery of a receipt with *state*; *message_id* is the segment's."""
    return Delivery(
        message_id=message_id,
        parent=message.message_id,
        system_id=message.system_id,
        source=message.source,
        destination=message.destination,
        state=state,
        error=error,
        submitted_at=message.accepted_at,
        done_at=done_at,
        due=done_at if due is None else due,
        expires_at=expires_at,
        attempts=attempts,
        text=message.text[:QUOTED],
        traits=message.traits,
        final=final,
    )
