"""listeners: the listeners of a bridge and the certificates that they serve."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.tcp import Port
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from smppbridge.model.account import Network
from smppbridge.net import unix_listener
from smppbridge.net.failed_connections import FailedConnections
from smppbridge.net.proxied import ProxiedFactory
from smppbridge.net.tls_listener import (
    ServedCertificate,
    ServerCertificate,
    ServerFiles,
    TlsFactory,
    load,
)
from smppbridge.service.handover import HandedListener
from smppbridge.settings.endpoints import parse
from smppbridge.settings.schema import Settings

_DAY = 86_400.0
EXPIRES_SOON = 30 * _DAY
_NO_DESCRIPTOR = "EMFILE recovery: Closed socket from {address}"
_TCP = ("port", "interface", "backlog")

Certificates = Mapping[str, ServerCertificate]
"""The certificates of endpoints with TLS, by the endpoint's string."""


@dataclass(frozen=True, slots=True)
class CertificateDoubt:
    """A certificate that will not be trusted, now or soon, and the listener it is for.

    It is the listener's own, or one of those who certify its clients: then clients are not trusted.
    """

    listener: str
    file: str
    expires: float
    words: str


@dataclass(frozen=True, slots=True)
class Balancers:
    """The balancers that pass clients on to a listener, and how many of those may wait at once."""

    proxies: tuple[Network, ...]
    most: int


def endpoints_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield every listener's name with each of its endpoint strings."""
    sections = {
        "smpp": settings.smpp,
        "web": settings.web,
        "callbacks": settings.callbacks,
        "node": settings.node,
    }
    for name, section in sections.items():
        for description in section.listen if section else ():
            yield name, description


def client_ca_of(settings: Settings, name: str) -> str | None:
    """Return the file of those who certify the clients of a listener, if they are certified."""
    return settings.smpp.client_ca if name == "smpp" else None


def certificate_of(description: str, client_ca: str | None = None) -> ServerCertificate | None:
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
        client_ca,
    )
    return load(files)


def admin_endpoint(settings: Settings) -> str | None:
    """Return the endpoint string of the admin socket, None without one."""
    path = settings.admin_socket
    return f"unix:{quoteStringArgument(path)}:mode=600" if path else None


def beneath(description: str) -> str:
    """Return the endpoint string of the TCP port below TLS, or *description* without TLS."""
    endpoint = parse(description)
    if endpoint.kind != "ssl":
        return description
    named = [f"{n}={quoteStringArgument(endpoint.named[n])}" for n in _TCP if n in endpoint.named]
    return ":".join(("tcp", *named))


def certificates_of(settings: Settings) -> Certificates:
    """Return the certificates of all listeners; raises BadCertificates."""
    loaded = {
        text: certificate_of(text, client_ca_of(settings, name))
        for name, text in endpoints_of(settings)
    }
    return {text: certificate for text, certificate in loaded.items() if certificate}


def doubts(
    settings: Settings, certificates: Certificates, wall: float
) -> Iterator[CertificateDoubt]:
    """Yield the certificates that have expired, expire soon or are not valid yet at *wall*."""
    for name, text in endpoints_of(settings):
        found = certificates.get(text)
        if found is None:
            continue
        if words := _doubtful(found.file, found.valid_from, found.expires, wall):
            yield CertificateDoubt(name, found.file, found.expires, words)
        if (of := found.client_ca) and (words := _doubtful(of.file, wall, of.expires, wall)):
            yield CertificateDoubt(name, of.file, of.expires, words)


def _doubtful(file: str, begins: float, expires: float, wall: float) -> str:
    days = (expires - wall) / _DAY
    if days <= 0:
        return f"{file} expired {-days:.0f} days ago"
    if expires - wall < EXPIRES_SOON:
        return f"{file} expires in {days:.0f} days"
    return f"{file} is not valid yet" if begins > wall else ""


