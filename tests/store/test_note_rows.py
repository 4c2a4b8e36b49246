from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.store import note_rows
from smppbridge.store.lookup import open_store
from smppbridge.store.note_rows import NoteQuery
from smppbridge.store.port import EarlyReport, StoreFailure
from tests.store.opened import NOW, Opened, accept, message, told, tried

REFUSED = RefusedSubmission(NOW, "bank", "BANK", "2438*****001", 11, "no_route", "to", 1)
STRAY = Unmatched(NOW, "report", "d7", "X1", "unknown_id", state=2, error=7)
MO = Unmatched(NOW + 1, "mo", "d7", "", "no_owner", source="2439*****007", destination="123")


def kept(opened: Opened, query: NoteQuery | None = None) -> tuple[list[Any], list[Any]]:
    with closing(open_store(opened.path)) as db:
        query = query or NoteQuery()
        return note_rows.refused(db, query), note_rows.unmatched(db, query)


def test_what_is_noted_is_found_again(opened: Opened) -> None:
    notes = [Note(7, NOW, "diverted", {"why": "breaker_open"}), Note(7, NOW, "diverted", {})]
    opened.wait(opened.store.keep_noted([*notes, Note(8, NOW, "x")], [REFUSED], [STRAY, MO]))
    with closing(open_store(opened.path)) as db:
        assert note_rows.notes_of(db, [7]) == notes
    assert kept(opened) == ([REFUSED], [MO, STRAY])
    assert opened.wait(opened.store.measure())["unmatched"] == 1


def test_nothing_noted_is_nothing_written(opened: Opened) -> None:
    opened.wait(opened.store.keep_noted([], [], []))
    assert kept(opened) == ([], [])


@pytest.mark.parametrize("odd", ["\ud800", "\0", "😀\x1b[2J", "'; drop table note"])
@pytest.mark.parametrize("first", [True, False])
def test_odd_characters_do_not_cost_the_others(opened: Opened, odd: str, first: bool) -> None:
    strays = [replace(STRAY, provider_message_id=odd), STRAY]
    refusals = [replace(REFUSED, source=odd, detail=odd), REFUSED]
    if not first:
        strays, refusals = strays[::-1], refusals[::-1]
    opened.wait(opened.store.keep_noted([Note(1, NOW, "x", {"detail": odd})], refusals, strays))
    refused, unmatched = kept(opened)
    assert (len(refused), len(unmatched)) == (2, 2)
    assert REFUSED in refused
    assert STRAY in unmatched


def test_a_failing_store_says_so(opened: Opened) -> None:
    opened.fail(True)
    with pytest.raises(StoreFailure):
        opened.wait(opened.store.keep_noted([], [REFUSED], []))
    opened.fail(False)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (NoteQuery(name="bank"), 1),
        (NoteQuery(name="d7"), 2),
        (NoteQuery(reason="no_route"), 1),
        (NoteQuery(numbers=("2438*****001", "+243*****0001")), 1),
        (NoteQuery(numbers=("2439*****007",)), 1),
        (NoteQuery(numbers=("nobody",)), 0),
        (NoteQuery(since=NOW + 1), 1),
        (NoteQuery(until=NOW + 1), 2),
        (NoteQuery(limit=1), 2),
    ],
)
def test_a_query_finds_what_it_names(opened: Opened, query: NoteQuery, found: int) -> None:
    opened.wait(opened.store.keep_noted([], [REFUSED], [STRAY, MO]))
    refused, unmatched = kept(opened, query)
    assert len(refused) + len(unmatched) == found


def test_a_report_that_waits_for_its_message_is_found_too(opened: Opened) -> None:
    opened.wait(opened.store.keep_early([EarlyReport("d7", "Y", 2, 0, NOW + 9)]))
    opened.wait(opened.store.keep_noted([], [], [STRAY]))
    assert [(u.provider_message_id, u.reason) for u in kept(opened)[1]] == [
        ("Y", "early"),
        ("X1", "unknown_id"),
    ]
    with closing(open_store(opened.path)) as db:
        (only,) = note_rows.unmatched(db, NoteQuery(provider_message_id="X1"))
    assert only == STRAY


def test_what_is_a_day_old_is_forgotten(opened: Opened) -> None:
    old = [replace(REFUSED, at=NOW + n) for n in range(3)]
    opened.wait(opened.store.keep_noted([], old, [STRAY, MO]))
    assert opened.wait(opened.store.forget_noted(NOW, 99)) == 0
    assert opened.wait(opened.store.forget_noted(NOW + 1, 99)) == 2
    assert kept(opened) == (old[:0:-1], [MO])
    assert opened.wait(opened.store.forget_noted(NOW + 9, 99)) == 3
    assert opened.wait(opened.store.forget_noted(NOW + 9, 99)) == 0


def test_above_the_bound_the_oldest_are_forgotten(opened: Opened) -> None:
    rows = [replace(REFUSED, at=NOW + n) for n in range(10)]
    opened.wait(opened.store.keep_noted([], rows, []))
    assert opened.wait(opened.store.forget_noted(0.0, 10)) == 0
    assert opened.wait(opened.store.forget_noted(0.0, 4)) == 6
    assert kept(opened)[0] == rows[:5:-1]


def test_notes_go_with_their_messages(opened: Opened) -> None:
    (attempt,) = accept(opened, [message(1)], begun=True)
    opened.wait(opened.store.settle([told(tried(attempt.message), 2, at=NOW)]))
    opened.wait(opened.store.keep_noted([Note(1, NOW, "old"), Note(2, NOW + 60, "new")], [], []))
    opened.wait(opened.store.forget(NOW + 1, 99))
    with closing(open_store(opened.path)) as db:
        assert [note.code for note in note_rows.notes_of(db, [1, 2])] == ["new"]
