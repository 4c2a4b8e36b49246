from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smppbridge.doctor import machine
from smppbridge.doctor.diagnosis import Diagnosis, Examination, examine, status_of
from smppbridge.doctor.store import holder, store
from smppbridge.settings.schema import Settings
from smppbridge.store.migrate import migrations
from tests.store.opened import Opened


def verdicts(found: object) -> list[tuple[str, str]]:
    return [(each.verdict, each.says) for each in found]  # type: ignore[attr-defined]


# -- diagnoses ---------------------------------------------------------------------------------


def test_one_that_never_ends_and_one_that_fails_hold_up_no_other() -> None:
    never = threading.Event()

    def waits() -> Iterator[Diagnosis]:
        never.wait()
        return iter(())

    def fails() -> Iterator[Diagnosis]:
        raise ValueError("pa$$word")

    good = Diagnosis("c", "", "good", "well")
    found = examine(
        [
            Examination("a", "x", waits),
            Examination("b", "", fails),
            Examination("c", "", lambda: [good]),
        ],
        limit=0.2,
    )
    never.set()
    assert verdicts(found) == [
        ("fault", "no answer within 10 s"),
        ("look", "could not be examined: ValueError"),
        ("good", "well"),
    ]


def test_other_providers_tell_whether_it_is_this_machine() -> None:
    def told(name: str, verdict: str) -> Examination:
        found = Diagnosis("provider", name, verdict, "said")  # type: ignore[arg-type]
        return Examination("provider", name, lambda: [found])

    found = examine([told("odd", "fault"), told("one", "good"), told("last", "fault")])
    assert ["other providers answer" in each.says for each in found] == [True, False, True]
    found = examine([told("odd", "fault"), told("last", "fault")])
    assert [each.says for each in found] == ["said", "said"]


@pytest.mark.parametrize(
    ("given", "status"), [([], 0), (["good"], 0), (["look", "good"], 2), (["look", "fault"], 1)]
)
def test_the_exit_status(given: list[str], status: int) -> None:
    assert status_of(Diagnosis("", "", each, "") for each in given) == status  # type: ignore[arg-type]


# -- the machine -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "verdict"), [((True, 0.01), "good"), ((True, 2.0), "look"), ((False, 0.0), "look")]
)
def test_the_clock(state: tuple[bool, float], verdict: str) -> None:
    assert [each.verdict for each in machine.clock(lambda: state)] == [verdict]


def test_the_kernel_tells_about_the_clock() -> None:
    kept, error = machine.clock_state()
    assert kept in (True, False)
    assert 0 <= error < 100


def test_the_file_system_of_a_folder(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    inner = tmp_path / "a b"
    inner.mkdir()
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 0:5 / {str(inner).replace(' ', chr(92) + '040')} rw shared:1 - nfs4 host:/x rw\n"
        f"3 1 0:6 / {tmp_path}/a rw - tmpfs tmpfs rw\n"
    )
    assert machine.file_system(inner, mounts) == "nfs4"
    assert machine.file_system(tmp_path, mounts) == "ext4"
    assert machine.file_system(Path("/"))


@pytest.mark.parametrize(
    ("kind", "verdict"), [("ext4", "good"), ("tmpfs", "look"), ("nfs", "fault")]
)
def test_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, verdict: str) -> None:
    monkeypatch.setattr(machine, "file_system", lambda folder: kind)
    monkeypatch.setattr(machine, "_SLOW_SYNC", 60.0)
    monkeypatch.setattr(machine, "_FEW_OCTETS", 1)
    monkeypatch.setattr(machine, "_FEWER_OCTETS", 0)
    found = list(machine.disk(tmp_path))
    assert verdict in {each.verdict for each in found}
    assert "a sync takes" in found[-1].says
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_slow_or_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SLOW_SYNC", -1.0)
    monkeypatch.setattr(machine, "_FEWER_OCTETS", 1e30)
    found = list(machine.disk(tmp_path))
    assert (found[0].verdict, found[-1].verdict) == ("fault", "look")
    assert [each.verdict for each in machine.disk(tmp_path / "gone")] == ["look"]


def test_a_store_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    path.touch(0o600)
    assert [each.verdict for each in machine.modes(Settings(), path)] == ["good"]
    path.chmod(0o640)
    first, *_ = machine.modes(Settings(), path)
    assert (first.verdict, first.advice) == ("fault", f"chmod 600 {path}")
    assert list(machine.modes(Settings(), tmp_path / "gone")) == []


def test_descriptors_of_the_daemon_and_of_a_process_here() -> None:
    few, many = Settings(), Settings.model_validate({"smpp": {"max_connections": 10**9}})
    assert "the running bridge" in verdicts(machine.limits(few, os.getpid()))[0][1]
    assert "started here" in verdicts(machine.limits(few, None))[0][1]
    assert verdicts(machine.limits(many, os.getpid()))[0][0] == "look"


# -- the store ---------------------------------------------------------------------------------


def test_a_good_store_that_is_open(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    try:
        ((verdict, says),) = verdicts(store(opened.path, deep=True))
        assert (verdict, "every page is sound" in says) == ("good", True)
        assert holder(opened.path) in (os.getpid(), None)
    finally:
        opened.store.stop()
    assert holder(opened.path) is None


def test_who_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "bridge.db-lock"
    lock.touch()
    inode = lock.stat().st_ino
    locks = tmp_path / "locks"
    locks.write_text(
        "1: POSIX  ADVISORY  WRITE 7 08:01:1 0 EOF\n"
        f"2: FLOCK  ADVISORY  WRITE 4711 08:01:{inode} 0 EOF\n"
    )
    assert holder(tmp_path / "bridge.db", locks) == 4711
    assert holder(tmp_path / "other.db", locks) is None


def test_stores_that_are_none_or_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    assert verdicts(store(path, deep=False)) == [("look", "is not there: the first start makes it")]
    path.write_bytes(b"\xff" * 8192)
    assert verdicts(store(path, deep=False))[0][0] == "fault"
    path.unlink()
    db = sqlite3.connect(path)
    db.executescript("create table decision (a); pragma user_version = 999")
    assert "newer version" in verdicts(store(path, deep=False))[0][1]
    db.execute(f"pragma user_version = {migrations()[-1][0] - 1}")
    assert verdicts(store(path, deep=False))[0][0] == "look"
    db.executescript("drop table decision; create table theirs (a)")
    db.close()
    assert "another program" in verdicts(store(path, deep=False))[0][1]
