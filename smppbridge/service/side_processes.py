"""side_processes: child processes for CDR files, examinations and reconciliations."""

from __future__ import annotations

from typing import Any

from smppbridge.relay.ports import Clock, Journal
from smppbridge.service.child import Child
from smppbridge.service.examinations import Examinations
from smppbridge.service.exports import Exports


class SideProcesses:
    """The child processes of the daemon, one of a kind at a time."""

    def __init__(self, store: str, reactor: Any, clock: Clock, journal: Journal) -> None:
        self.exports = Exports(store, journal)
        self.examinations = Examinations(reactor, clock.wall)
        self.reconciling = Child(reactor)

    def stop(self) -> None:
        """End the child processes."""
        self.exports.stop()
        self.examinations.stop()
        self.reconciling.stop()

    def interrupt(self) -> None:
        """End the child processes before exec(2); if exec fails, CDR files are written again."""
        self.exports.interrupt()
        self.stop()
