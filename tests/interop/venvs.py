"""Environments of their own for the Python packages of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE


def python_with(folder: Path, *requirements: str) -> Path:
    """Return the interpreter of a new venv with *requirements*; skip, loudly, without them."""
    bare = [sys.executable, "-m", "venv", "--without-pip", str(folder)]  # a pip takes seconds
    subprocess.run(bare, check=True, capture_output=True)
    python = folder / "bin" / "python"
    ours = [sys.executable, "-m", "pip", "--python", str(python)]
    install = [*ours, "install", "--quiet", *requirements]
    done = subprocess.run(
        install, check=False, capture_output=True, text=True, timeout=3 * PATIENCE
    )
    if done.returncode:
        name = requirements[0].partition("=")[0].upper()
        pytest.skip(f"{name} IS NOT TESTED, it cannot be installed: {done.stderr[-300:]}")
    return python
