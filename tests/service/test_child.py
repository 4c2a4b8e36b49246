from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from smppbridge.doctor.diagnosis import Diagnosis
from smppbridge.service.cdr_answers import PATIENCE as UNREAD
from smppbridge.service.cdr_answers import PIECE, Download
from smppbridge.service.child import LOOKED_AT, Child, ChildFailed, ChildRunning
from smppbridge.service.examinations import Examinations
from smppbridge.web.request import Outflow
from tests.patience import PATIENCE

LONGEST = 5.0
GOOD = {"check": "clock", "subject": "", "verdict": "good", "says": "right", "advice": ""}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the children run a program of a shell instead."""
    real = subprocess.Popen

    def runs(program: str) -> None:
        def started(command: list[str], **given: Any) -> Any:
            return real(["/bin/sh", "-c", program], **given)

        monkeypatch.setattr("subprocess.Popen", started)

    return runs


def ended(child: Child, clock: Clock) -> None:
    """Wait for the end of the process, and let it be looked at."""
    assert child._process is not None
    child._process.wait(PATIENCE)
    clock.advance(LOOKED_AT)
    assert not child.running


def into(failed: list[str]) -> Callable[[Failure], None]:
    """Return a function that keeps the words of a failure."""
    return lambda failure: failed.append(str(failure.value))


def test_the_output_of_a_process_is_its_result(runs: Callable[[str], None]) -> None:
    clock = Clock()
    child = Child(clock)
    for program, good in (("echo one", (0,)), ("echo two; exit 1", (0, 1))):
        runs(program)
        found: list[bytes] = []
        child.run(["x"], good, LONGEST).addCallback(found.append)
        with pytest.raises(ChildRunning):
            child.run(["x"], good, LONGEST)
        ended(child, clock)
        assert found == [program.split()[1].rstrip(";").encode() + b"\n"]


@pytest.mark.parametrize(
    ("program", "why"),
    [("echo bad >&2; exit 3", "exit status 3: bad"), ("kill -9 $$", "exit status -9: ")],
)
def test_a_process_that_fails_says_why(runs: Callable[[str], None], program: str, why: str) -> None:
    clock, failed = Clock(), list[str]()
    child = Child(clock)
    runs(program)
    child.run(["x"], (0,), LONGEST).addErrback(into(failed))
    ended(child, clock)
    assert failed == [why]


def test_a_process_that_takes_too_long_or_is_stopped_is_ended(runs: Callable[[str], None]) -> None:
    clock, failed = Clock(), list[str]()
    child = Child(clock)
    runs("exec sleep 600")
    child.run(["x"], (0,), LONGEST).addErrback(into(failed))
    clock.advance(LONGEST)
    assert not child.running
    child.run(["x"], (0,), LONGEST).addErrback(into(failed))
    child.stop()
    child.stop()
    assert failed == ["it took too long", "it was stopped"]
    assert clock.getDelayedCalls() == []


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **more: Any) -> Any:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("subprocess.Popen", full)
    child = Child(Clock())
    with pytest.raises(ChildFailed, match="Cannot allocate memory"):
        child.run(["x"], (0,), LONGEST)
    assert not child.running


@pytest.mark.parametrize(
    ("said", "found", "failed"),
    [
        (json.dumps([GOOD]), [Diagnosis("clock", "", "good", "right")], ""),
        ("[]", [], ""),
        ("no json", [], "its diagnoses cannot be read"),
        ('[{"x": 1}]', [], "its diagnoses cannot be read"),
    ],
)
def test_the_last_examination_is_kept(
    runs: Callable[[str], None], said: str, found: list[Diagnosis], failed: str
) -> None:
    clock = Clock()
    examinations = Examinations(clock, lambda: 7.0)
    assert (examinations.ended, examinations.running) == (None, False)
    runs(f"echo '{said}'; exit 2")
    examinations.start("bridge.yaml")
    assert examinations.running
    ended(examinations._child, clock)
    assert (examinations.found, examinations.failed, examinations.ended) == (found, failed, 7.0)


class Peer:
    """The connection of a download."""

    def __init__(self) -> None:
        self.read, self.cut, self.is_over = b"", False, False
        self.outflow = Outflow(self, self)  # type: ignore[arg-type]
        self.gone: Callable[[], None] | None = None

    def push(self, octets: bytes) -> None:
        self.read += octets

    def give_way(self) -> None:
        self.cut = True

    def end(self) -> None:
        self.is_over = True


def test_a_file_leaves_as_fast_as_its_peer_reads(tmp_path: Path) -> None:
    path, clock, peer, done = tmp_path / "file", Clock(), Peer(), list[int]()
    octets = bytes(range(256)) * (2 * PIECE // 256) + b"odd"
    path.write_bytes(octets)
    peer.outflow.pauseProducing()
    Download(path.open("rb"), peer.outflow, clock, lambda: done.append(1))
    assert peer.read == b""
    for _ in range(3):
        peer.outflow.resumeProducing()
        clock.advance(1)
        peer.outflow.pauseProducing()
    clock.advance(0)
    peer.outflow.resumeProducing()
    clock.advance(1)
    assert peer.read == octets
    assert (peer.is_over, peer.cut, done) == (True, False, [1])
    assert clock.getDelayedCalls() == []


def test_a_peer_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    path, clock, peer, done = tmp_path / "file", Clock(), Peer(), list[int]()
    path.write_bytes(b"x")
    peer.outflow.pauseProducing()
    Download(path.open("rb"), peer.outflow, clock, lambda: done.append(1))
    clock.pump([UNREAD / 10] * 11)
    assert (peer.cut, peer.is_over, done, clock.getDelayedCalls()) == (True, False, [1], [])


def test_a_download_whose_peer_goes_is_closed(tmp_path: Path) -> None:
    path, clock, peer, done = tmp_path / "file", Clock(), Peer(), list[int]()
    path.write_bytes(b"x" * 3 * PIECE)
    Download(path.open("rb"), peer.outflow, clock, lambda: done.append(1))
    assert peer.gone is not None
    peer.gone()
    clock.advance(1)
    assert (done, peer.is_over, len(peer.read)) == ([1], False, PIECE)
