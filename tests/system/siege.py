"""Any octets, for as long as is wanted, beside an ESME that behaves: the daemon bears it.

By hand, ten minutes:  ``python -m tests.system.siege --seconds 600``

Attackers send captures of foreign stacks with wrong octets in them, valid and malformed PDUs in any
order, requests of every operation with any values in their fields, and octets without any sense;
some are bound, some are not, some read no answers.  Their accounts are a plain one, one that
forgives all that can be forgiven, and one whose responses wait for the provider; some come from a
balancer, behind a header of the PROXY protocol that may be wrong or whose end never comes, and some
speak TLS, or nothing like it, where TLS is spoken.
Meanwhile an ESME of another account submits and waits for its receipts.  At the end the daemon must
be up, its memory bounded, every submission of the ESME answered and reported, nothing may wait that
nobody waits for, and no error may stand in the log.
"""

from __future__ import annotations

import select
import socket
import ssl
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import click

from smppbridge.smpp.oddities import FORGIVABLE
from smppbridge.smpp.pdus import BindReceiver, BindTransceiver, BindTransmitter
from tests.net.certificates import certify
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system import strange
from tests.system.daemon import Daemon, local
from tests.system.provider import Provider
from tests.vectors.vectors import CAPTURES, MALFORMED, VECTORS

ATTACKERS = 6
ROUND = 20  # messages whose receipts are waited for together
MOST_GROWTH = 60.0
"""Megabytes by which the daemon may grow after the first round of attacks."""
BALANCER = "127.0.0.2"  # connections from there begin with a header of the PROXY protocol
GAUGES = ("connections_waiting", "responses_waiting", "operations_waiting")
"""Metrics of what waits for somebody: at the end nobody waits."""
FORGIVING: dict[str, object] = {
    "system_id": "lenient",
    "forgives": [*map(str, FORGIVABLE), "half_ucs2", "sar_and_udh", "priority", "reserved_ton"],
    "receipts": {"on": "any"},
    "detect_ucs2": True,
    "detect_udh": True,
}
WAITING: dict[str, object] = {
    "system_id": "patient",
    "answer": "provider",
    "answer_within": 2,
    "query": "ask",
    "receipts": {"by": "data_sm"},
}
_SYSTEM_IDS = (b"attacker", b"lenient", b"patient")
_UNVERIFIED = ssl.create_default_context()
_UNVERIFIED.check_hostname, _UNVERIFIED.verify_mode = False, ssl.CERT_NONE
_BINDS = (BindTransmitter, BindReceiver, BindTransceiver, BindTransceiver)
_CAPTURED = [stream for streams in CAPTURES.values() for stream in streams]
_PDUS = [v.octets for v in VECTORS.values()] + [m.octets for m in MALFORMED.values()]


class Ports(NamedTuple):
    """Where the daemon listens."""

    clear: int
    tls: int


@dataclass
class Siege:
    """What was sent and borne."""

    connections: int = 0
    octets: int = 0
    submitted: int = 0
    megabytes_early: float = 0.0
    megabytes: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.connections} connections, {self.octets} octets of attackers;"
            f" {self.submitted} messages beside them, each answered and reported;"
            f" memory {self.megabytes_early:.0f} -> {self.megabytes:.0f} MB"
        )


def octets_of(chance: strange.Chance) -> bytes:
    """Return octets of an attacker."""
    match chance.randrange(8):
        case 0:
            return chance.randbytes(chance.randrange(1, 2_000))
        case 1:
            return b"".join(chance.choices(_PDUS, k=chance.randrange(1, 20)))
        case 2:  # a length that promises much, and little behind it
            return chance.randrange(2**32).to_bytes(4, "big") + chance.randbytes(40)
        case 3 | 4 | 5 | 6:
            return b"".join(strange.request(chance) for _ in range(chance.randrange(1, 20)))
        case _:
            stream = bytearray(chance.choice(_CAPTURED))
            for _ in range(chance.randrange(1, 12)):
                stream[chance.randrange(len(stream))] = chance.randrange(256)
            return bytes(stream)


def attack(ports: Ports, siege: Siege, chance: strange.Chance, end: float) -> None:
    """Connect again and again, bound or not, and send octets."""
    while time.monotonic() < end:
        behind = (BALANCER, 0) if chance.random() < 0.3 else None
        tls = chance.random() < 0.2
        here = ("127.0.0.1", ports.tls if tls else ports.clear)
        with suppress(OSError), socket.create_connection(here, 5, behind) as plain:
            plain.settimeout(0.5)
            siege.connections += 1
            if behind:
                plain.sendall(strange.header(chance))
            shakes = tls and chance.random() < 0.7
            with _UNVERIFIED.wrap_socket(plain) if shakes else plain as attacker:
                _attack(attacker, siege, chance)


