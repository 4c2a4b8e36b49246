"""bridge_client: a command asks the running bridge, over the bridge's admin socket or at a URL."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlencode, urlsplit

import click

from smppbridge.cli.default_paths import ADMIN_SOCKET, CONFIGURATION
from smppbridge.cli.faults import EX_CONFIG, EX_NOPERM, EX_TEMPFAIL, EX_UNAVAILABLE, print_faults
from smppbridge.observe.shown import escaped
from smppbridge.settings.document import read

_LONGEST = 30.0  # seconds
_TOKEN = re.compile(r"[!-~]{1,512}")
_OFF = ("off", "none")


T = TypeVar("T")


class NoBridge(click.ClickException):
    """No bridge can be asked."""

    exit_code = EX_UNAVAILABLE

    def __init__(self, why: str) -> None:
        super().__init__(escaped(why))


class BridgeHidden(NoBridge):
    """The bridge may be asked by other users only."""

    exit_code = EX_NOPERM


class BridgeSilent(NoBridge):
    """The bridge does not answer in time."""

    exit_code = EX_TEMPFAIL


class OperationRefused(click.ClickException):
    """The bridge refuses an operation, by a status of HTTP."""

    def __init__(self, status: int, detail: str, faults: Sequence[tuple[str, str]] = ()) -> None:
        parts = (f"{place}: {fault}" for place, fault in faults)
        super().__init__(escaped("; ".join((detail, *parts))))
        self.status = status


class Forbidden(OperationRefused):
    """The bridge does not know who asks, or refuses the operation to who asks."""

    exit_code = EX_NOPERM


class BridgeBusy(OperationRefused):
    """The bridge cannot carry out an operation now."""

    exit_code = EX_TEMPFAIL


_KINDS: Mapping[int, type[OperationRefused]] = {
    401: Forbidden,
    403: Forbidden,
    429: BridgeBusy,
    503: BridgeBusy,
    504: BridgeBusy,
}


def refusal(status: int, detail: str, faults: Sequence[tuple[str, str]] = ()) -> OperationRefused:
    """Return the refusal of a status; *faults* are parts of the request that do not fit."""
    return _KINDS.get(status, OperationRefused)(status, detail, faults)


class _OverSocket(HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_LONGEST)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class BridgeClient:
    """A running bridge that operations of its API are asked of, in the place named *place*."""

    def __init__(
        self,
        place: str,
        connect: Callable[[], HTTPConnection],
        prefix: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.place, self._connect = place, connect
        self._prefix, self._headers = f"{prefix}/api/v1", dict(headers or {})

    def ask(
        self,
        method: str,
        operation: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        """Return the answer to an operation of the API; raises NoBridge, OperationRefused."""
        return self._exchange(method, operation, query, body, _answer)

    def download(self, operation: str) -> bytes:
        """Return the file that an operation answers; raises NoBridge, OperationRefused."""
        return self._exchange("GET", operation, None, None, _file)

    def _exchange(
        self,
        method: str,
        operation: str,
        query: Mapping[str, object] | None,
        body: object,
        read: Callable[[HTTPResponse, bytes], T],
    ) -> T:
        target = f"{self._prefix}{operation}"
        target += f"?{urlencode(query)}" if query else ""
        octets = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if octets is None else {"Content-Type": "application/json"})
        connection = self._connect()
        try:
            connection.request(method, target, octets, headers)
            response = connection.getresponse()
            return read(response, response.read())
        except TimeoutError:
            raise BridgeSilent(f"no answer from {self.place} in time") from None
        except PermissionError:
            why = f"{self.place} is for root and the bridge's user: try sudo"
            raise BridgeHidden(why) from None
        except ssl.SSLCertVerificationError as error:
            why = f"the certificate of {self.place}: {error.verify_message}"
            raise NoBridge(why) from None
        except OSError as error:
            why = f"no bridge answers at {self.place}: {error.strerror or error}"
            raise NoBridge(why) from None
        except (HTTPException, ValueError):
            raise NoBridge(f"what answers at {self.place} is no bridge") from None
        finally:
            connection.close()


def _file(response: HTTPResponse, octets: bytes) -> bytes:
    """Return a good answer's octets; raises OperationRefused for a problem, ValueError for JSON."""
    if response.status != 200:
        _answer(response, octets)
        raise ValueError
    return octets


def _answer(response: HTTPResponse, octets: bytes) -> dict[str, Any]:
    """Return a good answer; raises OperationRefused for a problem, ValueError for other octets."""
    found = json.loads(octets)
    if not isinstance(found, dict) or 300 <= response.status < 400:
        raise ValueError
    if response.status >= 400:
        faults = [(each["loc"], each["msg"]) for each in found.get("errors") or ()]
        raise refusal(response.status, str(found.get("detail") or "the bridge refuses"), faults)
    return found


def over_socket(path: str) -> BridgeClient:
    """Return the bridge at an admin socket."""
    return BridgeClient(path, lambda: _OverSocket(path))


def at_url(url: str, token: str) -> BridgeClient:
    """Return the bridge at a URL, which is https, or http on this machine.

    A certificate is verified against those that the system trusts, or SSL_CERT_FILE's.  Raises
    click.UsageError.
    """
    parts = _url_parts(url)
    if not _TOKEN.fullmatch(token):
        raise click.UsageError("a token is one word of printable ASCII characters")
    host, port = parts.hostname or "", parts.port

    def connect() -> HTTPConnection:
        if parts.scheme == "http":
            return HTTPConnection(host, port, timeout=_LONGEST)
        return HTTPSConnection(host, port, timeout=_LONGEST, context=ssl.create_default_context())

    headers = {"Authorization": f"Bearer {token}"}
    place = f"{parts.scheme}://{parts.netloc}"
    return BridgeClient(place, connect, parts.path.rstrip("/"), headers)


def _url_parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise click.UsageError("a bridge's URL is as https://sms.example.org:8775")
    if parts.username is not None or parts.query or parts.fragment:
        raise click.UsageError("a bridge's URL has no user, no query and no fragment")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise click.UsageError("to another machine the URL must be https: a token would be seen")
    return parts


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def asked_at(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which bridge on this machine is asked."""
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
    if path is None and (path := configured_socket(config)) is None:
        raise NoBridge("admin_socket is off in the configuration")
    return path


def configured_socket(config: Path | None) -> str | None:
    """Return the admin socket of a configuration, or the default one; None if it is off.

    Exits with 78 if the configuration cannot be read.
    """
    path = configured(config, "admin_socket", ADMIN_SOCKET)
    return None if path in _OFF else str(path)


def configured(config: Path | None, key: str, default: str) -> Any:
    """Return the value of a key of a configuration, the default one's without *config*.

    Exits with 78 if the configuration cannot be read.
    """
    if config is None and os.access(CONFIGURATION, os.R_OK):
        config = CONFIGURATION
    if config is None:
        return default
    document = read(config, os.environ)
    if faults := [fault for at, fault in document.faults.items() if at in ("", key)]:
        print_faults(faults, as_json=False)
        raise SystemExit(EX_CONFIG)
    values = document.values if isinstance(document.values, dict) else {}
    return values.get(key, default)


def ask(path: str, method: str, operation: str, body: object = None) -> dict[str, Any]:
    """Return the answer of the bridge at an admin socket; raises NoBridge, OperationRefused."""
    return over_socket(path).ask(method, operation, body=body)
