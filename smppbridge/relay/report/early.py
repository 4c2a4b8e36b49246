"""early: reports whose message is not known yet: in memory beside the store, bounded; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from smppbridge.model.identifiers import Tolerance, same_id, spelling_of
from smppbridge.model.message import Attempt
from smppbridge.model.report import Report
from smppbridge.relay.report.parts import keys_of
from smppbridge.smpp.constants import FINAL_STATES
from smppbridge.store.port import EarlyReport

Key = tuple[str, str]
"""A provider, and a provider_message_id."""
Met = tuple[EarlyReport, Attempt]
"""An early report, and the attempt that it waited for."""


@dataclass(frozen=True, slots=True)
class EarlyRules:
    """How long (seconds) and how many early reports wait for their message."""

    keep: float = 3_600.0
    most: int = 100_000
    doubt: float = 120.0  # for a report that is perhaps a repeated one about a FINISHED message


class Early:
    """Early reports by provider and id, one for each id: the longest kept stands first.

    Only Reports adds early reports, and only Reports and its Strays remove them.  An early report
    never changes: a further report about its id takes its place.
    """

    def __init__(self, rules: EarlyRules) -> None:
        self._rules = rules
        self._reports: dict[Key, EarlyReport] = {}
        self._spellings: dict[Key, list[str]] = {}  # by the form that all spellings share
        self._doubtful: dict[Key, float] = {}  # until when
        self._last = -math.inf

    def __len__(self) -> int:
        return len(self._reports)

    @property
    def keys(self) -> list[Key]:
        """The ids of all early reports."""
        return list(self._reports)

    def get(self, key: Key) -> EarlyReport | None:
        """Return the early report about an id."""
        return self._reports.get(key)

    def put(self, provider: str, report: Report, at: float) -> EarlyReport:
        """Add a report received at *at*, joined with the report that was early before it."""
        new = EarlyReport(
            provider,
            report.provider_message_id,
            report.state,
            report.error,
            self._stamp(at),
            report.renamed,
            report.done_at,
        )
        key = provider, report.provider_message_id
        doubtful = key in self._doubtful
        before = self.take(key)
        if before is not None and not doubtful:
            new = joined(before, new)
        self._add(key, new)
        return new

    def put_all(
        self, provider: str, reports: Iterable[Report], at: float
    ) -> dict[Key, EarlyReport]:
        """Add reports received together; return the early report about each id."""
        return {(provider, r.provider_message_id): self.put(provider, r, at) for r in reports}

    def put_back(self, early: EarlyReport) -> None:
        """Add an early report that was taken, or that the store has kept."""
        self._last = max(self._last, early.at)
        key = early.provider, early.provider_message_id
        later = self.take(key)
        self._add(key, early if later is None else joined(early, later))

    def take(self, key: Key) -> EarlyReport | None:
        """Remove and return the early report about an id."""
        found = self._reports.pop(key, None)
        if found is not None:
            self._doubtful.pop(key, None)
            like = key[0], same_id(key[1])
            self._spellings[like].remove(key[1])
            if not self._spellings[like]:
                del self._spellings[like]
        return found

    def doubt(self, key: Key, now: float) -> bool:
        """Keep an early report for a short time only; return False if that time is over."""
        until = self._reports[key].at + self._rules.doubt
        if until > now:
            self._doubtful[key] = until
        return until > now

    def match(self, attempts: Iterable[Attempt], tolerances: Mapping[str, Tolerance]) -> list[Met]:
        """Remove and return the reports about attempts: of their id, or of the only id like it.

        A report that came before an attempt began is about another message of the same id.
        """
        met: list[Met] = []
        rest: list[tuple[Attempt, str]] = []
        for attempt in attempts:
            for _, wanted in keys_of(attempt):
                if not self._meet(attempt, wanted, met):
                    rest.append((attempt, wanted))
        for attempt, wanted in rest:
            known = self._spellings.get((attempt.provider, same_id(wanted)), ())
            tolerance = tolerances.get(attempt.provider, "exact")
            if (spelling := spelling_of(wanted, known, tolerance)) is not None:
                self._meet(attempt, spelling, met)
        return met

    def _meet(self, attempt: Attempt, spelling: str, met: list[Met]) -> bool:
        key = attempt.provider, spelling
        early = self._reports.get(key)
        if early is None or early.at < attempt.begun_at:
            return False
        self.take(key)
        met.append((early, attempt))
        return True

    def excess(self, newest: int) -> list[EarlyReport]:
        """Remove and return the oldest reports above the bound, but none of the *newest*."""
        count = min(len(self._reports) - self._rules.most, len(self._reports) - newest)
        keys = [key for key, _ in zip(self._reports, range(count), strict=False)]
        return [found for key in keys if (found := self.take(key)) is not None]

    def outdated(self, now: float) -> tuple[list[EarlyReport], list[EarlyReport]]:
        """Remove and return the reports that waited too long, and the doubtful ones."""
        doubted = [key for key, until in self._doubtful.items() if until <= now]
        repeated = [found for key in doubted if (found := self.take(key)) is not None]
        oldest = now - self._rules.keep
        late = [key for key, report in self._reports.items() if report.at <= oldest]
        return [found for key in late if (found := self.take(key)) is not None], repeated

    def _add(self, key: Key, early: EarlyReport) -> None:
        self._reports[key] = early
        self._spellings.setdefault((key[0], same_id(key[1])), []).append(key[1])

    def _stamp(self, at: float) -> float:
        """Return *at*, a little later where two reports would have one time: it is in their key."""
        if self._last - 1.0 < at <= self._last:
            at = math.nextafter(self._last, math.inf)
        self._last = at
        return at


def joined(before: EarlyReport, new: EarlyReport) -> EarlyReport:
    """Return one early report for two about an id: of two final states the first stands."""
    if before.state in FINAL_STATES:
        return replace(before, at=new.at)
    return replace(new, renamed=new.renamed or before.renamed)