def _attack(attacker: socket.socket, siege: Siege, chance: strange.Chance) -> None:
    if chance.random() < 0.6:
        bind = chance.choice(_BINDS)(0, 1, chance.choice(_SYSTEM_IDS), b"secret")
        attacker.sendall(bind.encode())
    reads = chance.random() < 0.8
    for _ in range(chance.randrange(1, 30)):
        octets = octets_of(chance)
        attacker.sendall(octets)
        siege.octets += len(octets)
        if reads and select.select([attacker], [], [], 0.01)[0]:
            if not (answers := attacker.recv(65_536)):
                break
            chance.hear(answers)


def beside(daemon: Daemon, siege: Siege, end: float) -> None:
    """Submit messages on one session, and wait for the receipt of each."""
    with daemon.bound() as esme:
        while time.monotonic() < end:
            esme.receipts.clear()
            answered = [esme.submit(f"siege {n}") for n in range(ROUND)]
            assert {response.command_status for response in answered} == {0}
            siege.submitted += ROUND
            esme.await_receipts(ROUND)
            assert {receipt.stat for receipt in esme.receipts} == {"DELIVRD"}


def resident(daemon: Daemon) -> float:
    """Return the memory of the daemon in megabytes."""
    assert daemon.process
    fields = Path(f"/proc/{daemon.process.pid}/statm").read_text().split()
    return int(fields[1]) * 4096 / 1e6


def await_idle(daemon: Daemon) -> None:
    """Wait until nothing waits for a peer that is gone."""
    deadline = time.monotonic() + PATIENCE
    while waiting := _waiting(daemon.get("/metrics")[1]):
        assert time.monotonic() < deadline, waiting
        select.select([], [], [], 0.1)


def _waiting(metrics: str) -> list[str]:
    gauges = tuple(f"smppbridge_{name}" for name in GAUGES)
    lines = [line for line in metrics.splitlines() if line.startswith(gauges)]
    return [line for line in lines if float(line.rsplit(" ", 1)[1])]


def besiege(folder: Path, seconds: float, seed: int) -> Siege:
    """Attack a daemon for a time; return what the daemon has borne."""
    provider = Provider()
    daemon = Daemon(folder, provider.url)
    ports = Ports(daemon.smpp, *kept_ports(1))
    key, certificate = certify(folder)
    tls = f"ssl:{ports.tls}:privateKey={key}:certKey={certificate}:interface=127.0.0.1"
    daemon.settings["smpp"] = {
        "listen": [local(ports.clear), tls],
        "proxies": [f"{BALANCER}/32"],
    }
    daemon.settings["lists"] = {"staff": {"numbers": ["243810000001", "243810000002"]}}
    for account in ({"system_id": "attacker"}, FORGIVING, WAITING):
        limits = {"password": "secret", "binds": 100, "throughput": 200}
        daemon.settings["accounts"].append(limits | account)
    try:
        daemon.start()
        return _besiege(daemon, ports, seconds, seed)
    finally:
        daemon.close()
        provider.close()


def _besiege(daemon: Daemon, ports: Ports, seconds: float, seed: int) -> Siege:
    siege, start = Siege(), time.monotonic()
    attackers = [
        threading.Thread(
            target=attack,
            args=(ports, siege, strange.Chance(seed + n), start + seconds),
            daemon=True,
        )
        for n in range(ATTACKERS)
    ]
    for each in attackers:
        each.start()
    beside(daemon, siege, start + seconds / 5)
    siege.megabytes_early = resident(daemon)
    beside(daemon, siege, start + seconds)
    for each in attackers:
        each.join()
    siege.megabytes = resident(daemon)
    assert daemon.get("/readyz")[0] == 200
    await_idle(daemon)
    assert daemon.stop() == 0
    assert [line for line in daemon.lines if "unhandled_error" in line][:3] == []
    assert siege.megabytes < siege.megabytes_early + MOST_GROWTH, siege
    return siege


@click.command()
@click.option("--seconds", default=600.0, help="How long the attacks last.")
@click.option("--seed", default=1, help="Another seed makes other octets.")
def main(seconds: float, seed: int) -> None:
    """Attack a daemon of its own, on loopback, and print what was borne."""
    with tempfile.TemporaryDirectory() as folder:
        click.echo(besiege(Path(folder), seconds, seed))


if __name__ == "__main__":
    main()
