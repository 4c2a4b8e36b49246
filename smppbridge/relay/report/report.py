"""report: a provider's report finds its message and gives it a state; deliveries become due.

    receive -> found -> claim -> settle .disk. -> conclude -> deliver
            -> not found -> keep .disk. -> expect

Not found is normal: a callback can overtake the answer that names its message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.report import Report
from smppbridge.relay.ports import Around
from smppbridge.relay.report.early import Early, EarlyRules, as_report
from smppbridge.relay.report.ending import Endings, Fate
from smppbridge.smpp.constants import FINAL_STATES
from smppbridge.store.port import EarlyReport, Found, ReportStore, StoreFailure

RESTORED_AT_ONCE = 500
MOST_AWAITED = 50_000  # accepted messages kept in memory; the others are found in the store
Met = tuple[Report, Attempt]
"""An early report, and the attempt that it waited for."""


class Reports:
    """Finds the message of a report and settles it; awaits the reports of accepted messages."""

    def __init__(
        self, store: ReportStore, endings: Endings, early: EarlyRules, around: Around
    ) -> None:
        self.early = Early(early)
        self._store, self._endings = store, endings
        self._clock, self._meters = around.clock, around.meters
        self._awaited: dict[tuple[str, str], Attempt] = {}
        self._unsettled: list[Met] = []

    # -- a provider's reports -------------------------------------------------------------------

    async def receive(self, provider: str, reports: Iterable[Report], source: str) -> None:
        """Settle reports; return when they are on disk.  Raises StoreFailure."""
        fates: list[Fate] = []
        unknown: list[Report] = []
        named: list[Report] = []
        for report in reports:
            attempt = self._awaited.get((provider, report.provider_message_id))
            if attempt is not None:
                fates.append(fate_of(report, attempt, Stage.SUBMITTED))
            else:
                (unknown if report.message_id is None else named).append(report)
        if named:
            fates += await self._named(provider, named)
        if fates:
            await self._settle(fates, source)
        if unknown:
            await self._search(provider, unknown, source)

    async def _named(self, provider: str, reports: Sequence[Report]) -> list[Fate]:
        """Return the fates of messages that reports name by our message_id: none is early."""
        found = await self._store.find([r.message_id for r in reports if r.message_id is not None])
        fates: list[Fate] = []
        for report in reports:
            message = found.get(report.message_id or 0)
            if message is None or message.attempt.provider != provider:  # it went on to another
                self._meters.unmatched(provider, 1)
            elif self._is_open(provider, message, report):
                fate = fate_of(report, message.attempt, message.stage)
                if message.attempt.provider_message_id is None:  # it overtakes the answer
                    fate.renamed = report.provider_message_id
                fates.append(fate)
        return fates

    async def _search(self, provider: str, reports: Sequence[Report], source: str) -> None:
        """Settle messages that are in the store; a report of none is early."""
        now = self._clock.wall()
        kept = [self.early.put(provider, report, now) for report in reports]
        keys = [(provider, report.provider_message_id) for report in reports]
        keeping = self._store.keep_early(kept)  # most are early: one commit for both
        finding = self._store.find(keys)
        try:
            await keeping
        finally:
            found = await finding
        fates: list[Fate] = []
        closed: list[tuple[str, str]] = []
        for key, report, early in zip(keys, reports, kept, strict=True):
            if key not in found or early not in self.early:
                continue  # `expect` meets it, or has met it meanwhile
            self.early.take(early)
            if self._is_open(provider, found[key], report):
                fates.append(fate_of(report, found[key].attempt, found[key].stage, key))
            else:
                closed.append(key)
        if closed:
            await self._store.drop_early(closed)
        if fates:
            await self._settle(fates, source)

    async def _settle(self, fates: Sequence[Fate], source: str) -> None:
        ending = self._endings.claim(fates, source)
        try:
            # also when every claim is denied: the state that stands before must be on disk
            await self._store.settle(ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            raise
        now = self._clock.wall()
        for fate in ending.fates:
            self._await_no_more(fate, now)
            self._meters.reported(fate.attempt.provider, source, fate.state, 1)
        self._endings.conclude(ending)

    def _is_open(self, provider: str, found: Found, report: Report) -> bool:
        if found.stage is Stage.FINISHED:
            self._meters.repeated(provider, found.attempt.state != report.state)
            return False
        return True

    def _await_no_more(self, fate: Fate, now: float) -> None:
        """Forget an attempt whose report is final; await the others under their new name."""
        attempt = fate.attempt
        if fate.final or fate.renamed:
            awaited = self._forget(attempt)
            if fate.renamed:
                attempt.provider_message_id = fate.renamed
                if awaited and not fate.final:  # those that are not are found in the store
                    self._awaited[attempt.provider, fate.renamed] = attempt
        if fate.final and attempt.answered_at:
            self._meters.report_latency(attempt.provider, max(0.0, now - attempt.answered_at))

    def _forget(self, attempt: Attempt) -> bool:
        """Await no reports about an attempt any more; tell whether they were."""
        key = attempt.provider, attempt.provider_message_id or ""
        return self._awaited.pop(key, None) is not None

    # -- reports that come before their message is known ------------------------------------------

    async def restore(self, reports: Iterable[EarlyReport]) -> None:
        """Settle early reports of the store whose messages are known by now; keep the others."""
        by_provider: dict[str, list[Report]] = {}
        for early in reports:
            by_provider.setdefault(early.provider, []).append(as_report(early))
        for provider, kept in by_provider.items():
            for at in range(0, len(kept), RESTORED_AT_ONCE):
                await self.receive(provider, kept[at : at + RESTORED_AT_ONCE], "push")

    def expect(self, attempts: Sequence[Attempt]) -> list[Met]:
        """Await reports about attempts just accepted; return the early reports about them.

        Called before the acceptance is durable, so that no report falls in between.
        """
        for attempt in attempts:
            if attempt.state not in FINAL_STATES:
                self._awaited[attempt.provider, attempt.provider_message_id or ""] = attempt
        while len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]
        return self.early.match(attempts) if self.early else []

    def unexpect(self, met: Sequence[Met]) -> None:
        """Keep early reports on: the acceptance of their messages could not be recorded."""
        for report, attempt in met:
            self.early.put(attempt.provider, report, self._clock.wall())

    async def settle_early(self, met: Sequence[Met]) -> None:
        """Settle messages whose reports were early, now that their acceptance is durable."""
        fates = [
            fate_of(r, a, Stage.SUBMITTED, (a.provider, r.provider_message_id)) for r, a in met
        ]
        try:
            await self._settle(fates, "push")
        except StoreFailure:
            self._unsettled += met

    async def forget_early(self) -> None:
        """Settle early reports that the store failed to; give up the oldest and those too many."""
        if self._unsettled:
            met, self._unsettled = self._unsettled, []
            await self.settle_early(met)
        late = self.early.outdated(self._clock.wall())
        if late:
            for report in late:
                self._meters.unmatched(report.provider, 1)
            await self._store.drop_early([(r.provider, r.provider_message_id) for r in late])

    # -- ends of our own ------------------------------------------------------------------------

    async def settle_own(self, fates: Sequence[Fate]) -> list[Attempt] | None:
        """End messages for a reason of our own; return whose are ended, None if the store failed.

        A message that a report is ending is left to the report.
        """
        ending = self._endings.claim(fates, "own")
        try:
            await self._store.settle(ending.settlements)
        except StoreFailure:
            self._endings.release(ending)
            return None
        for fate in ending.fates:
            self._forget(fate.attempt)
        self._endings.conclude(ending)
        return [fate.attempt for fate in ending.fates]


def fate_of(
    report: Report, attempt: Attempt, stage: Stage, early: tuple[str, str] | None = None
) -> Fate:
    """Return the fate that a report gives to the message of an attempt."""
    final = report.state in FINAL_STATES
    renamed = report.renamed or None
    return Fate(attempt, report.state, report.error, stage, final, early, renamed)
