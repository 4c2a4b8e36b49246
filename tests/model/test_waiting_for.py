"""What a message waits for, by its case."""

from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.verdict_facts import BridgeFacts, OwedReceipt, VerdictFacts, seen_now
from smppbridge.model.verdicts import verdict
from smppbridge.model.waiting_for import wait_of

NOW = 1_800_000_000.0
WAITING: dict[str, Any] = {"stage": Stage.WAITING, "due": NOW}
DONE: dict[str, Any] = {"stage": Stage.FINISHED, "state": 2, "registered_delivery": 1}
OWED = OwedReceipt(1, NOW + 3600, NOW + 60)


def case(meanwhile: BridgeFacts | None = None, **more: Any) -> VerdictFacts:
    same = {"system_id": "bank", "provider": "d7", "expires_at": NOW + 3600, "now": NOW}
    return seen_now(VerdictFacts(**(same | more)), meanwhile or BridgeFacts())  # type: ignore[arg-type]


TABLE: list[tuple[VerdictFacts, tuple[Any, ...] | None]] = [
    (
        case(stage=Stage.SUBMITTING, uncertain=True, due=NOW + 9),
        ("decision", "uncertain", NOW + 9, None),
    ),
    (
        case(BridgeFacts(until=NOW + 5), stage=Stage.GATHERING, missing=(2,), total=2),
        ("segments", "segments_missing", NOW + 5, None),
    ),
    (
        case(BridgeFacts(shut="breaker_open", until=NOW + 5, before=7), **WAITING),
        ("provider", "breaker_open", NOW + 5, 7),
    ),
    (case(**WAITING | {"due": NOW + 5, "quiet": True}), ("time", "quiet_hours", NOW + 5, None)),
    (
        case(**WAITING | {"due": NOW + 5, "tried": ("postponed", "x")}),
        ("time", "put_off", NOW + 5, None),
    ),
    (case(**WAITING | {"due": NOW + 5}), ("time", "scheduled", NOW + 5, None)),
    (case(**WAITING), ("provider", "in_line", None, None)),
    (
        case(BridgeFacts(limit="rate", before=100, speed=50.0), **WAITING),
        ("provider", "rate", NOW + 2, 100),
    ),
    (case(stage=Stage.SUBMITTING), ("answer", "", None, None)),
    (case(stage=Stage.SUBMITTED, due=NOW + 60), ("report", "", NOW + 60, None)),
    (case(owed=(OWED,), **DONE), ("receiver", "", NOW + 3600, None)),
    (
        case(BridgeFacts(receivers=0), owed=(OWED,), **DONE),
        ("receiver", "no_receiver", NOW + 3600, None),
    ),
    (
        case(BridgeFacts(receivers=2), owed=(OWED,), **DONE),
        ("acknowledgement", "in_line", NOW + 3600, None),
    ),
    (
        case(owed=(OWED, OwedReceipt(2, NOW + 9, NOW, 3)), **DONE),
        ("acknowledgement", "put_off", NOW + 3600, None),
    ),
    (case(**DONE), None),
]


@pytest.mark.parametrize(("given", "wanted"), TABLE)
def test_what_is_waited_for(given: VerdictFacts, wanted: tuple[Any, ...] | None) -> None:
    found = wait_of(given)
    assert (found and (found.awaited, found.why, found.until, found.before)) == wanted


def test_a_verdict_says_which_limit_binds_and_when_the_turn_comes() -> None:
    found = verdict(case(BridgeFacts(limit="rate", before=100, speed=50.0), **WAITING))
    assert "100 messages before it. Its turn is at about 2027-01-15 08:00:02Z." in found.why
    assert "The rate of the provider in the configuration" in found.why
    assert found.do[0].endswith("look at d7: rate.")
