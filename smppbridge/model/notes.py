"""What the bridge notes down beside its messages, for people who ask why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(slots=True)
class Note:
    """A rare event in the life of a message, by its code and facts; *at* is UNIX seconds."""

    message_id: int
    at: float
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RefusedSubmission:
    """A submission that was refused at the door; *at* is UNIX seconds.

    The addresses are masked; *reason* is a word of `model.reasons`.  *count* is more than 1 for
    submissions that are only counted together, without their addresses.
    """

    at: float
    system_id: str
    source: str
    destination: str
    command_status: int
    reason: str
    detail: str = ""
    count: int = 1


@dataclass(slots=True)
class Unmatched:
    """A report or an MO message of a provider that belongs to nothing; *at* is UNIX seconds.

    *state* and *error* are those of a report, *source* and *destination* (masked) those of an MO
    message.
    """

    at: float
    kind: Literal["report", "mo"]
    provider: str
    provider_message_id: str
    reason: str
    state: int = 0
    error: int = 0
    source: str = ""
    destination: str = ""
