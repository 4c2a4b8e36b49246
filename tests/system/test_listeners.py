"""ESMEs over TLS, and over a socket that systemd has opened."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.net.certificates import certify
from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, Daemon
from tests.system.esme import Closed, Esme, ids


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
    for _ in range(2):
        with Esme(daemon.smpp) as clear, pytest.raises((Closed, ConnectionError)):
            clear.bind()
    told = daemon.await_event("connection_failed")
    assert (told["listener"], told["reason"]) == ("smpp", "not_tls")
    with Esme(daemon.smpp) as esme:
        esme.socket = tls.wrap_socket(esme.socket, server_hostname="localhost")
        assert esme.bind() == 0


def expiry(daemon: Daemon) -> float:
    """Return the days that the daemon's metrics give its certificate."""
    _, metrics = daemon.get("/metrics")
    found = re.search(r"^smppbridge_certificate_expiry_\S+ (\S+)$", metrics, re.MULTILINE)
    assert found
    return (float(found[1]) - time.time()) / 86_400


def serves(daemon: Daemon, trust: ssl.SSLContext) -> bool:
    with socket.create_connection(("127.0.0.1", daemon.smpp), PATIENCE) as raw:
        try:
            trust.wrap_socket(raw, server_hostname="localhost").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_sighup_takes_a_renewed_certificate_and_refuses_a_broken_one(
    daemon: Daemon, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    daemon.start()
    with Esme(daemon.smpp) as esme:
        esme.socket = tls.wrap_socket(esme.socket, server_hostname="localhost")
        assert esme.bind() == 0
        assert not daemon.events("certificate_expires")
        key, certificate = certify(tmp_path, ends=3.1)
        renewed = ssl.create_default_context(cafile=str(certificate))
        daemon.signal(signal.SIGHUP)
        daemon.await_event("configuration_applied")
        assert (serves(daemon, renewed), serves(daemon, tls)) == (True, False)
        assert round(expiry(daemon)) == 3
        told = daemon.await_event("certificate_expires")
        assert told["reason"] == f"{certificate} expires in 3 days"
        key.write_text("broken")
        daemon.signal(signal.SIGHUP)
        assert str(key) in daemon.await_event("configuration_refused")["reason"]
        assert serves(daemon, renewed)
        assert esme.submit("over the old one").command_status == 0
    assert daemon.stop() == 0


def test_an_expired_certificate_is_served_and_said(daemon: Daemon, tls: object) -> None:
    key, certificate = certify(daemon.file.parent, ends=-40)
    daemon.settings["smpp"]["listen"] = (
        f"ssl:{daemon.smpp}:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
    )
    daemon.start()
    told = daemon.await_event("certificate_expires")
    assert (told["listener"], told["level"]) == ("smpp", "warning")
    assert told["reason"] == f"{certificate} expired 40 days ago"
    checked = subprocess.run(
        [COMMAND, "check", "--config", daemon.file], check=True, capture_output=True, text=True
    )
    assert f"warning: the certificate {certificate} expired 40 days ago" in checked.stdout
    assert daemon.stop() == 0


def test_send_speaks_tls(daemon: Daemon, tls: ssl.SSLContext, tmp_path: Path) -> None:
    daemon.start()

    def send(*options: str) -> subprocess.CompletedProcess[str]:
        account = ("--port", str(daemon.smpp), "--system-id", "bank", "--password", "secret")
        words = (str(COMMAND), "send", *account, "--to", "243810000001", *options, "hello")
        return subprocess.run(words, check=False, capture_output=True, text=True)

    trusting = ("--tls", "--ca-file", str(tmp_path / "certificate.pem"))
    assert "1 delivered" in send(*trusting).stdout
    assert "1 delivered" in send("--tls", "--insecure", "--host", "127.0.0.1").stdout
    strange = send("--tls")
    assert (strange.returncode, "certificate verify failed" in strange.stderr) == (1, True)
    assert send("--insecure").returncode == 2
    assert daemon.await_event("connection_failed")["reason"] == "certificate_refused"
    assert daemon.stop() == 0


def test_silent_connections_leave_room_for_an_esme_and_for_the_probes(
    daemon: Daemon, tls: ssl.SSLContext
) -> None:
    """They were all held, TLS or not, until the last descriptor was gone."""
    daemon.settings["callbacks"] |= {"max_connections": 20, "max_idle_per_address": 10}
    daemon.settings["smpp"] |= {"max_unbound": 20, "max_unbound_per_address": 10}
    daemon.start()
    ports = (daemon.smpp, daemon.callbacks)
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(60) for port in ports]
    with Esme(daemon.smpp) as esme:
        esme.socket = tls.wrap_socket(esme.socket, server_hostname="localhost")
        assert esme.bind() == 0
        message_id = esme.submit("while they are silent").message_id.decode()
        assert ids(esme.await_receipts(1)) == {message_id}
    assert daemon.get("/readyz")[0] == 200
    calling = HTTPConnection("127.0.0.1", daemon.callbacks, timeout=PATIENCE)
    calling.request("GET", daemon.callback[1] + "?messageID=1&status=DELIVRD")
    assert calling.getresponse().status == 200
    calling.close()
    _, metrics = daemon.get("/metrics")
    for listener in ("smpp", "callbacks"):
        gone = re.search(rf'failed_total{{listener="{listener}",reason="gave_way"}} (\S+)', metrics)
        assert gone
        assert float(gone[1]) >= 50
    for each in held:
        each.close()
    assert daemon.stop() == 0


def test_without_descriptors_it_says_so_and_goes_on(daemon: Daemon) -> None:
    daemon.settings["smpp"]["max_connections"] = 2_000_000_000  # more than Linux allows anybody
    daemon.start()
    few = daemon.await_event("descriptors_few")
    assert few["needed"] > 2_000_000_000 > few["allowed"]
    assert daemon.process
    pid = daemon.process.pid
    with daemon.bound() as esme:
        allowed = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        assert allowed[0] == allowed[1]  # what the process may have it has taken
        last = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (last + 5, allowed[1]))
        many = [socket.create_connection(("127.0.0.1", daemon.callbacks)) for _ in range(40)]
        told = daemon.await_event("connection_failed")
        assert (told["reason"], told["address"]) == ("no_descriptor", "127.0.0.1")
        assert esme.submit("as before").command_status == 0
        for each in many:
            each.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
    with daemon.bound() as again:
        assert again.submit("and again").command_status == 0
    assert daemon.stop() == 0


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
