"""Client certificates, balancers and two passwords, as the daemon has them."""

from __future__ import annotations

import re
import select
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from smppbridge.smpp.constants import CommandStatus as Status
from tests.net.certificates import Authority, certify
from tests.net.test_proxy_header import INET, binary, inet
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.daemon import COMMAND, Daemon, local
from tests.system.esme import Closed, Esme, ids

FAILED, OK = Status.ESME_RBINDFAIL, Status.ESME_ROK


class Doors:
    """A daemon that listens in clear and with TLS, and who certifies its clients."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon, self.authority = daemon, Authority(folder)
        self.key, self.certificate = certify(folder)
        (self.clear,) = kept_ports(1)
        tls = f"ssl:{daemon.smpp}:privateKey={self.key}:certKey={self.certificate}"
        daemon.settings["smpp"] = {
            "listen": [f"{tls}:interface=127.0.0.1", local(self.clear)],
            "client_ca": str(self.authority.file),
        }
        daemon.settings["accounts"] = [
            {"system_id": "bank", "password": "secret", "certificate": "dns:smpp.bank.example"},
            {"system_id": "shop", "password": "secret", "tls": "required"},
            {"system_id": "till", "password": "secret"},
        ]

    @contextmanager
    def over_tls(self, shown: Path | None = None) -> Iterator[Esme]:
        context = ssl.create_default_context(cafile=str(self.certificate))
        if shown:
            context.load_cert_chain(shown)
        with Esme(self.daemon.smpp) as esme:
            esme.socket = context.wrap_socket(esme.socket, server_hostname="localhost")
            yield esme

    def status(self, system_id: str, shown: Path | None = None) -> int:
        with self.over_tls(shown) as esme:
            return esme.bind(system_id=system_id)

    def metric(self, name: str, **labels: str) -> float:
        _, metrics = self.daemon.get("/metrics")
        shown = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        found = re.search(rf"^smppbridge_{name}{{{shown}}} (\S+)$", metrics, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture
def doors(daemon: Daemon, tmp_path: Path) -> Doors:
    return Doors(daemon, tmp_path)


def reload(daemon: Daemon) -> None:
    daemon.write()
    daemon.signal(signal.SIGHUP)
    daemon.await_notice("RELOADING=1")
    daemon.await_notice("READY=1")


def test_an_account_binds_with_its_certificate_and_with_no_other(doors: Doors) -> None:
    daemon = doors.daemon.start()
    names = (x509.DNSName("other.bank.example"), x509.DNSName("SMPP.bank.example"))
    bank = doors.authority.certify("CN=bank", *names)
    shop = doors.authority.certify("CN=shop,O=Shop", x509.DNSName("shop.example"))
    with doors.over_tls(bank) as esme:
        assert esme.bind() == OK
        message_id = esme.submit("certified").message_id.decode()
        assert ids(esme.await_receipts(1)) == {message_id}
    assert doors.status("bank") == FAILED
    assert daemon.await_event("session_refused")["reason"] == "no_certificate"
    assert doors.status("bank", shop) == FAILED
    told = daemon.await_event("session_refused", 2)
    assert told["reason"] == "other_certificate"
    assert told["certificate"] == ["cn:shop", "subject:CN=shop,O=Shop", "dns:shop.example"]
    assert [doors.status("shop"), doors.status("till", shop)] == [OK, OK]
    assert "1 delivered" in sent(doors, "--certificate", str(bank)).stdout
    assert "ESME_RBINDFAIL" in sent(doors).stderr
    assert sent(doors, "--certificate", str(doors.certificate)).returncode == 2
    for system_id, status in (("bank", FAILED), ("shop", FAILED), ("till", OK)):
        with Esme(doors.clear) as esme:
            assert esme.bind(system_id=system_id) == status
    refused = {"result": "ESME_RBINDFAIL"}
    for reason, count in (("no_certificate", 2), ("other_certificate", 1), ("tls_required", 2)):
        assert doors.metric("bind_attempts_total", **refused, reason=reason) == count
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        doors.status("till", doors.authority.certify("CN=late", begins=-9, ends=-1))
    told = daemon.await_event("connection_failed", 2)  # the first is that of the refused binds
    assert (told["reason"], told["why"]) == ("client_certificate_refused", "expired")
    assert not daemon.events("unhandled_error")
    assert daemon.stop() == 0


def sent(doors: Doors, *options: str) -> subprocess.CompletedProcess[str]:
    """Send with the command, as bank."""
    account = ("--port", str(doors.daemon.smpp), "--system-id", "bank", "--password", "secret")
    trusting = ("--tls", "--ca-file", str(doors.certificate))
    words = (str(COMMAND), "send", *account, *trusting, *options, "--to", "243810000001", "hello")
    return subprocess.run(words, check=False, capture_output=True, text=True)


def test_sighup_takes_other_authorities_and_refuses_none(doors: Doors, tmp_path: Path) -> None:
    daemon = doors.daemon.start()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    another, name = Authority(elsewhere, "another", ends=20.1), x509.DNSName("smpp.bank.example")
    old, new = doors.authority.certify("CN=a", name), another.certify("CN=b", name)
    with doors.over_tls(old) as esme:
        assert esme.bind() == OK
        doors.authority.file.write_text("nobody")
        reload(daemon)
        assert "client_ca" in daemon.await_event("configuration_refused")["where"]
        assert doors.status("bank", old) == OK
        doors.authority.file.write_bytes(another.file.read_bytes())
        reload(daemon)
        daemon.await_event("configuration_applied")
        assert doors.status("bank", new) == OK
        with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
            doors.status("bank", old)
        assert esme.submit("as before").command_status == OK
        told = daemon.await_event("certificate_expires")
        assert told["reason"] == f"{doors.authority.file} expires in 20 days"
        daemon.settings["accounts"][0]["certificate"] = "dns:elsewhere.bank.example"
        reload(daemon)
        esme.await_end()
        assert esme.unbound
    assert doors.metric("certificate_expiry_timestamp_seconds", file=str(doors.authority.file)) == 0
    assert daemon.stop() == 0


def test_a_certificate_that_ends_within_thirty_days_is_said_once_a_day(doors: Doors) -> None:
    _, certificate = certify(doors.key.parent, ends=29.5)
    daemon = doors.daemon.start()
    told = daemon.await_event("certificate_expires")
    assert (told["listener"], told["file"]) == ("smpp", str(certificate))
    for _ in range(2):
        reload(daemon)
    daemon.await_event("configuration_applied", 2)
    assert len(daemon.events("certificate_expires")) == 1
    check = [str(COMMAND), "check", "--config", str(daemon.file)]
    checked = subprocess.run(check, check=True, capture_output=True, text=True)
    assert "smpp.listen: warning: the certificate" in checked.stdout
    Authority(doors.key.parent, ends=9.5)
    checked = subprocess.run(check, check=True, capture_output=True, text=True)
    assert f"smpp.client_ca: warning: the certificate {doors.authority.file}" in checked.stdout
    file = str(doors.authority.file)
    found = doors.metric("certificate_expiry_timestamp_seconds", file=file, listener="smpp")
    assert found > told_at(told) + 90 * 86_400
    assert daemon.stop() == 0


def told_at(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["ts"]).timestamp()


HEADERS = [
    b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775\r\n",
    binary(1, INET | 1, inet("192.0.2.7") + b"\x04\0\1x"),
]


@pytest.fixture
def balanced(daemon: Daemon) -> Daemon:
    """Let this machine be a balancer."""
    daemon.settings["smpp"]["proxies"] = ["10.0.0.5/32", "127.0.0.1/32"]
    daemon.settings["accounts"][0]["allow_from"] = ["192.0.2.0/24"]
    return daemon.start()


@pytest.mark.parametrize("header", HEADERS)
def test_a_session_behind_a_balancer_goes_by_its_clients_address(
    balanced: Daemon, header: bytes
) -> None:
    with Esme(balanced.smpp) as esme:
        esme.send(header)
        assert esme.bind() == OK
        message_id = esme.submit("through a balancer").message_id.decode()
        assert ids(esme.await_receipts(1)) == {message_id}
    assert balanced.await_event("session_bound")["address"] == "192.0.2.7"
    with Esme(balanced.smpp) as probe:
        probe.send(binary(0, 0))  # and away, as a health check
    with Esme(balanced.smpp) as own:
        own.send(binary(0, 0))
        assert own.bind() == Status.ESME_RINVPASWD
    told = balanced.await_event("session_refused")
    assert (told["reason"], told["address"]) == ("allow_from", "127.0.0.1")
    with Esme(balanced.smpp) as bare, pytest.raises((Closed, ConnectionError)):
        bare.bind()
    told = balanced.await_event("connection_failed", 2)  # the first is that of the refused bind
    assert (told["reason"], told["address"]) == ("bad_proxy_header", "127.0.0.1")
    assert balanced.stop() == 0


def test_connections_on_their_way_to_a_session_are_counted(balanced: Daemon) -> None:
    with Esme(balanced.smpp) as esme:
        esme.send(HEADERS[0][:10])
        await_waiting(balanced, "header")
        esme.send(HEADERS[0][10:])
        await_waiting(balanced, "bind")
        assert esme.bind() == OK
        await_waiting(balanced, None)
    assert balanced.stop() == 0


def await_waiting(daemon: Daemon, stage: str | None) -> None:
    """Wait until one connection waits in a stage, and none in any other; None: none at all."""
    deadline = time.monotonic() + PATIENCE
    wanted = {each: float(each == stage) for each in ("header", "bind", "call")}
    while (found := waiting_connections(daemon)) != wanted:
        assert time.monotonic() < deadline, found
        select.select([], [], [], 0.01)


def waiting_connections(daemon: Daemon) -> dict[str, float]:
    _, metrics = daemon.get("/metrics")
    found = re.findall(r'^smppbridge_connections_waiting{stage="(\w+)"} (\S+)$', metrics, re.M)
    return {stage: float(count) for stage, count in found}


@pytest.mark.parametrize("header", HEADERS)
def test_nobody_else_may_say_whose_client_it_is(daemon: Daemon, header: bytes) -> None:
    daemon.settings["smpp"]["proxies"] = ["10.0.0.5/32"]
    daemon.start()
    with Esme(daemon.smpp) as esme:
        esme.send(header)
        with pytest.raises((Closed, ConnectionError)):
            esme.bind()
    assert daemon.await_event("connection_failed")["reason"] == "never_bound"
    daemon.bound().socket.close()
    assert daemon.await_event("session_bound")["address"] == "127.0.0.1"
    assert daemon.stop() == 0


def test_tls_and_its_certificates_work_behind_a_balancer(doors: Doors) -> None:
    doors.daemon.settings["smpp"]["proxies"] = ["127.0.0.1/32"]
    daemon = doors.daemon.start()
    context = ssl.create_default_context(cafile=str(doors.certificate))
    context.load_cert_chain(doors.authority.certify("CN=bank", x509.DNSName("smpp.bank.example")))
    for header in HEADERS:
        with Esme(daemon.smpp) as esme:
            esme.socket.sendall(header)
            esme.socket = context.wrap_socket(esme.socket, server_hostname="localhost")
            assert esme.bind() == OK
            assert esme.submit("certified").command_status == OK
    assert daemon.await_event("session_bound", 2)["address"] == "192.0.2.7"
    assert daemon.stop() == 0


def test_a_password_is_changed_without_an_hour_in_which_nobody_can_bind(doors: Doors) -> None:
    daemon, account = doors.daemon, doors.daemon.settings["accounts"][2]
    del daemon.settings["smpp"]["client_ca"], daemon.settings["accounts"][0]["certificate"]
    daemon.start()

    def bound(password: str) -> Esme:
        esme = Esme(doors.clear)
        assert esme.bind(system_id="till", password=password) == OK
        return esme

    before = bound("secret")
    account["password"] = ["new", "secret"]
    reload(daemon)
    assert before.submit("still there").command_status == OK
    by_old, by_new = bound("secret"), bound("new")
    told = daemon.await_event("old_password_used")
    assert (told["system_id"], told["address"], told["level"]) == ("till", "127.0.0.1", "info")
    assert len(daemon.events("old_password_used")) == 1
    assert doors.metric("old_password_binds_total", account="till") == 1
    assert doors.metric("old_password_sessions", account="till") == 2
    account["password"] = "new"
    reload(daemon)
    for esme in (before, by_old):
        esme.await_end()
        assert esme.unbound
        esme.socket.close()
    assert by_new.submit("as before").command_status == OK
    with Esme(doors.clear) as late:
        assert late.bind(system_id="till", password="secret") == Status.ESME_RINVPASWD
    by_new.socket.close()
    assert daemon.stop() == 0
