"""conclusions: the outcomes of a request's attempts, and the lane adjusted to them; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from smppbridge.model.message import LIMITED, PLAIN, Attempt
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import NoAnswer, NotSent
from smppbridge.providers.message_class import MARKED
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.relay.lanes.batch import Batch, Load, attempts_of, is_repeated
from smppbridge.relay.lanes.errors import error_of
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.losses import losses
from smppbridge.relay.ports import Meters
from smppbridge.smpp.constants import CommandStatus

_OUTCOMES = frozenset((Accepted, Refused, Postponed, Uncertain))


@dataclass(slots=True)
class Concluded:
    """A request, the conclusion of its exchange, and the outcome of each of its attempts."""

    load: Load
    conclusion: Any
    outcomes: Sequence[Outcome]

    @property
    def repeated(self) -> bool:
        """Whether the request was made before: the provider may have accepted it then."""
        return is_repeated(self.load)


AloneAccepted = tuple[Attempt, Accepted]
"""An attempt that was accepted and was alone in its request: the end of nearly all requests."""


def sorted_out(
    conclusions: Iterable[tuple[Load, Any]],
) -> tuple[list[AloneAccepted], list[Concluded]]:
    """Return the attempts that were accepted alone, and all other requests."""
    accepted: list[AloneAccepted] = []
    others: list[Concluded] = []
    for load, conclusion in conclusions:
        if type(conclusion) is Accepted and type(load) is Attempt:
            accepted.append((load, conclusion))
        else:
            others.append(concluded(load, conclusion))
    return accepted, others


def concluded(load: Load, conclusion: Any) -> Concluded:
    """Return the outcomes of a request by the conclusion of its exchange, or by its exception."""
    if type(load) is not Batch:
        return Concluded(load, conclusion, (outcome_of(conclusion),))
    size = len(load.attempts)
    if isinstance(conclusion, Sequence) and len(conclusion) == size:
        return Concluded(load, conclusion, [outcome_of(each) for each in conclusion])
    return Concluded(load, conclusion, [outcome_of(conclusion)] * size)


def undecided(requests: Sequence[Concluded]) -> list[tuple[Attempt, Outcome, bool]]:
    """Return each attempt that is undecided, its outcome, and whether its request was repeated."""
    found: list[tuple[Attempt, Outcome, bool]] = []
    for request in requests:
        load = request.load
        if type(load) is not Batch:
            found.append((load, request.outcomes[0], False))  # type: ignore[arg-type]
            continue
        for attempt, outcome in zip(load.attempts, request.outcomes, strict=True):
            if not load.repeated or attempt.message.message_id in load.open:
                found.append((attempt, outcome, load.repeated))
    return found


def outcome_of(conclusion: Any) -> Outcome:
    """Return the outcome of an attempt by the conclusion of its exchange."""
    if type(conclusion) in _OUTCOMES:
        return conclusion  # type: ignore[no-any-return]
    if isinstance(conclusion, NotAddressable):
        return conclusion.outcome
    if isinstance(conclusion, NotSent):
        return Postponed(str(conclusion))
    if isinstance(conclusion, NoAnswer):
        return Uncertain(str(conclusion))
    return Uncertain(f"unreadable answer: {type(conclusion).__name__}")


LaneEvent = tuple[str, dict[str, Any]]
"""An event about a provider for the log, and its facts."""
BACK = frozenset(("provider_up", "lane_resumed"))
"""The events of a provider that is there again: the messages that wait for it need wait no longer.
"""


def adjust(
    lane: Lane,
    accepted: Sequence[AloneAccepted],
    others: Sequence[Concluded],
    *,
    now: float,
    wall: float,
    meters: Meters,
) -> list[LaneEvent]:
    """Adjust a lane's breaker, pause and concurrency to its requests; return events for the log."""
    count = len(accepted) + len(others)
    seconds = [now - attempt.left_at for attempt, _ in accepted]
    answered, events = bool(seconds), list[LaneEvent]()
    if seconds:
        lane.refusing = ""
        meters.asked(lane.name, "submit", "accepted", seconds)
        events += _resumed(lane, now) if lane.throttle.in_row else []
    for request in others:
        repeated = request.repeated
        took = _timed(lane, request, meters, now=now, wall=wall)
        if isinstance(request.conclusion, NotAddressable):
            continue  # the provider was not asked
        if _is_failure(request):
            events += _failed(lane, request, now)
            continue
        answered = True
        if not repeated:
            seconds.append(took)
        events += _answered(lane, request.outcomes, now)
        events += _throttled(lane, request, count, now)
    if seconds:
        took = sum(seconds) / len(seconds)
        lane.concurrency.answered(len(seconds), took, lane.out + count)
    if answered and lane.breaker.succeeded():
        events.append(("provider_up", {}))
    if marked := _marked(accepted, others):
        for what, times in losses(marked, lane.provider.abilities).items():
            meters.lost(lane.name, what, times)
    return events


