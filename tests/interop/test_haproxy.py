"""HAProxy in front of the bridge: both versions of its header, its health checks, TLS behind."""

from __future__ import annotations

import csv
import os
import select
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from tests.net.certificates import certify
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.daemon import Daemon, local
from tests.system.esme import Esme, ids
from tests.system.provider import Provider

HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CLIENT, STRANGER, BALANCER = "127.0.0.9", "127.0.0.10", "127.0.0.5"
WAYS = {
    "v1": "send-proxy check check-send-proxy",
    "v2": "send-proxy-v2 check check-send-proxy",
    "full": "send-proxy-v2 proxy-v2-options crc32c,unique-id check check-send-proxy",
    "bare": "check",  # somebody forgot the header
}
CONFIGURATION = """\
global
    stats socket {folder}/haproxy.sock
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    unique-id-format %{{+X}}o\\ %ci:%cp
    default-server inter 500ms source {balancer}
"""
LISTEN = """\
listen {name}
    bind 127.0.0.1:{port}
    server bridge 127.0.0.1:{to} {way}
"""


class Balancer:
    """A running HAProxy: a port for each way to the bridge in clear, and for each over TLS."""

    def __init__(self, folder: Path, clear: int, tls: int) -> None:
        self.folder = folder
        names = [*WAYS, *(f"{way}-tls" for way in WAYS)]
        self.ports = dict(zip(names, kept_ports(len(names)), strict=True))
        text = CONFIGURATION.format(folder=folder, balancer=BALANCER)
        for name, port in self.ports.items():
            way = WAYS[name.removesuffix("-tls")]
            to = tls if name.endswith("-tls") else clear
            text += LISTEN.format(name=name, port=port, to=to, way=way)
        (folder / "haproxy.cfg").write_text(text)

    @contextmanager
    def running(self) -> Iterator[None]:
        words = (HAPROXY or "", "-db", "-f", str(self.folder / "haproxy.cfg"))
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
            try:
                self.await_checks()
                yield
            finally:
                it.kill()

    def await_checks(self) -> None:
        """Wait until each server was checked, and found well."""
        deadline = time.monotonic() + PATIENCE
        while (states := self._states()) != {"L4OK"}:
            assert time.monotonic() < deadline, states
            select.select([], [], [], 0.02)

    def _states(self) -> set[str]:
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.connect(str(self.folder / "haproxy.sock"))
                asking.sendall(b"show stat\n")
                told = b"".join(iter(lambda: asking.recv(65_536), b"")).decode()
        except OSError as error:
            return {str(error)}
        rows = csv.DictReader(told.removeprefix("# ").splitlines())
        return {row["check_status"] for row in rows if row["svname"] == "bridge"}

    def esme(self, way: str, host: str = CLIENT) -> Esme:
        """Return an ESME of *host* that comes by a way."""
        esme = Esme(self.ports[way])
        esme.socket.close()
        address = ("127.0.0.1", self.ports[way])
        esme.socket = socket.create_connection(address, PATIENCE, source_address=(host, 0))
        return esme


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Daemon, Balancer, ssl.SSLContext]]:
    if HAPROXY is None:
        pytest.skip("HAPROXY IS NOT TESTED, there is no haproxy")
    provider = Provider()
    daemon = Daemon(tmp_path, provider.url)
    provider.callback = daemon.callback
    key, certificate = certify(tmp_path)
    (tls,) = kept_ports(1)
    listen = f"ssl:{tls}:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
    daemon.settings["smpp"] = {
        "listen": [local(daemon.smpp), listen],
        "proxies": [f"{BALANCER}/32"],
    }
    daemon.settings["accounts"][0]["allow_from"] = [f"{CLIENT}/32"]
    daemon.start()
    balancer = Balancer(tmp_path, daemon.smpp, tls)
    with balancer.running():
        yield daemon, balancer, ssl.create_default_context(cafile=str(certificate))
    daemon.close()
    provider.close()


def test_an_esme_behind_haproxy_is_known_by_its_own_address(
    house: tuple[Daemon, Balancer, ssl.SSLContext],
) -> None:
    daemon, balancer, trust = house
    ways = ("v1", "v2", "full", "v1-tls", "v2-tls", "full-tls")
    for count, way in enumerate(ways, 1):
        with balancer.esme(way) as esme:
            if way.endswith("-tls"):
                esme.socket = trust.wrap_socket(esme.socket, server_hostname="localhost")
            assert esme.bind() == Status.ESME_ROK
            message_id = esme.submit(f"by {way}").message_id.decode()
            assert ids(esme.await_receipts(1)) == {message_id}
        assert daemon.await_event("session_bound", count)["address"] == CLIENT
    with balancer.esme("v2", STRANGER) as esme:
        assert esme.bind() == Status.ESME_RINVPASWD
    told = daemon.await_event("session_refused")
    assert (told["reason"], told["address"]) == ("allow_from", STRANGER)
    told = daemon.await_event("connection_failed")
    assert (told["reason"], told["address"]) == ("never_bound", STRANGER)
    assert len(daemon.events("connection_failed")) == 1  # health checks are none
    assert daemon.stop() == 0


def test_a_balancer_without_its_header_gets_nobody_in(
    house: tuple[Daemon, Balancer, ssl.SSLContext],
) -> None:
    daemon, balancer, trust = house
    with balancer.esme("bare") as esme:
        assert esme_is_cut(esme)
    told = daemon.await_event("connection_failed")
    assert (told["reason"], told["address"]) == ("bad_proxy_header", BALANCER)
    with balancer.esme("bare-tls") as esme, pytest.raises((ssl.SSLError, ConnectionError)):
        trust.wrap_socket(esme.socket, server_hostname="localhost")
    assert daemon.stop() == 0


def esme_is_cut(esme: Esme) -> bool:
    esme.send(b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\1")  # enquire_link
    try:
        return esme.socket.recv(1) == b""
    except ConnectionError:
        return True
