"""The mutation script on a toy, and the mistakes it makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants

TOY = "tests/mutation/toy.py"
REASON = f"""
[["{TOY}"]]
line = 'return age >= 18'
mutants = ['return age >= 17', 'return age > 18']
reason = 'Nobody is seventeen.'
"""


def tried(reasons: Path) -> tuple[int, list[str]]:
    """Return the exit status of the script for the toy, and the lines that it prints."""
    command = [sys.executable, "-m", "tests.mutation", f"{TOY}=tests/mutation/toy_tests.py"]
    command += ["--reasons", str(reasons)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def test_survivors_are_shown_until_they_have_a_reason(tmp_path: Path) -> None:
    reasons = tmp_path / "reasons.toml"
    reasons.write_text("")
    status, lines = tried(reasons)
    assert (status, lines[1:4]) == (
        1,
        [
            "  line 8, is_grown_up: survives",
            "    - return age >= 18",
            "    + return age >= 17",
        ],
    )
    assert lines[-1].split() == [TOY, "4", "3", "75.0", "0", "1"]
    reasons.write_text(REASON)
    status, lines = tried(reasons)
    assert lines[1:2] == ["  is killed, and has a reason: return age >= 18 -> return age > 18"]
    assert lines[-1].split() == [TOY, "4", "3", "75.0", "1", "0"]


@pytest.mark.parametrize(
    ("line", "mistakes"),
    [
        ("a < b", ["a <= b"]),
        ("not a and b", ["not a or b", "a and b"]),
        ("x = a[1:]", ["x = a[:1]", "x = a[2:]", "x = a[0:]"]),
        ("f(a, key=b)", ["pass", "f(a, )"]),
        ("return max(a, b)", ["return None", "return min(a, b)"]),
        ("x.y += a", ["pass", "x.y -= a"]),
        ("return False", ["return True"]),
        ("raise E", ["pass"]),
        ("x: int = a", []),
        ('"""A docstring of 3 words."""', []),
    ],
)
def test_mistakes(line: str, mistakes: list[str]) -> None:
    source = f"def one(a, b):\n    {line}\n    g()"
    assert [m.mutated for m in mutants(source) if m.line == line] == mistakes
