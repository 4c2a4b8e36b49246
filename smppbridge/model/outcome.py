"""The outcome of one attempt to submit a message: exactly one of four.

A *reason* is in our own words, and can be logged.  *words* are the provider's own, without pieces
of the message's text: the store keeps them beside the reason, a log shows them only on demand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from smppbridge.model.parts import DeliveredBy, Part, parts_of
from smppbridge.smpp.constants import CommandStatus


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider accepted the message and gave the provider_message_id.

    *parts* are those of a message with several provider_message_ids, whose first is the message's;
    a message with one has none.
    """

    provider_message_id: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refuses this message.

    *provider_fault* is set when another provider might accept the message (the reason is
    credentials, credit or coverage).
    """

    reason: str
    command_status: int = CommandStatus.ESME_RSUBMITFAIL
    provider_fault: bool = False
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Postponed:
    """The provider did not accept the message now; the message can safely be submitted again.

    *after* is the pause in seconds that the provider asks for, None if the provider names none;
    *whole_lane* is set when the pause holds for all messages of the lane (a rate limit), not just
    for this one.
    """

    reason: str
    after: float | None = None
    whole_lane: bool = False
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The request left and no usable answer came: the provider may have accepted the message."""

    reason: str
    words: str = field(default="", repr=False)


Outcome = Accepted | Refused | Postponed | Uncertain


def explained(outcome: Outcome) -> str:
    """Return an outcome's reason with the provider's words behind the reason; "" for Accepted."""
    if isinstance(outcome, Accepted):
        return ""
    return f"{outcome.reason}: {outcome.words}" if outcome.words else outcome.reason


def accepted(identifiers: Sequence[str | None], by: DeliveredBy) -> Accepted | None:
    """Return the acceptance of a message whose parts have these provider_message_ids.

    None: no report can be about a part that is needed.
    """
    parts = parts_of(identifiers, by)
    if parts is None:
        return None
    return Accepted(parts[0].provider_message_id, parts if len(parts) > 1 else ())
