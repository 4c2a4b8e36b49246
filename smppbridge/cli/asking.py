"""asking: a command asks the running bridge, over the bridge's admin socket."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import click

from smppbridge.cli.places import ADMIN_SOCKET, CONFIGURATION
from smppbridge.settings.document import read

_LONGEST = 30.0  # seconds


class NoBridge(click.ClickException):
    """No bridge can be asked."""


class _OverSocket(HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_LONGEST)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def asked_at(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which bridge is asked."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"The configuration; only its admin_socket is read. Default: {CONFIGURATION}.",
    )
    path = click.option("--socket", "path", metavar="PATH", help="The admin socket, instead.")
    return config(path(command))


def socket_path(config: Path | None, path: str | None) -> str:
    """Return the admin socket: *path*, or that of a configuration, or the default one."""
    if config is None and path is None and os.access(CONFIGURATION, os.R_OK):
        config = CONFIGURATION
    if config is not None and path is None:
        document = read(config, os.environ)
        values = document.values if isinstance(document.values, dict) else {}
        path = str(values.get("admin_socket") or ADMIN_SOCKET)
    return path or ADMIN_SOCKET


def ask(path: str, method: str, operation: str, body: object = None) -> dict[str, Any]:
    """Return the answer to an operation of the API; raises NoBridge, click.ClickException."""
    connection = _OverSocket(path)
    octets = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if octets is not None else {}
    try:
        connection.request(method, f"/api/v1{operation}", octets, headers)
        response = connection.getresponse()
        status, answer = response.status, json.loads(response.read())
    except PermissionError:
        raise NoBridge(f"{path} is for root and the bridge's user: try sudo") from None
    except OSError as error:
        raise NoBridge(f"no bridge answers at {path}: {error.strerror or error}") from None
    except (HTTPException, ValueError):
        raise NoBridge(f"what answers at {path} is no bridge") from None
    finally:
        connection.close()
    if status >= 400:
        raise click.ClickException(str(answer.get("detail", "the bridge refuses")))
    found: dict[str, Any] = answer
    return found
