"""The store that a command looks into: its options, its file, and its errors in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import click
from pydantic import TypeAdapter, ValidationError

from smppbridge.cli.bridge_client import configured
from smppbridge.cli.default_paths import CONFIGURATION
from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.settings.configuration import words_of
from smppbridge.settings.document import Fault
from smppbridge.settings.store import DEFAULT, ReadStore, StoreSection
from smppbridge.settings.values import Context
from smppbridge.store import lookup
from smppbridge.store.driver import NoDriver, need_driver
from smppbridge.store.migrate import TooNew

Command = Callable[..., None]
_STORE: TypeAdapter[StoreSection] = TypeAdapter(Annotated[StoreSection, ReadStore])
_SCHEMES = ("sqlite:", "postgresql:", "postgres:")


def located(command: Command) -> Command:
    """Add the options for the store."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"The configuration; only its store is read. Default: {CONFIGURATION}, if there.",
    )
    store = click.option("--store", metavar="PATH", help="The store's file, or its URL, instead.")
    return config(store(command))


def store_at(config: Path | None, store: str | None) -> StoreSection:
    """Return the store of an option, or that of the configuration, or the default one.

    *store* is a path, or as in a configuration.  Exits with 78 if the configuration has none that
    can be read.  Raises click.UsageError.
    """
    if store is not None:
        given = store if store.startswith(_SCHEMES) else f"sqlite:{store}"
        try:
            return _read(given, Path())
        except ValidationError as error:
            raise click.UsageError(f"--store {_words(error)}") from None
    folder = (config or CONFIGURATION).parent
    try:
        return _read(configured(config, "store", DEFAULT), folder)
    except ValidationError as error:
        print_faults([Fault(str(config or CONFIGURATION), 0, "store", _words(error))])
        raise SystemExit(EX_CONFIG) from None


def file_of(config: Path | None, store: str | None, instead: str) -> str:
    """Return the file of the store that `store_at` finds; for a database gives up: *instead*."""
    found = store_at(config, store)
    if found.is_shared:
        give_up(f"{found.place} is a database: {instead}")
    return found.address


def database_of(config: Path | None, store: str | None, why: str) -> str:
    """Return the address of the database that `store_at` finds; for a file gives up: *why*.

    The address may have a password in it.
    """
    return need_database(config, store, why).address


def need_database(config: Path | None, store: str | None, why: str) -> StoreSection:
    """Return the database that `store_at` finds, and psycopg is there; else gives up: *why*."""
    found = store_at(config, store)
    if not found.is_shared:
        give_up(f"the store {found.place} is a file: {why}")
    try:
        need_driver()
    except NoDriver as error:
        give_up(str(error))
    return found


def _read(value: object, folder: Path) -> StoreSection:
    return _STORE.validate_python(value, context=Context(folder))


def _words(error: ValidationError) -> str:
    """Return the first fault of a store in our words, without its value."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {words_of(first)}" if where else words_of(first)


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
