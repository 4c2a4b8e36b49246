"""Tables of values: the rows that verbs write, and the statements that read them.

A transaction has the rows of all its calls by table of values.  A statement is executed once, with
the columns of its tables as arrays; it is prepared once for a connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from smppbridge.store.postgres.arrays import ARRAYS
from smppbridge.store.statements import SqlRow

_CONTEXT = {"mine": "int2[]", "slot": "int2", "epoch": "int8"}
"""Values that a statement may name besides its tables: all shards of ours, our slot and epoch."""


class Values:
    """A table of values: column names with types, as "id int8, due float8?".

    Numbers of a type with ? may be NULL; a body is bytea, and given as str or bytes.
    """

    __slots__ = ("_arrays", "columns", "types")

    def __init__(self, columns: str) -> None:
        pairs = [each.split() for each in columns.split(",")]
        self.columns = [name for name, _ in pairs]
        self.types = ["bytea" if kind == "body" else kind.rstrip("?") for _, kind in pairs]
        self._arrays = [ARRAYS[kind if kind in ARRAYS else kind.rstrip("?")] for _, kind in pairs]

    def arrays(self, rows: Sequence[SqlRow]) -> list[bytes]:
        """Return the columns of rows; raises ValueError, struct.error for a value out of range."""
        if not rows:
            return [array(()) for array in self._arrays]
        return [
            array(column)
            for array, column in zip(self._arrays, zip(*rows, strict=True), strict=True)
        ]


class Statement:
    """A statement over tables of values, that is executed if its first table has rows.

    In the text ``@v`` is ``unnest(...) as v(...)`` of the first table and ``@d`` of the second,
    ``@ids`` the first column of the first; ``:mine``, ``:slot`` and ``:epoch`` are this bridge's.
    """

    __slots__ = ("name", "named", "tables", "text")

    def __init__(self, name: str, text: str, *tables: Values) -> None:
        self.name, self.tables = name.encode(), tables
        first = 1
        for alias, table in zip("vd", tables, strict=False):
            marks = [f"${n}::{kind}[]" for n, kind in enumerate(table.types, first)]
            source = f"unnest({', '.join(marks)}) as {alias}({', '.join(table.columns)})"
            text = re.sub(rf"@{alias}\b", source, text)
            first += len(marks)
        text = re.sub(r"@ids\b", "$1::int8[]", text)
        self.named: list[str] = []
        for number, word in enumerate(dict.fromkeys(re.findall(r"(?<!:):([a-z]+)", text)), first):
            self.named.append(word)
            text = re.sub(rf"(?<!:):{word}\b", f"${number}::{_CONTEXT[word]}", text)
        self.text = text.encode()

    def values(
        self, arrays: Mapping[Values, list[bytes]], context: Mapping[str, bytes]
    ) -> list[bytes]:
        """Return the parameters, all of them binary."""
        found = [array for table in self.tables for array in arrays[table]]
        return found + [context[name] for name in self.named]


Writes = list[tuple[Values, list[SqlRow]]]
"""Rows by table of values."""
Prepared = tuple[Statement, list[Any]]
