"""chosen_bridge: the bridge that a command asks: at its socket, at its URL, or its store alone.

A command that only reads and decides works on the store too; a command about the work of a running
bridge needs the bridge.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from pwd import getpwuid
from typing import Any, Protocol

import click

from smppbridge.cli.bridge_client import (
    BridgeHidden,
    NoBridge,
    at_url,
    configured_socket,
    over_socket,
)
from smppbridge.cli.default_paths import CONFIGURATION
from smppbridge.observe.shown import escaped

URL, TOKEN = "SMPPBRIDGE_URL", "SMPPBRIDGE_TOKEN"
_USER = "smppbridge"  # of a bridge whose files cannot be looked at
_CONNECTED, _LONGEST = 10.0, 4_096  # seconds; characters of a token's file
Command = Callable[..., Any]


class BridgeApi(Protocol):
    """A bridge, running or not, that answers operations of the API."""

    place: str

    def ask(
        self,
        method: str,
        operation: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        """Return the answer to an operation; raises click.ClickException."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """The options that name a bridge."""

    config: Path | None = None
    socket: str | None = None
    store: str | None = None
    url: str | None = None
    token_file: Path | None = None

    def over(self, before: object) -> BridgeOptions:
        """Return these options; if there are none, those *before* the subcommand, if any."""
        none = self == BridgeOptions()
        return before if none and isinstance(before, BridgeOptions) else self


def bridge_options(*, store: bool = False) -> Callable[[Command], Command]:
    """Add the options that name a bridge; with *store* also the option that names a store.

    The command is called with *where*; a group's options go for its subcommands too.
    """
    options = [
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The configuration; only its admin_socket"
            f"{' and its store are' if store else ' is'} read. Default: {CONFIGURATION}, if there.",
        ),
        click.option("--socket", metavar="PATH", help="The admin socket of the bridge, instead."),
        click.option("--store", metavar="PATH", help="Read this store's file, and ask no bridge."),
        click.option(
            "--url",
            metavar="URL",
            help=f"A bridge elsewhere, by a token: https://HOST:PORT. Default: {URL}, if set.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help=f"The token for --url. Default: the variable {TOKEN}.",
        ),
    ]

    def add(command: Command) -> Command:
        @wraps(command)
        def called(**given: Any) -> Any:
            own = {each.name: given.pop(each.name, None) for each in fields(BridgeOptions)}
            where = BridgeOptions(**own).over(click.get_current_context().obj)
            return command(where=where, **given)

        for option in reversed(options if store else [*options[:2], *options[3:]]):
            called = option(called)
        return called

    return add


def chosen_bridge(where: BridgeOptions, *, stopped: bool = False) -> BridgeApi:
    """Return the bridge that is asked; its store if it does not run and *stopped* will do.

    Raises NoBridge, click.UsageError.
    """
    if sum(each is not None for each in (where.store, where.socket, where.url)) > 1:
        raise click.UsageError("only one of --url, --socket and --store")
    here = where.config or where.socket or where.store
    if url := where.url or ("" if here else os.environ.get(URL, "")):
        return at_url(url, _token(where.token_file))
    if where.store is not None:
        return _stopped(_address(where))
    path = where.socket or configured_socket(where.config)
    failure = None if path is None else _refusal(path)
    if path is not None and failure is None:
        return over_socket(path)
    failure = failure or NoBridge("admin_socket is off in the configuration")
    if not stopped or where.socket is not None:
        raise failure
    return _instead(where, failure)


def _refusal(path: str) -> NoBridge | None:
    """Connect to a socket; return why no bridge can be asked there, None if one can."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.settimeout(_CONNECTED)
        try:
            tried.connect(path)
        except PermissionError:
            why = f"{path} is for root and the bridge's user: {_as_owner(path)}"
            return BridgeHidden(why)
        except OSError as error:
            return NoBridge(f"no bridge answers at {path}: {error.strerror or error}")
    return None


def _instead(where: BridgeOptions, failure: NoBridge) -> BridgeApi:
    """Return the store of a bridge that cannot be asked; raises NoBridge if it cannot be read."""
    from smppbridge.store.lookup import NotAStore, open_store
    from smppbridge.store.migrate import TooNew

    address = _address(where)
    found = _stopped(address)
    try:
        open_store(address).close()
    except (NotAStore, TooNew) as error:
        if isinstance(failure, BridgeHidden):
            raise failure from None
        if _is_hidden(found.place):
            why = f"{failure.message}; {found.place} is for others: {_as_owner(found.place)}"
            raise BridgeHidden(why) from None
        raise NoBridge(f"{failure.message}; {error}") from None
    click.echo(f"{failure.message}. Read from the store {escaped(found.place)}.", err=True)
    return found


def _address(where: BridgeOptions) -> str:
    from smppbridge.cli.store_option import store_at

    return store_at(where.config, where.store).address


def _stopped(address: str) -> BridgeApi:
    from smppbridge.cli.stopped_bridge import StoppedBridge  # the operations take a while to load

    return StoppedBridge(address)


def _is_hidden(path: str) -> bool:
    """Return whether a file is there, or may be, and this user cannot read it."""
    try:
        os.stat(path)
    except OSError as error:
        return isinstance(error, PermissionError)
    return not os.access(path, os.R_OK)


def _as_owner(path: str) -> str:
    """Return how the same command is run as the user that owns a file."""
    name = _USER
    with suppress(OSError, KeyError):
        name = getpwuid(os.stat(path).st_uid).pw_name
    return f"try sudo -u {name} {shlex.join(['smppbridge', *sys.argv[1:]])}"


def _token(file: Path | None) -> str:
    """Return the token of a file, or of the environment; raises click.ClickException."""
    if file is None:
        if token := os.environ.get(TOKEN, "").strip():
            return token
        raise click.UsageError(f"a bridge at a URL wants a token: --token-file, or {TOKEN}")
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(_LONGEST).strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is no text"
        raise click.ClickException(escaped(f"{file}: {why}")) from None
