"""by_our_id: reports that name their message by our message_id find it in the store."""

from __future__ import annotations

from collections.abc import Sequence

from smppbridge.model.message import Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.relay.ports import Around
from smppbridge.relay.report.elsewhere import SharedReports, as_told
from smppbridge.relay.report.ending import Fate, fate_of
from smppbridge.relay.report.strays import Strays
from smppbridge.store.port import EarlyReport, Found, ReportStore


class ReportsByOurId:
    """Finds the messages of reports by our message_id: no such report is early."""

    def __init__(
        self, store: ReportStore, shared: SharedReports, strays: Strays, around: Around
    ) -> None:
        self._store, self._shared, self._strays = store, shared, strays
        self._clock, self._meters = around.clock, around.meters

    async def fates(self, provider: str, reports: Sequence[Report], source: str) -> list[Fate]:
        """Return the fates that reports give to our messages; those about others' are told on.

        Raises StoreFailure.
        """
        found = await self._store.find([r.message_id for r in reports if r.message_id is not None])
        fates: list[Fate] = []
        others: list[tuple[Found, EarlyReport]] = []
        for report in reports:
            message = found.get(report.message_id or 0)
            if message is None or message.attempt.provider != provider:  # moved to another provider
                self._strays.note(provider, report, Reason.OTHER_PROVIDER)
            elif message.stage is Stage.FINISHED:
                self._meters.repeated(provider, message.attempt.state != report.state)
            elif not message.ours:
                others.append((message, as_told(provider, report, self._clock.wall())))
            else:
                fate = fate_of(report, message.attempt, message.stage)
                if message.attempt.provider_message_id is None:  # the report overtakes it
                    fate.renamed = report.provider_message_id
                fates.append(fate)
        if others:
            await self._shared.tell_on(others, source)
        return fates
