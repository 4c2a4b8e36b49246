from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.message import Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.verdict_facts import BridgeFacts, EndedReceipt, OwedReceipt, VerdictFacts
from smppbridge.model.verdicts import verdict
from smppbridge.smpp.constants import MessageState

NOW = 1_800_000_000.0
DAY = "2027-01-15 "
WAITING = {"stage": Stage.WAITING, "due": NOW}
DONE = {"stage": Stage.FINISHED, "due": None, "attempts": 1, "provider_message_id": "X"}
DELIVERED = {**DONE, "state": MessageState.DELIVERED, "registered_delivery": 1}
OWED = OwedReceipt(1, NOW + 3600, NOW + 60)
TRIED = OwedReceipt(1, NOW + 3600, NOW + 60, 3)
BUSY = OwedReceipt(1, NOW + 3600, NOW + 60, 3, 0x14)


def case(**more: Any) -> VerdictFacts:
    same: dict[str, Any] = {
        "system_id": "bank", "provider": "d7", "expires_at": NOW + 3600, "now": NOW,
    }  # fmt: skip
    return VerdictFacts(**same | more)


# by the code of the verdict: the case, and pieces of what is said
TABLE: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (
        "uncertain",
        {"stage": Stage.SUBMITTING, "uncertain": True, "due": NOW + 600, "attempts": 1,
         "tried": ("uncertain", "no answer")},
        ("Nobody knows", "uncertain: no answer.", f"awaited until {DAY}08:10:00Z", "messages fail"),
    ),
    (
        "gathering",
        {"stage": Stage.GATHERING, "missing": (2,), "total": 3},
        ("Segment 2 of 3 has not come.", "Ask bank why the segment did not follow."),
    ),
    (
        "gathering",
        {"stage": Stage.GATHERING, "missing": (1, 3), "total": 3, "until": NOW + 60},
        ("Segments 1, 3 of 3 have not come.", f"until {DAY}08:01:00Z"),
    ),
    (
        "waiting_breaker_open",
        {**WAITING, "meanwhile": BridgeFacts(shut="breaker_open")},
        ("It waits for d7.", "d7 does not answer", "expires at"),
    ),
    (
        "waiting_provider_paused",
        {**WAITING, "meanwhile": BridgeFacts(shut="provider_paused", until=NOW + 30)},
        (f"waits for d7 until {DAY}08:00:30Z", "told the bridge to wait"),
    ),
    ("waiting_credit_low", {**WAITING, "meanwhile": BridgeFacts(shut="credit_low")}, ("Top up",)),
    ("waiting_quiet", {**WAITING, "due": NOW + 9, "quiet": True}, ("end of the quiet hours",)),
    (
        "waiting_put_off",
        {**WAITING, "due": NOW + 4, "attempts": 2, "tried": ("postponed", "HTTP 503")},
        (f"again at {DAY}08:00:04Z", "2 attempts so far.", "postponed: HTTP 503."),
    ),
    ("waiting_put_off", {**WAITING, "attempts": 1, "tried": ("postponed", "")}, ("1 attempt so",)),
    ("waiting_scheduled", {**WAITING, "due": NOW + 60}, ("schedule_delivery_time",)),
    ("waiting_in_line", WAITING, ("It is in line, and has not been tried.",)),
    (
        "waiting_in_line",
        {**WAITING, "meanwhile": BridgeFacts(before=1)},
        (" 1 message before it.",),
    ),
    ("out", {"stage": Stage.SUBMITTING, "attempts": 3}, ("on its way to d7", "attempt 3")),
    (
        "submitted",
        {"stage": Stage.SUBMITTED, "due": NOW + 60, "provider_message_id": "abc"},
        ("d7 has it.", "call the message abc", "callbacks of d7"),
    ),
    (
        "rejected_no_route",
        {**DONE, "state": MessageState.REJECTED, "why": "no_route", "detail": "to 999"},
        ("The bridge refused it.", "the number (to 999).", "Add a route"),
    ),
    (
        "rejected",
        {**DONE, "state": MessageState.REJECTED, "provider_message_id": None, "error": 11,
         "tried": ("refused", "no credit"), "owed": (OWED,)},
        ("d7 refused it.", "error code is 11.", "refused: no credit.", "Ask bank to bind"),
    ),
    (
        "expired_segments",
        {**DONE, "state": MessageState.EXPIRED, "missing": [2], "total": 3},
        ("segment 2 of 3 did not come", "gather_timeout"),
    ),
    (
        "expired_waiting",
        {**DONE, "state": MessageState.EXPIRED, "provider_message_id": None, "attempts": 4,
         "tried": ("postponed", "busy")},
        ("before d7 took it", "4 attempts.", "postponed: busy."),
    ),
    (
        "expired_waiting",
        {**DONE, "state": MessageState.EXPIRED, "provider_message_id": None, "attempts": 0,
         "behind": "breaker_open"},
        ("before d7 took it", "0 attempts.", "d7 does not answer"),
    ),
    (
        "expired_there",
        {**DONE, "state": MessageState.EXPIRED, "error": 27},
        ("d7 could not deliver it in time.", "off, out of reach", "code is 27."),
    ),
    (
        "undeliverable",
        {**DONE, "state": MessageState.UNDELIVERABLE, "error": 27},
        ("could not deliver it", "report that the phone did not", "code is 27.", "Ask d7 what"),
    ),
    (
        "undeliverable",
        {**DONE, "state": MessageState.UNDELIVERABLE, "provider_message_id": None},
        ("could not deliver it",),
    ),
    (
        "undeliverable",
        {**DONE, "state": MessageState.UNDELIVERABLE, "provider_message_id": None,
         "why": "attempts_over", "tried": ("postponed", "HTTP 503")},
        ("It was given up.", "as many tries as it has. The last one was postponed: HTTP 503.",
         "`attempts` of d7"),
    ),
    (
        "undeliverable",
        {**DONE, "state": MessageState.UNDELIVERABLE, "why": "given_up", "owed": (OWED,)},
        ("It was given up.", "A person gave", "audit trail", "Ask bank to bind"),
    ),
    (
        "unknown",
        {**DONE, "state": MessageState.UNKNOWN, "why": "still_uncertain"},
        ("Nobody ever knew", "Nobody decided about", "Ask d7 whether they have it"),
    ),
    (
        "expired_no_report",
        {**DONE, "state": MessageState.EXPIRED, "why": "no_report"},
        ("nobody knows whether the phone", "no report came within", "the callbacks of d7"),
    ),
    ("deleted", {**DONE, "state": MessageState.DELETED}, ("cancelled or replaced",)),
    (
        "unknown",
        {**DONE, "state": MessageState.UNKNOWN},
        ("Nobody ever knew", "no report of its end", "`smppbridge doctor d7`", "Ask d7 what"),
    ),
    (
        "unknown",
        {**DONE, "state": MessageState.UNKNOWN, "provider_message_id": None},
        ("Nobody ever knew", "Ask d7 whether they have it"),
    ),
    ("unknown", {**DONE, "state": 99}, ("Nobody ever knew",)),
    ("without_reports", {**DONE, "state": MessageState.ACCEPTED}, ("d7 has it, and tells",)),
    (
        "receipt_no_receiver",
        {**DELIVERED, "owed": (OWED,)},
        ("bank has not been told", "RX or TRX", f"until {DAY}09:00:00Z", "to no TX session"),
    ),
    (
        "receipt_in_line",
        {**DELIVERED, "owed": (OWED,), "meanwhile": BridgeFacts(receivers=2)},
        ("in line for 2 sessions", "deliver_window"),
    ),
    (
        "receipt_tx_only",
        {**DELIVERED, "owed": (OWED,), "meanwhile": BridgeFacts(receivers=0, bound=1)},
        ("The session of bank is bound as TX only", "to no TX session"),
    ),
    (
        "receipt_tx_only",
        {**DELIVERED, "owed": (OWED,), "meanwhile": BridgeFacts(receivers=0, bound=2)},
        ("All 2 sessions of bank are bound as TX only",),
    ),
    (
        "receipt_no_receiver",
        {**DELIVERED, "owed": (OWED,), "meanwhile": BridgeFacts(receivers=0, bound=0)},
        ("bank has no session. It is kept", "Ask bank to bind as a receiver or transceiver."),
    ),
    (
        "receipt_no_receiver",
        {**DELIVERED, "owed": (BUSY,), "meanwhile": BridgeFacts(receivers=0, bound=0)},
        ("sent 3 times, and answered ESME_RMSGQFUL at last. bank has no session", "Ask bank to"),
    ),
    (
        "receipt_unanswered",
        {**DELIVERED, "owed": (OWED,),
         "meanwhile": BridgeFacts(receivers=1, bound=1, unanswered_until=NOW + 30)},
        (f"answer is awaited until {DAY}08:00:30Z", f"kept until {DAY}09:00:00Z"),
    ),
    (
        "receipt_refused_so_far",
        {**DELIVERED, "owed": (OWED, TRIED)},
        ("was sent 3 times, and not answered. Next at", "deliver_sm_resp does not come"),
    ),
    (
        "receipt_refused_so_far",
        {**DELIVERED, "owed": (BUSY, OWED)},
        ("sent 3 times, and answered ESME_RMSGQFUL at last.", "why it answers ESME_RMSGQFUL"),
    ),
    (
        "receipt_lapsed",
        {**DELIVERED, "ended": (EndedReceipt(1, 0), EndedReceipt(2, None))},
        ("never told", "never sent: nobody bound"),
    ),
    (
        "receipt_lapsed",
        {**DELIVERED, "ended": (EndedReceipt(2, None, 4), EndedReceipt(1, 0))},
        ("sent 4 times and not acknowledged",),
    ),
    (
        "receipt_refused",
        {**DELIVERED, "ended": (EndedReceipt(1, 0x64), EndedReceipt(2, 0))},
        ("bank refused the receipt", "ESME_RX_T_APPN"),
    ),
    ("done", {**DELIVERED, "ended": (EndedReceipt(1, 0),)}, ("phone has it", "acknowledged")),
    (
        "done",
        {**DELIVERED, "ended": (EndedReceipt(1, 0),), "odd": "ucs2_as_default"},
        ("phone has it", "look like UCS2", "`detect_ucs2: true`"),
    ),
    (
        "done_not_asked",
        {**DELIVERED, "registered_delivery": 0},
        ("registered_delivery 0", "set registered_delivery to 1"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("code", "about", "said"), TABLE, ids=[row[0] for row in TABLE])
def test_the_verdict_is_in_plain_words(
    code: str, about: dict[str, Any], said: tuple[str, ...]
) -> None:
    found = verdict(case(**about))
    whole = " | ".join((found.says, found.why, *found.do))
    assert found.code == code
    for piece in said:
        assert piece in whole
    assert "None" not in whole
    assert "  " not in whole
    assert found.says.endswith(".")
    assert not found.why or found.why.endswith(".")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_fits_into_a_verdict(reason: Reason) -> None:
    rejected = verdict(case(**DONE, state=MessageState.REJECTED, why=reason.value))
    assert rejected.code == f"rejected_{reason.value}"
    waiting = verdict(case(**WAITING, meanwhile=BridgeFacts(shut=reason.value)))
    assert waiting.code == f"waiting_{reason.value}"
    assert "{" not in f"{rejected} {waiting}"
