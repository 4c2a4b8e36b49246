"""retry: the verdict on an attempt, by its outcome and its provider's policy; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Verdict

FIRST_PAUSE, LONGEST_PAUSE, JITTER = 2.0, 300.0, 0.2
_SUBMITTED = Stage.SUBMITTED  # members of an Enum are slow to load
KEEPS_PLACE = 10  # tries: a message that alone is too much for its provider makes way after them


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of verdicts on one provider's outcomes; times in seconds.

    *when_uncertain* is hold, retry or fail; a request with a key is repeated while the key is not
    older than *idempotent*.  *first_look* is how long after its acceptance a message is polled for
    its report, or given up, at the latest *report_grace* after the end of its validity_period
    (None: whenever that ends).  *attempts* bounds the tries.  *failover_after* is
    how long a message may be put off before the next provider of its route gets it.
    """

    when_uncertain: str = "hold"
    uncertain_deadline: float = 600.0
    idempotent: float = 0.0
    first_look: float = 259_200.0
    report_grace: float | None = 10.0
    attempts: int | None = None
    failover_after: float = 60.0

    def knows_key(self, attempt: Attempt, now: float) -> bool:
        """Return whether the provider still knows the key of an attempt's request."""
        return now - attempt.begun_at < self.idempotent

    def may_repeat(self, attempt: Attempt, now: float) -> bool:
        """Return whether the request that carried an attempt may be made again under its key."""
        young = self.knows_key(attempt, now)
        tried = is_tried(self, attempt)
        keyed = attempt.batch is not None and self.when_uncertain == "retry"
        return keyed and young and not tried and now < attempt.message.expires_at


DEFAULT_POLICY = Policy()


def is_tried(policy: Policy, attempt: Attempt) -> bool:
    """Return whether a message has had all its tries."""
    return policy.attempts is not None and attempt.number >= policy.attempts


Onward = Callable[[Attempt, bool], int | None]
"""Returns the next place in an attempt's route, if there is a next; True: only an open lane."""


def decide(
    attempt: Attempt,
    outcome: Outcome,
    policy: Policy,
    *,
    now: float,
    random: float,
    onward: Onward,
    repeated: bool = False,
) -> Verdict:
    """Return the verdict on an attempt and its outcome.

    *random* (0 to 1) is for the jitter.  The provider may have accepted a *repeated* request
    before, whatever the outcome is this time.
    """
    if isinstance(outcome, Accepted):
        return submitted(attempt, outcome, policy, now)
    if attempt.message.traits.datagram:
        return _only_try(attempt, outcome, now)
    if isinstance(outcome, Uncertain) or (repeated and not _is_final(outcome)):
        return _unsure(attempt, outcome, policy, now, random)
    if isinstance(outcome, Refused):
        return _refused(attempt, outcome, now, onward)
    waited = now - attempt.message.accepted_at
    if waited >= policy.failover_after * (attempt.hop + 1):
        hop = onward(attempt, True)
        if hop is not None:
            return _waiting(attempt, outcome, now, now, hop=hop)
    return _again(attempt, outcome, policy, now, random)


def submitted(attempt: Attempt, outcome: Accepted, policy: Policy, now: float) -> Verdict:
    """Return the verdict on an attempt that its provider accepted."""
    due, found, message = now + policy.first_look, outcome.provider_message_id, attempt.message
    if message.traits.limited and policy.report_grace is not None:
        due = min(due, max(message.expires_at, now) + policy.report_grace)
    stage, parts = _SUBMITTED, outcome.parts
    return Verdict(attempt, outcome, stage, due, now, provider_message_id=found, parts=parts)


def pause(number: int, random: float) -> float:
    """Return the seconds before try *number* + 1: doubling, with jitter."""
    plain = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(number - 1, 16))
    return plain * (1 + JITTER * (2 * random - 1))


