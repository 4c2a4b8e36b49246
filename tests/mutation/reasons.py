"""Why survivors may survive: survivors.toml, by the text of their line, which moves with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.mutation.mutants import Mutant

EXPLAINED = Path(__file__).with_name("survivors.toml")


class Reasons:
    """The reasons of one module's survivors, and which of them nobody has asked for."""

    def __init__(self, path: Path, module: str) -> None:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get(module, [])
        self._reasons: dict[tuple[str, str], str] = {
            (table["line"], mutant): table["reason"]
            for table in tables
            for mutant in table["mutants"]
        }

    def of(self, mutant: Mutant) -> str:
        """Return why a mutant survives; empty if nobody has said."""
        return self._reasons.get((mutant.line, mutant.mutated), "")

    def stale(self, survivors: Iterable[Mutant]) -> list[str]:
        """Return what has a reason and no survivor."""
        found = {(mutant.line, mutant.mutated) for mutant in survivors}
        return [f"{line} -> {mutated}" for line, mutated in self._reasons.keys() - found]