class Listeners:
    """The open listeners.

    Only the instance writes which are open, their certificates, and when it logged which doubt.
    """

    def __init__(self, reactor: Any, failed: FailedConnections) -> None:
        self._reactor, self._failed = reactor, failed
        self._ports: dict[tuple[str, str], IListeningPort] = {}
        self._inherited: dict[tuple[str, str], int] = {}
        self._served: dict[
            tuple[str, str], ServedCertificate
        ] = {}  # by listener and endpoint string
        self._proxied: list[ProxiedFactory] = []
        self._told: dict[CertificateDoubt, int] = {}
        self._observer = cast(ILogObserver, self._notice)
        globalLogPublisher.addObserver(self._observer)

    async def open(
        self,
        name: str,
        text: str,
        factory: IProtocolFactory,
        client_ca: str | None = None,
        passing: Balancers | None = None,
    ) -> None:
        """Listen on an endpoint of the listener *name*.  Raises the errors of listening."""
        certificate, failed = certificate_of(text, client_ca), self._failed.of(name)
        if certificate is not None:
            served = self._served[name, text] = ServedCertificate(certificate)
            factory = TlsFactory(served, factory, self._reactor, failed)
        if passing is not None:  # its header comes before TLS
            proxies, most = passing.proxies, passing.most
            factory = ProxiedFactory(proxies, factory, self._reactor, failed, most)
            self._proxied.append(factory)
        inherited = self._inherited.pop((name, text), None)
        if inherited is not None:
            self._ports[name, text] = self._adopt(inherited, factory)
            return
        if (endpoint := parse(text)).kind == "unix":
            self._ports[name, text] = self._listen_at_path(endpoint.named, factory)
            return
        listening = serverFromString(self._reactor, beneath(text)).listen(factory)
        self._ports[name, text] = await listening

    def _listen_at_path(self, named: Mapping[str, str], factory: IProtocolFactory) -> Port:
        mode, backlog = int(named.get("mode", "666"), 8), int(named.get("backlog", "50"))
        return unix_listener.listen(
            self._reactor, named["address"], factory, mode=mode, backlog=backlog
        )

    def _adopt(self, fd: int, factory: IProtocolFactory) -> IListeningPort:
        with socket.socket(fileno=fd) as port:  # which closes it: Twisted has a copy
            if port.family == socket.AF_UNIX:
                return unix_listener.adopt(self._reactor, fd, factory)
            adopted: IListeningPort = self._reactor.adoptStreamPort(fd, port.family, factory)
            return adopted

    def inherit(self, handed: Iterable[HandedListener], settings: Settings) -> None:
        """Open listeners with these sockets, as far as they are in *settings*; close the others.

        A socket that stayed open beside its listener's new one would keep that from being opened.
        """
        wanted = {*endpoints_of(settings), ("admin", admin_endpoint(settings))}
        for each in handed:
            path = unix_listener.path_of(each.fd)
            reachable = not path or os.path.exists(path)
            if reachable and (each.name, each.endpoint) in wanted:
                self._inherited[each.name, each.endpoint] = each.fd
            else:
                os.close(each.fd)
                if path and parse(each.endpoint).kind == "unix":
                    with suppress(OSError):
                        os.unlink(path)

    def handed(self) -> list[HandedListener]:
        """Return the records of all listeners."""
        return [HandedListener(*key, port.fileno()) for key, port in self._sockets()]

    def freeze(self) -> None:
        """Accept no connection: the kernel keeps those that come."""
        for _, port in self._sockets():
            port.stopReading()

    def thaw(self) -> None:
        """Accept connections again."""
        for _, port in self._sockets():
            port.startReading()

    def _sockets(self) -> list[tuple[tuple[str, str], Port]]:
        return [(key, port) for key, port in self._ports.items() if isinstance(port, Port)]

    def use(self, certificates: Certificates) -> None:
        """Serve these certificates to new connections."""
        for (_, text), served in self._served.items():
            served.use(certificates[text])

    def doubts(self, settings: Settings, wall: float) -> Iterator[CertificateDoubt]:
        """Yield the doubts about the certificates that are served, each once a day at most."""
        today = int(wall // _DAY)
        served = {text: served.certificate for (_, text), served in self._served.items()}
        for doubt in doubts(settings, served, wall):
            about = replace(doubt, words="")
            if self._told.get(about) != today:
                self._told[about] = today
                yield doubt

    def expiries(self) -> dict[tuple[str, ...], float]:
        """Return when each certificate expires, by listener and file."""
        found: dict[tuple[str, ...], float] = {}
        for (name, _), served in self._served.items():
            found[name, served.certificate.file] = served.certificate.expires
            if client_ca := served.certificate.client_ca:
                found[name, client_ca.file] = client_ca.expires
        return found

    @property
    def headers_waiting(self) -> int:
        """How many connections of balancers have not sent their header yet."""
        return sum(len(factory.waiting) for factory in self._proxied)

    async def close(self) -> None:
        """Listen no more."""
        globalLogPublisher.removeObserver(self._observer)
        for port in self._ports.values():
            await maybeDeferred(port.stopListening)

    def _notice(self, event: LogEvent) -> None:
        """Note a connection that there was no descriptor for; Twisted tells it to its log alone."""
        if event.get("log_format") == _NO_DESCRIPTOR:
            self._failed.note("any", str(event["address"][0]), "no_descriptor")
        elif "acceptError" in event:
            self._failed.note("any", "", "no_descriptor", str(event["acceptError"]))
