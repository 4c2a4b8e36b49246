"""deadlines: how long a SUBMITTED message waits for its report, and how it ends without one; pure.

A message ends at the report's deadline.  If its ESME gave a validity_period that ends before, the
message ends EXPIRED, a moment after that: the report of the last moment may be on its way.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from smppbridge.model.message import Attempt
from smppbridge.smpp.constants import MessageState

if TYPE_CHECKING:
    from smppbridge.relay.submit.overdue import PollRules

GRACE = 300.0  # seconds after a start, or after a deadline while no poll is answered


def end_of(rules: PollRules, attempt: Attempt, started: float) -> tuple[float, MessageState]:
    """Return the end of a message without a report (UNIX seconds), and its state then.

    *started* is when the bridge started: a report that came while it was down has some time from
    then on.
    """
    report = awaited_from(attempt) + rules.report_deadline
    if not rules.reported:
        return report, rules.end_state
    report = put_off(report, started, rules.report_deadline)
    validity = _end_of_validity(rules, attempt)
    if attempt.answered_at < started:
        validity = put_off(validity, started, rules.report_deadline)
    return (validity, MessageState.EXPIRED) if validity < report else (report, rules.end_state)


def put_off(deadline: float, started: float, length: float) -> float:
    """Return a deadline of so many seconds, not in the first time after the start."""
    return max(deadline, started + min(GRACE, length))


def awaited_from(attempt: Attempt) -> float:
    """Return the time from which on an attempt's report can be expected."""
    return max(attempt.answered_at, attempt.message.traits.scheduled or 0.0)


def _end_of_validity(rules: PollRules, attempt: Attempt) -> float:
    message, grace = attempt.message, rules.report_grace
    if grace is None or not message.traits.limited:
        return math.inf
    return max(message.expires_at, attempt.answered_at) + grace
