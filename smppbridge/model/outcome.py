"""What one attempt to submit a message came to: exactly one of four."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.smpp.constants import CommandStatus


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message and named it."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will not take this message.

    *provider_fault* is set when another provider might (credentials, credit, no coverage).
    """

    reason: str
    command_status: int = CommandStatus.ESME_RSUBMITFAIL
    provider_fault: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """The provider did not take the message now; asking again is safe.

    *after* is how many seconds it wants us to wait, if it said so; *whole_lane* is set when that
    holds for all messages (a rate limit), not just for this one.
    """

    reason: str
    after: float | None = None
    whole_lane: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The request left and no usable answer came: it may have been heeded."""

    reason: str


Outcome = Accepted | Refused | Postponed | Uncertain
