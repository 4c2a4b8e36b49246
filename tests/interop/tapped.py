"""A tap on the connections of a bridge: octets both ways, as a capture that tshark decodes."""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from struct import pack
from threading import Lock, Thread

from tests.patience import PATIENCE

SMPP_PORT = 2775
"""The port of the bridge in a capture, whatever port it had."""
_MOST = 1400  # octets in a packet: as on an Ethernet
_ACK, _PSH_ACK, _SYN, _SYN_ACK, _FIN_ACK = 0x10, 0x18, 0x02, 0x12, 0x11
_RAW_IP = 101  # the link type of packets that begin with their IP header


@dataclass(eq=False)
class _Line:
    """One connection: its port at the client, and how many octets each side has sent."""

    port: int
    sent: dict[bool, int] = field(default_factory=lambda: {True: 1, False: 1})


class Tap:
    """Forwards connections to a port of this machine, and keeps all octets as packets."""

    def __init__(self, listen: int, forward: int) -> None:
        self._forward, self._lock, self._ports = forward, Lock(), iter(range(10_000, 60_000))
        self._packets: list[tuple[float, bytes]] = []
        self._threads: list[Thread] = []
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", listen), backlog=128)
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End the listener and every connection."""
        self._closing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for each in self._threads:
            each.join(PATIENCE)
        self._listener.close()

    def write(self, path: Path) -> None:
        """Write the capture: a pcap file."""
        with self._lock:
            packets = list(self._packets)
        octets = [pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, _RAW_IP)]
        for at, packet in packets:
            head = pack("<IIII", int(at), int(at % 1 * 1e6), len(packet), len(packet))
            octets += [head, packet]
        path.write_bytes(b"".join(octets))

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                carrying = Thread(target=self._carry, args=(client,), daemon=True)
                self._threads.append(carrying)
                carrying.start()

    def _carry(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._forward)) as bridge,
        ):
            with self._lock:
                line = _Line(next(self._ports))
            self._keep(line, True, _SYN)
            self._keep(line, False, _SYN_ACK)
            while not self._closing:
                for source in select.select([client, bridge], [], [], 0.1)[0]:
                    octets = source.recv(65_536)
                    if not octets:
                        return
                    self._keep(line, source is client, _PSH_ACK, octets)
                    (bridge if source is client else client).sendall(octets)

    def _keep(self, line: _Line, theirs: bool, flags: int, octets: bytes = b"") -> None:
        with self._lock:
            at = time.time()
            for start in range(0, len(octets) or 1, _MOST):
                part = octets[start : start + _MOST]
                self._packets.append((at, _packet(line, theirs, flags, part)))
                line.sent[theirs] += len(part)


def _packet(line: _Line, theirs: bool, flags: int, octets: bytes) -> bytes:
    """Return an IPv4 packet with a TCP segment; tshark verifies no checksum."""
    client, bridge = b"\x0a\0\0\1", b"\x0a\0\0\2"
    ports = (line.port, SMPP_PORT) if theirs else (SMPP_PORT, line.port)
    number, acknowledged = line.sent[theirs], line.sent[not theirs]
    if flags & _SYN:
        number, acknowledged = number - 1, 0 if theirs else acknowledged
    tcp = pack(">HHIIBBHHH", *ports, number, acknowledged, 0x50, flags, 65_535, 0, 0)
    ends = client + bridge if theirs else bridge + client
    head = pack(">BBHHHBBH", 0x45, 0, 40 + len(octets), 0, 0, 64, 6, 0)
    return head + ends + tcp + octets


@contextmanager
def tapped(listen: int, forward: int, folder: Path, called: bool = False) -> Iterator[Path]:
    """Forward connections meanwhile; yield the path that the capture has at the end.

    Where there is a tshark, the octets that the bridge has sent must be SMPP to it.  *called*: the
    bridge is who connects.
    """
    tap, path = Tap(listen, forward), folder / f"{listen}.pcap"
    try:
        yield path
    finally:
        tap.close()
        tap.write(path)
    if shutil.which("tshark"):
        assert wrong_of_ours(path, called) == ""


def wrong_of_ours(path: Path, called: bool = False) -> str:
    """Return what tshark finds malformed, or wrong, in the PDUs of the bridge.

    *called*: the bridge is the side that connected.
    """
    wrong = "_ws.malformed or _ws.expert.severity >= error or (tcp.len > 0 and not smpp)"
    ours = f"tcp.{'dstport' if called else 'srcport'} == {SMPP_PORT}"
    return decoded(path, "-Y", f"{ours} and ({wrong})")


def decoded(path: Path, *options: str) -> str:
    """Return what tshark prints about a capture."""
    command = ["tshark", "-r", str(path), "-d", f"tcp.port=={SMPP_PORT},smpp", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
