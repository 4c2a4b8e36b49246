from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.relay import notes
from smppbridge.relay.notes import Notebook
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import NOW, FakeClock, Recorder

REFUSED = RefusedSubmission(NOW, "bank", "", "", 11, "no_route", count=3)
STRAY = Unmatched(NOW, "mo", "d7", "", "no_owner")


class NoteRows:
    """Keeps what it is given, or fails."""

    def __init__(self) -> None:
        self.kept: list[list[Sequence[Any]]] = []
        self.forgotten: list[tuple[float, int]] = []
        self.failing = False

    async def keep_noted(self, *gathered: Sequence[Any]) -> None:
        if self.failing:
            raise StoreFailure("full")
        self.kept.append([list(each) for each in gathered])

    async def forget_noted(self, before: float, most: int) -> int:
        self.forgotten.append((before, most))
        return 0


def notebook() -> tuple[Notebook, NoteRows, Recorder]:
    store, said = NoteRows(), Recorder()
    return Notebook(store, FakeClock(), said), store, said


def flush(book: Notebook) -> None:
    Deferred.fromCoroutine(book.flush())


def test_notes_are_written_together_and_once() -> None:
    book, store, _ = notebook()
    book.note(7, "diverted", {"why": "paused"})
    book.refused(REFUSED)
    book.unmatched(STRAY)
    flush(book)
    flush(book)
    assert store.kept == [[[Note(7, NOW, "diverted", {"why": "paused"})], [REFUSED], [STRAY]]]


def test_too_many_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST_WAITING", 2)
    book, store, said = notebook()
    for _ in range(3):
        book.note(7, "x", {})
        book.refused(REFUSED)
        book.unmatched(STRAY)
    flush(book)
    assert [len(each) for each in store.kept[0]] == [2, 2, 2]
    dropped = {
        kind: said.counts["notes_dropped", kind] for kind in ("note", "refused", "unmatched")
    }
    assert dropped == {"note": 1, "refused": 3, "unmatched": 1}


def test_a_failing_store_costs_notes_and_nothing_else() -> None:
    book, store, said = notebook()
    store.failing = True
    book.note(7, "x", {})
    book.note(8, "x", {})
    flush(book)
    assert said.counts["notes_dropped", "note"] == 2
    assert ("notes_dropped", "refused") not in said.counts
    store.failing = False
    book.note(9, "x", {})
    flush(book)
    assert [note.message_id for note in store.kept[0][0]] == [9]


def test_a_day_is_kept() -> None:
    book, store, _ = notebook()
    Deferred.fromCoroutine(book.forget())
    assert store.forgotten == [(NOW - 86_400, 100_000)]
