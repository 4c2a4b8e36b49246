"""A daemon whose provider is an SMSC: the simulated one, as a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cli.processes import Program, running
from tests.ports import kept_ports
from tests.system.daemon import Daemon
from tests.system.esme import submit_sm

NUMBER = "2547220000"
LONG = [f"{number:03}" + "x" * 150 for number in range(3)]


def smsc(port: int) -> AbstractContextManager[Program]:
    return running("simulate", "smsc", "--port", str(port), "--delay", "0.05")


@pytest.fixture
def port() -> int:
    return kept_ports(1)[0]


@pytest.fixture
def bridge(tmp_path: Path, port: int) -> Iterator[Daemon]:
    """A daemon that is not started yet."""
    daemon = Daemon(tmp_path, "http://127.0.0.1:9")
    del daemon.settings["callbacks"]  # nobody calls
    daemon.settings["providers"] = {
        "mspace": {
            "type": "smpp",
            "host": "127.0.0.1",
            "port": port,
            "system_id": "bank",
            "password": "right",
            "bind": "tx+rx",
        }
    }
    daemon.settings["routes"] = [{"via": ["mspace"]}]
    yield daemon
    daemon.close()
    assert not daemon.events("unhandled_error")


def bound(bridge: Daemon, times: int = 1) -> None:
    bridge.await_event("upstream_bound", 2 * times)


def test_messages_go_up_and_receipts_come_down(bridge: Daemon, port: int) -> None:
    endings = {"01": "DELIVRD", "90": "UNDELIV", "99": "EXPIRED", "91": "REJECTD", "97": "DELIVRD"}
    with smsc(port) as upstream:
        assert f"smpp://127.0.0.1:{port}" in upstream.until("Ctrl-C")
        bridge.start()
        bound(bridge)
        with bridge.bound() as esme:
            ids = {
                esme.submit("Hello", NUMBER + ending).message_id.decode(): stat
                for ending, stat in endings.items()
            }
            found = {each.message_id: each.stat for each in esme.await_receipts(len(ids))}
            assert found == ids
        assert bridge.stop() == 0


def test_a_long_message_is_joined_and_divided_again(bridge: Daemon, port: int) -> None:
    with smsc(port) as upstream:
        upstream.until("Ctrl-C")
        bridge.start()
        bound(bridge)
        with bridge.bound() as esme:
            ids = set()
            for number, text in enumerate(LONG, 1):
                octets = bytes((5, 0, 3, 7, len(LONG), number)) + text.encode()
                request = submit_sm("", NUMBER + "01", esm_class=0x40, short_message=octets)
                ids.add(esme.ask(request).message_id.decode())
            receipts = esme.await_receipts(len(LONG))
            assert {each.message_id for each in receipts} == ids
        bridge.await_rows("SELECT count(*) FROM message", [(1,)])


def test_what_the_smsc_cannot_take_yet_waits_for_it(bridge: Daemon, port: int) -> None:
    bridge.settings["providers"]["mspace"]["breaker_pause"] = 1
    bridge.start()
    bridge.await_event("upstream_unreachable")
    with bridge.bound() as esme:
        message_id = esme.submit("Hello", NUMBER + "01").message_id.decode()
        with smsc(port):
            bound(bridge)
            (receipt,) = esme.await_receipts(1)
        assert (receipt.message_id, receipt.stat) == (message_id, "DELIVRD")


def test_a_session_that_is_lost_is_bound_again(bridge: Daemon, port: int) -> None:
    with smsc(port) as upstream:
        upstream.until("Ctrl-C")
        bridge.start()
        bound(bridge)
        upstream.end(signal.SIGTERM)
    bridge.await_event("upstream_lost", 2)
    with smsc(port):
        bound(bridge, 2)
        with bridge.bound() as esme:
            esme.submit("Hello", NUMBER + "01")
            assert esme.await_receipts(1)[0].stat == "DELIVRD"


def test_a_reload_binds_anew_only_what_has_changed(bridge: Daemon, port: int) -> None:
    with smsc(port) as upstream:
        upstream.until("Ctrl-C")
        bridge.start()
        bound(bridge)
        mspace = bridge.settings["providers"]["mspace"]
        mspace["service_type"] = "CMT"
        reload(bridge)
        assert len(bridge.events("upstream_bound")) == 2
        mspace["bind"] = "trx"
        reload(bridge)
        assert bridge.await_event("upstream_bound", 3)["kind"] == "transceiver"
        mspace["password"] = "wrong"
        reload(bridge)
        refused = bridge.await_event("upstream_credentials_refused")
        assert refused["command_status"] == "ESME_RINVPASWD"
        assert bridge.stop() == 0
    assert "right" not in "\n".join(bridge.lines)


def reload(bridge: Daemon) -> None:
    bridge.write()
    bridge.signal(signal.SIGHUP)
    bridge.await_notice("RELOADING=1")
    bridge.await_notice("READY=1")


def test_a_setting_that_makes_no_sense_is_named(bridge: Daemon) -> None:
    bridge.settings["providers"]["mspace"]["callback_key"] = "callbackkeycallbackkey"
    bridge.spawn()
    assert bridge.end() == 78
    said = "\n".join(bridge.lines)
    assert "callback_key" in said
    assert "right" not in said
