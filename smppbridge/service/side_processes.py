"""side_processes: child processes for CDR files, examinations and reconciliations."""

from __future__ import annotations

from typing import Any

from smppbridge.relay.ports import Clock, Journal
from smppbridge.service.child import Child
from smppbridge.service.examinations import Examinations
from smppbridge.service.exports import Exports
from smppbridge.settings.schema import Settings


class SideProcesses:
    """The child processes of the daemon, one of a kind at a time."""

    def __init__(self, settings: Settings, reactor: Any, clock: Clock, journal: Journal) -> None:
        self.store = store_words(settings)
        self.exports = Exports(self.store, journal)
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


def store_words(settings: Settings) -> list[str]:
    """Return the words by which a command finds the store: everybody may read a command line.

    A database is found by the configuration, where there is one, for the sake of its password.
    """
    store, file = settings.store, settings.document.file
    if store.is_shared and file:
        return ["--config", file]
    return ["--store", store.url]
