"""errors: the last requests of a lane that came to nothing, for people who ask why; pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smppbridge.model.message import Attempt
from smppbridge.model.outcome import Accepted, Outcome
from smppbridge.providers.exchange import NoAnswer, NotSent

MOST_ERRORS = 100
_HTTP_STATUS = re.compile(r"\bHTTP ([1-5][0-9]{2})\b")


@dataclass(frozen=True, slots=True)
class LaneError:
    """A request that was not accepted: of *messages* in all, the first of which is named.

    *at* is UNIX seconds, *kind* not_sent, no_answer, refused, postponed, uncertain or mixed;
    *http_status* is None where the reason has none.  *words* are the provider's.
    """

    at: float
    kind: str
    reason: str
    http_status: int | None
    seconds: float
    message_id: int
    messages: int
    words: str = field(default="", repr=False)


LaneErrors = deque[LaneError]


def lane_errors() -> LaneErrors:
    """Return room for the last errors of a lane."""
    return deque(maxlen=MOST_ERRORS)


def error_of(
    attempts: Sequence[Attempt],
    outcomes: Sequence[Outcome],
    conclusion: Any,
    *,
    kind: str,
    at: float,
    seconds: float,
) -> LaneError:
    """Return the error of a request by its outcomes, not all of which are Accepted."""
    if isinstance(conclusion, NotSent | NoAnswer):
        kind = "not_sent" if isinstance(conclusion, NotSent) else "no_answer"
    failed = [
        (attempt, outcome)
        for attempt, outcome in zip(attempts, outcomes, strict=True)
        if not isinstance(outcome, Accepted)
    ]
    attempt, outcome = failed[0]
    reason: str = getattr(outcome, "reason", "")
    status = _HTTP_STATUS.search(reason)
    return LaneError(
        at=at,
        kind=kind,
        reason=reason,
        http_status=int(status[1]) if status else None,
        seconds=seconds,
        message_id=attempt.message.message_id,
        messages=len(failed),
        words=getattr(outcome, "words", ""),
    )
