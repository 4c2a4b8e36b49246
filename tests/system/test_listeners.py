"""ESMEs over TLS, and over a socket that systemd has opened."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.system.daemon import COMMAND, Daemon
from tests.system.esme import Closed, Esme, ids


def certify(folder: Path) -> tuple[Path, Path]:
    """Write a key and a certificate of localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    paths[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].write_bytes(certificate.public_bytes(Encoding.PEM))
    return paths


@pytest.fixture
def tls(daemon: Daemon, tmp_path: Path) -> ssl.SSLContext:
    """Let the daemon listen with TLS; return what trusts it."""
    key, certificate = certify(tmp_path)
    daemon.settings["smpp"]["listen"] = (
        f"ssl:{daemon.smpp}:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
    )
    return ssl.create_default_context(cafile=str(certificate))


def test_a_session_over_tls_is_a_session(daemon: Daemon, tls: ssl.SSLContext) -> None:
    daemon.start()
    with Esme(daemon.smpp) as esme:
        esme.socket = tls.wrap_socket(esme.socket, server_hostname="localhost")
        assert esme.bind() == 0
        message_id = esme.submit("over TLS").message_id.decode()
        assert ids(esme.await_receipts(1)) == {message_id}
    assert daemon.stop() == 0


def test_clear_text_on_the_tls_port_ends_that_connection_alone(
    daemon: Daemon, tls: ssl.SSLContext
) -> None:
    daemon.start()
    with Esme(daemon.smpp) as clear, pytest.raises((Closed, ConnectionError)):
        clear.bind()
    with Esme(daemon.smpp) as esme:
        esme.socket = tls.wrap_socket(esme.socket, server_hostname="localhost")
        assert esme.bind() == 0


def test_sessions_come_over_the_socket_that_systemd_hands_over(daemon: Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        daemon.settings["smpp"]["listen"] = "systemd:domain=INET:index=0"
        daemon.start(listener)
        with Esme(listener.getsockname()[1]) as esme:
            assert esme.bind() == 0
            message_id = esme.submit("over systemd's socket").message_id.decode()
            assert ids(esme.await_receipts(1)) == {message_id}
    assert daemon.stop() == 0


def test_check_does_not_miss_the_socket_that_only_systemd_hands_over(daemon: Daemon) -> None:
    daemon.settings["smpp"]["listen"] = "systemd:domain=INET:index=0"
    daemon.write()
    check = [str(COMMAND), "check", "--config", str(daemon.file)]
    assert subprocess.run(check, check=False, capture_output=True).returncode == 0
    handed = os.environ | {"LISTEN_FDS": "0"}
    refused = subprocess.run(check, check=False, capture_output=True, text=True, env=handed)
    assert (refused.returncode, "no such socket" in refused.stdout) == (78, True)
