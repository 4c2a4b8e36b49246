"""The store that a command looks into: its options, its file, and its errors in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from smppbridge.cli.bridge_client import configured
from smppbridge.cli.default_paths import CONFIGURATION, STORE
from smppbridge.store import lookup
from smppbridge.store.migrate import TooNew

Command = Callable[..., None]


def located(command: Command) -> Command:
    """Add the options for the store's file."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"The configuration; only its store is read. Default: {CONFIGURATION}, if there.",
    )
    store = click.option("--store", metavar="PATH", help="The store's file, instead.")
    return config(store(command))


def store_path(config: Path | None, store: str | None) -> str:
    """Return the store's file: *store*, or the file of the configuration, or the default."""
    return str(store or configured(config, "store", STORE)).removeprefix("sqlite:")


def given_path(ctx: click.Context, config: Path | None, store: str | None) -> str:
    """Return the store's file from the options after the subcommand, or before the subcommand."""
    path: str = ctx.obj
    return store_path(config, store) if config or store else path


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn an error of the store into a line on standard error and exit 1."""
    try:
        yield
    except (lookup.NotAStore, TooNew) as error:
        give_up(str(error))
    except sqlite3.Error as error:
        give_up(f"the store: {error}")


def give_up(why: str) -> NoReturn:
    """Print a reason, and exit with 1."""
    raise click.ClickException(why)
