"""skipped: why a message does not go to a provider of its route; pure but for the notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppbridge.model.message import Attempt
from smppbridge.model.outcome import Postponed, Refused
from smppbridge.model.reasons import Reason
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.retry import is_tried
from smppbridge.relay.ports import Notes
from smppbridge.store.port import Verdict


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
                notes.reason(why.value, name)
            notes.note(attempt.message.message_id, "provider_skipped", facts)


def note_diverted(notes: Notes, lane: Lane, attempts: Sequence[Attempt]) -> None:
    """Note that attempts in line for a shut lane wait for another provider now."""
    why = why_shut(lane).value
    notes.reason(why, lane.name, len(attempts), first=False)
    for attempt in attempts:
        facts = {"provider": lane.name, "to": attempt.provider, "why": why}
        notes.note(attempt.message.message_id, "diverted", facts)


def note_waiting(notes: Notes, verdicts: Iterable[Verdict]) -> None:
    """Count why attempts wait for another try, and note those that another provider gets now.

    Called before the attempts are changed by their verdicts.
    """
    for verdict in verdicts:
        outcome, provider = verdict.outcome, verdict.attempt.provider
        if not isinstance(outcome, Postponed | Refused):
            continue  # it is sent again by hand
        why = Reason.PUT_OFF
        if verdict.next_provider != provider:
            why = Reason.REFUSED_THERE if isinstance(outcome, Refused) else Reason.FAILOVER_AFTER
            facts = {"provider": provider, "to": verdict.next_provider, "why": why.value}
            notes.note(verdict.attempt.message.message_id, "diverted", facts)
        notes.reason(why.value, provider, detail=outcome.reason)


def note_failed(notes: Notes, lanes: Lanes, verdict: Verdict) -> None:
    """Count why a message has failed; note the reason, if its provider did not refuse it."""
    attempt, outcome = verdict.attempt, verdict.outcome
    why = _why_failed(lanes, verdict)
    notes.reason(why.value, attempt.provider, detail=getattr(outcome, "reason", ""))
    if why is not Reason.PROVIDER_REFUSED:  # that stands in the attempt
        notes.note(attempt.message.message_id, "failed", {"why": why.value})


def _why_failed(lanes: Lanes, verdict: Verdict) -> Reason:
    attempt, outcome = verdict.attempt, verdict.outcome
    if isinstance(outcome, Refused):
        return Reason.PROVIDER_REFUSED
    if attempt.message.traits.datagram:
        return Reason.ONE_TRY
    lane = lanes.by_name.get(attempt.provider)
    if isinstance(outcome, Postponed) and lane and is_tried(lane.rules.policy, attempt):
        return Reason.ATTEMPTS_OVER
    return Reason.IN_DOUBT


def note_expired(notes: Notes, lane: Lane, expired: Sequence[Attempt], now: float) -> None:
    """Count messages that expired while they waited, and note the reason why the lane was shut."""
    notes.reason(Reason.WAITED_TOO_LONG.value, lane.name, len(expired))
    facts = {"why": Reason.WAITED_TOO_LONG.value}
    if lane.held or lane.paused_until > now or lane.is_low or not lane.breaker.is_closed:
        facts["behind"] = why_shut(lane).value
    for attempt in expired:
        notes.note(attempt.message.message_id, "expired", facts)
