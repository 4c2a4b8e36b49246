"""CDR files in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.settings.cdr import CdrSection
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings


def loaded(folder: Path, text: str) -> CdrSection:
    path = folder / "bridge.yaml"
    path.write_text(text)
    return load(path).cdr


@pytest.mark.parametrize("text", ["", "cdr: {folder: off}", "cdr: {folder: null, format: csv}"])
def test_without_a_folder_there_are_no_files(text: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, text).folder is None


def test_a_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    section = loaded(tmp_path, "cdr: {folder: cdr, format: csv, numbers: masked, interim: true}")
    assert section.folder == str(tmp_path / "cdr")
    assert (section.format, section.numbers, section.interim) == ("csv", "masked", True)
    assert loaded(tmp_path, "cdr: {folder: /var/cdr}").folder == "/var/cdr"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cdr: {folder: '  '}", "must be the path of a folder"),
        ("cdr: {folder: x, format: xml}", "must be 'jsonl' or 'csv'"),
        ("cdr: {folder: x, number: whole}", "unknown key; did you mean numbers?"),
        ("cdr: {folder: x, interim: 2}", "must be true or false"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        loaded(tmp_path, text)
    assert message in str(caught.value.faults[0])
