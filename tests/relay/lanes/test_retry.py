from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.relay.lanes import retry
from smppbridge.relay.lanes.retry import DEFAULT_POLICY, Onward, Policy, decide
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import Verdict
from tests.relay.fakes import NOW, message

ROUTE = ("one", "two", "three")
FAULT = Refused("no credit", 0x45, provider_fault=True)
UNSURE = Uncertain("silence")


def made(
    attempt: Attempt, outcome: Outcome, policy: Policy = DEFAULT_POLICY, random: float = 0.5
) -> Verdict:
    return decide(attempt, outcome, policy, now=NOW, random=random, onward=onward(*ROUTE))


def onward(*there: str, shut: str = "") -> Onward:
    """Return the way on along ROUTE to providers that are *there*, of which one is *shut*."""

    def go_on(attempt: Attempt, only_open: bool) -> int | None:
        hops = [h for h in range(attempt.hop + 1, len(ROUTE)) if ROUTE[h] in there]
        return next((h for h in hops if not only_open or ROUTE[h] != shut), None)

    return go_on


def attempt_at(hop: int = 0, number: int = 1, **changes: Any) -> Attempt:
    return Attempt(message(route=ROUTE, **changes), ROUTE[hop], number, hop)


# outcome, policy -> stage, seconds until due, next provider, final state, error
DECIDED: list[tuple[Outcome, Policy, Stage, float | None, str, int, int]] = [
    (Accepted("x"), Policy(first_look=9), Stage.SUBMITTED, 9, "", 0, 0),
    (Accepted("x"), Policy(), Stage.SUBMITTED, 3 * 86_400, "", 0, 0),
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
    (UNSURE, Policy(when_uncertain="retry"), Stage.SUBMITTING, 600, "", 0, 0),  # without a key
    (UNSURE, Policy(when_uncertain="fail"), Stage.SUBMITTING, 0, "", MessageState.UNDELIVERABLE, 0),
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
    verdict = made(attempt_at(), outcome, policy)
    assert (verdict.stage, verdict.due, verdict.next_provider) == (stage, NOW + after, following)
    assert (verdict.state, verdict.error) == (state, error)
    assert verdict.provider_message_id == ("x" if isinstance(outcome, Accepted) else None)


def test_a_providers_fault_goes_to_the_next_one_there_is() -> None:
    attempt = attempt_at()
    verdict = decide(attempt, FAULT, Policy(), now=NOW, random=0.5, onward=onward("one", "three"))
    assert (verdict.next_provider, verdict.next_hop) == ("three", 2)
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
        verdict = made(attempt, outcome, policy, random)
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
    verdict = retry.waiting(attempt, UNSURE, NOW)
    assert (verdict.stage, verdict.due, verdict.next_provider) == (Stage.WAITING, NOW, "two")
    attempt.hop = verdict.next_hop
    assert made(attempt, FAULT).state == MessageState.REJECTED


# tries so far, seconds since acceptance, place in the route -> provider
PUT_OFF = [
    (59.0, 0, "one"),
    (60.0, 0, "two"),
    (119.0, 1, "two"),
    (120.0, 1, "three"),
    (999.0, 2, "three"),
]


@pytest.mark.parametrize(("waited", "hop", "following"), PUT_OFF)
def test_who_is_put_off_too_long_goes_on(waited: float, hop: int, following: str) -> None:
    attempt = attempt_at(hop, accepted_at=NOW - waited)
    verdict = made(attempt, Postponed("busy"))
    assert (verdict.stage, verdict.next_provider) == (Stage.WAITING, following)


def test_who_is_put_off_goes_on_only_to_who_is_open() -> None:
    attempt = attempt_at(1, accepted_at=NOW - 999)
    shut = onward(*ROUTE, shut="three")
    verdict = decide(attempt, Postponed("busy"), Policy(), now=NOW, random=0.5, onward=shut)
    assert verdict.next_provider == "two"
    refused = decide(attempt, FAULT, Policy(), now=NOW, random=0.5, onward=shut)
    assert refused.next_provider == "three"


KEYED = Policy(when_uncertain="retry", idempotent=3_600.0, uncertain_deadline=77.0)
SAME = (Stage.SUBMITTING, "")
# seconds since the key was first used, outcome, repeated -> seconds until due, final state
UNDER_A_KEY: list[tuple[float, Outcome, bool, float, int]] = [
    (10, UNSURE, False, 2, 0),
    (3_599, UNSURE, True, 2, 0),
    (3_600, UNSURE, True, 77, 0),
    (10, Postponed("busy", 9.0, True), True, 9, 0),
    (3_600, Postponed("busy"), True, 77, 0),
    (10, FAULT, True, 2, 0),
    (10, Refused("bad number", 0x0B), True, 0, MessageState.REJECTED),
]


@pytest.mark.parametrize(("age", "outcome", "repeated", "after", "state"), UNDER_A_KEY)
def test_what_may_have_been_heeded_goes_nowhere_else_and_keeps_its_key(
    age: float, outcome: Outcome, repeated: bool, after: float, state: int
) -> None:
    attempt = attempt_at(accepted_at=NOW - 999)
    attempt.batch, attempt.begun_at = "key", NOW - age
    verdict = decide(
        attempt,
        outcome,
        KEYED,
        now=NOW,
        random=0.5,
        onward=onward(*ROUTE),
        repeated=repeated,
    )
    assert (verdict.stage, verdict.next_provider) == SAME
    assert (verdict.due, verdict.state) == (NOW + after, state)


def test_a_key_is_not_used_beyond_the_messages_life_or_its_tries() -> None:
    attempt = attempt_at(expires_at=NOW)
    attempt.batch, attempt.begun_at = "key", NOW
    assert not KEYED.may_repeat(attempt, NOW)
    assert KEYED.may_repeat(attempt, NOW - 1)
    attempt.message.expires_at += 999
    assert not Policy(when_uncertain="retry", idempotent=9.0, attempts=1).may_repeat(attempt, NOW)
    assert not Policy(when_uncertain="hold", idempotent=9.0).may_repeat(attempt, NOW)
    assert not Policy(when_uncertain="retry").may_repeat(attempt, NOW)  # it heeds no keys


@pytest.mark.parametrize(
    ("number", "random", "seconds"),
    [(1, 0.0, 1.6), (1, 1.0, 2.4), (4, 0.5, 16.0), (8, 0.5, 256.0), (9, 0.5, 300.0)],
)
def test_the_pause_before_the_next_try(number: int, random: float, seconds: float) -> None:
    assert retry.pause(number, random) == pytest.approx(seconds)


# -- a lane that was too fast ---------------------------------------------------------------------

TOO_FAST = Postponed("HTTP 429", 30.0, True)


@pytest.mark.parametrize(
    ("number", "outcome", "after", "keeps"),
    [
        (1, TOO_FAST, -50.0, True),
        (10, TOO_FAST, -50.0, True),
        (11, TOO_FAST, 300.0, False),
        (1, Postponed("busy", 30.0), 30.0, False),
    ],
)
def test_a_message_keeps_its_place_for_ten_tries_while_its_lane_pauses(
    number: int, outcome: Outcome, after: float, keeps: bool
) -> None:
    verdict = made(attempt_at(number=number, due=NOW - 50.0), outcome)
    assert (verdict.stage, verdict.due, verdict.next_provider) == (
        *(Stage.WAITING, NOW + after, "one"),
    )
    assert retry.keeps_place(verdict) is keeps


def test_a_message_is_due_no_later_than_its_lane_found_it_too_much() -> None:
    verdict = made(attempt_at(due=NOW + 9.0), TOO_FAST)
    assert verdict.due == NOW
    assert retry.keeps_place(verdict)


def test_only_the_refusal_of_a_whole_lane_keeps_a_place_and_only_there() -> None:
    here, onwards = attempt_at(), attempt_at(accepted_at=NOW - 61.0)
    assert not retry.keeps_place(made(onwards, TOO_FAST))
    assert not retry.keeps_place(made(here, FAULT))
    assert not retry.keeps_place(made(here, Accepted("x")))
    assert not retry.keeps_place(made(here, Uncertain("?"), Policy(uncertain_deadline=0.0)))
    assert not retry.keeps_place(retry.waiting(here, Uncertain("by hand"), NOW))
    late = Verdict(here, TOO_FAST, Stage.WAITING, NOW + 0.1, NOW, next_provider="one")
    assert not retry.keeps_place(late)
    assert not retry.keeps_place(Verdict(here, TOO_FAST, Stage.WAITING, None, NOW))
