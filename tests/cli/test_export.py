"""``smppbridge export``: the files that are due, and the reconciliation."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smppbridge.cdr.folder import Folder
from smppbridge.cli.export import export
from tests.cdr.test_export import CLOSED, FIRST, end
from tests.store.opened import Opened

Run = Callable[..., Result]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    end(opened, 1, 2)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(time, "time", lambda: CLOSED)
    yield opened
    opened.store.stop()


@pytest.fixture
def config(opened: Opened, tmp_path: Path) -> Path:
    path = tmp_path / "bridge.yaml"
    path.write_text(f"store: sqlite:{opened.path}\ncdr: {{folder: cdr, numbers: masked}}\n")
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(export, list(map(str, words)))


def test_it_goes_by_the_configuration(config: Path, tmp_path: Path) -> None:
    result = run("--config", config)
    assert (result.exit_code, result.stdout) == (0, f"{FIRST}: 2 records, 2 segments\n")
    assert b"2438*****001" in (tmp_path / "cdr" / FIRST).read_bytes()
    assert run("--config", config).stdout == ""


def test_options_go_before_the_configuration(config: Path, tmp_path: Path) -> None:
    given = ("--format", "csv", "--numbers", "whole", "--interim", "--folder", tmp_path / "other")
    (line,) = run("--config", config, *given, "--json").stdout.splitlines()
    name = FIRST.replace("jsonl", "csv")
    assert json.loads(line)["file"] == name
    assert b"243810000001" in (tmp_path / "other" / name).read_bytes()
    assert (tmp_path / "other" / "cdr-interim.csv").exists()


def test_without_a_folder_it_says_what_to_do(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(f"store: sqlite:{opened.path}\n")
    result = run("--config", path)
    assert result.exit_code == 2
    assert "set cdr.folder" in result.stderr


def test_a_bad_configuration_is_78(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text("cdr: {folder: x, format: xml}\n")
    result = run("--config", path)
    assert result.exit_code == 78
    assert "cdr.format" in result.stderr


def test_another_process_that_writes_is_75(config: Path, tmp_path: Path) -> None:
    with Folder(tmp_path / "cdr").locked():
        result = run("--config", config)
    assert result.exit_code == 75
    assert "another process" in result.stderr


@pytest.mark.parametrize("file", ["cdr", "cdr/manifest.jsonl"])
def test_a_folder_that_cannot_be_used_is_a_line(file: str, config: Path, tmp_path: Path) -> None:
    place = tmp_path / file
    place.parent.mkdir(exist_ok=True)
    place.write_text("no folder and no manifest")
    result = run("--config", config)
    assert result.exit_code == 1
    assert "cdr" in result.stderr
    assert "Traceback" not in result.stderr


def test_reconciliation_is_a_table_and_exit_1_where_it_does_not_hold(
    config: Path, tmp_path: Path
) -> None:
    run("--config", config)
    result = run("--config", config, "--reconcile")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert lines == [
        ["account", "accepted", "exported", "finished", "open", "gathering"],
        ["bank", "2", "2", "0", "0", "0"],
        ["all", "2", "2", "0", "0", "0"],
        ["balanced"],
    ]
    (tmp_path / "cdr" / FIRST).write_text("")
    result = run("--config", config, "--reconcile")
    assert result.exit_code == 1
    assert f"{FIRST} is not the file that the manifest names" in result.stdout
    assert result.stdout.endswith("not balanced\n")


def test_reconciliation_for_programs(config: Path, tmp_path: Path) -> None:
    run("--config", config)
    (tmp_path / "cdr" / FIRST).unlink()
    result = run("--config", config, "--reconcile", "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["balanced"] is False
    assert found["faults"] == [f"{FIRST}: No such file or directory"]
    assert found["accounts"]["bank"]["finished"] == 2


def test_where_no_priority_can_be_set_it_rests_as_long_as_it_works(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(by: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    moments, rests = iter([0.0, 0.25, 0.5, 4.5, 5.0, 5.0, 5.0]), list[float]()
    monkeypatch.setattr(os, "nice", refused)
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(time, "sleep", rests.append)
    result = run("--config", config)
    assert result.exit_code == 0
    assert rests[:2] == [0.25, 1.0]  # not as long as a disk that stands still
