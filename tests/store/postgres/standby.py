"""Servers of PostgreSQL with a synchronous standby, and servers in a network of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.store.postgres.server import Server, programs
from tests.system.proxy import Proxy

STANDBY = "standby"
_STREAMS = "select 1 from pg_stat_replication where sync_state = 'sync'"


class Standby(Server):
    """A copy of a server that follows it over a proxy, *stream*."""

    def __init__(self, primary: Server, **settings: str) -> None:
        self.primary = primary
        self.stream = Proxy(primary.folder / ".s.PGSQL.5432")
        super().__init__(primary.programs, **settings)

    def remove(self) -> None:
        """Delete the data of the server, which must be stopped, and the proxy."""
        self.stream.close()
        super().remove()

    def _make(self) -> None:
        where = f"host=127.0.0.1 port={self.stream.port} user=bridge application_name={STANDBY}"
        self._run("pg_basebackup", "-D", "data", "-R", "-X", "stream", "-c", "fast", "-d", where)


class Pair:
    """A primary and its synchronous standby."""

    def __init__(self) -> None:
        self.primary = Server(programs(), fsync="on")
        self.primary.start()
        self.standby = Standby(self.primary, fsync="on", wal_retrieve_retry_interval="'200ms'")
        self.standby.start()
        self.primary.execute(f"alter system set synchronous_standby_names = '{STANDBY}'")
        self.primary.execute("select pg_reload_conf()")
        self.await_primary(_STREAMS)

    def await_primary(self, query: str) -> list[tuple[Any, ...]]:
        """Wait until a query on the primary returns a row; return the rows."""
        end = time.monotonic() + PATIENCE
        while not (found := self.primary.execute(query)):
            assert time.monotonic() < end, query
        return found

    def await_received(self) -> None:
        """Wait until the standby has written whatever the primary has."""
        [(written,)] = self.primary.execute("select pg_current_wal_flush_lsn()::text")
        query = f"select 1 where pg_last_wal_receive_lsn() >= '{written}'::pg_lsn"
        end = time.monotonic() + PATIENCE
        while not self.standby.execute(query):
            assert time.monotonic() < end, "the standby does not follow"

    def remove(self) -> None:
        """Delete both."""
        for each in (self.standby, self.primary):
            with suppress(RuntimeError):  # it is stopped already
                each.stop("immediate")
            each.remove()


@contextmanager
def pair() -> Iterator[Pair]:
    """Return a primary and its synchronous standby, both started."""
    made = Pair()
    try:
        yield made
    finally:
        made.remove()


class Networked(Server):
    """A server in a network namespace of its own, with a link to here for each of *links*.

    It can be reached by its Unix socket whatever the links do.
    """

    def __init__(self, programs: Path, links: int) -> None:
        self.namespace = f"bridge{os.getpid()}"
        self.links = [f"br{os.getpid()}v{n}" for n in range(links)]
        self._ip("netns", "add", self.namespace)
        for n, link in enumerate(self.links):
            self._ip("link", "add", link, "type", "veth", "peer", f"e{n}", "netns", self.namespace)
            self._ip("addr", "add", f"198.18.{n}.1/30", "dev", link)
            self._ip("link", "set", link, "up")
            self._ip("-n", self.namespace, "addr", "add", f"{self.address(n)}/30", "dev", f"e{n}")
            self._ip("-n", self.namespace, "link", "set", f"e{n}", "up")
        super().__init__(programs, listen_addresses="'*'")
        user = pwd.getpwnam("postgres")
        enter = ("ip", "netns", "exec", self.namespace, "setpriv", "--clear-groups")
        self.within = (*enter, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}")
        with open(self.folder / "data/pg_hba.conf", "a", encoding="utf-8") as rules:
            rules.write("host all all 198.18.0.0/16 trust\n")

    def address(self, link: int) -> str:
        """Return the server's address at a link."""
        return f"198.18.{link}.2"

    def cut(self, link: int) -> None:
        """Let nothing pass over a link: whatever is sent is lost, and nobody is told."""
        self._ip("-n", self.namespace, "link", "set", f"e{link}", "down")

    def heal(self, link: int) -> None:
        """Let a link pass everything again."""
        self._ip("-n", self.namespace, "link", "set", f"e{link}", "up")

    def remove(self) -> None:
        """Delete the data and the network of the server, which must be stopped."""
        super().remove()
        self._ip("netns", "del", self.namespace)

    @staticmethod
    def _ip(*args: str) -> None:
        subprocess.run(("ip", *args), check=True, capture_output=True)


@contextmanager
def networked(links: int) -> Iterator[Networked]:
    """Return a server in its own network, started; skips loudly where that cannot be had."""
    if os.getuid() or not shutil.which("ip") or not shutil.which("setpriv"):
        pytest.skip("NO ROOT, ip OR setpriv: PARTITIONS BY A NETWORK NAMESPACE ARE NOT TESTED")
    found = programs()
    try:
        made = Networked(found, links)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NO NETWORK NAMESPACE: PARTITIONS BY ONE ARE NOT TESTED: {error.stderr!r}")
    try:
        made.start()
        yield made
    finally:
        with suppress(RuntimeError):
            made.stop("immediate")
        made.remove()
