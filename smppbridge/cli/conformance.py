"""``smppbridge conformance``: the conformance statement, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from smppbridge.cli.rows import as_table

if TYPE_CHECKING:
    from smppbridge.docs.conformance import Chapter


@click.command("conformance")
@click.argument("chapter", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Tables for people, a page, or one JSON object.",
)
def conformance(chapter: str | None, form: str) -> None:
    """Show what of SMPP 3.4 is served, passed on, ignored and refused.

    CHAPTER is one of operations, states, fields, tlvs, modes, times, alphabets, statuses and
    message_states; without it, all are shown. An unknown chapter exits with 2.
    """
    from smppbridge.docs.conformance import SPECIFICATION, statement
    from smppbridge.docs.markdown import chapters

    found = [each for each in statement() if chapter in (None, each.name)]
    if not found:
        names = ", ".join(each.name for each in statement())
        raise click.UsageError(f"no such chapter; there are {names}")
    if form == "markdown":
        click.echo(chapters(found))
    elif form == "json":
        click.echo(json.dumps(_as_object(SPECIFICATION, found), ensure_ascii=False))
    else:
        _print(found)


def _as_object(specification: str, found: Sequence[Chapter]) -> dict[str, object]:
    return {"specification": specification, **{each.name: _rows(each) for each in found}}


def _rows(chapter: Chapter) -> list[dict[str, str]]:
    return [dict(zip(chapter.head, row, strict=True)) for row in chapter.rows]


def _print(found: Sequence[Chapter]) -> None:
    for number, each in enumerate(found):
        click.echo(("\n" if number else "") + click.style(each.title, bold=True))
        if each.words:
            click.echo(each.words.replace("*", "").replace("`", ""))
        click.echo()
        as_table(_rows(each), "nothing")
