"""The answers of a provider's operations, printed for people (tables) and for programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smppbridge.observe.shown import escaped

OperationRow = Mapping[str, Any]


def as_lines(rows: Sequence[OperationRow]) -> None:
    """Print JSON, a row a line."""
    for row in rows:
        click.echo(json.dumps(dict(row), default=str))


def as_grid(row: OperationRow) -> None:
    """Print a row, a value a line."""
    grid = Table.grid(padding=(0, 2))
    for name, value in row.items():
        if value not in (None, ""):
            grid.add_row(Text(escaped(name), "bold"), Text(cell(value)))
    _print(grid)


def as_table(rows: Sequence[OperationRow], nothing: str) -> None:
    """Print a table; without rows the word *nothing*."""
    if not rows:
        click.echo(nothing)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(Text(escaped(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(name))) for name in names))
    _print(table)


def cell(value: Any) -> str:
    """Return a value as a person would write the value, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, default=str, ensure_ascii=False)
    return escaped(str(value))


def as_it_came(body: bytes, *, pretty: bool) -> None:
    """Print an answer octet for octet; or *pretty*: JSON indented, nothing a terminal obeys."""
    if not pretty:
        click.echo(body, nl=False)
        return
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    as_text(text)


def as_text(text: str) -> None:
    """Print the whole of a text, with escapes for the characters that a terminal obeys."""
    click.echo("".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text))


def _print(table: Table) -> None:
    # In a pipe there is no width to keep to: a line stays a line.
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=10_000)
    console.print(table)
