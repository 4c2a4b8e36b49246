"""strays: reports that belong to nothing: counted, noted for people, and early no more."""

from __future__ import annotations

from collections.abc import Sequence

from smppbridge.model.notes import Unmatched
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.relay.ports import Around
from smppbridge.relay.report.early import Early
from smppbridge.store.port import EarlyKey, EarlyReport, ReportStore, StoreFailure


class Strays:
    """Gives up reports without a message; the hand of Reports that deletes early reports.

    *undropped* are early reports that are used up and that the store failed to delete: they are
    deleted with the next ones.  Reports adds to them, and only Strays removes them.
    """

    def __init__(self, store: ReportStore, early: Early, around: Around) -> None:
        self._store, self._early = store, early
        self._clock, self._meters, self._notes = around.clock, around.meters, around.notes
        self.undropped: list[EarlyKey] = []

    def note(self, provider: str, report: Report | EarlyReport, reason: Reason) -> None:
        """Count a report that belongs to nothing, and note the report for people."""
        self._meters.unmatched(provider, 1)
        self._notes.reason(reason.value, provider)
        name, state, error = report.provider_message_id, report.state, report.error
        at = report.at if isinstance(report, EarlyReport) else self._clock.wall()
        self._notes.unmatched(
            Unmatched(at, "report", provider, name, reason.value, state=state, error=error)
        )

    async def give_up(
        self, unmatched: Sequence[EarlyReport], repeated: Sequence[EarlyReport] = ()
    ) -> None:
        """Delete reports that are not early any more; note those that have found no message."""
        for report in unmatched:
            self.note(report.provider, report, Reason.UNKNOWN_ID)
        keys = self.undropped + [report.key for report in (*unmatched, *repeated)]
        if not keys:
            return
        self.undropped = []
        try:
            await self._store.drop_early(keys)
        except StoreFailure:
            self.undropped += keys

    async def drop(self, used: Sequence[EarlyKey]) -> None:
        """Delete early reports that were settled under other ids; not those that came later.

        Raises StoreFailure.
        """
        for provider, name, at in used:
            early = self._early.get((provider, name))
            if early is not None and early.at <= at:
                self._early.take((provider, name))
        await self._store.drop_early(used)
