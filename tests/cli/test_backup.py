"""``smppbridge backup`` and ``smppbridge restore``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.backup import backup
from smppbridge.cli.restore import restore
from tests.store.opened import NOW, Opened, accept, message


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    accept(opened, [message(1), message(2, accepted_at=NOW + 10)])
    yield opened
    opened.store.stop()


def run(command: object, opened: Opened, *words: object) -> Result:
    given = ["--store", str(opened.path), *map(str, words)]
    return CliRunner().invoke(command, given)  # type: ignore[arg-type]


def test_a_backup_is_made_once(opened: Opened, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    result = run(backup, opened, copy)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{copy}: ")
    assert run(backup, opened, copy).stderr == (
        f"Error: {copy} is there already: --replace replaces it\n"
    )
    assert run(backup, opened, copy, "--replace").exit_code == 0


@pytest.mark.parametrize("place", ["no/copy.db", "bridge.yaml/copy.db"])
def test_a_backup_that_cannot_be_written_is_a_line(
    place: str, opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / "bridge.yaml").touch()
    result = run(backup, opened, tmp_path / place)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_a_backup_is_restored(opened: Opened, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    run(backup, opened, copy)
    assert "stop the bridge" in run(restore, opened, copy).stderr
    opened.store.stop()
    there = run(restore, opened, copy)
    assert (there.exit_code, there.stderr) == (
        1,
        f"Error: {opened.path} is there already: --replace renames it\n",
    )
    result = run(restore, opened, copy, "--replace", "--send-since", "2027-01-15T08:00:05")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith(f"the store that was there is {opened.path}.replaced-")
    assert lines[1:] == [
        f"{opened.path}: 1 message will be sent, 1 is Uncertain",
        "decide about them: smppbridge messages --uncertain",
    ]


def test_all_can_end_and_receipts_be_dropped(opened: Opened, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    run(backup, opened, copy)
    opened.store.stop()
    result = run(restore, opened, copy, "--replace", "--others", "fail", "--drop-receipts")
    assert result.stdout.splitlines()[1:] == [
        f"{opened.path}: 0 messages will be sent, 2 end as UNDELIVERABLE when the bridge runs",
        "0 receipts are not sent",
    ]


@pytest.mark.parametrize("content", [None, "", "no database"])
def test_a_file_that_is_no_backup_is_a_line(
    content: str | None, opened: Opened, tmp_path: Path
) -> None:
    opened.store.stop()
    file = tmp_path / "copy.db"
    if content is not None:
        file.write_text(content * 100)
    result = run(restore, opened, file, "--replace")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert opened.path.exists()


def test_a_time_that_is_none_is_an_error(opened: Opened, tmp_path: Path) -> None:
    assert run(restore, opened, tmp_path / "copy.db", "--send-since", "soon").exit_code == 2
