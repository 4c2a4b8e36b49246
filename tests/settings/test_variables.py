from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.settings.document import BadSettings
from smppbridge.settings.variables import read_variables


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("# A=1\n; B=2\n\n  \t\nC=3\n", {"C": "3"}),
        ("A = x\n", {"A": "x"}),
        ("A=\n", {"A": ""}),
        ("A=b=c\n", {"A": "b=c"}),
        ("A=one two \n", {"A": "one two"}),
        ("A='$ # \\n'\n", {"A": "$ # \\n"}),
        ('A="a \\" b"\n', {"A": 'a " b'}),
        ('A=" x "\n', {"A": " x "}),
        ("A=x\\\ny\nB=2\n", {"A": "xy", "B": "2"}),
        ("A=x\\ty\n", {"A": "xty"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1\nA=2\n", {"A": "2"}),
    ],
)
def test_variables(tmp_path: Path, text: str, variables: dict[str, str]) -> None:
    path = tmp_path / "environment"
    path.write_bytes(text.encode())
    assert read_variables(path) == variables


def test_a_line_that_is_no_variable_is_named(tmp_path: Path) -> None:
    path = tmp_path / "environment"
    path.write_text("A=1\nsecret\nB=2\n1C=3\n")
    with pytest.raises(BadSettings) as caught:
        read_variables(path)
    assert [str(fault) for fault in caught.value.faults] == [
        f"{path}:2: is not NAME=value",
        f"{path}:4: is not NAME=value",
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read: No such file"):
        read_variables(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(BadSettings, match="cannot be read: is not UTF-8"):
        read_variables(tmp_path / "binary")
