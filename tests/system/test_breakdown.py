"""A thread of the daemon that breaks: nobody is answered, and it ends, to be started anew."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.cluster import Cluster
from tests.system.daemon import Daemon
from tests.system.esme import Closed
from tests.system.provider import Provider

BREAKING = """
import importlib, os
place = getattr(importlib.import_module("smppbridge.{module}"), "{kind}")
whole = place.{method}

def broken(self, *args):
    if os.path.exists("{switch}"):
        raise RuntimeError("a text that is nobody's business")
    return whole(self, *args)

place.{method} = broken
"""


class Switch:
    """Breaks a thread of a daemon: the next time that it calls a method, once it is `on`."""

    def __init__(self, folder: Path, module: str, kind: str, method: str) -> None:
        self._file = folder / "broken"
        code = BREAKING.format(module=module, kind=kind, method=method, switch=self._file)
        (folder / "sitecustomize.py").write_text(code)
        path = os.environ.get("PYTHONPATH", "")
        self.environment: dict[str, Any] = {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), path)))
        }

    def on(self) -> None:
        self._file.touch()

    def off(self) -> None:
        self._file.unlink()


def assert_broken(daemon: Daemon, thread: str) -> None:
    """Wait until a daemon ends as it should of which a thread has broken."""
    assert daemon.end() == os.EX_SOFTWARE
    [broken] = daemon.events("thread_broken")
    assert (broken["level"], broken["thread"], broken["error"]) == (
        "critical",
        thread,
        "RuntimeError",
    )
    assert not [line for line in daemon.lines if "nobody's business" in line]


def test_a_store_thread_that_breaks(daemon: Daemon, provider: Provider, tmp_path: Path) -> None:
    switch = Switch(tmp_path, "store.writer", "Writer", "_write")
    daemon.start(**switch.environment)
    with daemon.bound() as esme, daemon.bound() as idle:
        before = esme.submit("before").message_id
        esme.await_receipts(1)
        switch.on()
        with pytest.raises(Closed):
            esme.submit("never stored")
        idle.await_end()
    assert_broken(daemon, "store")
    switch.off()
    with daemon.start(**switch.environment).bound() as esme:
        assert esme.submit("after").message_id > before
    assert daemon.stop() == 0
    assert "never stored" not in provider.taken


def test_a_thread_of_libcurl_that_breaks(
    daemon: Daemon, provider: Provider, tmp_path: Path
) -> None:
    """Nobody knows whether the request left: it is Uncertain for the next process."""
    switch = Switch(tmp_path, "net.http_transfers", "Transfers", "begin")
    daemon.start(**switch.environment)
    with daemon.bound() as esme:
        switch.on()
        assert esme.submit("stored").command_status == 0
        esme.await_end()
    assert_broken(daemon, "http")
    switch.off()
    daemon.start(**switch.environment)
    daemon.await_event("message_uncertain")
    assert daemon.stop() == 0
    assert not provider.taken


def test_a_store_thread_that_breaks_at_the_start(daemon: Daemon, tmp_path: Path) -> None:
    switch = Switch(tmp_path, "store.writer", "Writer", "_result")
    switch.on()
    daemon.spawn(**switch.environment)
    assert_broken(daemon, "store")


@pytest.fixture
def lease() -> float:
    return 60.0


@pytest.mark.parametrize(
    ("thread", "place"),
    [
        ("store", ("writer", "PostgresWriter", "_transaction")),
        ("watch", ("watch", "Watch", "_look")),
        ("in turn", ("in_turn", "InTurn", "_answer")),
    ],
)
def test_a_node_of_which_a_thread_breaks(
    cluster: Cluster, provider: Provider, tmp_path: Path, thread: str, place: tuple[str, ...]
) -> None:
    """Others have its messages at once, if the watch could say so; else its next process has."""
    switch = Switch(tmp_path, f"store.postgres.{place[0]}", *place[1:])
    a, b = cluster.add("a").start(**switch.environment), cluster.add("b").start()
    with a.bound() as esme:
        answered = {"before": esme.submit("before").message_id.decode()}
        esme.await_receipts(1)
        switch.on()
        esme.await_end()
    assert_broken(a, thread)
    if thread != "watch":
        at = time.monotonic()
        b.await_event("shards_adopted")
        assert time.monotonic() - at < cluster.lease
    switch.off()
    a.start(**switch.environment)
    with a.bound() as esme:
        answered["after"] = esme.submit("after").message_id.decode()
    assert cluster.balance(answered) == 0
    assert not b.events("node_taken_over")
