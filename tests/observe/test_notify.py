from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from smppbridge.observe.notify import Notify
from tests.patience import PATIENCE


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket, and what it calls itself in the environment."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagrams:
        if request.param == "path":
            name = str(tmp_path / "notify")
            datagrams.bind(name)
        else:
            datagrams.bind("")  # unix(7): the kernel chooses an abstract name
            name = "@" + datagrams.getsockname()[1:].decode()
        yield datagrams, name


def test_each_state_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    datagrams, name = manager
    notify = Notify({"NOTIFY_SOCKET": name})
    assert notify.ready("bound 14\nMAINPID=1")
    assert notify.status("draining")
    assert notify.reloading(12.5)
    assert notify.stopping()
    assert notify.extend(1.5)
    assert notify.alive()
    assert [datagrams.recv(1000) for _ in range(6)] == [
        b"READY=1\nSTATUS=bound 14 MAINPID=1",
        b"STATUS=draining",
        b"RELOADING=1\nMONOTONIC_USEC=12500000",
        b"STOPPING=1",
        b"EXTEND_TIMEOUT_USEC=1500000",
        b"WATCHDOG=1",
    ]


def test_without_a_service_manager_nothing_is_said(tmp_path: Path) -> None:
    assert not Notify({}).alive()
    assert not Notify({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()


def test_a_change_of_state_waits_for_room_in_a_full_queue(
    manager: tuple[socket.socket, str],
) -> None:
    datagrams, name = manager
    notify = Notify({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    while notify.alive():
        pass
    assert not notify.status("one more")
    sent: list[bool] = []
    changes = (lambda: notify.ready("bound 0"), lambda: notify.gap(120.0))
    writer = Thread(target=lambda: sent.extend(change() for change in changes))
    writer.start()
    datagrams.settimeout(PATIENCE)
    while not datagrams.recv(1_000).startswith(b"READY=1"):
        pass
    writer.join(PATIENCE)
    assert sent == [True, True]
