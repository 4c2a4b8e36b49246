"""Messages that a report ends while they wait in line, or while an attempt is out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.report import Report
from smppbridge.smpp.constants import MessageState

MOST = 50_000


class InLine(Protocol):
    """Who has messages in line."""

    def unqueue(self, attempt: Attempt) -> bool:
        """Take an attempt that waits out of line; False: it is being begun, moved or ended."""

    def unqueued(self, attempts: Sequence[Attempt], ended: bool) -> None:
        """Forget attempts that were taken out of line, or leave them to the store."""

    def interrupted(self, attempts: Sequence[Attempt], why: str) -> None:
        """Take attempts whose fate nobody knows, and the reason."""


@dataclass(slots=True)
class Overtaking:
    """What one list of reports ends: *unqueued* were in line, *out* may be out; *durable* then."""

    durable: bool = False
    unqueued: list[Attempt] = field(default_factory=list)
    out: list[Attempt] = field(default_factory=list)


class Overtaken:
    """Keeps in mind what reports have ended, until the attempts that are out have ended too."""

    line: InLine

    def __init__(self) -> None:
        self._by_id: dict[int, Overtaking] = {}

    def take(self, news: Iterable[tuple[Report, Attempt, Stage]]) -> Overtaking:
        """Take messages that reports are about to end out of line; note those that are out."""
        overtaking = Overtaking()
        for report, attempt, stage in news:
            if stage is Stage.SUBMITTED or not MessageState(report.state).is_final:
                continue
            if stage is Stage.WAITING and self.line.unqueue(attempt):
                overtaking.unqueued.append(attempt)
            else:
                overtaking.out.append(attempt)
                self._by_id[attempt.message.message_id] = overtaking
        while len(self._by_id) > MOST:
            del self._by_id[next(iter(self._by_id))]
        return overtaking

    def ended(self, overtaking: Overtaking) -> None:
        """Note that it is on disk."""
        overtaking.durable = True
        if overtaking.unqueued:
            self.line.unqueued(overtaking.unqueued, True)

    def undo(self, overtaking: Overtaking) -> None:
        """Let go on what no report has ended after all."""
        self.line.unqueued(overtaking.unqueued, False)
        waits = {a.message.message_id for a in overtaking.unqueued}
        out = [a for a in overtaking.out if a.message.message_id not in waits]
        adrift = [a for a in out if not self.of(a)]
        if adrift:
            self.line.interrupted(adrift, "what a report said of it could not be written")

    def of(self, attempt: Attempt) -> Overtaking | None:
        """Take how a report ends, or has ended, the message of an attempt that was out."""
        return self._by_id.pop(attempt.message.message_id, None) if self._by_id else None
