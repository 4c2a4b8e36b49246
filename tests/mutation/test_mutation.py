"""The mutation script, on a toy: what is noticed, what is not, and what never ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants

ROOT = Path(__file__).parents[2]
TOY = "tests/mutation/toy.py"


def tried(reasons: str, tmp_path: Path) -> tuple[int, str]:
    """Return the exit status and the output of the script for the toy."""
    (tmp_path / "reasons.toml").write_text(reasons)
    command = [sys.executable, "-m", "tests.mutation", f"{TOY}=tests/mutation/toy_tests.py"]
    command += ["--reasons", str(tmp_path / "reasons.toml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


REASON = f"""
[["{TOY}"]]
line = 'return age >= LEAST'
mutants = ['return age > LEAST']
reason = 'Nobody is ever just that old.'
"""
STALE = f"""
[["{TOY}"]]
line = 'age += 2'
mutants = ['age += 3']
reason = 'It was so once.'
"""


def test_survivors_are_told_and_a_reason_settles_them(tmp_path: Path) -> None:
    status, output = tried("", tmp_path)
    assert status == 1
    assert "    - return age >= LEAST\n    + return age > LEAST\n" in output
    assert output.count("survives") == 1
    status, output = tried(REASON + STALE, tmp_path)
    assert "survives" not in output.replace("does not survive", "")
    assert "does not survive, and has a reason: age += 2 -> age += 3" in output
