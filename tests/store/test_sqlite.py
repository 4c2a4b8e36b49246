"""What is SQLite's own: the lock, one transaction for all, disks that fail, processes that die."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.message import REMEMBERED_FOR, Stage
from smppbridge.store import gathered
from smppbridge.store import writer as module
from smppbridge.store.locked import StoreLocked
from smppbridge.store.migrate import TooNew
from smppbridge.store.port import Entry, StoreFailure
from smppbridge.store.sqlite import SqliteStore
from smppbridge.store.writer import connect
from tests.patience import PATIENCE
from tests.store.opened import (
    LATER,
    NOW,
    Opened,
    accept,
    again,
    key,
    message,
    segment,
    taken,
    told,
    tried,
    unknown,
)

ROOT = Path(__file__).parents[2]


def python(code: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


# -- opening and closing ------------------------------------------------------------------------


def test_a_second_opener_is_refused(opened: Opened) -> None:
    with pytest.raises(StoreLocked, match="in use by another process"):
        SqliteStore(opened.path, opened._call).open(LATER)
    opened.store.stop()
    second = SqliteStore(opened.path, opened._call)
    second.open(LATER)
    second.stop()


def test_another_process_is_refused_until_this_one_has_stopped(opened: Opened) -> None:
    code = (
        "import sys; from smppbridge.store.sqlite import SqliteStore\n"
        "try: SqliteStore(sys.argv[1], print).open(4e9)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "else: print('opened')"
    )
    assert python(code, opened.path).communicate(timeout=PATIENCE)[0] == "StoreLocked\n"
    opened.store.stop()
    assert python(code, opened.path).communicate(timeout=PATIENCE)[0] == "opened\n"


def test_a_store_of_a_newer_version_is_not_opened(opened: Opened) -> None:
    opened.store.stop()
    with closing(sqlite3.connect(opened.path)) as db:
        db.execute("pragma user_version = 999")
    with pytest.raises(TooNew):
        opened.open()


def test_every_commit_reaches_the_disk(opened: Opened) -> None:
    names = "journal_mode", "synchronous"
    with closing(connect(str(opened.path))) as db:
        pragmas = [db.execute(f"pragma {name}").fetchone()[0] for name in names]
    assert pragmas == ["wal", 2]


def test_stop_writes_what_was_told(waiting: Opened) -> None:
    for i in range(1, 300):
        waiting.store.accept([Entry(message(i))])
    waiting.store.start()
    waiting.store.stop()
    waiting.open()
    assert [found.messages for found in waiting.restored.waiting] == [299]


# -- one transaction ----------------------------------------------------------------------------


def test_what_is_told_before_the_writer_looks_is_one_transaction(waiting: Opened) -> None:
    attempt = tried(message())
    calls: list[Any] = [
        waiting.store.accept([Entry(attempt.message)]),
        waiting.store.begin([attempt]),
        waiting.store.record([taken(attempt, "X")]),
        waiting.store.settle([told(attempt, 2)]),
    ]
    waiting.store.start()
    waiting.wait(*calls)
    assert waiting.commits == [None]
    assert waiting.wait(waiting.store.find([1]))[1].stage is Stage.FINISHED


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_poisonous_list_fails_alone_in_its_transaction(waiting: Opened, place: int) -> None:
    lists = [[Entry(message(i))] for i in (1, 2, 3)]
    lists[place].append(Entry(message(9, data_coding=2**63)))
    calls = [waiting.store.accept(entries) for entries in lists]
    waiting.store.start()
    for at, call in enumerate(calls):
        if at == place:
            with pytest.raises(StoreFailure):
                waiting.wait(call)
        else:
            waiting.wait(call)
    kept = waiting.wait(waiting.store.find([1, 2, 3, 9]))
    assert sorted(kept) == sorted({1, 2, 3} - {place + 1})


# -- a disk that fails --------------------------------------------------------------------------


def limited(db: sqlite3.Connection, more_pages: int) -> None:
    pages = db.execute("pragma page_count").fetchone()[0]
    db.execute(f"pragma max_page_count = {pages + more_pages}")


def test_a_full_disk_fails_all_that_was_told_and_is_got_over(
    waiting: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connected(path: str) -> sqlite3.Connection:
        db = connect(path)
        limited(db, 2)
        return db

    monkeypatch.setattr(module, "connect", connected)
    small = waiting.store.accept([Entry(message(1))])
    large = waiting.store.accept([Entry(message(2, text="x" * 100_000))])
    waiting.store.start()
    for call in (small, large):
        with pytest.raises(StoreFailure, match="full"):
            waiting.wait(call)
    assert waiting.store.failing
    assert waiting.wait(waiting.store.find([1, 2])) == {}

    waiting.wait(waiting.store._query(lambda db: limited(db, 10_000)))
    accept(waiting, [message(1), message(2, text="x" * 100_000)])
    assert not waiting.store.failing
    assert [str(error) for error in waiting.commits] == ["database or disk is full", "None"]
    assert sorted(waiting.wait(waiting.store.find([1, 2]))) == [1, 2]


WRITE_UNTIL_FULL = """
import resource, signal, sys
from pathlib import Path
from smppbridge.store.port import Entry, StoreFailure
from tests.store.opened import Opened, message
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
opened, hard = Opened(Path(sys.argv[1])), resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
kept = lost = 0
while lost < 3:
    try:
        opened.wait(opened.store.accept([Entry(message(kept + 1, text="x" * 50_000))]))
        kept += 1
    except StoreFailure:
        lost += 1
