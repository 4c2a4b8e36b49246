"""The mutation script on a toy, and the mistakes it makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants

TOY = "tests/mutation/toy.py"
REASONS = f"""
[["{TOY}"]]
line = 'return age >= 18'
mutants = ['return age >= 17', 'return age >= 19', 'return None']
reason = 'A year is soon over.'
"""


def test_survivors_are_shown_unless_they_have_a_reason(tmp_path: Path) -> None:
    reasons = tmp_path / "reasons.toml"
    reasons.write_text(REASONS)
    command = [sys.executable, "-m", "tests.mutation", f"{TOY}=tests/mutation/toy_tests.py"]
    command += ["--reasons", str(reasons)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[1:5] == [
        "  line 8, is_grown_up: survives",
        "    - return age >= 18",
        "    + return age > 18",
        "  is killed, and has a reason: return age >= 18 -> return None",
    ]
    # mutants, killed, percent, survivors with a reason and without
    assert lines[-1].split() == [TOY, "4", "1", "25.0", "2", "1"]


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
