"""waiting_for: what a message waits for now, as a step of its timeline has it; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smppbridge.model.message import Stage
from smppbridge.model.verdict_facts import VerdictFacts
from smppbridge.model.verdicts import turn_of

Awaited = Literal[
    "segments", "provider", "time", "answer", "report", "decision", "receiver", "acknowledgement"
]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a message waits for, why and until when (UNIX seconds); *before* are served first."""

    awaited: Awaited
    why: str = ""
    until: float | None = None
    before: int | None = None


def wait_of(case: VerdictFacts) -> Wait | None:
    """Return what the message of a case waits for, None if it waits for nothing."""
    if case.uncertain:
        return Wait("decision", "uncertain", case.due)
    if case.stage == Stage.GATHERING:
        return Wait("segments", "segments_missing", case.until)
    if case.stage == Stage.WAITING:
        return _in_lane(case)
    if case.stage == Stage.SUBMITTING:
        return Wait("answer")
    if case.stage == Stage.SUBMITTED:
        return Wait("report", until=case.due)
    if case.owed:
        return _for_receipts(case)
    return None


def _in_lane(case: VerdictFacts) -> Wait:
    meanwhile = case.meanwhile
    if meanwhile.shut:
        return Wait("provider", meanwhile.shut, meanwhile.until, meanwhile.before)
    if case.due is not None and case.due > case.now:
        why = "quiet_hours" if case.quiet else "put_off" if case.tried else "scheduled"
        return Wait("time", why, case.due)
    return Wait("provider", meanwhile.limit or "in_line", turn_of(case), meanwhile.before)


def _for_receipts(case: VerdictFacts) -> Wait:
    until = max(each.expires_at for each in case.owed)
    if unanswered := case.meanwhile.unanswered_until:
        return Wait("acknowledgement", "unanswered", unanswered)
    if any(each.postponed for each in case.owed):
        return Wait("acknowledgement", "put_off", until)
    if case.meanwhile.receivers:
        return Wait("acknowledgement", "in_line", until)
    if case.meanwhile.bound:
        return Wait("receiver", "tx_only", until)
    return Wait("receiver", "" if case.meanwhile.receivers is None else "no_receiver", until)
