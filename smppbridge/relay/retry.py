"""What an outcome and an attempt come to: pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Verdict

FIRST_PAUSE, LONGEST_PAUSE, JITTER = 2.0, 300.0, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one provider's outcomes deserve; times in seconds.

    *when_uncertain* is hold, retry or fail.  *first_look* is when an accepted message is looked at
    again: to poll for its report, or to stop waiting for one.  *attempts* bounds the tries.
    """

    when_uncertain: str = "hold"
    uncertain_deadline: float = 600.0
    first_look: float = 259_200.0
    attempts: int | None = None


DEFAULT_POLICY = Policy()


@dataclass(slots=True)
class Decision:
    """A verdict, and the final state and error if the message is at its end."""

    verdict: Verdict
    state: int = 0
    error: int = 0


def decide(
    attempt: Attempt,
    outcome: Outcome,
    policy: Policy,
    *,
    now: float,
    random: float,
    providers: Container[str],
) -> Decision:
    """Return where the message goes from here.

    *random* (0 to 1) is for the jitter; *providers* are those that there are to go on to.
    """
    if isinstance(outcome, Accepted):
        due, found = now + policy.first_look, outcome.provider_message_id
        return Decision(Verdict(attempt, outcome, Stage.SUBMITTED, due, now, found))
    if isinstance(outcome, Postponed):
        return _again(attempt, outcome, policy, outcome.after or 0.0, now, random)
    if isinstance(outcome, Refused):
        return _refused(attempt, outcome, now, providers)
    if policy.when_uncertain == "retry":
        return _again(attempt, outcome, policy, 0.0, now, random)
    if policy.when_uncertain == "fail":
        return _failed(attempt, outcome, now, MessageState.UNDELIVERABLE, 0)
    due = now + policy.uncertain_deadline
    return Decision(Verdict(attempt, outcome, Stage.SUBMITTING, due, now))


def pause(number: int, random: float) -> float:
    """Return the seconds before try *number* + 1: doubling, with jitter."""
    plain = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(number - 1, 16))
    return plain * (1 + JITTER * (2 * random - 1))


def waiting(attempt: Attempt, outcome: Outcome, now: float) -> Decision:
    """Return the decision to try again at once, with the same provider."""
    return _waiting(attempt, outcome, now, now, attempt.provider, _hop(attempt, outcome))


def _again(
    attempt: Attempt,
    outcome: Postponed | Uncertain,
    policy: Policy,
    after: float,
    now: float,
    random: float,
) -> Decision:
    if policy.attempts is not None and attempt.number >= policy.attempts:
        return _failed(attempt, outcome, now, MessageState.UNDELIVERABLE, 0)
    due = now + max(after, pause(attempt.number, random))
    due = min(due, attempt.message.expires_at)  # where it is looked at once more, and expires
    return _waiting(attempt, outcome, due, now, attempt.provider, _hop(attempt, outcome))


def _hop(attempt: Attempt, outcome: Outcome) -> int:
    """Return the place in the route for another try; after Uncertain it is beyond the last.

    Whatever that try comes to, no second provider may get what the first one may have heeded.
    """
    return len(attempt.message.route) if isinstance(outcome, Uncertain) else attempt.hop


def _refused(attempt: Attempt, outcome: Refused, now: float, providers: Container[str]) -> Decision:
    if outcome.provider_fault:
        for hop, name in enumerate(attempt.message.route):
            if hop > attempt.hop and name in providers:
                return _waiting(attempt, outcome, now, now, name, hop)
    return _failed(attempt, outcome, now, MessageState.REJECTED, outcome.command_status & 0x3FF)


def _waiting(
    attempt: Attempt, outcome: Outcome, due: float, now: float, provider: str, hop: int
) -> Decision:
    return Decision(
        Verdict(attempt, outcome, Stage.WAITING, due, now, next_provider=provider, next_hop=hop)
    )


def _failed(attempt: Attempt, outcome: Outcome, now: float, state: int, error: int) -> Decision:
    # still SUBMITTING: the settlement that goes with it, in the same transaction, finishes it
    return Decision(Verdict(attempt, outcome, Stage.SUBMITTING, now, now), state, error)
