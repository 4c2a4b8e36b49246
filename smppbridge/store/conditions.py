"""conditions: the SQL condition of a look-up, from the fields of its query that are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def condition(
    given: Mapping[str, object], numbers: Sequence[str] = (), table: str = ""
) -> tuple[str, list[Any]]:
    """Return an SQL condition and its values; *given* has comparisons with their values.

    A comparison whose value is None does not count.  *numbers* are the forms of one number: the
    source or the destination address of a row is one of them.  *table* is a prefix as ``m.``.
    """
    counted = {comparison: value for comparison, value in given.items() if value is not None}
    parts, values = ["true", *counted], list[Any](counted.values())
    if numbers:
        marks = ",".join("?" * len(numbers))
        parts.append(f"({table}source in ({marks}) or {table}destination in ({marks}))")
        values += [*numbers, *numbers]
    return " and ".join(parts), values
