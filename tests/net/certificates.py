"""Certificates that vouch for themselves, for tests."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

LOCALHOST = x509.DNSName("localhost")
LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))
_CA = x509.BasicConstraints(ca=True, path_length=None)


def certify(
    folder: Path, *, name: str = "localhost", begins: float = -1, ends: float = 100
) -> tuple[Path, Path]:
    """Write a key and a certificate of localhost that is valid from and to so many days from now.

    Return the files: key, certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=min(begins, ends - 1)))
        .not_valid_after(now + datetime.timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([LOCALHOST, LOOPBACK]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    paths[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].write_bytes(certificate.public_bytes(Encoding.PEM))
    return paths


def locked_key(folder: Path) -> Path:
    """Write a key that has a password."""
    path = folder / "locked.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = BestAvailableEncryption(b"secret")
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


class Authority:
    """Certifies clients, and is certified by itself or *by* another; its certificate is `file`."""

    def __init__(
        self,
        folder: Path,
        name: str = "authority",
        *,
        ends: float = 100,
        by: Authority | None = None,
    ) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name, self._folder = x509.Name.from_rfc4514_string(f"CN={name}"), folder
        self.file = folder / f"{name}.pem"
        public = self._key.public_key()
        certificate = (by or self)._signed(self._name, public, ends, [(_CA, True)])
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def certify(
        self,
        subject: str,
        *names: x509.GeneralName,
        begins: float = -1,
        ends: float = 10,
        extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> Path:
        """Write a client's key and certificate into one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        more = [*extra, *([(x509.SubjectAlternativeName(names), False)] if names else [])]
        whose = x509.Name.from_rfc4514_string(subject)
        certificate = self._signed(whose, key.public_key(), ends, more, begins)
        path = self._folder / f"client{certificate.serial_number}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return path

    def _signed(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        ends: float,
        extensions: Iterable[tuple[x509.ExtensionType, bool]],
        begins: float = -1,
    ) -> x509.Certificate:
        now, number = datetime.datetime.now(datetime.UTC), x509.random_serial_number()
        building = (
            x509.CertificateBuilder(self._name, subject, public, number)
            .not_valid_before(now + datetime.timedelta(days=min(begins, ends - 1)))
            .not_valid_after(now + datetime.timedelta(days=ends))
        )
        for extension, critical in extensions:
            building = building.add_extension(extension, critical)
        return building.sign(self._key, hashes.SHA256())
