"""rematch: kept reports settle their messages after all, under the ids that we have.

A person has found out how a provider's reports write ids.  The reports go the way of any other:
from now on they are reports about the ids that we have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from smppbridge.model.report import Report
from smppbridge.store.port import EarlyKey


class ReceivesReports(Protocol):
    """Receives reports; raises StoreFailure."""

    def receive(self, provider: str, reports: Sequence[Report], source: str) -> Awaitable[None]:
        """Settle the messages of reports; durable when done."""


class DropsReports(Protocol):
    """Forgets early reports; raises StoreFailure."""

    def drop(self, used: Sequence[EarlyKey]) -> Awaitable[None]:
        """Delete early reports that were settled under other ids."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A report under the id that we have; *early* is the key of the early report that it was."""

    report: Report
    early: EarlyKey | None = None


class Rematch:
    """Settles messages by reports whose ids were written in another way."""

    def __init__(self, reports: ReceivesReports, strays: DropsReports) -> None:
        self._reports, self._strays = reports, strays

    async def settle(self, provider: str, renamed: Sequence[Renamed]) -> None:
        """Settle the messages of reports, the oldest report first.  Raises StoreFailure.

        An early report is forgotten after its message is settled: it counts again if that fails.
        """
        await self._reports.receive(provider, [each.report for each in renamed], "push")
        if used := [each.early for each in renamed if each.early is not None]:
            await self._strays.drop(used)
