"""TLS towards servers: their names are always verified, against trusted certificates."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import certifi
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class BadCertificates(ValueError):
    """The file of certificates to trust cannot be read, or holds none."""


def endpoint(
    reactor: Any, host: str, port: int, timeout: float, *, tls: bool, ca_file: str | None
) -> IStreamClientEndpoint:
    """Return the endpoint of a server; with *tls* the server has to prove that it is *host*.

    *ca_file* stands in for certifi's certificates.  Raises BadCertificates.
    """
    plain = HostnameEndpoint(reactor, host, port, timeout)
    if not tls:
        return plain
    trusted = trust_root(ca_file or certifi.where())
    return wrapClientTLS(optionsForClientTLS(host, trustRoot=trusted), plain)


def trust_root(path: str) -> Any:
    """Return the certificates of a PEM file, read again after a change; raises BadCertificates."""
    try:
        return _certificates(path, Path(path).stat().st_mtime)
    except OSError as error:
        raise BadCertificates(f"{path} cannot be read") from error


@lru_cache(maxsize=8)
def _certificates(path: str, changed: float) -> Any:
    found = _CERTIFICATE.findall(Path(path).read_bytes())
    try:
        loaded = [Certificate.loadPEM(each) for each in found]
    except Exception as error:  # OpenSSL's errors have no kind of their own
        raise BadCertificates(f"{path} holds what is no certificate") from error
    if not loaded:
        raise BadCertificates(f"{path} holds no certificate")
    return trustRootFromCertificates(loaded)
