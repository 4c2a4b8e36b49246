"""notes: rare events on their way into the store: bounded, in batches, never waited for.

A note is for people.  The bridge never reads a note back, and a message goes its way without: a
full notebook and a failing store cost notes, which are counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.relay.ports import Clock, CountReason, Meters, uncounted
from smppbridge.store.port import StoreFailure

MOST_WAITING = 5_000
"""Entries of each kind between two flushes; more are dropped."""
KEPT_FOR = 86_400.0  # seconds: refused submissions, and what matched nothing
MOST_KEPT = 100_000  # of each of them

_KINDS = "note", "refused", "unmatched"
_Gathered = tuple[list[Note], list[RefusedSubmission], list[Unmatched]]


class NoteStore(Protocol):
    """The verbs that the notebook calls."""

    def keep_noted(
        self,
        notes: Sequence[Note],
        refused: Sequence[RefusedSubmission],
        unmatched: Sequence[Unmatched],
    ) -> Awaitable[None]:
        """Write events of messages, refused submissions, and reports and MO without a message."""

    def forget_noted(self, before: float, most: int) -> Awaitable[int]:
        """Delete refused submissions and unmatched reports older than *before*, or above *most*.

        A call deletes a bounded number of them, the oldest first; it returns how many.
        """


class Notebook:
    """Gathers notes until `flush` writes them; only the notebook writes its lists."""

    def __init__(
        self, store: NoteStore, clock: Clock, meters: Meters, reason: CountReason = uncounted
    ) -> None:
        self._store, self._clock, self._meters, self.reason = store, clock, meters, reason
        self._notes: list[Note] = []
        self._refused: list[RefusedSubmission] = []
        self._unmatched: list[Unmatched] = []

    def note(self, message_id: int, code: str, facts: Mapping[str, Any]) -> None:
        """Note an event in the life of a message, at this moment."""
        if len(self._notes) < MOST_WAITING:
            self._notes.append(Note(message_id, self._clock.wall(), code, facts))
        else:
            self._meters.notes_dropped("note", 1)

    def refused(self, submission: RefusedSubmission) -> None:
        """Note a submission that was refused."""
        if len(self._refused) < MOST_WAITING:
            self._refused.append(submission)
        else:
            self._meters.notes_dropped("refused", submission.count)

    def unmatched(self, found: Unmatched) -> None:
        """Note a report or an MO message that belongs to nothing."""
        if len(self._unmatched) < MOST_WAITING:
            self._unmatched.append(found)
        else:
            self._meters.notes_dropped("unmatched", 1)

    async def flush(self) -> None:
        """Write the gathered notes; called once a second and at the end."""
        gathered: _Gathered = self._notes, self._refused, self._unmatched
        if not any(gathered):
            return
        self._notes, self._refused, self._unmatched = [], [], []
        try:
            await self._store.keep_noted(*gathered)
        except StoreFailure:
            for kind, count in zip(_KINDS, [len(each) for each in gathered], strict=True):
                if count:
                    self._meters.notes_dropped(kind, count)

    async def forget(self) -> None:
        """Delete what is kept for long enough; called every ten seconds."""
        await self._store.forget_noted(self._clock.wall() - KEPT_FOR, MOST_KEPT)