def _marked(accepted: Sequence[AloneAccepted], others: Sequence[Concluded]) -> list[Attempt]:
    """Return the accepted attempts whose messages have properties that a provider may lose."""
    found = [
        attempt
        for attempt, _ in accepted
        if (m := attempt.message).data_coding in MARKED
        or (m.traits is not PLAIN and m.traits is not LIMITED)
    ]
    for request in others:
        pairs = zip(attempts_of(request.load), request.outcomes, strict=True)
        found += [attempt for attempt, outcome in pairs if type(outcome) is Accepted]
    return found


def _timed(lane: Lane, request: Concluded, meters: Meters, *, now: float, wall: float) -> float:
    """Count a request that was not accepted alone, keep its error; return the seconds it took."""
    attempts, outcomes = attempts_of(request.load), request.outcomes
    took, kind = now - request.load.left_at, _name(outcomes)
    meters.asked(lane.name, "submit", kind, [took])
    if kind != "accepted":
        error = error_of(attempts, outcomes, request.conclusion, kind=kind, at=wall, seconds=took)
        lane.errors.append(error)
    return took


def _is_failure(request: Concluded) -> bool:
    """Return whether the provider gave no usable answer at all."""
    if isinstance(request.conclusion, NotSent):
        return True
    return all(isinstance(outcome, Uncertain) for outcome in request.outcomes)


def _failed(lane: Lane, request: Concluded, now: float) -> list[LaneEvent]:
    if not isinstance(request.conclusion, NotSent):
        lane.concurrency.suffered(now)
    if lane.breaker.failed(now):
        return [("provider_down", {"reason": getattr(request.outcomes[0], "reason", "")})]
    return []


def _resumed(lane: Lane, now: float) -> list[LaneEvent]:
    """End the throttle of a lane whose pause is over, and whose provider accepts messages."""
    if not lane.throttle.in_row or lane.paused_until > now:
        return []
    lane.throttle.in_row = 0
    return [("lane_resumed", {})]


def _answered(lane: Lane, outcomes: Sequence[Outcome], now: float) -> list[LaneEvent]:
    """Adjust a lane to an answer about all its messages: accepted, or refused for the account."""
    events: list[LaneEvent] = []
    for outcome in outcomes:
        kind = type(outcome)
        if kind is Accepted:
            lane.refusing = ""
            events += _resumed(lane, now)
        elif kind is Postponed and outcome.whole_lane:  # type: ignore[union-attr]
            break
        elif kind is Refused and _refuses_all(outcome):  # type: ignore[arg-type]
            logged, lane.refusing = lane.refusing, outcome.reason  # type: ignore[union-attr]
            if logged != lane.refusing:
                events.append(("provider_refuses", {"reason": lane.refusing}))
            break
    return events


def _throttled(lane: Lane, request: Concluded, answered: int, now: float) -> list[LaneEvent]:
    """Pause a lane that is too fast for its provider, by one of *answered* requests.

    A request that had left when the pause began does not lengthen the pause, unless the provider
    asks for a longer one.
    """
    refusal = next((o for o in request.outcomes if type(o) is Postponed and o.whole_lane), None)
    if refusal is None:
        return []
    throttle = lane.throttle
    begins = lane.paused_until <= now and not throttle.left_before(request.load.left_at)
    if begins:
        throttle.begin(refusal.reason, out=lane.out + answered, now=now)
    lane.pause(throttle.until(refusal.after))
    if throttle.is_rate():
        lane.pace.cut(lane.speed(now), now, lane.paused_until)
        lane.concurrency.suffered(now)
    seconds = round(lane.paused_until - now, 1)
    return [("lane_paused", {"reason": refusal.reason, "seconds": seconds})] if begins else []


def _refuses_all(outcome: Refused) -> bool:
    """Return whether a refusal is about the account (credentials, credit), whatever the message."""
    return outcome.provider_fault and outcome.command_status == CommandStatus.ESME_RSUBMITFAIL


def _name(outcomes: Sequence[Outcome]) -> str:
    names = {type(outcome).__name__.lower() for outcome in outcomes}
    return names.pop() if len(names) == 1 else "mixed"
