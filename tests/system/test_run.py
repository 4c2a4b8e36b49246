"""The daemon from its start to its end, as systemd and an operator see it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from argon2 import PasswordHasher

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BindReceiver, BindTransmitter, EnquireLink
from tests.patience import PATIENCE
from tests.system.daemon import COMMAND, KEY, TOKEN, Daemon, local
from tests.system.esme import NUMBER, Closed, Esme, ids
from tests.system.provider import Provider

TEXT = "private text of a message"
NEW = {"system_id": "new", "password": "secret"}


def test_a_text_goes_out_and_its_receipt_comes_back(daemon: Daemon, provider: Provider) -> None:
    with daemon.start().bound() as esme:
        response = esme.submit(TEXT)
        (receipt,) = esme.await_receipts(1)
        assert (receipt.message_id, receipt.stat) == (response.message_id.decode(), "DELIVRD")
        expected = daemon.await_event("callback_expected")  # of the provider, by who reads the log
        key = "<providers.keccel.callback_key>"
        assert expected["provider"] == "keccel"
        assert expected["at"].endswith(f"/callbacks/keccel/{key}")
        counted = daemon.get("/metrics")[1]
    for labels in ('command="submit_sm",direction="in"', 'command="deliver_sm",direction="out"'):
        assert f'smppbridge_pdus_total{{{labels},status="ESME_ROK"}} 1.0' in counted
    assert (daemon.stop(), provider.taken) == (0, {TEXT: 1})


# -- systemd --------------------------------------------------------------------------------------


def test_systemd_is_told_of_start_reload_life_and_end(daemon: Daemon) -> None:
    daemon.spawn(WATCHDOG_USEC="2000000")
    assert "STATUS=" in daemon.await_notice("READY=1")
    with daemon.bound():  # it listens by then
        daemon.await_notice("WATCHDOG=1")
        daemon.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in daemon.await_notice("RELOADING=1")
        daemon.await_notice("READY=1")
        daemon.signal(signal.SIGTERM)
        daemon.await_notice("STOPPING=1")
    assert daemon.end() == 0


def test_a_bad_file_is_refused_with_line_and_key(daemon: Daemon) -> None:
    daemon.settings["accounts"][0]["windw"] = 5
    daemon.spawn()
    assert daemon.end() == 78
    said = "\n".join(daemon.lines)
    assert ("windw" in said, "window" in said, "secret" in said) == (True, True, False)
    line = 1 + daemon.file.read_text().splitlines().index("  windw: 5")
    assert f"bridge.yaml:{line}" in said
    check = subprocess.run([COMMAND, "check", "--config", daemon.file], check=False)
    assert check.returncode == 78


def test_a_missing_file_is_a_bad_file(tmp_path: Path) -> None:
    command = [str(COMMAND), "run", "--config", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 78
    assert "Traceback" not in done.stderr


def test_a_second_daemon_on_the_same_store_refuses(
    daemon: Daemon, provider: Provider, tmp_path: Path
) -> None:
    daemon.start()
    folder = tmp_path / "second"
    folder.mkdir()
    second = Daemon(folder, provider.url)
    second.settings["store"] = daemon.settings["store"]
    try:
        second.spawn()
        assert second.end() == 1
        assert "in use" in second.events("start_failed")[0]["reason"]
    finally:
        second.close()
    with daemon.bound() as esme:
        assert esme.submit(TEXT).command_status == 0


def test_a_port_that_is_taken_ends_the_start(daemon: Daemon, provider: Provider) -> None:
    daemon.settings["callbacks"]["listen"] = local(provider.server_port)
    daemon.spawn()
    assert daemon.end() == 1
    assert daemon.events("start_failed")
    assert not daemon.events("unhandled_error")


def test_sessions_may_come_over_a_unix_socket(daemon: Daemon, tmp_path: Path) -> None:
    daemon.settings["smpp"]["listen"] = [local(daemon.smpp), f"unix:{tmp_path / 's'}"]
    daemon.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(os.path.relpath(tmp_path / "s"))  # an absolute one may be too long
        connection.sendall(EnquireLink(0, 1).encode())
        assert len(connection.recv(100)) == 16


# -- SIGTERM --------------------------------------------------------------------------------------


def test_sigterm_ends_what_is_out_and_parts_politely(daemon: Daemon, provider: Provider) -> None:
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind(BindTransmitter) == 0
        with provider.held():
            message_id = esme.submit(TEXT).message_id.decode()
            provider.await_taken(1)
            daemon.signal(signal.SIGTERM)
            daemon.await_notice("STOPPING=1")
            status, body = daemon.get("/readyz")
            assert (status, '"not_draining": false' in body) == (503, True)
            assert daemon.get("/healthz")[0] == 200
            assert esme.submit("too late").command_status == Status.ESME_RSYSERR
            with pytest.raises((Closed, ConnectionError)), Esme(daemon.smpp) as late:
                late.bind()
            assert not esme.unbound
        esme.await_end()
        assert esme.unbound
    assert daemon.end() == 0
    assert daemon.rows("select provider_message_id from message") == [("kc-1",)]
    daemon.start()
    with daemon.bound() as esme:
        assert ids(esme.await_receipts(1)) == {message_id}
    assert provider.taken == {TEXT: 1}


def test_receipts_owed_outlive_a_restart(daemon: Daemon) -> None:
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind(BindTransmitter) == 0
        sent = {esme.submit(f"{TEXT} {n}").message_id.decode() for n in range(20)}
        daemon.await_rows("select count(*) from delivery", [(20,)])
        assert esme.receipts == []
    assert daemon.stop() == 0
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind(BindReceiver) == 0
        assert ids(esme.await_receipts(20)) == sent
        daemon.await_rows("select count(*) from delivery where finished_at is null", [(0,)])
    with daemon.bound() as esme, pytest.raises(TimeoutError):
        esme.read(0.5)


def test_an_esme_that_does_not_answer_the_unbind_is_not_waited_for_long(daemon: Daemon) -> None:
    with daemon.start().bound():
        assert daemon.stop() == 0


def test_what_does_not_end_in_time_is_uncertain_and_sessions_are_still_unbound(
    daemon: Daemon, provider: Provider
) -> None:
    daemon.settings["drain"] = 1
    with daemon.start().bound() as esme, provider.held():
        esme.submit(TEXT)
        provider.await_taken(1)
        daemon.signal(signal.SIGTERM)
        esme.await_end()
        assert esme.unbound
        assert daemon.end() == 0
    assert daemon.rows("select stage, outcome from message join attempt using (message_id)") == [
        (2, "uncertain")
    ]
    with daemon.start().bound() as esme:
        esme.submit("another")
        provider.await_taken(2)
    assert provider.taken == {TEXT: 1, "another": 1}


def test_two_sigterms_are_one(daemon: Daemon, provider: Provider) -> None:
    with daemon.start().bound() as esme:
        with provider.held():
            esme.submit(TEXT)
            provider.await_taken(1)
            for _ in range(2):
                daemon.signal(signal.SIGTERM)
            daemon.await_notice("STOPPING=1")
        esme.await_end()
    assert (daemon.end(), daemon.events("unhandled_error")) == (0, [])
    assert daemon.rows("select provider_message_id from message") == [("kc-1",)]


# -- SIGHUP ---------------------------------------------------------------------------------------


def test_sighup_in_the_first_moments_is_a_reload_and_kills_nothing(daemon: Daemon) -> None:
    daemon.spawn()
    assert daemon.process
    blocked = f"/proc/{daemon.process.pid}/status"
    deadline = time.monotonic() + PATIENCE
    while not _holds(blocked, signal.SIGHUP):  # the interpreter itself is not ours
        assert time.monotonic() < deadline
    for _ in range(3):
        daemon.signal(signal.SIGHUP)
    daemon.await_notice("READY=1")
    daemon.await_event("configuration_applied")
    assert daemon.get("/readyz")[0] == 200
    assert daemon.stop() == 0


def _holds(status: str, number: int) -> bool:
    """Whether a process keeps a signal waiting."""
    lines = Path(status).read_text().splitlines()
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:"))
    return bool(mask >> number - 1 & 1)


def reload(daemon: Daemon) -> None:
    daemon.write()
    daemon.signal(signal.SIGHUP)
    daemon.await_notice("RELOADING=1")
    daemon.await_notice("READY=1")


def test_sighup_applies_accounts_and_leaves_others_alone(daemon: Daemon) -> None:
    accounts = daemon.settings["accounts"]
    accounts += [{"system_id": name, "password": "secret"} for name in ("gone", "changed")]
    daemon.start()
    bank, gone, changed = (daemon.bound(system_id=n) for n in ("bank", "gone", "changed"))
    with bank, gone, changed:
        accounts[:] = [
            accounts[0],
            {"system_id": "changed", "password": "other"},
            {"system_id": "new", "password": "secret"},
        ]
        reload(daemon)
        for esme in (gone, changed):
            esme.await_end()
            assert esme.unbound
        assert bank.submit(TEXT).command_status == 0
        with Esme(daemon.smpp) as esme:
            assert esme.bind(system_id="gone") == Status.ESME_RINVPASWD
        daemon.bound(system_id="changed", password="other").socket.close()
        daemon.bound(system_id="new").socket.close()
    assert daemon.events("configuration_applied")


def test_sighup_applies_providers_and_routes(daemon: Daemon, provider: Provider) -> None:
    daemon.settings["routes"] = [{"to": "1", "via": ["keccel"]}]
    with daemon.start().bound() as esme:
        assert esme.submit(TEXT).command_status == Status.ESME_RINVDSTADR
        daemon.settings["providers"]["second"] = daemon.keccel | {"callback_key": KEY[::-1]}
        daemon.settings["routes"] = [{"via": ["second"]}]
        reload(daemon)
        assert esme.submit(TEXT).command_status == 0
        provider.await_taken(1)
    daemon.await_rows("select provider from message", [("second",)])


def test_a_refused_reload_says_why_and_changes_nothing(daemon: Daemon, provider: Provider) -> None:
    with daemon.start().bound() as esme, provider.held():
        esme.submit(TEXT)
        provider.await_taken(1)
        good = daemon.settings | {"accounts": [*daemon.settings["accounts"], NEW]}
        bad_key = {"system_id": "bank", "password": "secret", "windw": 5}
        other = {"providers": {"second": daemon.keccel}, "routes": [{"via": ["second"]}]}
        faults: list[tuple[str, str | None]] = [
            ("smpp has changed", yaml.safe_dump(good | {"smpp": {"listen": local(1)}})),
            ("providers.keccel is gone", yaml.safe_dump(good | other)),
            ("did you mean window?", yaml.safe_dump(good | {"accounts": [bad_key, NEW]})),
            ("", "accounts: ["),
            ("", None),
        ]
        for count, (why, text) in enumerate(faults, 1):
            daemon.file.unlink(missing_ok=True)
            if text is not None:
                daemon.file.write_text(text)
            daemon.signal(signal.SIGHUP)
            daemon.await_notice("READY=1")
            refused = daemon.await_event("configuration_refused", count)
            assert why in refused["reason"]
            assert esme.submit(f"afterwards {count}").command_status == 0
        with Esme(daemon.smpp) as stranger:
            assert stranger.bind(system_id="new") == Status.ESME_RINVPASWD
        assert not daemon.events("configuration_applied")
        assert not daemon.events("unhandled_error")


# -- what must not happen -------------------------------------------------------------------------


def test_a_receiver_that_never_answers_is_bounded(daemon: Daemon) -> None:
    daemon.settings["smpp"]["response"] = 1
    daemon.settings["accounts"][0]["deliver_window"] = 5
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind(BindTransmitter) == 0
        for n in range(30):
            esme.submit(f"{TEXT} {n}")
        daemon.await_rows("select count(*) from delivery", [(30,)])
    with Esme(daemon.smpp, acknowledges=False) as deaf:
        assert deaf.bind(BindReceiver) == 0
        deaf.await_end()
        assert (len(deaf.receipts), deaf.unbound) == (5, True)
    with daemon.bound() as esme:
        assert len(ids(esme.await_receipts(30))) == 30


def test_a_peer_that_never_reads_is_not_read_either(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        esme.socket.setblocking(False)
        flood, sent, deadline = EnquireLink(0, 1).encode() * 4_096, 0, time.monotonic() + 1.0
        while time.monotonic() < deadline and sent < 64 << 20:
            try:
                sent += esme.socket.send(flood)
            except BlockingIOError:
                continue
        assert sent < 64 << 20
    with daemon.bound() as other:
        assert other.submit(TEXT).command_status == 0


def test_the_log_of_a_busy_day_keeps_secrets(daemon: Daemon, provider: Provider) -> None:
    daemon.settings["log"] = {"level": "debug", "messages": "all"}
    hashed = PasswordHasher(time_cost=1, memory_cost=64).hash("hashed-secret")
    daemon.settings["accounts"].append({"system_id": "hashed", "password": {"hash": hashed}})
    daemon.settings["routes"] = [{"to": "243", "via": ["keccel"]}]
    provider.reset_every = 3
    daemon.start()
    with Esme(daemon.smpp) as esme:
        assert esme.bind(system_id="hashed", password="guessed-secret") == Status.ESME_RINVPASWD
    with daemon.bound(system_id="hashed", password="hashed-secret") as esme:
        for n in range(6):
            esme.submit(f"{TEXT} {n}")
        esme.submit(TEXT, to="1234567890")
        esme.submit(TEXT, data_coding=8, short_message=b"odd")
        esme.send(b"\0\0\0\x10\0\0\1\1\0\0\0\0\0\0\0\7")
        esme.await_receipts(4)
        provider.report("kc-1", "FAILED")
    assert daemon.stop() == 0
    log = "\n".join(daemon.lines)
    hidden = (TEXT, "secret", TOKEN, KEY, NUMBER, "1234567890", hashed, "argon2id")
    assert [word for word in hidden if word in log] == []
    names = ("started", "session_bound", "session_refused", "pdu_refused", "stopped")
    assert [name for name in names if not daemon.events(name)] == []
    assert all(line.startswith("{") for line in daemon.lines)
