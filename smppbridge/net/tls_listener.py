"""TLS towards clients: the certificate that a listener serves, and handshakes that have a limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import CertificateOptions, DiffieHellmanParameters, TLSVersion
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from zope.interface import implementer

from smppbridge.net.client_ca import ClientCa, certify_clients, why_refused
from smppbridge.net.failed_connections import NoteFailed
from smppbridge.net.tls import BadCertificates

HANDSHAKE = 10.0  # seconds from the connection to the end of its handshake

SLOW, CLOSED, NOT_TLS = "handshake_too_slow", "closed_in_handshake", "not_tls"
NOT_COMMON, NOT_TRUSTED, FAILED = "no_common_version", "certificate_refused", "handshake_failed"
CLIENT = "client_certificate_refused"
"""Why a handshake came to nothing."""

_HIGHEST = {  # version of TLS, by the names of OpenSSL's methods; 1.2 is the lowest
    "TLS_METHOD": TLSVersion.TLSv1_3,
    "SSLv23_METHOD": TLSVersion.TLSv1_3,
    "TLSv1_2_METHOD": TLSVersion.TLSv1_2,
}
_REASONS = (  # pieces of OpenSSL's reasons, the first that is found counts
    ("certificate verify failed", CLIENT),
    ("http request", NOT_TLS),
    ("proxy request", NOT_TLS),
    ("wrong version number", NOT_TLS),
    ("record layer", NOT_TLS),
    ("packet length", NOT_TLS),
    ("unexpected message", NOT_TLS),
    ("unsupported protocol", NOT_COMMON),
    ("version too low", NOT_COMMON),
    ("no shared cipher", NOT_COMMON),
    ("alert protocol version", NOT_COMMON),
    ("unknown ca", NOT_TRUSTED),
    ("certificate", NOT_TRUSTED),
)


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of a listener with TLS, and the name of a method of OpenSSL if one is demanded.

    *client_ca* has the certificates of those who certify clients.
    """

    key: str
    certificate: str
    chain: str | None = None
    dh_parameters: str | None = None
    method: str | None = None
    client_ca: str | None = None


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate with its key, read from files; times are those of the wall clock.

    *client_ca* is there if clients may show a certificate of theirs.
    """

    file: str
    valid_from: float
    expires: float
    context: SSL.Context = field(repr=False)
    client_ca: ClientCa | None = None


def load(files: ServerFiles) -> ServerCertificate:
    """Read a key, its certificate and the chain to its root; raises BadCertificates."""
    key, (certificate, *chain) = _key(files.key), _certificates(files.certificate)
    if files.chain:
        chain = _certificates(files.chain)
    more: dict[str, Any] = {}
    if files.dh_parameters:
        more["dhParameters"] = DiffieHellmanParameters.fromFile(FilePath(files.dh_parameters))
    if files.method:
        if files.method not in _HIGHEST:
            raise BadCertificates(f"sslmethod={files.method} is none of {', '.join(_HIGHEST)}")
        more["lowerMaximumSecurityTo"] = _HIGHEST[files.method]
    try:
        options = CertificateOptions(
            privateKey=PKey.from_cryptography_key(key),
            certificate=X509.from_cryptography(certificate),
            extraCertChain=[X509.from_cryptography(each) for each in chain],
            raiseMinimumTo=TLSVersion.TLSv1_2,
            **more,
        )
        context = options.getContext()
    except Exception as error:  # OpenSSL's errors have no kind of their own
        why = f"{files.certificate} cannot be served with the key in {files.key}"
        raise BadCertificates(why) from error
    client_ca = None
    if files.client_ca:
        client_ca = ClientCa(files.client_ca, tuple(_certificates(files.client_ca)))
        try:
            certify_clients(context, client_ca)
        except Exception as error:  # OpenSSL's errors have no kind of their own
            raise BadCertificates(f"{files.client_ca} cannot be trusted") from error
    return ServerCertificate(
        files.certificate,
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
        context,
        client_ca,
    )


def _key(path: str) -> Any:
    octets = _octets(path)
    try:
        return load_pem_private_key(octets, password=None)
    except TypeError as error:
        raise BadCertificates(f"the key in {path} has a password") from error
    except Exception as error:  # a library's many kinds
        raise BadCertificates(f"{path} holds no private key that can be read") from error


def _certificates(path: str) -> list[x509.Certificate]:
    octets = _octets(path)
    try:
        return x509.load_pem_x509_certificates(octets)
    except Exception as error:  # a library's many kinds
        raise BadCertificates(f"{path} holds no certificate that can be read") from error


def _octets(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadCertificates(f"{path} cannot be read: {error.strerror}") from error


@implementer(IOpenSSLServerConnectionCreator)
class ServedCertificate:
    """The certificate that new connections of a listener are served; only `use` changes it."""

    def __init__(self, certificate: ServerCertificate) -> None:
        self.certificate = certificate

    def use(self, certificate: ServerCertificate) -> None:
        """Serve another certificate from now on."""
        self.certificate = certificate

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return OpenSSL's side of a new connection."""
        return SSL.Connection(self.certificate.context, None)


class TlsConnection(BufferingTLSTransport):
    """A connection of a listener with TLS; its handshake has a deadline, its failure a reason."""

    factory: TlsFactory
    host = "local"  # the client's, which need not be that of the connection: see net.proxied

    def makeConnection(self, transport: Any) -> None:
        """Begin the handshake."""
        self._late = self.factory.clock.callLater(HANDSHAKE, self._end_handshake)
        self._heard = self._noted = False
        super().makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        """Hand octets to OpenSSL."""
        self._heard = True
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End; a connection that was lost in its handshake is noted."""
        if self._late.active():
            self._late.cancel()
        if not self._shaken():
            # A port that is only knocked at, as health probes do, is no failure.
            error = (self._reason or reason).value
            if self._heard or isinstance(error, SSL.Error):
                self._note(*reason_of(error))
        super().connectionLost(reason)

    def _shaken(self) -> bool:
        """Return whether the handshake is over: the client's last word of it has come."""
        return self.getHandle().get_peer_finished() is not None

    def _end_handshake(self) -> None:
        if not self._shaken():
            self._note(SLOW)
            self.abortConnection()

    def _note(self, reason: str, why: str = "") -> None:
        if not self._noted:
            self._noted = True
            self.factory.failed(self.host, reason, why_refused(self.getHandle()) or why)


def reason_of(error: BaseException | None) -> tuple[str, str]:
    """Return the reason of a failed handshake, and OpenSSL's words for it."""
    if not isinstance(error, SSL.Error) or not error.args or not isinstance(error.args[0], list):
        return CLOSED, ""
    why = ", ".join(entry[2] for entry in error.args[0])
    return next((reason for piece, reason in _REASONS if piece in why), FAILED), why


class TlsFactory(TLSMemoryBIOFactory):
    """Adds TLS to the connections of a listener.

    A connection is the wrapped factory's from its beginning: it counts while it shakes hands, and
    none comes to be if the factory has no room.
    """

    protocol = TlsConnection

    def __init__(
        self,
        served: ServedCertificate,
        wrapped: IProtocolFactory,
        clock: IReactorTime,
        failed: NoteFailed,
    ) -> None:
        super().__init__(served, False, wrapped, clock)
        self.clock, self.failed = clock, failed

    def buildProtocol(self, addr: Any) -> Any:
        """Return a connection, None if the wrapped factory makes none."""
        wrapped = self.wrappedFactory.buildProtocol(addr)
        if wrapped is None:
            return None
        connection = self.protocol(self, wrapped)
        connection.host = getattr(addr, "host", "local")
        return connection
