"""The parts of a message that its provider names and reports one by one, and their joint state.

A part is a segment that we submitted, or one of the SMS that the provider made of a long text.  The
state of the message follows from the states of its parts, the first row that holds:

    parts                                                   message
    any part EXPIRED, DELETED, UNDELIVERABLE, REJECTED...   the worst of the failures, at once
    all needed parts DELIVERED                              DELIVERED
    all needed parts DELIVERED or UNKNOWN                   UNKNOWN
    else                                                    none: the message stays open

A part that is not needed can only fail the message: the rules "last" and "first" are for providers
that report one part and mean all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from smppbridge.model.identifiers import same_id
from smppbridge.smpp.constants import FINAL_STATES, MessageState

DeliveredBy = Literal["all", "last", "first"]
"""The parts of a message that must be DELIVERED so that the message is."""

WORST_FIRST = (
    MessageState.REJECTED,
    MessageState.UNDELIVERABLE,
    MessageState.SKIPPED,
    MessageState.EXPIRED,
    MessageState.DELETED,
)
"""The states of a part that failed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message, and the state of the part by the last report (0: no report yet).

    *needed*: the message is DELIVERED only when the part is.  *error* is a network error code.
    """

    provider_message_id: str
    needed: bool = True
    state: int = 0
    error: int = 0


def parts_of(identifiers: Sequence[str | None], by: DeliveredBy) -> tuple[Part, ...] | None:
    """Return the parts with these provider_message_ids, in order; a part without an id is left out.

    None: no report can be about a part that is needed.  An id that several parts share is one part.
    """
    named = tuple(dict.fromkeys(filter(None, identifiers)))
    needed = {"all": named, "last": identifiers[-1:], "first": identifiers[:1]}[by]
    if not any(needed):
        return None
    return tuple(Part(identifier, identifier in needed) for identifier in named)


def number_of(parts: Sequence[Part], provider_message_id: str) -> int:
    """Return the number (from 1) of the part with an id, or of the only part like it, else 0."""
    names = [part.provider_message_id for part in parts]
    if provider_message_id in names:
        return 1 + names.index(provider_message_id)
    alike = [same_id(name) == same_id(provider_message_id) for name in names]
    return 1 + alike.index(True) if alike.count(True) == 1 else 0


def joint_state(parts: Sequence[Part]) -> tuple[int, int] | None:
    """Return a message's final state and error by the states of its parts, None if it is open."""
    failed = [part for part in parts if part.state in WORST_FIRST]
    if failed:
        worst = min(failed, key=lambda part: WORST_FIRST.index(MessageState(part.state)))
        return worst.state, worst.error
    needed = [part for part in parts if part.needed]
    if any(part.state not in FINAL_STATES for part in needed):
        return None
    unknown = next((part for part in needed if part.state == MessageState.UNKNOWN), None)
    return (MessageState.DELIVERED, 0) if unknown is None else (unknown.state, unknown.error)
