from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model import steps
from smppbridge.model.steps import told

PACKAGE = Path(steps.__file__).parents[1]
AT = "2026-11-26T14:05:51.206Z"

TABLE: list[tuple[str, dict[str, Any], str]] = [
    (
        "segment_received",
        {"message_id": "7", "number": 2},
        "Segment 2 came, and was answered ESME_ROK",
    ),
    (
        "segment_received",
        {"message_id": "7"},
        "A segment came, and was answered ESME_ROK with the id 7.",
    ),
    ("joined", {}, "All segments had come: the message was whole."),
    ("received", {}, "It came, and was answered ESME_ROK."),
    ("routed", {"via": ["keccel", "d7"]}, "Its route: keccel, then d7."),
    ("postponed", {"why": "quiet_hours"}, "It waits. The quiet hours of the route hold"),
    (
        "provider_skipped",
        {"provider": "keccel", "to": "d7", "why": "breaker_open"},
        "keccel was left out. keccel does not answer: nothing is sent there but a probe.",
    ),
    ("provider_skipped", {"provider": "keccel", "to": "d7"}, "keccel was left out."),
    (
        "diverted",
        {"provider": "keccel", "to": "d7", "why": "credit_low"},
        "It went on from keccel to d7. The credit at keccel is low.",
    ),
    (
        "attempt_accepted",
        {
            "number": 1,
            "provider": "d7",
            "provider_message_id": "X",
            "seconds": 0.25,
        },
        "Attempt 1: d7 took it as X after 0.25 s.",
    ),
    (
        "attempt_postponed",
        {"number": 2, "provider": "d7", "reason": "HTTP 503"},
        "Attempt 2: d7 could not take it: HTTP 503.",
    ),
    ("attempt_refused", {"number": 3, "provider": "d7"}, "Attempt 3: d7 refused it."),
    ("attempt_uncertain", {"number": 3, "provider": "d7"}, "nobody knows whether d7 took it."),
    ("attempt_out", {"number": 3, "provider": "d7"}, "Attempt 3: d7 has not answered yet."),
    ("attempt_odd", {"number": 4, "provider": "d7"}, "attempt_odd: number 4, provider d7."),
    ("part", {"number": 1, "provider_message_id": "X", "state": 2, "error": 0}, "there, DELIVERED"),
    (
        "state_final",
        {"state": 2, "error": 0, "source": "push"},
        "Its state is DELIVERED: reported by a",
    ),
    (
        "report_heard",
        {"state": 99, "error": 7, "source": "x"},
        "Its state is 99, error 7: reported by x",
    ),
    (
        "receipt_owed",
        {"message_id": "7", "state": 2, "postponed": 1, "expires_at": AT},
        f"The receipt of 7 is owed, sent in vain 1 time; kept until {AT}.",
    ),
    (
        "receipt_acknowledged",
        {"message_id": "7", "command_status": 0},
        "The receipt of 7 was acknowledged.",
    ),
    ("receipt_refused", {"message_id": "7", "command_status": 8}, "was answered ESME_RSYSERR."),
    (
        "receipt_lapsed",
        {"message_id": "7", "why": "unacknowledged"},
        "of 7 is kept no longer. No session",
    ),
    ("rejected", {"why": "no_route", "detail": "to 9"}, "The bridge refused it (to 9). No route"),
    ("expired", {"why": "waited_too_long"}, "It expired. The message waited until"),
    ("cancelled", {"why": "segments_missing"}, "It was cancelled."),
    ("failed", {"why": "attempts_over", "provider": "d7"}, "It was given up. d7 could not take"),
    ("decided_by_hand", {"verb": "move", "provider": "a", "to": "b"}, "A person gave it to b."),
    ("decided_by_hand", {"verb": "fail", "provider": "a"}, "A person gave it up."),
    ("now_waiting", {"awaited": "receiver", "until": AT}, f"takes receipts, until {AT}."),
    ("now_waiting", {"awaited": "provider", "before": 2}, "provider, 2 messages before it."),
    ("odd", {"kind": "ucs2_as_default"}, "odd: kind ucs2_as_default."),
    ("sunspots", {}, "sunspots."),
]


@pytest.mark.parametrize(("code", "facts", "says"), TABLE)
def test_a_step_is_a_sentence(code: str, facts: dict[str, Any], says: str) -> None:
    found = told(code, facts)
    assert says in found
    assert found.endswith(".")
    assert "None" not in found


@pytest.mark.parametrize("code", sorted({code for code, _, _ in TABLE}))
def test_facts_that_are_missing_do_no_harm(code: str) -> None:
    assert told(code, {}).endswith(".")


def test_each_code_of_a_note_is_told() -> None:
    codes = {
        call.args[1].value
        for path in (PACKAGE / "relay").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "note"
        and len(call.args) == 3
        and isinstance(call.args[1], ast.Constant)
    }
    assert len(codes) > 4
    assert codes <= {code for code, _, _ in TABLE}
