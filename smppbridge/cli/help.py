"""``smppbridge help``: the pages about the bridge, and the meaning of a name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import click
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

from smppbridge.docs.files import DECISIONS, TOPICS, topic
from smppbridge.observe.shown import escaped

if TYPE_CHECKING:
    from smppbridge.docs.entries import HelpEntry

_MOST_WHOLE = 8


class FoldedTable(TableElement):
    """A table of a page whose long names are folded, never cut: they are typed elsewhere."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column in part.columns:
                    column.overflow = "fold"
            yield part


class HelpPage(Markdown):
    """A page, laid out for a terminal."""

    elements: ClassVar = {**Markdown.elements, "table_open": FoldedTable}


@click.command("help")
@click.argument("name", required=False, metavar="[TOPIC|KEY]")
def help(name: str | None) -> None:
    """Explain a topic, or the name of a key, metric, status, event or command.

    Without a name, lists the topics. A page is laid out on a terminal and plain Markdown in a
    pipe. An unknown name exits with 2.
    """
    if name is None:
        _list_topics()
        return
    try:
        _show(topic(name.lower()))
    except KeyError:
        _explain(name)


def _list_topics() -> None:
    click.echo("smppbridge help TOPIC shows one of these pages:\n")
    width = max(map(len, TOPICS))
    for name, says in TOPICS.items():
        click.echo(f"  {name:<{width}}  {says}")
    first, *_, last = (path.rpartition("/")[2][:3] for path in DECISIONS)
    click.echo(f"  {f'{first}-{last}':<{width}}  One of the decisions")
    click.echo(
        "\nsmppbridge help KEY explains a key (window, accounts.window), a metric"
        "\n(smppbridge_binds), a status (ESME_RTHROTTLED), a state, an event of the log, a command."
    )


def _show(text: str) -> None:
    if sys.stdout.isatty() and text.startswith("# "):
        Console().print(HelpPage(text))
    else:
        click.echo(text, nl=False)


def _explain(name: str) -> None:
    # Only names need the whole of the bridge: a page is there at once.
    from smppbridge.docs.entries import found, near

    entries = found(name)
    if not entries:
        names = near(name)
        hint = f"; did you mean {', '.join(names)}?" if names else ""
        raise click.UsageError(f"nothing is called {escaped(name)}{hint}")
    if len(entries) <= _MOST_WHOLE:
        click.echo("\n\n".join(map(_whole, entries)))
        return
    click.echo(_listed(entries))


def _whole(entry: HelpEntry) -> str:
    facts = (*entry.facts, ("more", f"smppbridge help {entry.topic}"))
    width = max(len(label) for label, _ in facts)
    lines = [f"  {label:<{width}}  {text}" for label, text in facts if text]
    return "\n".join([f"{click.style(entry.name, bold=True)}: {entry.kind}", *lines])


def _listed(entries: Sequence[HelpEntry]) -> str:
    names = max(len(entry.name) for entry in entries)
    defaults = max(len(entry.summary[0]) for entry in entries)
    rows = [
        f"{entry.name:<{names}}  {entry.summary[0]:<{defaults}}  {entry.summary[1]}".rstrip()
        for entry in entries
    ]
    more = sorted({entry.topic for entry in entries})
    return "\n".join([*rows, "", *(f"more: smppbridge help {each}" for each in more)])
