from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.outcome import Accepted, accepted
from smppbridge.model.parts import WORST_FIRST, DeliveredBy, Part, joint_state, parts_of
from smppbridge.smpp.constants import FINAL_STATES, MessageState

OPEN, ENROUTE, DELIVERED, UNKNOWN = 0, MessageState.ENROUTE, MessageState.DELIVERED, 7
EXPIRED, UNDELIVERABLE, REJECTED = 3, MessageState.UNDELIVERABLE, MessageState.REJECTED

everything = st.lists(
    st.builds(Part, st.text(min_size=1), st.booleans(), st.integers(0, 9), st.integers(0, 999)),
    min_size=1,
)


def parts(by: DeliveredBy, *states: int) -> list[Part]:
    named = parts_of([f"id{n}" for n in range(len(states))], by)
    assert named
    return [
        Part(part.provider_message_id, part.needed, state, 10 * n)
        for n, (part, state) in enumerate(zip(named, states, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("by", "states", "state"),
    [
        ("all", (OPEN, OPEN, OPEN), None),
        ("all", (DELIVERED, OPEN, DELIVERED), None),
        ("all", (DELIVERED, ENROUTE, DELIVERED), None),
        ("all", (DELIVERED, DELIVERED, DELIVERED), (DELIVERED, 0)),
        ("all", (UNDELIVERABLE, OPEN, OPEN), (UNDELIVERABLE, 10)),
        ("all", (DELIVERED, UNDELIVERABLE, DELIVERED), (UNDELIVERABLE, 20)),
        ("all", (EXPIRED, REJECTED, UNDELIVERABLE), (REJECTED, 20)),
        ("all", (UNKNOWN, DELIVERED, OPEN), None),
        ("all", (UNKNOWN, DELIVERED, DELIVERED), (UNKNOWN, 10)),
        ("all", (UNKNOWN, UNDELIVERABLE, OPEN), (UNDELIVERABLE, 20)),
        ("last", (OPEN, OPEN, DELIVERED), (DELIVERED, 0)),
        ("last", (DELIVERED, DELIVERED, OPEN), None),
        ("last", (EXPIRED, OPEN, OPEN), (EXPIRED, 10)),
        ("last", (EXPIRED, OPEN, DELIVERED), (EXPIRED, 10)),
        ("last", (UNKNOWN, OPEN, DELIVERED), (DELIVERED, 0)),
        ("first", (DELIVERED, OPEN, OPEN), (DELIVERED, 0)),
        ("first", (OPEN, DELIVERED, DELIVERED), None),
        ("first", (OPEN, OPEN, REJECTED), (REJECTED, 30)),
    ],
)
def test_the_worst_part_is_the_message_and_it_is_delivered_when_its_needed_parts_are(
    by: DeliveredBy, states: Sequence[int], state: tuple[int, int] | None
) -> None:
    assert joint_state(parts(by, *states)) == state


@given(found=everything)
def test_a_message_ends_only_in_a_state_that_a_part_of_it_has(found: list[Part]) -> None:
    needed = [part for part in found if part.needed]
    state = joint_state(found)
    if state and needed:
        assert state[0] in FINAL_STATES
        assert state[0] in {part.state for part in found}
    if any(part.state in WORST_FIRST for part in found):
        assert state
        assert state[0] in WORST_FIRST


def test_every_final_state_is_well_or_unknown_or_a_failure() -> None:
    assert {*WORST_FIRST, MessageState.DELIVERED, MessageState.UNKNOWN} == FINAL_STATES


@pytest.mark.parametrize("by", ["all", "last", "first"])
def test_a_message_with_one_id_has_no_parts(by: DeliveredBy) -> None:
    assert accepted(["7"], by) == Accepted("7")
    assert accepted(["7", "7", "7"], by) == Accepted("7")


@pytest.mark.parametrize(
    ("by", "named", "needed"),
    [
        ("all", ["a", "b", "c"], "abc"),
        ("last", ["a", "b", "c"], "c"),
        ("first", ["a", "b", "c"], "a"),
        ("all", [None, "b", "c"], "bc"),
        ("all", ["a", "b", ""], "ab"),
        ("last", [None, "b", "c"], "c"),
        ("first", ["a", "", "c"], "a"),
        ("last", ["a", "b", "a"], "a"),
    ],
)
def test_parts_have_the_ids_in_order_and_the_rule_says_which_are_needed(
    by: DeliveredBy, named: list[str | None], needed: str
) -> None:
    outcome = accepted(named, by)
    assert outcome
    known = list(dict.fromkeys(filter(None, named)))
    assert [part.provider_message_id for part in outcome.parts] == known
    assert outcome.provider_message_id == known[0]
    assert "".join(p.provider_message_id for p in outcome.parts if p.needed) == needed


@pytest.mark.parametrize(
    ("by", "named"),
    [("all", [None, ""]), ("all", []), ("last", ["a", None]), ("first", ["", "b"])],
)
def test_without_an_id_that_is_needed_no_report_can_come(
    by: DeliveredBy, named: list[str | None]
) -> None:
    assert accepted(named, by) is None
