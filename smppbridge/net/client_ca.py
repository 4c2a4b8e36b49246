"""The certificates of clients: who certifies them, and the names in one that is verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreFlags

from smppbridge.model.channel import CLEAR, CertificateName, Channel

_WHY = {  # X509_V_ERR_...: openssl-verify(1)
    2: "its issuer is not in client_ca",
    9: "not valid yet",
    10: "expired",
    18: "signed by itself",
    19: "signed by itself",
    20: "its issuer is not in client_ca",
    21: "its issuer is not in client_ca",
    26: "not for clients (extended key usage)",
}


@dataclass(frozen=True, slots=True)
class ClientCa:
    """The certificates of those who certify clients, and the file that they were read from."""

    file: str
    certificates: tuple[x509.Certificate, ...] = field(repr=False)

    @property
    def expires(self) -> float:
        """When the first of them expires, by the wall clock."""
        return min(each.not_valid_after_utc.timestamp() for each in self.certificates)


def certify_clients(context: SSL.Context, client_ca: ClientCa) -> None:
    """Let a listener's context ask clients for a certificate, and refuse one that is not verified.

    A client may do without one: whether it needs one is said by its account.
    """
    store = context.get_cert_store()
    assert store is not None
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)  # client_ca may be an intermediate one
    for each in client_ca.certificates:
        certificate = X509.from_cryptography(each)
        store.add_cert(certificate)
        context.add_client_ca(certificate)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_CLIENT_ONCE, _verified)


def _verified(connection: SSL.Connection, of: X509, error: int, depth: int, good: int) -> bool:
    """Keep OpenSSL's verdict, with the reason of a bad one."""
    if not good:
        whose = "" if depth == 0 else "of its issuer: "
        connection.set_app_data(whose + _WHY.get(error, f"OpenSSL's error {error}"))
    return bool(good)


def why_refused(connection: SSL.Connection) -> str:
    """Return why the client's certificate was refused, "" if none was."""
    return str(connection.get_app_data() or "")


def channel_of(transport: Any) -> Channel:
    """Return the channel of a session's transport, with the names of a verified certificate."""
    if not hasattr(transport, "getPeerCertificate"):
        return CLEAR
    certificate = transport.getPeerCertificate()
    if certificate is None:
        return Channel(tls=True)
    try:
        names = tuple(_names(certificate.to_cryptography()))
    except ValueError:  # verified, and yet not what X.509 says
        names = ()
    return Channel(tls=True, certified=True, names=names)


def _names(certificate: x509.Certificate) -> Iterator[CertificateName]:
    subject = certificate.subject
    common = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if len(common) == 1:  # of several nobody could say which is meant
        yield CertificateName("cn", str(common[0].value))
    yield CertificateName("subject", subject.rfc4514_string())
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return
    for name in found.value.get_values_for_type(x509.DNSName):
        yield CertificateName("dns", name)
    for uri in found.value.get_values_for_type(x509.UniformResourceIdentifier):
        yield CertificateName("uri", uri)
