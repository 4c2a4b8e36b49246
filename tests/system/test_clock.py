"""The machine's clock is set while the daemon runs, and while it is down (libfaketime)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from smppbridge.smpp.pdus import EnquireLink
from tests.system.daemon import Daemon
from tests.system.provider import Provider

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
# libfaketime refuses a sleep whose end has passed before it begins: on a busy machine that ended
# the store's thread.  A wait for nothing is no such sleep.
SLEEP = "import select, time; time.sleep = lambda seconds: select.select([], [], [], seconds)\n"
OPEN = "select count(*) from message where stage < 4"


class Moved:
    """A daemon whose clock is *hours* away from the machine's."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon, self._file = daemon, folder / "clock"
        (folder / "sitecustomize.py").write_text(SLEEP)
        given = os.environ.get("PYTHONPATH", "")
        self._python_path = os.pathsep.join(filter(None, (str(folder), given)))
        self._pids: list[int] = []
        self.set(0)

    def set(self, hours: int) -> None:
        written = self._file.with_suffix(".new")
        written.write_text(f"{hours * 3600:+d}\n")
        os.replace(written, self._file)

    def start(self) -> Daemon:
        self.daemon.spawn(
            LD_PRELOAD=str(LIBRARIES[0]),
            FAKETIME_TIMESTAMP_FILE=str(self._file),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            NO_FAKE_STAT="1",
            PYTHONPATH=self._python_path,
        )
        assert self.daemon.process
        self._pids.append(self.daemon.process.pid)
        self.daemon.await_notice("READY=1")
        return self.daemon

    def close(self) -> None:
        """Remove what libfaketime leaves of a process: it ends the next one with that pid."""
        if self.daemon.process:
            self.daemon.kill()
        for pid in self._pids:
            for left in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
                Path("/dev/shm", left).unlink(missing_ok=True)


@pytest.fixture
def moved(daemon: Daemon, tmp_path: Path) -> Iterator[Moved]:
    if not LIBRARIES:
        pytest.skip("libfaketime is not installed")
    moved = Moved(daemon, tmp_path)
    yield moved
    moved.close()


@pytest.mark.parametrize("hours", [-1, 1])
def test_sessions_polls_and_receipts_go_on_when_the_clock_is_set(
    moved: Moved, provider: Provider, hours: int
) -> None:
    with moved.start().bound() as esme:
        esme.submit("before")
        esme.await_receipts(1)
        moved.set(hours)
        step = moved.daemon.await_event("clock_set")
        assert round(step["seconds"] / 3600) == hours
        assert (round(step["lead"] / 3600), "Traceback" in str(moved.daemon.lines)) == (
            max(0, -hours),
            False,
        )
        esme.submit("after")
        (receipt,) = esme.await_receipts(1)  # Keccel is polled for it after a second
        assert receipt.stat == "DELIVRD"
        esme.send(EnquireLink(esme.next_number()))
        assert moved.daemon.get("/readyz")[0] == 200
    with moved.daemon.bound():  # the first session has ended, and was bound for some time
        metrics = moved.daemon.get("/metrics")[1]
        bound = re.search(r"(?m)^smppbridge_bind_duration_seconds_sum (\S+)$", metrics)
        lead = re.search(r"(?m)^smppbridge_clock_lead_seconds (\S+)$", metrics)
        assert bound
        assert lead
        assert 0 < float(bound[1]) < 1_800
        assert round(float(lead[1]) / 3600) == max(0, -hours)
    assert moved.daemon.stop() == 0


def test_open_messages_go_on_when_the_clock_was_set_back_meanwhile(
    moved: Moved, provider: Provider
) -> None:
    provider.state = "PENDING"
    with moved.start().bound() as esme:
        esme.submit("open")
        provider.await_taken(1)
        moved.daemon.await_rows("select stage from message", [(3,)])
    moved.daemon.kill()
    moved.set(-1)
    provider.state = "DELIVERED"
    with moved.start().bound() as esme:
        (receipt,) = esme.await_receipts(1)
        assert receipt.stat == "DELIVRD"
    assert moved.daemon.rows(OPEN) == [(0,)]
