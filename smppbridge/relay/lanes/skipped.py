"""skipped: why a message does not go to a provider of its route; pure but for the notes."""

from __future__ import annotations

from collections.abc import Iterable

from smppbridge.model.message import Attempt
from smppbridge.model.reasons import Reason
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Notes


def why_shut(lane: Lane) -> Reason:
    """Return why a lane is shut, or was a moment ago."""
    if lane.held:
        return Reason.PROVIDER_HELD
    if not lane.breaker.is_closed:
        return Reason.BREAKER_OPEN
    return Reason.CREDIT_LOW if lane.is_low else Reason.PROVIDER_PAUSED


def note_skipped(notes: Notes, lanes: Lanes, attempts: Iterable[Attempt]) -> None:
    """Note of first attempts the providers of their route that they skip, and why."""
    reasons: dict[str, Reason | None] = {}
    for attempt in attempts:
        for name in attempt.message.route[: attempt.hop]:
            if name not in reasons:
                lane = lanes.shut(name)
                reasons[name] = why_shut(lane) if lane else None
            why = reasons[name]
            facts = {"provider": name, "to": attempt.provider}
            if why is not None:
                facts["why"] = why.value
            notes.note(attempt.message.message_id, "provider_skipped", facts)


def note_diverted(notes: Notes, lane: Lane, attempts: Iterable[Attempt]) -> None:
    """Note that attempts in line for a shut lane wait for another provider now."""
    why = why_shut(lane).value
    for attempt in attempts:
        facts = {"provider": lane.name, "to": attempt.provider, "why": why}
        notes.note(attempt.message.message_id, "diverted", facts)
