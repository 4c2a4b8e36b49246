"""Kannel 1.4 against the bridge: bearerbox binds, smsbox sends, a web server hears its DLRs."""

from __future__ import annotations

import queue
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import pytest
import pytest_twisted
from twisted.internet import reactor

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import Program, free_ports
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.patience import PATIENCE

DELIVERED, FAILED, TAKEN_BY_SMSC = 1, 2, 8  # kinds of DLR, as Kannel numbers them
ALL_KINDS = 31
WELL, BADLY = "243810000001", "243810000090"
MESSAGES = [  # destination, text, coding as Kannel numbers it, final DLR, whether it is long
    (WELL, "Café @£ €", "0", DELIVERED, False),
    (WELL, "Привет, мир!", "2", DELIVERED, False),
    (WELL, "0123456789" * 40, "0", DELIVERED, True),
    (WELL, "Привет! " * 20, "2", DELIVERED, True),
    (BADLY, "x", "0", FAILED, False),
]

# (smsc-id and account, smsc-admin-id, ports): a group is one session unless it is a transceiver's
GROUPS = [
    ("trx", "trx", "port = {port}\ntransceiver-mode = 1"),
    ("pair", "sender", "port = {port}"),
    ("pair", "receiver", "port = 0\nreceive-port = {port}"),
]
SESSIONS = [("trx", "transceiver"), ("pair", "transmitter"), ("pair", "receiver")]
BOXES = """\
group = core
admin-port = {admin}
admin-password = {password}
smsbox-port = {boxes}
dlr-storage = internal

{links}
group = smsbox
smsbox-id = texts
bearerbox-host = 127.0.0.1
sendsms-port = {send}

group = sendsms-user
username = any
password = {password}
concatenation = true
max-messages = 10
"""
LINK = """\
group = smsc
smsc = smpp
smsc-id = {name}
smsc-admin-id = {admin_id}
allowed-smsc-id = {name}
host = 127.0.0.1
smsc-username = {name}
smsc-password = {password}
system-type = ""
reconnect-delay = 1
{ports}
"""


@dataclass
class Received:
    """The DLRs that Kannel called, by the name a message was sent under: (kind, message_id)."""

    port: int
    calls: queue.SimpleQueue[dict[str, str]]
    dlrs: defaultdict[str, list[tuple[int, str]]]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/?name={name}&kind=%d&id=%F"

    def until(self, name: str, *kinds: int) -> list[tuple[int, str]]:
        """Wait for DLRs; return all of that message, in the order of their kinds."""
        deadline = time.monotonic() + PATIENCE
        while not dict(self.dlrs[name]).keys() >= set(kinds):
            self.take(deadline - time.monotonic())
        return sorted(self.dlrs[name])

    def take(self, patience: float) -> None:
        """Take the next DLR; raises queue.Empty."""
        call = self.calls.get(timeout=max(0.0, patience))
        self.dlrs[call["name"]].append((int(call["kind"]), call["id"]))

    def all(self) -> dict[str, list[tuple[int, str]]]:
        """Return what was called, and what nobody waited for."""
        while not self.calls.empty():
            self.take(0.0)
        return self.dlrs


@dataclass
class Kannel:
    """A bearerbox with its smsbox."""

    ports: dict[str, str]
    heard: Received
    sent: int = 0

    def send(self, link: str, to: str, text: str, coding: str = "0") -> str:
        """Send by smsbox and return the name that its DLRs will have."""
        self.sent += 1
        name = f"{link}-{self.sent}"
        fields = {
            "username": "any",
            "password": PASSWORD,
            "smsc": link,
            "from": "ACME",
            "to": f"+{to}",
            "charset": "UTF-8",
            "coding": coding,
            "text": text,
            "dlr-mask": str(ALL_KINDS),
            "dlr-url": self.heard.url(name),
        }
        said = self._ask("send", "cgi-bin/sendsms", fields)
        assert said.startswith("0: Accepted"), said
        return name

    def until_identified(self) -> None:
        """Wait until bearerbox knows smsbox by its name."""
        deadline = time.monotonic() + PATIENCE
        while "smsbox:texts" not in self._ask("admin", "status.txt", {"password": PASSWORD}):
            assert time.monotonic() < deadline

    def order(self, command: str, link: str) -> None:
        """Start or stop a link."""
        self._ask("admin", command, {"password": PASSWORD, "smsc": link})

    def _ask(self, port: str, path: str, fields: dict[str, str]) -> str:
        url = f"http://127.0.0.1:{self.ports[port]}/{path}?{urlencode(fields)}"
        with urlopen(url, timeout=PATIENCE) as answer:
            return answer.read().decode()


