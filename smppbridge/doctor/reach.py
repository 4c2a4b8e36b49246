"""Whether a host can be reached: its name, a connection, TLS with a certificate that holds."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import certifi

PATIENCE = 5.0
_SOON = 14


class NotReached(Exception):
    """A host cannot be reached; the message says how far it went, and holds no URL."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host and a port, with or without TLS."""

    name: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


def host_of(url: str) -> Host | None:
    """Return the host of a URL; None if the URL has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    tls = parts.scheme == "https"
    return Host(parts.hostname, port or (443 if tls else 80), tls)


def reach(host: Host, ca_file: str | None = None) -> str:
    """Connect to a host, and return how that went; raises NotReached."""
    begun = time.monotonic()
    try:
        socket.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except OSError:
        raise NotReached("its name is unknown: see /etc/resolv.conf") from None
    try:
        connection = socket.create_connection((host.name, host.port), PATIENCE)
    except TimeoutError:
        raise NotReached(f"no connection within {PATIENCE:.0f} s: a firewall?") from None
    except OSError as error:
        raise NotReached(f"no connection: {error.strerror}") from None
    with connection:
        connected = f"connected in {(time.monotonic() - begun) * 1000:.0f} ms"
        if not host.tls:
            return connected
        return f"{connected}, {_shaken(connection, host, ca_file)}"


def _shaken(connection: socket.socket, host: Host, ca_file: str | None) -> str:
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    try:
        with context.wrap_socket(connection, server_hostname=host.name) as secured:
            version, certificate = secured.version(), secured.getpeercert()
    except ssl.SSLCertVerificationError as error:
        raise NotReached(f"its certificate does not hold: {error.verify_message}") from None
    except (OSError, ValueError):
        raise NotReached("the TLS handshake fails") from None
    expires = ssl.cert_time_to_seconds(str((certificate or {})["notAfter"]))
    days = (expires - time.time()) / 86_400
    soon = ": soon" if days < _SOON else ""
    return f"{version}, certificate for {days:.0f} days{soon}"
