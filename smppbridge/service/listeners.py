"""listeners: the listeners of a bridge and the certificates that they serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from smppbridge.net.failed import FailedConnections
from smppbridge.net.tls_listener import (
    ServedCertificate,
    ServerCertificate,
    ServerFiles,
    TlsFactory,
    load,
)
from smppbridge.settings.endpoints import parse
from smppbridge.settings.schema import Settings

EXPIRES_SOON = 14 * 86_400.0
_NO_DESCRIPTOR = "EMFILE recovery: Closed socket from {address}"
_TCP = ("port", "interface", "backlog")

Certificates = Mapping[str, ServerCertificate]
"""The certificates of endpoints with TLS, by the endpoint's string."""


@dataclass(frozen=True, slots=True)
class CertificateDoubt:
    """A certificate that clients will not trust, now or soon, and the listener it is for."""

    listener: str
    certificate: ServerCertificate
    words: str


def endpoints_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield every listener's name with each of its endpoint strings."""
    sections = {"smpp": settings.smpp, "web": settings.web, "callbacks": settings.callbacks}
    for name, section in sections.items():
        for description in section.listen if section else ():
            yield name, description


def certificate_of(description: str) -> ServerCertificate | None:
    """Return the certificate of an endpoint, None without TLS; raises BadCertificates."""
    endpoint = parse(description)
    if endpoint.kind != "ssl":
        return None
    named = endpoint.named
    key = named["privateKey"]
    files = ServerFiles(
        key,
        named.get("certKey", key),
        named.get("extraCertChain"),
        named.get("dhParameters"),
        named.get("sslmethod"),
    )
    return load(files)


def beneath(description: str) -> str:
    """Return the endpoint string of the TCP port below TLS, or *description* without TLS."""
    endpoint = parse(description)
    if endpoint.kind != "ssl":
        return description
    named = [f"{n}={quoteStringArgument(endpoint.named[n])}" for n in _TCP if n in endpoint.named]
    return ":".join(("tcp", *named))


def certificates_of(settings: Settings) -> Certificates:
    """Return the certificates of all listeners; raises BadCertificates."""
    loaded = {text: certificate_of(text) for _, text in endpoints_of(settings)}
    return {text: certificate for text, certificate in loaded.items() if certificate}


def doubts(
    settings: Settings, certificates: Certificates, wall: float
) -> Iterator[CertificateDoubt]:
    """Yield the certificates that have expired, expire soon or are not valid yet at *wall*."""
    for name, text in endpoints_of(settings):
        certificate = certificates.get(text)
        if certificate is None:
            continue
        days = (certificate.expires - wall) / 86_400
        if days <= 0:
            yield CertificateDoubt(
                name, certificate, f"{certificate.file} expired {-days:.0f} days ago"
            )
        elif certificate.expires - wall < EXPIRES_SOON:
            yield CertificateDoubt(
                name, certificate, f"{certificate.file} expires in {days:.0f} days"
            )
        elif certificate.valid_from > wall:
            yield CertificateDoubt(name, certificate, f"{certificate.file} is not valid yet")


class Listeners:
    """The open listeners.  Only the instance writes which are open, and their certificates."""

    def __init__(self, reactor: Any, failed: FailedConnections) -> None:
        self._reactor, self._failed = reactor, failed
        self._ports: list[IListeningPort] = []
        self._served: dict[
            tuple[str, str], ServedCertificate
        ] = {}  # by listener and endpoint string
        self._observer = cast(ILogObserver, self._notice)
        globalLogPublisher.addObserver(self._observer)

    async def open(self, name: str, text: str, factory: IProtocolFactory) -> None:
        """Listen on an endpoint of the listener *name*.  Raises the errors of listening."""
        certificate = certificate_of(text)
        if certificate is not None:
            served = self._served[name, text] = ServedCertificate(certificate)
            factory = TlsFactory(served, factory, self._reactor, self._failed.of(name))
        endpoint = serverFromString(self._reactor, beneath(text))
        self._ports.append(await endpoint.listen(factory))

    def use(self, certificates: Certificates) -> None:
        """Serve these certificates to new connections."""
        for (_, text), served in self._served.items():
            served.use(certificates[text])

    @property
    def certificates(self) -> dict[str, ServerCertificate]:
        """The certificates that are served, by endpoint string."""
        return {text: served.certificate for (_, text), served in self._served.items()}

    def expiries(self) -> dict[tuple[str, ...], float]:
        """Return when each certificate expires, by listener and file."""
        return {
            (name, served.certificate.file): served.certificate.expires
            for (name, _), served in self._served.items()
        }

    async def close(self) -> None:
        """Listen no more."""
        globalLogPublisher.removeObserver(self._observer)
        for port in self._ports:
            await maybeDeferred(port.stopListening)

    def _notice(self, event: LogEvent) -> None:
        """Note a connection that there was no descriptor for; Twisted tells it to its log alone."""
        if event.get("log_format") == _NO_DESCRIPTOR:
            self._failed.note("any", str(event["address"][0]), "no_descriptor")
        elif "acceptError" in event:
            self._failed.note("any", "", "no_descriptor", str(event["acceptError"]))
