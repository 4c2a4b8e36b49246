"""The store that commands look into: a file, or a database, where a command has a sense there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from smppbridge.cli.backup import backup
from smppbridge.cli.check import check
from smppbridge.cli.export import export
from smppbridge.cli.messages import messages
from smppbridge.cli.restore import restore
from smppbridge.cli.stopped_bridge import StoppedBridge
from smppbridge.cli.store_option import file_of, store_at

URL = "postgresql://bridge:geheim@127.0.0.1:1/sms?connect_timeout=2&sslmode=disable"
PLACE = "postgresql://bridge@127.0.0.1:1/sms"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"store: {URL}\nadmin_socket: {tmp_path}/none\n")
    return file


@pytest.mark.parametrize("given", ["/x.db", "sqlite:/x.db"])
def test_a_file_is_named_with_or_without_its_scheme(given: str) -> None:
    assert file_of(None, given, "never") == "/x.db"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("store: sqlite:/x.db", "/x.db"),
        (f"store: {URL.replace('geheim', '${PW}')}", "/sms?connect_timeout=2"),
        ("store: {url: 'postgresql:///sms', password: {file: pw}}", "/sms?password=geheim"),
        ("retention: 1d", "/var/lib/smppbridge/bridge.db"),
    ],
)
def test_only_the_store_of_a_configuration_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, address: str
) -> None:
    monkeypatch.setenv("PW", "geheim")
    (tmp_path / "pw").write_text("geheim")
    file = tmp_path / "bridge.yaml"
    file.write_text(f"accounts: [{{system_id: bank, password: '${{NOT_SET}}'}}]\n{text}\n")
    assert address in store_at(file, None).address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("store: mysql://geheim@x", "store: url: must be sqlite: and the path"),
        ("store: {url: 'sqlite:/x', password: geheim}", "password: is only for a store on"),
        ("store: {password: geheim}", "store: url: is required"),
    ],
)
def test_a_store_that_cannot_be_one_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"{text}\n")
    with pytest.raises(SystemExit) as caught:
        store_at(file, None)
    said = capsys.readouterr()
    assert (caught.value.code, words in said.out + said.err) == (78, True)
    assert "geheim" not in said.out + said.err


def test_an_option_that_names_no_store_is_a_wrong_use() -> None:
    with pytest.raises(click.UsageError, match=r"--store .*must be as postgresql://") as caught:
        store_at(None, "postgresql:geheim")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("command", "tools"), [(backup, "pg_basebackup"), (restore, "own tools")])
@pytest.mark.parametrize("by", ["--config", "--store"])
def test_a_database_is_neither_copied_nor_replaced(
    config: Path, tmp_path: Path, command: Any, tools: str, by: str
) -> None:
    given = str(config) if by == "--config" else URL
    result = CliRunner().invoke(command, [by, given, str(tmp_path / "copy.db")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {PLACE} is a database: ")
    assert tools in result.stderr
    assert list(tmp_path.iterdir()) == [config]


def test_the_place_of_a_stopped_bridge_has_no_password() -> None:
    assert StoppedBridge(URL).place == PLACE


@pytest.mark.parametrize("by", ["--config", "--store"])
@pytest.mark.parametrize("command", [messages, export])
def test_a_database_that_is_not_there_is_a_line_without_the_password(
    config: Path, tmp_path: Path, command: Any, by: str
) -> None:
    given = [by, str(config) if by == "--config" else URL]
    if command is export:
        given += ["--folder", str(tmp_path)]
    result = CliRunner().invoke(command, given)
    assert result.exit_code in (1, 69)
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output
    assert "geheim" not in result.output + result.stderr


def test_check_wants_the_driver_of_a_database(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    result = CliRunner().invoke(check, ["--config", str(config), "--json"])
    [fault] = [each for each in json.loads(result.stdout) if each["key"] == "store"]
    assert result.exit_code == 78
    assert "pip install 'smppbridge[postgresql]'" in fault["message"]


def test_check_knows_what_the_driver_does_not_take(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    file = tmp_path / "bridge.yaml"
    for parameter, faults in (("sslmode=disable", 0), ("target_session=read-write", 1)):
        file.write_text(f"store: {URL.partition('?')[0]}?{parameter}\nadmin_socket: off\n")
        result = CliRunner().invoke(check, ["--config", str(file), "--json"])
        found = [each for each in json.loads(result.stdout) if not each["warning"]]
        assert [each["key"] for each in found] == ["store"] * faults
        assert "geheim" not in result.output
