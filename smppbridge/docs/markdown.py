"""Tables and chapters in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppbridge.docs.conformance import Chapter

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a table in Markdown; no cell may hold a bar."""
    lines = [head, ["---"] * len(head), *rows]
    if any("|" in cell for row in lines for cell in row):
        raise ValueError("a cell holds a bar")
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def chapters(found: Iterable[Chapter]) -> str:
    """Return chapters of the conformance statement in Markdown."""
    parts = []
    for chapter in found:
        parts += [f"## {chapter.title}", chapter.words, table(chapter.head, chapter.rows)]
    return "\n\n".join(filter(None, parts))
