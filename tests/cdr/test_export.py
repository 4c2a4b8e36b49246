"""CDR files of a store: whole hours, the same octets after a crash, late ones, nothing lost."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smppbridge.cdr import export as exporting
from smppbridge.cdr.export import CdrForm, export, hour_of
from smppbridge.cdr.folder import BadFolder, Folder, FolderBusy
from smppbridge.model.address import Address
from smppbridge.model.message import Stage, Traits
from smppbridge.store import lookup
from smppbridge.store.cdr import Exported
from smppbridge.store.port import Entry
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    first_attempt,
    key,
    message,
    segment,
    taken,
    told,
)

HOUR = 3_600.0
CLOSED = NOW + HOUR + 60  # the first moment at which the hour of NOW is closed
FIRST = "cdr-2027-01-15T08.jsonl"


@pytest.fixture
def db(opened: Opened) -> Iterator[sqlite3.Connection]:
    with closing(lookup.open_file(opened.path)) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "cdr")


@pytest.fixture
def write(db: sqlite3.Connection, folder: Folder) -> Callable[..., list[str]]:
    def write(now: float = CLOSED, **form: Any) -> list[str]:
        with folder.locked():
            return [entry.file for entry in export(db, folder, CdrForm(**form), now)]

    return write


def end(opened: Opened, *ids: int, at: float = NOW + 2, **changes: Any) -> None:
    """Accept messages, and let all end DELIVERED at that time."""
    begun = accept(opened, [message(i, **changes) for i in ids], begun=True)
    opened.wait(opened.store.record([taken(a, f"X{a.message.message_id}") for a in begun]))
    opened.wait(opened.store.settle([told(a, 2, at) for a in begun]))


def ids_in(folder: Folder, name: str = FIRST) -> list[int]:
    lines = (folder.path / name).read_text().splitlines()
    return [int(json.loads(line)["message_id"]) for line in lines]


def octets(folder: Folder) -> dict[str, bytes]:
    """Return every whole file of a folder, without the lock and what was left half-way."""
    return {
        path.name: path.read_bytes()
        for path in folder.path.iterdir()
        if path.name != ".lock" and not path.name.endswith(".part")
    }


def test_an_hour_is_written_once_it_is_closed(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    end(opened, 5, at=NOW)  # the first moment of the hour
    end(opened, 6, at=NOW + HOUR - 0.001)
    end(opened, 7, at=NOW - 0.001)
    end(opened, 8, at=NOW + HOUR)
    accept(opened, [message(9)])
    assert write(CLOSED - 0.001) == ["cdr-2027-01-15T07.jsonl"]
    assert write() == [FIRST]
    assert ids_in(folder) == [5, 6]
    assert write() == []
    assert write(CLOSED + HOUR) == ["cdr-2027-01-15T09.jsonl"]
    manifest = folder.manifest()
    assert list(manifest) == sorted(manifest)
    assert (manifest[FIRST].records, manifest[FIRST].segments) == (2, 2)


def test_an_hour_without_a_message_has_a_file_too(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    assert write() == [FIRST]
    end(opened, 1, at=NOW + 3 * HOUR)
    names = [f"cdr-2027-01-15T{hour:02}.jsonl" for hour in (9, 10, 11)]
    assert write(CLOSED + 3 * HOUR) == names
    assert [folder.manifest()[name].records for name in names] == [0, 0, 1]
    assert (folder.path / names[0]).read_bytes() == b""


def test_a_message_that_ends_in_an_hour_that_has_its_file_is_late(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    end(opened, 1, 2)
    write()
    end(opened, 3, 4)
    assert write() == ["cdr-2027-01-15T08-late1.jsonl"]
    end(opened, 5)
    assert write(CLOSED, format="csv") == ["cdr-2027-01-15T08-late2.csv"]
    assert ids_in(folder) == [1, 2]
    assert ids_in(folder, "cdr-2027-01-15T08-late1.jsonl") == [3, 4]
    assert {hour_of(name) for name in folder.manifest()} == {500_000}


def test_a_message_that_was_open_for_long_gets_its_record_at_its_end(
    opened: Opened, folder: Folder, write: Callable[..., list[str]], monkeypatch: Any
) -> None:
    monkeypatch.setattr(exporting, "MOST_BESIDES", 2)
    first, *others = accept(opened, [message(i) for i in (1, 2, 3)], begun=True)
    end(opened, 4, 5)
    write(NOW + 10 * HOUR)
    assert folder.exported().besides == {1, 2}
    assert folder.exported().below == 3  # one more than may be named
    opened.wait(opened.store.record([taken(first, "X1"), taken(others[1], "X3")]))
    opened.wait(opened.store.settle([told(first, 5, NOW + 10 * HOUR), told(others[1], 2)]))
    late, *hours = write(NOW + 12 * HOUR)
    assert late == "cdr-2027-01-15T08-late1.jsonl"
    assert hours == [f"cdr-2027-01-15T{hour}.jsonl" for hour in (17, 18)]
    assert ids_in(folder, "cdr-2027-01-15T18.jsonl") == [1]
    assert ids_in(folder, "cdr-2027-01-15T08-late1.jsonl") == [3]
    assert folder.exported().besides == {2}
    assert folder.exported().below == 6


def test_the_mark_waits_for_segments_and_for_messages_that_are_on_their_way(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    lone = Entry(None, key(), segment(3, 1))
    opened.wait(opened.store.accept([lone]))
    end(opened, 2, 4, at=NOW)
    assert write() == [FIRST]
    assert folder.exported().below == 3
    whole = message(3, segments=(segment(3, 1), segment(5, 2)))
    opened.wait(opened.store.accept([Entry(whole, key(), segment(5, 2), first_attempt(whole))]))
    end(opened, 6, at=NOW + 2 * HOUR, accepted_at=NOW + 2 * HOUR)
    write(NOW + 2 * HOUR + 300)  # a message_id near 6 may be given and not written yet
    assert folder.exported() == Exported(5, frozenset({3}), NOW + 2 * HOUR)


class Died(BaseException):
    """The process is no more."""


def dying(monkeypatch: Any, at: int) -> None:
    """Let the process die at the so-many-th write that is to be durable."""
    left = [at]

    def or_die(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                raise Died
            return real(*args)

        return call

    monkeypatch.setattr(os, "fsync", or_die(os.fsync))
    monkeypatch.setattr(os, "replace", or_die(os.replace))


@pytest.mark.parametrize("late", [False, True])
def test_after_a_crash_at_any_point_the_files_are_the_same(
    late: bool,
    opened: Opened,
    db: sqlite3.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end(opened, 1, 2)
    end(opened, 3, at=NOW + HOUR)
    accept(opened, [message(4)])
    folders = [Folder(tmp_path / str(n)) for n in range(64)]

    def run(folder: Folder, now: float = CLOSED + HOUR) -> None:
        with folder.locked():
            list(export(db, folder, CdrForm(), now))

    if late:
        for folder in folders:
            run(folder)
        end(opened, 5)
        end(opened, 6, at=NOW + HOUR)
    whole, *others = folders
    run(whole)
    died = 0
    for point, folder in enumerate(others, 1):
        try:
            with monkeypatch.context() as patch:
                dying(patch, point)
                run(folder)
        except Died:
            died += 1
        else:
            break
        for entry in folder.manifest().values():  # what counts is whole
            assert (folder.path / entry.file).read_bytes() == (whole.path / entry.file).read_bytes()
        run(folder)
        assert octets(folder) == octets(whole)
    assert died > 20


def test_nothing_is_forgotten_that_has_no_record(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    accept(opened, [message(1)])
    end(opened, 2, 3)
    forget = opened.store.forget
    assert opened.wait(forget(NOW + 3, 9, Exported())) == 0
    write()
    end(opened, 4)
    mark = folder.exported()
    assert mark.below == 4
    assert opened.wait(forget(NOW + 3, 9, mark)) == 2
    late = opened.wait(opened.store.find([4]))
    assert late[4].stage is Stage.FINISHED
    assert opened.wait(forget(NOW + 3, 9)) == 1  # without cdr


def test_a_message_that_is_named_by_the_mark_is_not_forgotten(opened: Opened) -> None:
    end(opened, 1, 2, 3)
    opened.wait(opened.store.forget(NOW + 3, 9, Exported(9, frozenset({1, 3}))))
    assert set(opened.wait(opened.store.find([1, 2, 3]))) == {1, 3}


def test_the_hour_that_runs_has_a_file_on_demand(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    end(opened, 1, at=NOW + HOUR)
    assert write(interim=True) == [FIRST]
    assert ids_in(folder, "cdr-interim.jsonl") == [1]
    assert "cdr-interim.jsonl" not in folder.manifest()
    write(CLOSED + HOUR, interim=True)
    assert ids_in(folder, "cdr-interim.jsonl") == []


def test_one_process_writes_at_a_time(folder: Folder) -> None:
    with folder.locked(), pytest.raises(FolderBusy, match="another process"), folder.locked():
        pass
    with folder.locked():
        pass


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.jsonl", "{}\n"),
        ("manifest.jsonl", "no json\n"),
        (".exported.json", "[]"),
        (".exported.json", '{"below": 1}'),
    ],
)
def test_a_folder_that_was_tampered_with_is_an_error(
    name: str, text: str, folder: Folder, write: Callable[..., list[str]]
) -> None:
    write()
    (folder.path / name).write_text(text)
    with pytest.raises(BadFolder, match=name):
        write(CLOSED + HOUR)


def test_a_clock_that_was_far_ahead_makes_no_heap_of_files(
    opened: Opened, write: Callable[..., list[str]]
) -> None:
    assert write() == [FIRST]
    far = NOW + 20_000 * HOUR
    end(opened, 1, at=far)
    assert len(write(far + HOUR + 60)) == 1
    end(opened, 2, at=NOW + 5 * HOUR)
    assert write(NOW + 6 * HOUR + 60) == ["cdr-2027-01-15T13.jsonl"]


def test_a_record_says_what_the_store_has_of_a_message(
    opened: Opened, folder: Folder, write: Callable[..., list[str]]
) -> None:
    multi = Traits(multi=1, destinations=2, service_type="CMT")
    end(opened, 1, 2, traits=multi, priority=3)
    end(opened, 3, text="", binary=b"\xff", destination=Address("0810000001", 2, 1))
    write()
    records = [json.loads(line) for line in (folder.path / FIRST).read_text().splitlines()]
    assert [r["answered_id"] for r in records] == ["1", "1", "3"]
    assert [r["service_type"] for r in records] == ["CMT", "CMT", ""]
    assert [r["priority"] for r in records] == [3, 3, 0]
    assert [r["alphabet"] for r in records] == ["gsm7", "gsm7", "octets"]
    assert [r["destination"] for r in records] == ["243810000001", "243810000001", "0810000001"]
    assert {r["number"] for r in records} == {"243810000001"}
    assert [r["provider_message_id"] for r in records] == ["X1", "X2", "X3"]
    assert {r["route"][-1] for r in records} == {"d7"}
