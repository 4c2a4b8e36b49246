"""report: a provider's report finds its message and gives it a state; deliveries become due.

    receive -> found -> claim -> settle .disk. -> conclude -> deliver
            -> not found -> early .disk. -> expect

Not found is normal: a callback can overtake the answer that names its message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.report import Report
from smppbridge.relay.ports import Around
from smppbridge.relay.report.early import Early, EarlyRules, as_report
from smppbridge.relay.report.ending import Endings, Fate
from smppbridge.relay.report.statuses import UnknownStatuses
from smppbridge.smpp.constants import FINAL_STATES
from smppbridge.store.port import EarlyReport, Found, ReportStore, StoreFailure

RESTORED_AT_ONCE = 500
MOST_AWAITED = 50_000  # accepted messages kept in memory; the others are found in the store
Met = tuple[Report, Attempt]
"""An early report, and the attempt that it waited for."""


class Reports:
    """Settles the messages of reports, and awaits the reports of accepted messages.

    Only Reports writes the early and the awaited reports, and renames an accepted attempt.
    """

    def __init__(
        self, store: ReportStore, endings: Endings, early: EarlyRules, around: Around
    ) -> None:
        self.early = Early(early)
        self._statuses = UnknownStatuses(around)
        self._store, self._endings = store, endings
        self._clock, self._meters = around.clock, around.meters
        self._awaited: dict[tuple[str, str], Attempt] = {}
        self._unsettled: list[Met] = []

    # -- a provider's reports -------------------------------------------------------------------

    async def receive(self, provider: str, reports: Iterable[Report], source: str) -> None:
        """Settle the messages of reports; return when that is on disk.  Raises StoreFailure."""
        fates: list[Fate] = []
        unknown: list[Report] = []
        named: list[Report] = []
        for report in reports:
            if report.unknown:
                self._statuses.note(provider, report.unknown)
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
        """Return the fates of messages that reports name by our message_id: no report is early."""
        found = await self._store.find([r.message_id for r in reports if r.message_id is not None])
        fates: list[Fate] = []
        for report in reports:
            message = found.get(report.message_id or 0)
            if message is None or message.attempt.provider != provider:  # moved to another provider
                self._meters.unmatched(provider, 1)
            elif self._is_open(provider, message, report):
                fate = fate_of(report, message.attempt, message.stage)
                if message.attempt.provider_message_id is None:  # the report overtakes it
                    fate.renamed = report.provider_message_id
                fates.append(fate)
        return fates

    async def _search(self, provider: str, reports: Sequence[Report], source: str) -> None:
        """Settle messages that are in the store; a report without a message is early."""
        now = self._clock.wall()
        earlies = [self.early.put(provider, report, now) for report in reports]
        keys = [(provider, report.provider_message_id) for report in reports]
        keeping = self._store.keep_early(earlies)  # most are early: one commit for both
        finding = self._store.find(keys)
        try:
            await keeping
        finally:
            found = await finding
        fates: list[Fate] = []
        closed: list[tuple[str, str]] = []
        for key, report, early in zip(keys, reports, earlies, strict=True):
            if key not in found or early not in self.early:
                continue  # `expect` matches the report, or has matched it meanwhile
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
        for fate in ending.fates:
            self._await_no_more(fate)
        self._endings.conclude(ending)
        now = self._clock.wall()
        for fate in ending.fates:
            attempt = fate.attempt
            self._meters.reported(attempt.provider, source, fate.state, 1)
            if fate.final and attempt.answered_at:
                self._meters.report_latency(attempt.provider, max(0.0, now - attempt.answered_at))

    def _is_open(self, provider: str, found: Found, report: Report) -> bool:
        if found.stage is Stage.FINISHED:
            self._meters.repeated(provider, found.attempt.state != report.state)
            return False
        return True

    def _await_no_more(self, fate: Fate) -> None:
        """Forget an attempt whose message has ended; await a renamed attempt under its new id."""
        attempt = fate.attempt
        if fate.final or fate.renamed:
            awaited = self._forget(attempt)
            if fate.renamed:
                attempt.provider_message_id = fate.renamed
                if awaited and not fate.final:  # else the store finds its message
                    self._awaited[attempt.provider, fate.renamed] = attempt

    def _forget(self, attempt: Attempt) -> bool:
        """Await no report about an attempt any more; return whether reports were awaited."""
        key = attempt.provider, attempt.provider_message_id or ""
        return self._awaited.pop(key, None) is not None

    # -- reports that come before their message is known ------------------------------------------

    async def restore(self, reports: Iterable[EarlyReport]) -> None:
        """Receive the early reports of the store again: their messages may be known by now."""
        by_provider: dict[str, list[Report]] = {}
        for early in reports:
            by_provider.setdefault(early.provider, []).append(as_report(early))
        for provider, early_ones in by_provider.items():
            for at in range(0, len(early_ones), RESTORED_AT_ONCE):
                await self.receive(provider, early_ones[at : at + RESTORED_AT_ONCE], "push")

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
        """Put matched early reports back: the acceptance of their messages was not recorded."""
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
        """Settle again after a StoreFailure; give up early reports that are too old or too many."""
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
        """End messages for a reason of our own; return the attempts of messages that have ended.

        None: the store failed.  A message that a report is ending is left to the report.
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
    return Fate(attempt, report.state, report.error, stage, final, early=early, renamed=renamed)
