"""How requests ended: what that says of each message, and of the provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smppbridge.model.message import Attempt
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import NoAnswer, NotSent
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.relay.lanes.batch import Batch, Load, attempts_of
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.retry import Decision
from smppbridge.relay.ports import Meters
from smppbridge.smpp.constants import CommandStatus

THROTTLED = 1.0  # seconds a lane pauses if the provider does not say how long


@dataclass(slots=True)
class Ended:
    """What an attempt came to; one *repeated* may have been heeded before."""

    attempt: Attempt
    outcome: Outcome
    repeated: bool = False


@dataclass(slots=True)
class Concluded:
    """A request, what ended it, and the outcome of each of its attempts."""

    load: Load
    what: Any
    outcomes: list[Outcome]

    @property
    def repeated(self) -> bool:
        """Whether it was made before."""
        return type(self.load) is Batch and self.load.repeated

    def ends(self) -> list[Ended]:
        """Return what each attempt that was undecided came to."""
        pairs = zip(attempts_of(self.load), self.outcomes, strict=True)
        if not self.repeated:
            return [Ended(attempt, outcome) for attempt, outcome in pairs]
        open_ = self.load.open  # type: ignore[union-attr]
        return [Ended(a, outcome, True) for a, outcome in pairs if a.message.message_id in open_]


def concluded(load: Load, what: Any) -> Concluded:
    """Read what ended a request."""
    if type(load) is not Batch:
        return Concluded(load, what, [outcome_of(what)])
    size = len(load.attempts)
    if isinstance(what, Sequence) and len(what) == size:
        return Concluded(load, what, [outcome_of(one) for one in what])
    return Concluded(load, what, [outcome_of(what)] * size)


def outcome_of(conclusion: Any) -> Outcome:
    """Return what an exchange came to, whatever ended it."""
    if isinstance(conclusion, Accepted | Refused | Postponed | Uncertain):
        return conclusion
    if isinstance(conclusion, NotAddressable):
        return conclusion.outcome
    if isinstance(conclusion, NotSent):
        return Postponed(str(conclusion))
    if isinstance(conclusion, NoAnswer):
        return Uncertain(str(conclusion))
    return Uncertain(f"unreadable answer: {type(conclusion).__name__}")


News = tuple[str, str]
"""An event about a provider, and its reason."""


def heard(
    lane: Lane, requests: Sequence[Concluded], now: float, wall: float, meters: Meters
) -> list[News]:
    """Let a lane go by how its requests ended; return what is news of the provider."""
    answers, answered, seconds = False, 0, 0.0
    news: list[News] = []
    for request in requests:
        what, outcomes = request.what, request.outcomes
        repeated = request.repeated  # its attempts began long ago
        took = 0.0 if repeated else max(0.0, wall - attempts_of(request.load)[0].begun_at)
        meters.asked(lane.name, "submit", _name(outcomes), took)
        if isinstance(what, NotAddressable):
            continue  # the provider was not asked
        if isinstance(what, NotSent) or all(isinstance(one, Uncertain) for one in outcomes):
            if not isinstance(what, NotSent):
                lane.concurrency.suffered(now)
            if lane.breaker.failed(now):
                news.append(("provider_down", getattr(outcomes[0], "reason", "")))
            continue
        answers = True
        if not repeated:
            answered, seconds = answered + 1, seconds + took
        news += _answered(lane, outcomes, now)
    if answered:
        lane.concurrency.answered(answered, seconds / answered, lane.out + len(requests))
    if answers and lane.breaker.succeeded():
        news.append(("provider_up", ""))
    return news


def _answered(lane: Lane, outcomes: Sequence[Outcome], now: float) -> list[News]:
    """Heed what an answer says of the provider: a limit, or that it takes nothing from us."""
    for outcome in outcomes:
        kind = type(outcome)
        if kind is Accepted:
            lane.refusing = ""
        elif kind is Postponed and outcome.whole_lane:  # type: ignore[union-attr]
            lane.pause(now + (outcome.after or THROTTLED))  # type: ignore[union-attr]
            lane.concurrency.suffered(now)
            break
        elif kind is Refused and _takes_nothing(outcome):  # type: ignore[arg-type]
            told, lane.refusing = lane.refusing, outcome.reason  # type: ignore[union-attr]
            return [] if told == lane.refusing else [("provider_refuses", lane.refusing)]
    return []


def _takes_nothing(outcome: Refused) -> bool:
    """Tell whether a refusal is about the account (credentials, credit), whatever the message."""
    return outcome.provider_fault and outcome.command_status == CommandStatus.ESME_RSUBMITFAIL


def _name(outcomes: Sequence[Outcome]) -> str:
    names = {type(outcome).__name__.lower() for outcome in outcomes}
    return names.pop() if len(names) == 1 else "mixed"


def taken(decision: Decision) -> bool:
    """Note on the attempt what the provider calls the message; tell whether it took it."""
    outcome = decision.verdict.outcome
    if not isinstance(outcome, Accepted):
        return False
    attempt = decision.verdict.attempt
    attempt.provider_message_id = outcome.provider_message_id
    attempt.answered_at = decision.verdict.at
    return True
