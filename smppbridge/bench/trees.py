"""Versions of the package whose bridges are measured side by side."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import smppbridge

_RUN = "from smppbridge.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Tree:
    """A version of the package: a checkout, or a virtual environment with the package."""

    path: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of ``smppbridge`` in this version."""
        python = self._own_python()
        return [str(python or sys.executable), "-c", _RUN, *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes: their folder must hold no other version."""
        own = {} if self._own_python() else {"PYTHONPATH": str(self.path.resolve())}
        others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return others | own

    def _own_python(self) -> Path | None:
        python = self.path / "bin" / "python"
        return python.absolute() if python.exists() else None


OURS = Tree(Path(smppbridge.__file__).parents[1])
"""The version that measures."""
