"""The process that writes CDR files: when it is started, and what it leaves is known."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smppbridge.cdr.folder import Folder
from smppbridge.service.exports import INTERIM, ChildProcess, Exports
from smppbridge.settings.cdr import CdrSection
from smppbridge.store.cdr import Exported

HOUR, NOW = 3_600.0, 1_800_000_000.0  # the first moment of an hour
MARK = Exported(7, frozenset({3}), NOW)


class Played:
    """A process that ends when the test says so."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.ended = False

    def poll(self) -> int | None:
        return self.status

    def reason(self) -> str:
        return "no room"

    def end(self) -> None:
        self.ended = True


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = Folder(folder)
        self.commands: list[Sequence[str]] = []
        self.processes: list[Played] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.exports = Exports(["--store", "/store.db"], self.journal, self.start)
        self.section = CdrSection(folder=str(folder))

    def journal(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def start(self, command: Sequence[str]) -> Played:
        self.commands.append(command)
        self.processes.append(Played())
        return self.processes[-1]

    def mark(self) -> None:
        with self.folder.locked():
            self.folder.write_mark(MARK)

    def runs(self, *moments: float) -> list[int]:
        """Let every process end well before each moment; return how many were started by then."""
        started = []
        for moment in moments:
            for process in self.processes:
                process.status = 0
            self.exports.tick(moment)
            started.append(len(self.processes))
        return started


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "cdr")


def test_without_a_folder_nothing_is_started_and_all_may_be_forgotten(world: World) -> None:
    world.exports.change(CdrSection())
    assert world.runs(NOW, NOW + HOUR) == [0, 0]
    assert world.exports.exported is None


def test_a_process_is_started_at_once_and_a_minute_after_every_hour(world: World) -> None:
    world.exports.change(world.section)
    assert world.exports.exported == Exported()  # nothing may be forgotten yet
    times = (NOW, NOW + 59.9, NOW + 60, NOW + 70, NOW + HOUR + 59, NOW + HOUR + 60)
    assert world.runs(*times) == [1, 1, 2, 2, 2, 3]


def test_the_command_is_the_one_of_the_settings(world: World) -> None:
    given = {"format": "csv", "numbers": "masked", "interim": True}
    world.exports.change(world.section.model_copy(update=given))
    assert world.runs(NOW, NOW + 59, NOW + 60, NOW + 60 + INTERIM) == [1, 1, 2, 3]
    assert world.commands[0] == [
        *(sys.executable, "-m", "smppbridge", "export", "--store", "/store.db"),
        *("--folder", str(world.folder.path), "--format", "csv", "--numbers", "masked"),
        "--interim",
    ]


def test_what_it_leaves_is_known_once_it_has_ended(world: World) -> None:
    world.exports.change(world.section)
    world.exports.tick(NOW)
    world.mark()
    world.exports.tick(NOW + 10)
    assert world.exports.exported == Exported()
    world.processes[0].status = 0
    world.exports.tick(NOW + 20)
    assert world.exports.exported == MARK
    assert world.processes[0].ended


def test_what_was_left_before_a_restart_is_known_at_once(world: World) -> None:
    world.mark()
    world.exports.change(world.section)
    assert world.exports.exported == MARK
    world.exports.change(CdrSection())
    assert world.exports.exported is None


@pytest.mark.parametrize(("status", "logged"), [(1, True), (-9, True), (75, False)])
def test_a_process_that_fails_is_started_again_a_minute_later(
    status: int, logged: bool, world: World
) -> None:
    world.exports.change(world.section)
    world.exports.tick(NOW + 100)
    world.processes[0].status = status
    for moment, started in ((110, 1), (160, 1), (170, 2)):
        world.exports.tick(NOW + moment)
        assert len(world.processes) == started
    failed = ("cdr_failed", {"status": status, "reason": "no room"})
    assert world.events == ([failed] if logged else [])
    assert world.exports.exported == Exported()


def test_a_mark_that_cannot_be_read_lets_nothing_be_forgotten(world: World) -> None:
    world.mark()
    (world.folder.path / ".exported.json").write_text("{")
    world.exports.change(world.section)
    assert world.exports.exported == Exported()
    assert [name for name, _ in world.events] == ["cdr_failed"]


def test_a_stop_ends_the_process(world: World) -> None:
    world.exports.change(world.section)
    world.exports.tick(NOW)
    world.exports.stop()
    world.exports.stop()
    assert world.processes[0].ended


def test_a_child_says_how_it_ended_and_why() -> None:
    script = "import sys; sys.stdin.read(); sys.exit('first\\nlast')"
    child = ChildProcess([sys.executable, "-c", script])
    while child.poll() is None:
        child._child.wait()
    assert (child.poll(), child.reason()) == (1, "last")
    child.end()


def test_a_child_that_runs_is_killed() -> None:
    child = ChildProcess([sys.executable, "-c", "import time; time.sleep(600)"])
    assert child.poll() is None
    child.end()
    assert child._child.returncode == -9


def test_a_process_that_a_restart_ended_is_started_anew_if_that_fails(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.exports.change(world.section)
    world.exports.interrupt()  # nothing runs
    assert world.commands == []
    world.exports.tick(NOW + 100)
    world.exports.interrupt()
    assert world.processes[0].ended
    world.exports.tick(NOW + 110)
    world.exports.tick(NOW + 120)
    assert len(world.commands) == 2
