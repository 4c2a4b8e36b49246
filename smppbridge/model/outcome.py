"""The outcome of one attempt to submit a message: exactly one of four."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.smpp.constants import CommandStatus


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider accepted the message and gave the provider_message_id."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refuses this message.

    *provider_fault* is set when another provider might accept the message (the reason is
    credentials, credit or coverage).
    """

    reason: str
    command_status: int = CommandStatus.ESME_RSUBMITFAIL
    provider_fault: bool = False


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


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The request left and no usable answer came: the provider may have accepted the message."""

    reason: str


Outcome = Accepted | Refused | Postponed | Uncertain
