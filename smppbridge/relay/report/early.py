"""early: reports whose message is not known yet: in memory beside the store, bounded; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smppbridge.model.message import Attempt
from smppbridge.model.report import Report
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import EarlyReport, same_id

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EarlyRules:
    """How long (seconds) and how many early reports wait for their message."""

    keep: float = 3_600.0
    most: int = 100_000


class Early:
    """Early reports by provider, and by the form that all spellings of an id share.

    Only Reports adds and removes early reports; an early report is changed by `put` alone.
    """

    def __init__(self, rules: EarlyRules) -> None:
        self._rules = rules
        self._lines: dict[Key, list[EarlyReport]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, report: EarlyReport) -> bool:
        return report in self._lines.get(_like(report), ())

    def put(self, provider: str, report: Report, at: float) -> EarlyReport:
        """Add a report received at *at*; of two reports about an id the first final one stays."""
        found, renamed = report.provider_message_id, report.renamed
        new = EarlyReport(provider, found, report.state, report.error, at, renamed=renamed)
        line = self._lines.setdefault(_like(new), [])
        for before in line:
            if before.provider_message_id == new.provider_message_id:
                if not MessageState(before.state).is_final:
                    before.state, before.error = new.state, new.error
                    before.renamed = new.renamed or before.renamed
                return before
        line.append(new)
        self._count += 1
        return new

    def take(self, report: EarlyReport) -> None:
        """Remove an early report, if it has not been removed before."""
        line = self._lines.get(_like(report), [])
        if report in line:
            line.remove(report)
            self._count -= 1
            if not line:
                del self._lines[_like(report)]

    def match(self, attempts: Iterable[Attempt]) -> list[tuple[Report, Attempt]]:
        """Remove and return the reports about attempts: of their id, or of the only id like it."""
        met: list[tuple[Report, Attempt]] = []
        for attempt in attempts:
            found = attempt.provider_message_id or ""
            like = self._lines.get((attempt.provider, same_id(found)), [])
            exact = [r for r in like if r.provider_message_id == found]
            for report in exact or (like[:1] if len(like) == 1 else []):
                self.take(report)
                met.append((as_report(report), attempt))
        return met

    def outdated(self, now: float) -> list[EarlyReport]:
        """Remove and return reports that waited too long, and the oldest ones above the bound."""
        if not self._count:
            return []
        every = sorted((r for line in self._lines.values() for r in line), key=_age)
        excess = len(every) - self._rules.most
        late = [r for n, r in enumerate(every) if n < excess or r.at <= now - self._rules.keep]
        for report in late:
            self.take(report)
        return late


def as_report(early: EarlyReport) -> Report:
    """Return an early report as its provider made it."""
    state = MessageState(early.state)
    return Report(early.provider_message_id, state, early.error, renamed=early.renamed)


def _like(report: EarlyReport) -> Key:
    return report.provider, same_id(report.provider_message_id)


def _age(report: EarlyReport) -> float:
    return report.at
