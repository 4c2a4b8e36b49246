from __future__ import annotations

import datetime
import os
from ipaddress import ip_address
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol

from smppbridge.net import tls
from tests.patience import PATIENCE

# Twisted's own way with certificates
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
HELLO = b"hello"


def certificate(folder, *names):
    """Write a certificate that vouches for itself, and its key; return the files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "ca.pem", folder / "key.pem"
    ca_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return ca_file, key_file


LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))


class Greeting(Protocol):
    def connectionMade(self):
        self.transport.write(HELLO)


class Listening(Protocol):
    """Fires with what it heard, or why it was lost."""

    def __init__(self):
        self.came = Deferred()

    def dataReceived(self, data):
        self.came.callback(data)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        if not self.came.called:
            self.came.callback(reason.getErrorMessage())


@pytest_twisted.async_yield_fixture
async def serve():
    ports = []

    async def make(ca_file, key_file):
        description = f"ssl:0:interface=127.0.0.1:privateKey={key_file}:certKey={ca_file}"
        endpoint = serverFromString(reactor, description)
        ports.append(await endpoint.listen(Factory.forProtocol(Greeting)))
        return ports[-1].getHost().port

    yield make
    for port in ports:
        await port.stopListening()


async def heard(host, port, ca_file):
    endpoint = tls.endpoint(reactor, host, port, PATIENCE, tls=True, ca_file=ca_file)
    listening: Any = await endpoint.connect(Factory.forProtocol(Listening))
    return await listening.came.addTimeout(PATIENCE, reactor)


@pytest_twisted.ensureDeferred
async def test_a_server_that_proves_who_it_is_is_heard(serve, tmp_path):
    files = certificate(tmp_path, LOOPBACK, x509.DNSName("localhost"))
    port = await serve(*files)
    assert await heard("127.0.0.1", port, str(files[0])) == HELLO
    assert await heard("localhost", port, str(files[0])) == HELLO


@pytest_twisted.ensureDeferred
async def test_a_server_with_another_name_is_not(serve, tmp_path):
    files = certificate(tmp_path, LOOPBACK)
    port = await serve(*files)
    assert await heard("localhost", port, str(files[0])) != HELLO


@pytest_twisted.ensureDeferred
async def test_a_server_that_nobody_vouches_for_is_not(serve, tmp_path):
    files = certificate(tmp_path, LOOPBACK)
    port = await serve(*files)
    assert "certificate verify failed" in await heard("127.0.0.1", port, None)


def test_files_without_certificates_are_refused(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for path in map(str, (tmp_path / "none.pem", empty, bad)):
        with pytest.raises(tls.BadCertificates):
            tls.endpoint(reactor, "localhost", 1, 1.0, tls=True, ca_file=path)


def test_a_file_is_read_again_when_it_has_changed(tmp_path):
    path, _ = certificate(tmp_path, LOOPBACK)
    first = tls.trust_root(str(path))
    assert tls.trust_root(str(path)) is first
    os.utime(path, (1, 1))
    assert tls.trust_root(str(path)) is not first
