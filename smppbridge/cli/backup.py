"""``smppbridge backup``: a copy of the store, also while the bridge runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from smppbridge.cli.store_option import failing_plainly, file_of, give_up, located
from smppbridge.store.backup import backup as copy_store

_MIB = 1_048_576


@click.command()
@located
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1),
    default=50.0,
    show_default=True,
    metavar="MIB",
    help="MiB a second at most, so that the disk stays the bridge's.",
)
@click.option("--replace", is_flag=True, help="Replace the file if it is there.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def backup(config: Path | None, store: str | None, rate: float, replace: bool, file: Path) -> None:
    """Copy the store to FILE, which appears once it is whole.

    The copy is of the moment at which it begins; texts, numbers and receipts are in it, and only
    its owner may read it.  The bridge may run meanwhile: the store's log grows until the copy is
    done.
    """
    path = file_of(config, store, "PostgreSQL's own tools make a backup of it (pg_basebackup)")
    if file.exists() and not replace:
        give_up(f"{file} is there already: --replace replaces it")
    with failing_plainly(), without_traceback():
        octets = copy_store(path, file, rate * _MIB)
    click.echo(f"{file}: {octets / _MIB:,.1f} MiB")


@contextmanager
def without_traceback() -> Iterator[None]:
    """Turn an error of a file into a line on standard error and exit 1."""
    try:
        yield
    except OSError as error:
        give_up(f"{error.filename}: {error.strerror}" if error.filename else str(error))
