"""Several daemons on one database, each behind a proxy of its own, and the books that are kept."""

from __future__ import annotations

import random
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.store.postgres.server import Server, server
from tests.store.postgres.standby import Pair
from tests.system.daemon import Daemon
from tests.system.esme import Closed, Esme, Load
from tests.system.provider import Provider
from tests.system.proxy import Proxy

LEASE = 4.0
IN_FLIGHT = 64 + 64
"""Attempts of a lane that may be begun and not recorded: concurrency, and what is begun ahead."""
_NUMBERS = count(1)


class Cluster:
    """Nodes by name on one new database; *database* is the server, by default that of all tests.

    With *servers* the database is on their primary, and nodes require that the standby has all.
    """

    def __init__(
        self,
        folder: Path,
        provider: Provider,
        database: Server | None = None,
        lease: float = LEASE,
        servers: Pair | None = None,
    ) -> None:
        from smppbridge.store.postgres import migrate

        self.folder, self.provider, self.lease = folder, provider, lease
        self.servers = servers
        self.server = database or (servers.primary if servers else server())
        self.name = f"cluster{next(_NUMBERS)}"
        self.server.execute(f"create database {self.name}")
        migrate.migrate(self.server.dsn(self.name), time.time())
        self.nodes: dict[str, Daemon] = {}
        self.proxies: dict[str, Proxy] = {}
        self._standbys: dict[str, Proxy] = {}

    def add(self, name: str, **node: Any) -> Daemon:
        """Return a node that is not started yet."""
        folder = self.folder / name
        folder.mkdir()
        proxy = self.proxies[name] = Proxy(self.server.folder / ".s.PGSQL.5432")
        daemon = self.nodes[name] = Daemon(folder, self.provider.url)
        url = f"postgresql://bridge@127.0.0.1:{proxy.port}/{self.name}"
        daemon.settings["store"] = {"url": url, "synchronous": "off"}
        if self.servers is not None:
            other = self._standbys[name] = Proxy(self.servers.standby.folder / ".s.PGSQL.5432")
            hosts = f"127.0.0.1:{proxy.port},127.0.0.1:{other.port}"
            url = f"postgresql://bridge@{hosts}/{self.name}?target_session_attrs=read-write"
            daemon.settings["store"] = {"url": url, "synchronous": "require"}
        daemon.settings["node"] = {"name": name, "lease": self.lease, **node}
        daemon.settings["admin_socket"] = "off"
        daemon.keccel["uncertain_deadline"] = 600
        return daemon

    def start(self, *names: str) -> list[Daemon]:
        """Start nodes; return them."""
        return [self.add(name).start() for name in names]

    def fail_over(self) -> None:
        """Let the primary die, and the standby be the database: it follows nobody any more.

        It has no standby of its own: nodes that start from now on may do without.
        """
        assert self.servers
        self.servers.primary.stop("immediate")
        self.servers.standby.stream.cut()
        self.servers.standby.promote()
        self.server = self.servers.standby
        for name, daemon in self.nodes.items():
            self.proxies[name].close()
            self.proxies[name] = self._standbys.pop(name)
            daemon.settings["store"]["synchronous"] = "warn"

    def close(self) -> None:
        """End all nodes."""
        for daemon in self.nodes.values():
            daemon.close()
        for proxy in (*self.proxies.values(), *self._standbys.values()):
            proxy.close()
        self.server.execute(f"drop database {self.name} with (force)")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the database."""
        return self.server.execute(query, self.name)

    def await_rows(
        self, query: str, wanted: list[tuple[Any, ...]], seconds: float = PATIENCE
    ) -> None:
        """Wait until a query returns *wanted*."""
        deadline = time.monotonic() + seconds
        while (found := self.rows(query)) != wanted:
            assert time.monotonic() < deadline, found
            select.select([], [], [], 0.05)

    def await_ready(self, name: str) -> None:
        """Wait until a node serves."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.nodes[name].get("/readyz"))[0] != 200:
            assert time.monotonic() < deadline, found
            select.select([], [], [], 0.05)

    def balance(self, answered: dict[str, str], besides: Sequence[Provider] = ()) -> int:
        """Wait until nothing moves, and close the books; return how many stay Uncertain.

        *answered* are the message_ids of all texts that were answered ESME_ROK, *besides* providers
        besides the one of all nodes.  Nothing that was answered is lost, and nothing was sent
        twice.
        """
        self.await_rows("select count(*) from waiting", [(0,)])
        self.await_rows("select count(*) from out where unsure is null", [(0,)])
        stored = {str(n) for (n,) in self.rows("select message_id from message")}
        fates = dict(self.rows("select message_id, state from fate"))
        unsure = {str(n) for (n,) in self.rows("select message_id from out")}
        assert set(answered.values()) <= stored, "answered, and not stored"
        assert stored == {str(n) for n in fates} | unsure, "stored, and nowhere"
        taken = sum((each.taken for each in besides), self.provider.taken)
        twice = {text: n for text, n in taken.items() if n > 1}
        assert not twice, "sent twice"
        ended = {text for text, number in answered.items() if int(number) in fates}
        assert ended <= set(taken), "reported, and not sent"
        return len(unsure)


class Submitter:
    """An ESME that submits texts again and again to whichever node takes them, on a thread."""

    def __init__(self, name: str, nodes: Sequence[Daemon], texts: int, window: int = 20) -> None:
        self.nodes = nodes
        self.load = Load([f"{name}-{n}" for n in range(texts)], window=window)
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(random.Random(name),), daemon=True)

    def start(self) -> Submitter:
        self._thread.start()
        return self

    def wait(self) -> dict[str, str]:
        """Wait until all texts are answered or given up; return message_ids by text."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), f"{len(self.load.texts)} texts are left"
        return self.load.answered

    def _run(self, chance: random.Random) -> None:
        """Go on with another node when a session ends; what was refused is a new submission."""
        while self.load.texts:
            node = chance.choice(self.nodes)
            broken = suppress(OSError, Closed, TimeoutError)
            with broken, Esme(node.smpp) as esme:
                if esme.bind() == 0:
                    self.load.go_on(esme)
            self.load.texts += self.load.refused
            self.load.refused.clear()
            self.ended.wait(0.05)


def pause(daemon: Daemon, seconds: float, meanwhile: Callable[[], object] = int) -> None:
    """Stop a process for a time."""
    daemon.signal(signal.SIGSTOP)
    meanwhile()
    threading.Event().wait(seconds)
    daemon.signal(signal.SIGCONT)
