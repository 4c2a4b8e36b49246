"""The topology of docker/cluster as processes: PostgreSQL, its standby, HAProxy, two bridges."""

from __future__ import annotations

import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from smppbridge.smpp.constants import CommandStatus as Status
from tests.interop.test_haproxy import HAPROXY
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.store.postgres.server import Server, programs
from tests.system.cluster import LEASE, Cluster
from tests.system.daemon import Daemon
from tests.system.esme import Closed, Esme, ids, submit_sm
from tests.system.provider import Provider

FOLDER = Path(__file__).parents[2] / "docker" / "cluster"
CONFIGURATION = FOLDER / "haproxy.cfg"


class Standby(Server):
    """A copy of a primary, that follows under the name that docker/cluster gives a standby."""

    def __init__(self, primary: Server) -> None:
        super().__init__(primary.programs)
        shutil.rmtree(self.folder / "data")
        where = f"host={primary.folder} user=bridge"
        self._run("pg_basebackup", "-D", "data", "-d", where, "-X", "stream", "-R", "-c", "fast")
        with open(self.folder / "data/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"unix_socket_directories = '{self.folder}'\ncluster_name = 'standby'\n")


@contextmanager
def balanced(folder: Path, nodes: dict[str, Daemon]) -> Iterator[dict[str, int]]:
    """Run HAProxy with the configuration of docker/cluster; yield the port of each listener."""
    text = CONFIGURATION.read_text().replace(" resolvers docker init-addr libc,none", "")
    text = re.sub(r"(?ms)^resolvers.*?\n\n", "", text)
    text = re.sub(r"(?ms)^# Keccel's.*", "", text)
    text = text.replace(" check port 8775", " check")
    ports = dict(zip(("2775", "8776"), kept_ports(2), strict=True))
    for there, port in ports.items():
        text = text.replace(f"bind :{there}", f"bind 127.0.0.1:{port}")
    for name, node in nodes.items():
        for there, port in (("2775", node.smpp), ("8776", node.callbacks)):
            text = text.replace(
                f"server {name} {name}:{there}",
                f"server {name} 127.0.0.1:{port} port {node.web}",
            )
    (folder / "haproxy.cfg").write_text(text)
    words = (HAPROXY or "", "-db", "-f", str(folder / "haproxy.cfg"))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
        try:
            yield {"smpp": ports["2775"], "callbacks": ports["8776"]}
        finally:
            it.kill()


@pytest.fixture
def database() -> Iterator[tuple[Server, Standby]]:
    """Start a primary, on which nothing is committed without its standby, and the standby."""
    if HAPROXY is None:
        pytest.skip("THE CLUSTER IS NOT TESTED, there is no haproxy")
    with ExitStack() as stack:
        primary = Server(programs(), wal_level="replica")
        stack.callback(primary.remove)
        primary.start()
        stack.callback(primary.stop, "immediate")
        standby = Standby(primary)
        stack.callback(standby.remove)
        standby.start()
        stack.callback(standby.stop, "immediate")
        names = re.search(
            r"synchronous_standby_names = '(.+?)'", (FOLDER / "primary.sh").read_text()
        )
        assert names is not None
        primary.execute(f"alter system set synchronous_standby_names = '{names[1]}'")
        primary.execute("select pg_reload_conf()")
        yield primary, standby


def bound(port: int) -> Esme:
    """Return an ESME that is bound by way of HAProxy, as soon as a node is ready for it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            esme = Esme(port)
            with suppress(Closed):
                assert esme.bind() == Status.ESME_ROK
                return esme
            esme.socket.close()
        except OSError:
            assert time.monotonic() < deadline
        select.select([], [], [], 0.05)


def test_two_nodes_behind_haproxy(
    tmp_path: Path, provider: Provider, database: tuple[Server, Standby]
) -> None:
    """Sessions at both; what one has is gone on with when it ends; no ROK without a standby."""
    primary, standby = database
    cluster = Cluster(tmp_path, provider, primary)
    nodes = {name: cluster.add(name) for name in ("a", "b")}
    try:
        for node in nodes.values():
            node.settings["store"]["synchronous"] = "require"
            node.start()
        with balanced(tmp_path, nodes) as ports, ExitStack() as stack:
            provider.callback = ports["callbacks"], nodes["a"].callback[1]
            esmes = [stack.enter_context(bound(ports["smpp"])) for _ in range(4)]
            for node in nodes.values():
                node.await_event("session_bound")
            answered = {}
            for n, esme in enumerate(esmes):
                answered[f"t{n}"] = esme.submit(f"t{n}").message_id.decode()
            cluster.await_rows("select count(*) from fate", [(len(esmes),)])
            assert nodes["a"].stop() == 0
            nodes["b"].await_event("shards_adopted")
            esme = stack.enter_context(bound(ports["smpp"]))
            answered["after"] = esme.submit("after").message_id.decode()
            assert ids(esme.await_receipts(1)) & set(answered.values())
            assert cluster.balance(answered) == 0
            standby.stop()
            with pytest.raises((Closed, TimeoutError)):
                esme.ask(submit_sm("never answered"), seconds=LEASE)
            standby.start()
    finally:
        cluster.close()
