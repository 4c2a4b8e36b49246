"""Reconciliation: every accepted segment is exported, finished, open or gathering."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smppbridge.cdr.export import CdrForm, export
from smppbridge.cdr.folder import Folder
from smppbridge.cdr.reconcile import AccountFigures, reconcile
from smppbridge.model.message import Traits
from smppbridge.store import lookup
from smppbridge.store.port import Entry
from tests.cdr.test_export import CLOSED, FIRST, HOUR, end
from tests.store.opened import NOW, Opened, accept, first_attempt, key, message, segment, told


@pytest.fixture
def db(opened: Opened) -> Iterator[sqlite3.Connection]:
    """Return a store with something at each place, for two accounts."""
    end(opened, 1, 2)  # to be exported
    long = message(4, segments=(segment(3, 1), segment(4, 2)))
    first, second = Entry(None, key(), segment(3, 1)), Entry(long, key(), segment(4, 2))
    second.attempt = first_attempt(long)
    opened.wait(opened.store.accept([first, second]))
    opened.wait(opened.store.settle([told(first_attempt(long), 3)]))
    end(opened, 5, at=NOW + HOUR + 1, traits=Traits(multi=5, destinations=2))  # not closed yet
    accept(opened, [message(6, system_id="shop"), message(7)])  # open
    lone = Entry(None, key(8, system_id="shop"), segment(8, 1))
    opened.wait(opened.store.accept([lone]))
    with closing(lookup.open_file(opened.path)) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "cdr")


@pytest.fixture(params=["jsonl", "csv"])
def written(request: pytest.FixtureRequest, db: sqlite3.Connection, folder: Folder) -> str:
    """Export the closed hour; return the name of its file."""
    with folder.locked():
        form = CdrForm(format=request.param, numbers="masked")
        (entry,) = export(db, folder, form, CLOSED)
    assert (entry.records, entry.segments) == (3, 4)
    return entry.file


def test_only_what_was_accepted_in_a_time_is_compared(
    db: sqlite3.Connection, folder: Folder, written: str
) -> None:
    whole = reconcile(db, folder)
    assert (whole.balanced, whole.total.accepted > 0) == (True, True)
    assert reconcile(db, folder, NOW, NOW + 2 * HOUR).accounts == whole.accounts
    later, before = reconcile(db, folder, since=NOW + 10), reconcile(db, folder, until=NOW)
    assert (later.balanced, later.accounts) == (True, {})
    assert (before.balanced, before.accounts) == (True, {})


def test_the_identity_holds_by_account_before_and_after(
    db: sqlite3.Connection, folder: Folder
) -> None:
    folder.path.mkdir()
    before = reconcile(db, folder)
    assert before.balanced
    assert before.accounts["bank"] == AccountFigures(6, 0, 5, 1, 0)
    with folder.locked():
        list(export(db, folder, CdrForm(), CLOSED))
    found = reconcile(db, folder)
    assert found.balanced
    assert found.accounts == {
        "bank": AccountFigures(accepted=6, exported=4, finished=1, open=1, gathering=0),
        "shop": AccountFigures(accepted=2, exported=0, finished=0, open=1, gathering=1),
    }
    assert found.total == AccountFigures(8, 4, 1, 2, 1)


def test_what_was_forgotten_is_in_no_figure(
    opened: Opened, db: sqlite3.Connection, folder: Folder, written: str
) -> None:
    mark = folder.exported()
    assert opened.wait(opened.store.forget(NOW + 5, 9, mark)) == 3
    found = reconcile(db, folder)
    assert found.balanced
    assert found.accounts["bank"] == AccountFigures(2, 0, 1, 1, 0)
    (folder.path / written).unlink()  # no message of its hour is in the store
    assert reconcile(db, folder).balanced


def a_line_twice(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))


def no_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    "harm",
    [a_line_twice, no_last_line, Path.unlink, lambda path: path.write_bytes(b"\xff\xfe{")],
    ids=["twice", "short", "gone", "garbage"],
)
def test_a_file_that_is_not_the_one_of_the_manifest_is_a_fault(
    harm: Callable[[Path], None], db: sqlite3.Connection, folder: Folder, written: str
) -> None:
    harm(folder.path / written)
    found = reconcile(db, folder)
    assert not found.balanced
    assert any(written in words for words in found.faults)
    assert found.accounts["bank"].exported == 0


def test_a_message_with_two_records_is_a_fault(
    db: sqlite3.Connection, folder: Folder, written: str
) -> None:
    entry = folder.manifest()[written]
    ending = written.partition(".")[2]
    again = f"{written.partition('.')[0]}-late1.{ending}"
    (folder.path / again).write_bytes((folder.path / written).read_bytes())
    with (folder.path / "manifest.jsonl").open("a") as file:
        fields = {"file": again, "records": 3, "segments": 4, "sha256": entry.sha256}
        file.write(json.dumps(fields) + "\n")
    found = reconcile(db, folder)
    assert len(found.faults) == 3
    assert all("has a record already" in words for words in found.faults)


def test_a_segment_that_the_store_has_lost_breaks_the_identity(
    opened: Opened, folder: Folder, written: str
) -> None:
    with closing(sqlite3.connect(opened.path)) as other:
        other.execute("delete from segment where message_id = 3")
        other.commit()
    with closing(lookup.open_file(opened.path)) as db:
        found = reconcile(db, folder)
    assert not found.accounts["bank"].balanced
    assert found.accounts["shop"].balanced
    assert not found.balanced


def test_a_record_with_another_number_of_segments_breaks_it(
    db: sqlite3.Connection, folder: Folder
) -> None:
    with folder.locked():
        (entry,) = export(db, folder, CdrForm(), CLOSED)
    path = folder.path / FIRST
    text = path.read_text().replace('"segments":2', '"segments":1')
    with folder.locked():
        digest = folder.write(FIRST, [text.encode()])
        folder.write_manifest([type(entry)(FIRST, 3, 3, digest)])
    found = reconcile(db, folder)
    assert found.faults == []
    assert not found.balanced
