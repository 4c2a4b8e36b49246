"""``smppbridge export``: write the CDR files that are due, or compare them with the store."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smppbridge.cdr.export import CdrForm
from smppbridge.cdr.export import export as export_to
from smppbridge.cdr.folder import BadFolder, Folder, FolderBusy, ManifestEntry
from smppbridge.cdr.reconcile import AccountFigures, Reconciliation
from smppbridge.cdr.reconcile import reconcile as compare
from smppbridge.cli.backup import without_traceback
from smppbridge.cli.default_paths import CONFIGURATION
from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.cli.moments import as_moment
from smppbridge.cli.store_option import failing_plainly, give_up, located, store_at
from smppbridge.observe.shown import escaped
from smppbridge.settings.cdr import CdrSection
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.store import lookup

EX_TEMPFAIL = 75  # sysexits.h
_NICE = 19  # a record can wait, a message cannot
_LONGEST_REST = 1.0  # seconds
_COLUMNS = ("accepted", "exported", "finished", "open", "gathering")


@click.command()
@located
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Instead of cdr's.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), help="Instead of cdr's.")
@click.option("--numbers", type=click.Choice(["whole", "masked"]), help="Instead of cdr's.")
@click.option("--interim", is_flag=True, help="A file of the hour that runs, too.")
@click.option("--reconcile", is_flag=True, help="Write nothing; compare the store with the files.")
@click.option(
    "--since",
    callback=as_moment,
    metavar="TIME",
    help="With --reconcile: only what was accepted at this time or later; as in `messages`.",
)
@click.option("--until", callback=as_moment, metavar="TIME", help="And before this time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(
    config: Path | None,
    store: str | None,
    folder: Path | None,
    reconcile: bool,
    since: float | None,
    until: float | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Write the CDR files of all hours that are over and have none yet.

    A daemon with `cdr` does that by itself, a minute after each hour; both may run.  With
    --reconcile: of the segments accepted of each account, how many are in files, FINISHED and not
    in a file yet, open, or GATHERING; exit 1 if that is not all of them or a file is not the one of
    the manifest.
    """
    section = _section(config, store, folder)
    place = folder or (Path(section.folder) if section.folder else None)
    if place is None:
        raise click.UsageError("no folder: set cdr.folder, or name one with --folder")
    rest = _modest()
    path = store_at(config, store).address
    with failing_plainly(), _files_plainly(), closing(lookup.open_store(path)) as db:
        if reconcile:
            _reconciled(compare(db, Folder(place), since, until), as_json=as_json)
            return
        with Folder(place).locked():
            form = _form(section, given)
            _tell(export_to(db, Folder(place), form, time.time(), rest), as_json=as_json)


def _modest() -> Callable[[], None]:
    """Take the lowest priority; return the function that rests between two steps of work.

    A hardened unit refuses priorities: then a step is followed by as long a rest.
    """
    try:
        os.nice(_NICE)
    except OSError:
        return _Rests()
    return lambda: None


class _Rests:
    """Sleeps as long as was worked since the sleep before; only its call writes the time of it."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def __call__(self) -> None:
        time.sleep(min(_LONGEST_REST, time.monotonic() - self._since))
        self._since = time.monotonic()


def _tell(entries: Iterable[ManifestEntry], *, as_json: bool) -> None:
    for entry in entries:
        click.echo(
            json.dumps(asdict(entry))
            if as_json
            else f"{entry.file}: {entry.records} records, {entry.segments} segments"
        )


def _section(config: Path | None, store: str | None, folder: Path | None) -> CdrSection:
    """Return the section cdr of the configuration; the default one if all else is given."""
    if config is None and os.access(CONFIGURATION, os.R_OK) and not (store and folder):
        config = CONFIGURATION
    if config is None:
        return CdrSection()
    try:
        return load(config).cdr
    except BadSettings as error:
        print_faults(error.faults, err=True)
        raise SystemExit(EX_CONFIG) from None


def _form(section: CdrSection, given: dict[str, Any]) -> CdrForm:
    form = CdrForm(format=section.format, numbers=section.numbers, interim=section.interim)
    form = replace(form, interim=form.interim or given["interim"])
    if given["form"]:
        form = replace(form, format=cast(Any, given["form"]))
    if given["numbers"]:
        form = replace(form, numbers=cast(Any, given["numbers"]))
    return form


@contextmanager
def _files_plainly() -> Iterator[None]:
    """Turn an error of the folder into a line on standard error, and exit 1 (75: it is busy)."""
    try:
        with without_traceback():
            yield
    except FolderBusy as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(EX_TEMPFAIL) from None
    except BadFolder as error:
        give_up(str(error))


def _reconciled(found: Reconciliation, *, as_json: bool) -> None:
    rows = [*sorted(found.accounts.items()), ("all", found.total)]
    if as_json:
        accounts = {name: _facts(figures) for name, figures in rows[:-1]}
        faults = {"faults": found.faults, "more_faults": found.more_faults}
        whole = {"balanced": found.balanced, "accounts": accounts, "all": _facts(found.total)}
        click.echo(json.dumps(whole | faults))
    else:
        _print(rows, found)
    if not found.balanced:
        raise SystemExit(1)


def _facts(figures: AccountFigures) -> dict[str, Any]:
    return asdict(figures) | {"balanced": figures.balanced}


def _print(rows: Iterable[tuple[str, AccountFigures]], found: Reconciliation) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("account", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for name, figures in rows:
        cells = [f"{getattr(figures, column):,}" for column in _COLUMNS]
        table.add_row(
            *map(Text, [escaped(name), *cells, "" if figures.balanced else "DOES NOT BALANCE"])
        )
    Console(highlight=False).print(table)
    for words in found.faults:
        click.echo(escaped(words))
    if found.more_faults:
        click.echo(f"and {found.more_faults:,} more faults")
    click.echo("balanced" if found.balanced else "not balanced")
