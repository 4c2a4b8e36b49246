"""SIGUSR2: another version of the bridge takes over, and no ESME notices."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from smppbridge.cli.bridge_client import ask
from smppbridge.service.threads import OBEYED
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import (
    BindReceiver,
    BindTransmitter,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    Outbind,
    SubmitSmResp,
)
from tests.net.certificates import certify
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.daemon import Daemon, local
from tests.system.esme import Esme, Load, ids, submit_sm
from tests.system.provider import Provider

ROUNDS, SESSIONS = 5, 8
PACE = 0.5  # seconds between 25 submit_sm of a session
IN_FLIGHT = 70  # sockets to the provider, most of the time fewer


@pytest.fixture
def bound() -> Iterator[ExitStack]:
    """Sessions that are closed after the test."""
    with ExitStack() as sessions:
        yield sessions


def restart(daemon: Daemon, count: int = 1) -> dict[str, object]:
    """Have the daemon restart, for the so-many-th time; return how many sessions passed."""
    daemon.signal(signal.SIGUSR2)
    daemon.await_event("started", count + 1)
    return daemon.await_event("adopted", count)


@contextmanager
def submitting(esmes: list[Esme], texts: int, pace: float) -> Iterator[list[Load]]:
    """Submit so many texts on each session every *pace* seconds meanwhile.

    All are answered, reach the provider once, and have one receipt.
    """
    over = Event()
    loads = [Load([], window=5) for _ in esmes]
    given: list[set[str]] = [set() for _ in esmes]

    def submit(index: int) -> None:
        while not over.wait(pace):
            new = [f"{index} {len(given[index]) + n}" for n in range(texts)]
            given[index].update(new)
            loads[index].texts = new
            loads[index].go_on(esmes[index])

    threads = [Thread(target=submit, args=(index,)) for index in range(len(esmes))]
    for thread in threads:
        thread.start()
    try:
        yield loads
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert set().union(*(load.answered for load in loads)) == set().union(*given)
    assert not any(load.unanswered or load.refused for load in loads)


def await_all(provider: Provider, esmes: list[Esme], loads: list[Load]) -> None:
    """Wait until all answered messages have reached the provider once, with one receipt each."""
    answered = {text: i for load in loads for text, i in load.answered.items()}
    await_receipts(esmes, len(answered))
    receipts = [r.message_id for esme in esmes for r in esme.receipts]
    assert sorted(receipts) == sorted(answered.values())
    assert provider.taken == dict.fromkeys(answered, 1)


def test_five_restarts_under_load(daemon: Daemon, provider: Provider, bound: ExitStack) -> None:
    daemon.settings["accounts"][0] |= {"window": 100, "binds": 8}
    daemon.start()
    pid = daemon.process.pid
    esmes = [bound.enter_context(daemon.bound()) for _ in range(SESSIONS)]
    with submitting(esmes, 25, PACE) as loads:
        for count in range(1, ROUNDS + 1):
            already = sum(len(load.answered) for load in loads)
            assert restart(daemon, count)["sessions"] == len(esmes)
            provider.await_taken(already)
    await_all(provider, esmes, loads)
    assert (daemon.process.pid, daemon.events("session_ended")) == (pid, [])
    assert not daemon.events("unhandled_error")
    await_idle(daemon)
    figures = zip(daemon.events("restarting"), daemon.events("adopted"), strict=True)
    for before, after in figures:
        print(f"frozen before exec {before['frozen']} s, all in all {after['gap']} s")
    restart(daemon, ROUNDS + 1)
    assert len(os.listdir(f"/proc/{pid}/fd")) < IN_FLIGHT  # no connection was left open each time
    assert daemon.stop() == 0


def test_a_restart_does_not_wait_for_a_steady_load_to_end(
    daemon: Daemon, provider: Provider, bound: ExitStack
) -> None:
    provider.latency = 0.1
    daemon.settings["accounts"][0] |= {"window": 100, "binds": 2}
    daemon.start()
    esmes = [bound.enter_context(daemon.bound()) for _ in range(2)]
    with submitting(esmes, 5, 0.02) as loads:  # so that a request is out at any time
        provider.await_taken(50)
        restart(daemon)
        assert daemon.events("restarting")[0]["unfinished"] == 0
        provider.await_taken(sum(len(load.answered) for load in loads))
    await_all(provider, esmes, loads)


def await_idle(daemon: Daemon) -> None:
    """Wait until no request is unanswered and no receipt is owed, as the gauges say it."""
    deadline = time.monotonic() + PATIENCE
    names = ("window_in_use", "deliveries_waiting", "provider_in_flight", "queue_messages")
    for name in names:
        while sum(figures := gauge(daemon, name)):
            assert time.monotonic() < deadline, (name, figures)
            select.select([], [], [], 0.05)


def gauge(daemon: Daemon, name: str) -> list[float]:
    """Return the values of a gauge."""
    _, exposed = daemon.get("/metrics")
    found = re.findall(rf"^smppbridge_{name}(?:{{.*}})? (\S+)$", exposed, re.MULTILINE)
    assert found
    return [float(each) for each in found]


def await_receipts(esmes: list[Esme], count: int) -> None:
    """Read receipts on all sessions until there are so many."""
    while sum(len(esme.receipts) for esme in esmes) < count:
        for esme in esmes:
            try:
                while True:
                    esme.take_in(esme.read(0.05))
            except TimeoutError:
                continue


def read(esme: Esme, kind: type[Any]) -> Any:
    """Return the next PDU, which is of a kind."""
    pdu = esme.read()
    assert type(pdu) is kind
    return pdu


def test_an_esme_notices_nothing(daemon: Daemon, provider: Provider) -> None:
    daemon.start()
    with daemon.bound() as esme:
        first = esme.submit("first")
        asked = read(esme, DeliverSm)
        half = submit_sm("in halves")
        half.sequence_number = esme.next_number()
        esme.send(half.encode()[:21])
        restart(daemon)
        esme.send(half.encode()[21:])
        assert read(esme, SubmitSmResp).sequence_number == half.sequence_number
        esme.send(DeliverSmResp(0, asked.sequence_number))
        other = read(esme, DeliverSm)
        assert other.sequence_number > asked.sequence_number
        assert first.message_id in asked.short_message
        assert first.message_id not in other.short_message
        esme.send(DeliverSmResp(0, other.sequence_number))
        daemon.await_rows("select count(*) from delivery where finished_at is null", [(0,)])


def test_the_next_version_knows_what_was_refused_before(daemon: Daemon, tmp_path: Path) -> None:
    path = daemon.settings["admin_socket"] = str(tmp_path / "admin.sock")
    daemon.start()
    with daemon.bound() as esme, Esme(daemon.smpp) as stranger:
        stranger.bind(system_id="nobody")
        assert esme.submit("no number", destination_addr=b"x").command_status
        assert esme.submit("one").command_status == 0
        esme.await_receipts(1)
        restart(daemon)
        (bind,) = ask(path, "GET", "/sessions/refused")["items"]
        assert (bind["system_id"], bind["reason"]) == ("nobody", "unknown_system_id")
        esme.submit("no number", destination_addr=b"x")
    found = {each["reason"]: each["count"] for each in ask(path, "GET", "/reasons")["items"]}
    assert (found["bad_number"], found["unknown_system_id"]) == (2, 1)
    assert ask(path, "GET", "/accounts/bank")["delivered_24h"] == 1.0


def test_a_bridge_that_was_stopped_knows_what_was_refused_before(
    daemon: Daemon, tmp_path: Path
) -> None:
    path = daemon.settings["admin_socket"] = str(tmp_path / "admin.sock")
    for _ in range(2):
        daemon.start()
        with daemon.bound() as esme:
            assert esme.submit("no number", destination_addr=b"x").command_status
            assert esme.submit("one").command_status == 0
            esme.await_receipts(1)
        assert daemon.stop() == 0
    daemon.start()
    found = {each["reason"]: each["count"] for each in ask(path, "GET", "/reasons")["items"]}
    assert found["bad_number"] == 2
    assert ask(path, "GET", "/accounts/bank")["delivered_24h"] == 1.0


# -- sessions that do not pass --------------------------------------------------------------------


@pytest.mark.parametrize("order", [("gone", "new", "bank"), ("bank", "gone", "new")])
def test_accounts_that_could_not_bind_any_more_are_unbound(
    daemon: Daemon, bound: ExitStack, order: tuple[str, ...]
) -> None:
    daemon.settings["accounts"] = [{"system_id": name, "password": "secret"} for name in order]
    daemon.start()
    esmes = {name: bound.enter_context(daemon.bound(system_id=name)) for name in order}
    bank, new = ({"system_id": name, "password": name} for name in ("bank", "new"))
    daemon.settings["accounts"] = [bank | {"password": ["secret", "newer"]}, new]
    daemon.write()
    restart(daemon)
    for name in ("gone", "new"):
        esmes[name].await_end()
        assert esmes[name].unbound
    assert esmes["bank"].submit("goes on").command_status == 0
    daemon.await_event("session_ended", 2)
    ended = {e["system_id"]: e["reason"] for e in daemon.events("session_ended")}
    assert ended == dict.fromkeys(("gone", "new"), "the account has changed")


def test_a_session_over_tls_is_unbound_and_binds_again(daemon: Daemon, tmp_path: Path) -> None:
    (port,) = kept_ports(1)
    key, certificate = certify(tmp_path)
    tls = f"ssl:{port}:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
    daemon.settings["smpp"]["listen"] = [local(daemon.smpp), tls]
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    with daemon.start().bound() as plain, Esme(port) as esme:
        esme.socket = context.wrap_socket(esme.socket)
        assert esme.bind() == 0
        daemon.signal(signal.SIGUSR2)
        esme.await_end()
        assert esme.unbound
        esme.socket.close()
        with Esme(port) as again:  # at once: the kernel keeps it until somebody listens again
            again.socket = context.wrap_socket(again.socket)
            assert again.bind() == 0
        assert daemon.await_event("adopted")["sessions"] == 1
        assert plain.submit("goes on").command_status == 0


# -- what passes with a session -------------------------------------------------------------------


def test_a_session_keeps_the_address_that_a_balancer_named(daemon: Daemon) -> None:
    daemon.settings["smpp"]["proxies"] = ["127.0.0.1/32"]
    daemon.settings["accounts"][0]["allow_from"] = ["192.0.2.0/24"]
    daemon.start()
    with Esme(daemon.smpp) as esme:
        esme.send(b"PROXY TCP4 192.0.2.7 10.0.0.9 4660 2775\r\n")
        assert esme.bind() == 0
        restart(daemon)
        assert esme.submit("goes on").command_status == 0
    assert daemon.await_event("session_ended")["address"] == "192.0.2.7"


@pytest.mark.parametrize("refusal", ["", "Invalid number"])
def test_a_response_goes_on_to_wait_for_the_provider(
    daemon: Daemon, provider: Provider, refusal: str
) -> None:
    daemon.settings["accounts"][0]["answer"] = "provider"
    daemon.keccel["rate"] = 1  # the second one waits, and is begun after the restart
    with daemon.start().bound() as esme:
        for text in ("first", "second"):
            request = submit_sm(text, registered_delivery=0)
            request.sequence_number = esme.next_number()
            esme.send(request)
        assert read(esme, SubmitSmResp).command_status == 0
        provider.refusal = refusal
        restart(daemon)
        answer = read(esme, SubmitSmResp)
        assert answer.sequence_number == request.sequence_number
        assert answer.command_status == (Status.ESME_RINVDSTADR if refusal else 0)
        assert esme.ask(EnquireLink()).command_status == 0
    assert provider.taken == {"first": 1, "second": 1}


def test_an_esme_that_was_called_is_not_called_beside_its_session(
    daemon: Daemon, provider: Provider
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        daemon.settings["accounts"][0]["outbind"] = f"127.0.0.1:{listener.getsockname()[1]}"
        with daemon.start().bound(kind=BindTransmitter) as esme:  # type: ignore[arg-type]
            sent = [esme.submit("first").message_id.decode()]
            with Esme(called=listener.accept()[0]) as receiver:
                read(receiver, Outbind)
                assert receiver.bind(BindReceiver) == 0
                receiver.await_receipts(1)
                assert restart(daemon)["sessions"] == 2
                sent.append(esme.submit("second").message_id.decode())
                assert ids(receiver.await_receipts(2)) == set(sent)
            sent.append(esme.submit("third").message_id.decode())
            with Esme(called=listener.accept()[0]) as receiver:  # it left: it is called again
                read(receiver, Outbind)
    assert not daemon.events("unhandled_error")


# -- the daemon -----------------------------------------------------------------------------------


def test_systemd_waits_for_the_next_version(daemon: Daemon) -> None:
    daemon.spawn(WATCHDOG_USEC="2000000")
    daemon.await_notice("READY=1")
    daemon.signal(signal.SIGUSR2)
    daemon.await_notice("RELOADING=1")
    daemon.await_notice("WATCHDOG_USEC=120000000")
    daemon.await_notice("READY=1")
    daemon.await_notice("WATCHDOG_USEC=2000000")
    with daemon.bound() as esme:
        daemon.signal(signal.SIGTERM)
        esme.await_end()
        assert esme.unbound
    assert daemon.end() == 0


def test_signals_wait_for_a_version_that_is_starting(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        daemon.signal(signal.SIGUSR2)
        daemon.await_event("restarting")
        daemon.signal(signal.SIGUSR2)
        daemon.signal(signal.SIGHUP)
        daemon.await_event("configuration_applied")
        daemon.await_event("started", 3)
        assert esme.submit("goes on").command_status == 0
    daemon.signal(signal.SIGUSR2)
    daemon.await_event("restarting", 3)
    assert daemon.stop() == 0
    assert len(daemon.events("session_ended")) == 1


def test_signals_come_to_the_main_thread_alone(daemon: Daemon, tmp_path: Path) -> None:
    """One that another thread has begun to act on when exec comes would be lost."""
    daemon.settings["admin_socket"] = path = str(tmp_path / "admin.sock")
    pid = daemon.start().process.pid
    assert ask(path, "GET", "/messages")["items"] == []  # by a thread of its own
    found = {
        int(task.name): re.search(r"SigBlk:\t(\w+)", (task / "status").read_text())
        for task in Path(f"/proc/{pid}/task").iterdir()
    }
    blocked = {thread: int(match[1], 16) for thread, match in found.items() if match}
    obeyed = sum(1 << number - 1 for number in OBEYED)
    assert blocked.pop(pid) & obeyed == 0
    assert len(blocked) >= 4
    assert {each & obeyed for each in blocked.values()} == {obeyed}


def test_an_end_that_comes_while_the_next_version_starts_unbinds(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        daemon.signal(signal.SIGUSR2)
        daemon.await_event("restarting")
        daemon.signal(signal.SIGTERM)
        esme.await_end()
        assert esme.unbound
        assert daemon.end() == 0
    assert daemon.await_event("session_ended")["reason"] == "the bridge is stopping"


def test_a_configuration_that_is_refused_leaves_all_as_it_is(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        daemon.settings["accounts"][0]["windw"] = 5
        daemon.write()
        daemon.signal(signal.SIGUSR2)
        daemon.await_notice("RELOADING=1")
        daemon.await_notice("READY=1")
        assert "windw" in daemon.await_event("restart_refused")["reason"]
        assert esme.submit("goes on").command_status == 0
        esme.await_receipts(1)
        del daemon.settings["accounts"][0]["windw"]
        daemon.write()
        restart(daemon)
        assert esme.submit("goes on").command_status == 0


def test_an_exec_that_fails_leaves_the_bridge_serving(daemon: Daemon, tmp_path: Path) -> None:
    interpreter = tmp_path / "python"  # which is gone once it has checked the configuration
    interpreter.write_text('#!/bin/sh\nrm "$0"\n')
    interpreter.chmod(0o755)
    daemon.interpreter = interpreter
    daemon.start()
    with daemon.bound() as esme:
        daemon.signal(signal.SIGUSR2)
        assert "No such file" in daemon.await_event("restart_refused")["reason"]
        assert esme.submit("goes on").command_status == 0
        esme.await_receipts(1)
        with daemon.bound() as other:
            assert other.submit("as before").command_status == 0
        assert not daemon.events("session_ended")[1:]
    assert daemon.stop() == 0


def test_a_version_that_is_half_installed_leaves_the_bridge_serving(
    daemon: Daemon, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "httptools.py").write_text("raise ImportError('only half of it is there')")
    daemon.interpreter = tmp_path / "python"
    daemon.interpreter.write_text(
        f'#!/bin/sh\nPYTHONPATH={broken}:$PYTHONPATH exec {sys.executable} "$@"\n'
    )
    daemon.interpreter.chmod(0o755)
    with daemon.start().bound() as esme:
        daemon.signal(signal.SIGUSR2)
        assert "only half of it" in daemon.await_event("restart_refused")["reason"]
        assert esme.submit("goes on").command_status == 0
    assert daemon.stop() == 0


def test_sockets_of_systemd_and_of_the_file_system_pass(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "s"
    daemon.settings["smpp"]["listen"] = ["systemd:domain=INET:index=0", f"unix:{path}"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        daemon.start(listener)
        daemon.smpp = listener.getsockname()[1]
        listener.close()
    with daemon.bound() as esme, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(os.path.relpath(path))
        with Esme(called=connection) as inside:
            assert inside.bind() == 0
            for count in (1, 2):
                assert restart(daemon, count)["sessions"] == 2
                assert esme.submit("over TCP").command_status == 0
                assert inside.submit("over unix").command_status == 0
    with daemon.bound() as esme:
        assert esme.submit("a new one").command_status == 0
    assert daemon.stop() == 0
