from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.relay import retry
from smppbridge.relay.retry import DEFAULT_POLICY, Decision, Policy, decide
from smppbridge.smpp.constants import MessageState
from tests.relay.fakes import NOW, message

ROUTE = ("one", "two", "three")
FAULT = Refused("no credit", 0x45, provider_fault=True)
UNSURE = Uncertain("silence")


def made(
    attempt: Attempt, outcome: Outcome, policy: Policy = DEFAULT_POLICY, random: float = 0.5
) -> Decision:
    return decide(attempt, outcome, policy, now=NOW, random=random, providers=set(ROUTE))


def attempt_at(hop: int = 0, number: int = 1, **changes: object) -> Attempt:
    return Attempt(message(route=ROUTE, **changes), ROUTE[hop], number, hop)


# outcome, policy -> stage, seconds until due, next provider, final state, error
DECIDED: list[tuple[Outcome, Policy, Stage, float | None, str, int, int]] = [
    (Accepted("x"), Policy(first_look=9), Stage.SUBMITTED, 9, "", 0, 0),
    (Postponed("busy"), Policy(), Stage.WAITING, 2, "one", 0, 0),
    (Postponed("busy", 7.0), Policy(), Stage.WAITING, 7, "one", 0, 0),
    (Postponed("busy", 1.0), Policy(), Stage.WAITING, 2, "one", 0, 0),
    (Postponed("busy"), Policy(attempts=1), Stage.SUBMITTING, 0, "", MessageState.UNDELIVERABLE, 0),
    (Postponed("busy"), Policy(attempts=2), Stage.WAITING, 2, "one", 0, 0),
    (Postponed("busy", 999_999.0), Policy(), Stage.WAITING, 86_400, "one", 0, 0),
    (FAULT, Policy(), Stage.WAITING, 0, "two", 0, 0),
    (Refused("bad number", 0x0B), Policy(), Stage.SUBMITTING, 0, "", MessageState.REJECTED, 0x0B),
    (Refused("odd", 0x10401), Policy(), Stage.SUBMITTING, 0, "", MessageState.REJECTED, 1),
    (UNSURE, Policy(uncertain_deadline=60), Stage.SUBMITTING, 60, "", 0, 0),
    (UNSURE, Policy(when_uncertain="retry"), Stage.WAITING, 2, "one", 0, 0),
    (UNSURE, Policy(when_uncertain="fail"), Stage.SUBMITTING, 0, "", MessageState.UNDELIVERABLE, 0),
    (
        UNSURE,
        Policy(when_uncertain="retry", attempts=1),
        Stage.SUBMITTING,
        0,
        "",
        MessageState.UNDELIVERABLE,
        0,
    ),
]


@pytest.mark.parametrize(
    ("outcome", "policy", "stage", "after", "following", "state", "error"), DECIDED
)
def test_an_outcome_decides(
    outcome: Outcome,
    policy: Policy,
    stage: Stage,
    after: float,
    following: str,
    state: int,
    error: int,
) -> None:
    decision = made(attempt_at(), outcome, policy)
    verdict = decision.verdict
    assert (verdict.stage, verdict.due, verdict.next_provider) == (stage, NOW + after, following)
    assert (decision.state, decision.error) == (state, error)
    assert verdict.provider_message_id == ("x" if isinstance(outcome, Accepted) else None)


def test_a_providers_fault_goes_to_the_next_one_there_is() -> None:
    attempt = attempt_at()
    decision = decide(attempt, FAULT, Policy(), now=NOW, random=0.5, providers={"one", "three"})
    assert (decision.verdict.next_provider, decision.verdict.next_hop) == ("three", 2)
    last = made(attempt_at(2), FAULT)
    assert (last.state, last.error) == (MessageState.REJECTED, 0x45)


@given(st.integers(1, 1_000), st.floats(0, 1))
def test_pauses_double_with_jitter_up_to_five_minutes(number: int, random: float) -> None:
    plain = min(300.0, 2.0 * 2.0 ** min(number - 1, 16))
    assert plain * 0.8 <= retry.pause(number, random) <= plain * 1.2


OUTCOMES = st.one_of(
    st.builds(Postponed, st.just("busy"), st.none() | st.floats(0, 1e6), st.booleans()),
    st.builds(Refused, st.just("no"), st.integers(0, 0xFFFF), st.booleans()),
    st.builds(Uncertain, st.just("?")),
    st.builds(Accepted, st.just("x")),
)


@given(
    st.lists(OUTCOMES, min_size=1, max_size=8),
    st.sampled_from(["hold", "retry", "fail"]),
    st.none() | st.integers(1, 4),
    st.floats(0, 1),
    st.floats(1, 1e5),
)
def test_a_message_is_tried_as_long_and_where_it_may_be(
    outcomes: list[Outcome], when_uncertain: str, attempts: int | None, random: float, life: float
) -> None:
    policy = Policy(when_uncertain=when_uncertain, attempts=attempts)
    attempt = attempt_at(expires_at=NOW + life)
    unsure_of: str | None = None
    for number, outcome in enumerate(outcomes, 1):
        attempt.number = number
        decision = made(attempt, outcome, policy, random)
        verdict = decision.verdict
        if isinstance(outcome, Uncertain):
            unsure_of = attempt.provider
        if verdict.stage is not Stage.WAITING:
            assert not verdict.next_provider
            break
        assert verdict.due is not None
        assert NOW <= verdict.due <= attempt.message.expires_at
        if isinstance(outcome, Postponed | Uncertain):
            assert attempts is None or number < attempts
        assert unsure_of in (None, verdict.next_provider)
        # as the store keeps it
        attempt.provider = verdict.next_provider
        attempt.hop = verdict.next_hop or attempt.hop


def test_by_hand_it_goes_to_the_same_provider_and_to_no_other() -> None:
    attempt = attempt_at(1)
    verdict = retry.waiting(attempt, UNSURE, NOW).verdict
    assert (verdict.stage, verdict.due, verdict.next_provider) == (Stage.WAITING, NOW, "two")
    attempt.hop = verdict.next_hop
    assert made(attempt, FAULT).state == MessageState.REJECTED