failing = opened.store.failing
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
opened.wait(opened.store.accept([Entry(message(kept + 1))]))
opened.store.stop()
print(kept + 1, failing, opened.store.failing)
"""


def test_a_file_that_cannot_grow_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    out, errors = python(WRITE_UNTIL_FULL, tmp_path).communicate(timeout=PATIENCE)
    assert errors == ""
    kept, *failing = out.split()
    assert (int(kept) > 3, failing) == (True, ["True", "False"])
    opened = Opened(tmp_path)
    opened.store.stop()
    assert sum(found.messages for found in opened.restored.waiting) == int(kept)


# -- a process that dies ------------------------------------------------------------------------

WRITE_FOR_EVER = """
import itertools, sys
from pathlib import Path
from smppbridge.store.port import Entry
from tests.store.opened import Opened, first_attempt, message, taken, told, tried
opened = Opened(Path(sys.argv[1]))
for i in itertools.count(1):
    attempt = tried(message(i))
    entry = Entry(attempt.message, attempt=first_attempt(attempt.message))
    opened.wait(opened.store.accept([entry]))
    print("accepted", i, flush=True)
    recorded = opened.store.record([taken(attempt, f"X{i}")])
    opened.wait(recorded, opened.store.settle([told(attempt, 2)]))
    print("settled", i, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 40, 101])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, lines: int) -> None:
    with python(WRITE_FOR_EVER, tmp_path) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()  # not by communicate: it leaves out what is buffered
    last = {what: int(number) for what, number in map(str.split, said)}
    opened = Opened(tmp_path)
    accepted, settled = last["accepted"], last.get("settled", 0)
    found = opened.wait(opened.store.find(list(range(1, accepted + 1))))
    owed = opened.wait(opened.store.owed("bank", NOW + 99, 10_000))
    opened.store.stop()
    assert len(found) == accepted
    assert all(found[i].stage is Stage.FINISHED for i in range(1, settled + 1))
    assert {d.message_id for d in owed} >= set(range(1, settled + 1))
    assert opened.restored.last_id in (accepted, accepted + 1)


def test_only_segments_joined_lately_are_restored(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = (REMEMBERED_FOR, REMEMBERED_FOR - 1, 0.0, 0.0)
    for n, age in enumerate(ages, 1):
        part = segment(n, 1, received_at=NOW - age)
        whole = message(n, segments=(part,))
        opened.wait(opened.store.accept([Entry(whole, key=key(total=1), segment=part)]))
    assert [part.message_id for _, part, _ in opened.reopen().joined] == [2, 3, 4]
    monkeypatch.setattr(gathered, "MOST_JOINED", 2)
    assert [part.message_id for _, part, _ in opened.reopen().joined] == [3, 4]


def test_a_provider_has_open_messages_until_the_last_has_ended(opened: Opened) -> None:
    def is_open() -> bool:
        answer: bool = opened.wait(opened.store.open_messages("keccel"))
        return answer

    (attempt,) = accept(opened, [message()], begun=True)
    steps = [is_open()]
    for verdict in (again(attempt, NOW, "keccel"), unknown(attempt), taken(attempt, "X")):
        opened.wait(opened.store.record([verdict]))
        steps.append(is_open())
    assert steps == [True] * 4
    opened.wait(opened.store.settle([told(attempt, 2)]))
    assert not is_open()


def test_an_uncertain_attempt_that_is_repeated_is_not_counted_as_uncertain(opened: Opened) -> None:
    attempts = accept(opened, [message(n) for n in (1, 2, 3)], begun=True)
    opened.wait(opened.store.record([unknown(attempt) for attempt in attempts]))
    opened.wait(opened.store.begin([attempts[1]]))
    assert opened.wait(opened.store.measure())["uncertain"] == 2