@contextmanager
def hearing() -> Iterator[Received]:
    calls: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.put({k: v[0] for k, v in parse_qs(urlsplit(self.path).query, True).items()})
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Received(server.server_port, calls, defaultdict(list))
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def box(name: str, settings: Path, word: str) -> Iterator[Program]:
    """Run a box until it has said *word*, and end it."""
    process = subprocess.Popen(
        [name, "-v", "1", settings],
        cwd=settings.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        program = Program(process)
        try:
            program.until(word)
            yield program
            program.end(signal.SIGTERM)
        finally:
            process.kill()


@contextmanager
def boxes(settings: Path, ports: dict[str, str]) -> Iterator[Kannel]:
    """Run bearerbox and smsbox, until smsbox can pass messages on.

    smsbox prints that it is connected before it keeps the connection; a message that comes in
    between ends smsbox.
    """
    with (
        hearing() as heard,
        box("bearerbox", settings, "entering mainloop") as bearerbox,
        box("smsbox", settings, "Connected to bearerbox") as smsbox,
    ):
        kannel = Kannel(ports, heard)
        kannel.until_identified()
        yield kannel
    assert "PANIC" not in bearerbox.said + smsbox.said


def write_settings(folder: Path, port: str, ports: dict[str, str]) -> Path:
    links = [
        LINK.format(name=name, admin_id=admin_id, password=PASSWORD, ports=where.format(port=port))
        for name, admin_id, where in GROUPS
    ]
    path = folder / "kannel.conf"
    path.write_text(BOXES.format(**ports, password=PASSWORD, links="\n".join(links)))
    return path


@pytest.fixture(scope="module")
def installed() -> None:
    missing = [name for name in ("bearerbox", "smsbox") if not shutil.which(name)]
    if missing:
        pytest.skip(f"KANNEL IS NOT TESTED, there is no {' and no '.join(missing)}: kannel")


@pytest_twisted.async_yield_fixture(scope="module")
async def simulator(installed: None) -> Any:
    simulator = KeccelSimulator(reactor, delay=0.05)
    yield simulator
    await simulator.close()


@pytest.fixture(scope="module")
def place(simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return settle(tmp_path_factory.mktemp("kannel"), simulator, ["trx", "pair"])


@pytest.fixture(scope="module")
def kannel(place: Place) -> Iterator[Kannel]:
    ports = dict(zip(("admin", "boxes", "send"), free_ports(3), strict=True))
    settings = write_settings(place.settings.parent, place.port, ports)
    with boxes(settings, ports) as kannel:
        yield kannel
    for dlrs in kannel.heard.all().values():
        (final, one), (taken, other) = sorted(dlrs)
        assert final in (DELIVERED, FAILED)
        assert (taken, one) == (TAKEN_BY_SMSC, other)


@contextmanager
def bound(place: Place, sessions: Iterable[tuple[str, str]] = SESSIONS) -> Iterator[Program]:
    """Run the bridge; Kannel binds by itself, again and again if need be."""
    with place.bridge() as bridge:
        bridge.until("started")
        for name, kind in sessions:
            bridge.until(f"session_bound system_id={name} address=127.0.0.1 kind={kind}")
        yield bridge
        assert bridge.end(signal.SIGTERM) == 0
    assert "unhandled_error" not in bridge.said
    assert "pdu_refused" not in bridge.said
    assert "session_refused" not in bridge.said


@pytest.mark.parametrize("link", ["trx", "pair"])
@in_thread
def test_every_message_has_one_final_dlr(
    kannel: Kannel, place: Place, simulator: KeccelSimulator, link: str
) -> None:
    simulator.taken.clear()
    with bound(place) as bridge:
        names = [kannel.send(link, to, text, coding=coding) for to, text, coding, *_ in MESSAGES]
        for name, (_, _, _, kind, is_long) in zip(names, MESSAGES, strict=True):
            (final, message_id), taken = kannel.heard.until(name, kind, TAKEN_BY_SMSC)
            assert (final, taken) == (kind, (TAKEN_BY_SMSC, message_id))
            bridge.until(f"message_accepted message_id={message_id} system_id={link}")
            if is_long:  # Kannel asks for the first segment's receipt alone
                bridge.until(f'segments="[\\"{message_id}\\", ')
    assert simulator.taken == {(to, text): 1 for to, text, *_ in MESSAGES}


@in_thread
def test_a_receipt_waits_for_its_receiver_over_a_restart(kannel: Kannel, place: Place) -> None:
    with bound(place) as bridge:
        kannel.order("stop-smsc", "receiver")
        bridge.until("session_ended system_id=pair")
        name = kannel.send("pair", WELL, "x")
        ((_, message_id),) = kannel.heard.until(name, TAKEN_BY_SMSC)
        bridge.until(f"message_delivered message_id={message_id}")
    with bound(place, SESSIONS[:2]) as bridge:
        assert len(kannel.heard.all()[name]) == 1
        kannel.order("start-smsc", "receiver")
        assert (DELIVERED, message_id) in kannel.heard.until(name, DELIVERED)
        again = kannel.send("pair", WELL, "y")
        kannel.heard.until(again, DELIVERED, TAKEN_BY_SMSC)
