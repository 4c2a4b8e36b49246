"""Any octets, for as long as is wanted, beside an ESME that behaves: the daemon bears it.

By hand, ten minutes:  ``python -m tests.system.siege --seconds 600``

Attackers send captures of foreign stacks with wrong octets in them, valid and malformed PDUs in any
order, and octets without any sense; some are bound, some are not, some read no answers.  Meanwhile
an ESME of another account submits and waits for its receipts.  At the end the daemon must be up,
its memory bounded, every submission of the ESME answered and reported, and no error in the log.
"""

from __future__ import annotations

import random
import select
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from smppbridge.smpp.pdus import BindReceiver, BindTransceiver, BindTransmitter
from tests.system.daemon import Daemon
from tests.system.provider import Provider
from tests.vectors.vectors import CAPTURES, MALFORMED, VECTORS

ATTACKERS = 6
ROUND = 20  # messages whose receipts are waited for together
MOST_GROWTH = 60.0
"""Megabytes by which the daemon may grow after the first round of attacks."""
_BINDS = (BindTransmitter, BindReceiver, BindTransceiver)
_CAPTURED = [stream for streams in CAPTURES.values() for stream in streams]
_PDUS = [v.octets for v in VECTORS.values()] + [m.octets for m in MALFORMED.values()]


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


def octets_of(chance: random.Random) -> bytes:
    """Return octets of an attacker."""
    match chance.randrange(4):
        case 0:
            return chance.randbytes(chance.randrange(1, 2_000))
        case 1:
            return b"".join(chance.choices(_PDUS, k=chance.randrange(1, 20)))
        case 2:  # a length that promises much, and little behind it
            return chance.randrange(2**32).to_bytes(4, "big") + chance.randbytes(40)
        case _:
            stream = bytearray(chance.choice(_CAPTURED))
            for _ in range(chance.randrange(1, 12)):
                stream[chance.randrange(len(stream))] = chance.randrange(256)
            return bytes(stream)


def attack(port: int, siege: Siege, chance: random.Random, end: float) -> None:
    """Connect again and again, bound or not, and send octets."""
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as attacker:
            attacker.settimeout(0.5)
            siege.connections += 1
            if chance.random() < 0.6:
                bind = chance.choice(_BINDS)(0, 1, b"attacker", b"secret")
                attacker.sendall(bind.encode())
            reads = chance.random() < 0.8
            for _ in range(chance.randrange(1, 30)):
                octets = octets_of(chance)
                attacker.sendall(octets)
                siege.octets += len(octets)
                readable = reads and select.select([attacker], [], [], 0.01)[0]
                if readable and not attacker.recv(65_536):
                    break


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


def besiege(folder: Path, seconds: float, seed: int) -> Siege:
    """Attack a daemon for a time; return what the daemon has borne."""
    provider = Provider()
    daemon = Daemon(folder, provider.url)
    daemon.settings["accounts"].append(
        {"system_id": "attacker", "password": "secret", "binds": 100}
    )
    try:
        daemon.start()
        return _besiege(daemon, seconds, seed)
    finally:
        daemon.close()
        provider.close()


def _besiege(daemon: Daemon, seconds: float, seed: int) -> Siege:
    siege, start = Siege(), time.monotonic()
    attackers = [
        threading.Thread(
            target=attack,
            args=(daemon.smpp, siege, random.Random(seed + n), start + seconds),
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
    assert daemon.stop() == 0
    assert [line for line in daemon.lines if "unhandled_error" in line] == []
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
