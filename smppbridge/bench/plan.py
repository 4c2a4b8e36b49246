"""The size of the measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from smppbridge.bench.figures import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of the measurements; *stored* messages are in the stores that have a past.

    *seconds* is how long a bridge is watched that is left to itself; *against* is another version
    that is measured beside this one.
    """

    messages: int = 20_000
    binds: int = 4
    window: int = 50
    runs: int = 3
    stored: int = 1_000_000
    seconds: float = 30.0
    directory: Path | None = None
    against: Path | None = None


Procedure = Callable[[Plan], Iterator[Figures]]