def waiting(attempt: Attempt, outcome: Outcome, now: float) -> Verdict:
    """Return the verdict of another try at once, with the same provider."""
    return _waiting(attempt, outcome, now, now)


def keeps_place(verdict: Verdict) -> bool:
    """Return whether a message waits for its lane alone, before all that are younger."""
    outcome, due = verdict.outcome, verdict.due
    if not isinstance(outcome, Postponed) or not outcome.whole_lane or due is None:
        return False
    return due <= verdict.at and verdict.next_provider == verdict.attempt.provider


def _only_try(attempt: Attempt, outcome: Outcome, now: float) -> Verdict:
    """End a message in datagram mode (SMPP 3.4, 5.2.12); UNKNOWN if its one try is in doubt."""
    if isinstance(outcome, Refused):
        return _failed(attempt, outcome, now, MessageState.REJECTED, outcome.command_status & 0x3FF)
    unsure = isinstance(outcome, Uncertain)
    state = MessageState.UNKNOWN if unsure else MessageState.UNDELIVERABLE
    return _failed(attempt, outcome, now, state, 0)


def _is_final(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and not outcome.provider_fault


def _unsure(
    attempt: Attempt, outcome: Outcome, policy: Policy, now: float, random: float
) -> Verdict:
    """Repeat the request under its key; or fail the message, or wait for a report, by policy."""
    if policy.may_repeat(attempt, now):
        after = outcome.after if isinstance(outcome, Postponed) else None
        due = now + max(after or 0.0, pause(attempt.number, random))
        return Verdict(attempt, outcome, Stage.SUBMITTING, due, now)
    if policy.when_uncertain == "fail":
        return _failed(attempt, outcome, now, MessageState.UNDELIVERABLE, 0)
    due = now + policy.uncertain_deadline
    return Verdict(attempt, outcome, Stage.SUBMITTING, due, now)


def _again(
    attempt: Attempt, outcome: Postponed, policy: Policy, now: float, random: float
) -> Verdict:
    if is_tried(policy, attempt):
        return _failed(attempt, outcome, now, MessageState.UNDELIVERABLE, 0)
    if outcome.whole_lane and attempt.number <= KEEPS_PLACE:  # the pause of the lane is enough
        return _waiting(attempt, outcome, min(now, attempt.message.due), now)
    due = now + max(outcome.after or 0.0, pause(attempt.number, random))
    due = min(due, attempt.message.expires_at)  # when the message comes in line, and expires
    return _waiting(attempt, outcome, due, now)


def _hop(attempt: Attempt, outcome: Outcome) -> int:
    """Return an attempt's place in its route for another try: after Uncertain beyond the last.

    Whatever the next outcome is, no second provider may get a message that the first may have sent.
    """
    return len(attempt.message.route) if isinstance(outcome, Uncertain) else attempt.hop


def _refused(attempt: Attempt, outcome: Refused, now: float, onward: Onward) -> Verdict:
    if outcome.provider_fault:
        hop = onward(attempt, False)
        if hop is not None:
            return _waiting(attempt, outcome, now, now, hop=hop)
    return _failed(attempt, outcome, now, MessageState.REJECTED, outcome.command_status & 0x3FF)


def _waiting(
    attempt: Attempt, outcome: Outcome, due: float, now: float, *, hop: int | None = None
) -> Verdict:
    """Return the verdict of another try: at *hop* of the route, or with the same provider."""
    provider = attempt.provider if hop is None else attempt.message.route[hop]
    hop = _hop(attempt, outcome) if hop is None else hop
    return Verdict(attempt, outcome, Stage.WAITING, due, now, next_provider=provider, next_hop=hop)


def _failed(attempt: Attempt, outcome: Outcome, now: float, state: int, error: int) -> Verdict:
    # still SUBMITTING: the settlement that goes with it, in the same transaction, finishes it
    return Verdict(attempt, outcome, Stage.SUBMITTING, now, now, state=state, error=error)
