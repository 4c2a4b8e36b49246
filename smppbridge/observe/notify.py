"""Datagrams to systemd: one for each state of the bridge (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_PATIENCE = 1.0
"""Seconds that a change of state waits for room in the manager's queue, which may be ten long."""


class Notify:
    """Sends the state of the bridge to the service manager, if the environment names one.

    A change of state that was lost would keep the manager waiting; of the rest there comes more.
    """

    __slots__ = ("_address", "_watchdog")

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = environ.get("WATCHDOG_USEC", "")
        self._watchdog = int(usec) if usec.isdecimal() else None

    def ready(self, status: str) -> bool:
        """Send that the bridge listens and has recovered; also the end of a reload."""
        return self._send(_PATIENCE, READY=1, STATUS=status)

    def status(self, status: str) -> bool:
        """Send a line on the state of the bridge."""
        return self._send(STATUS=status)

    def reloading(self, monotonic: float) -> bool:
        """Send that a reload of the configuration has begun, at *monotonic* seconds."""
        return self._send(_PATIENCE, RELOADING=1, MONOTONIC_USEC=int(monotonic * 1e6))

    def stopping(self) -> bool:
        """Send that the bridge is stopping."""
        return self._send(_PATIENCE, STOPPING=1)

    def extend(self, seconds: float) -> bool:
        """Ask for *seconds* more before the service manager kills the bridge."""
        return self._send(EXTEND_TIMEOUT_USEC=int(seconds * 1e6))

    def alive(self) -> bool:
        """Keep the watchdog from biting."""
        return self._send(WATCHDOG=1)

    def gap(self, seconds: float | None) -> bool:
        """Have the watchdog wait *seconds* from now on; None: as long as the unit says."""
        if self._watchdog is None:
            return False
        usec = self._watchdog if seconds is None else max(self._watchdog, int(seconds * 1e6))
        return self._send(_PATIENCE, WATCHDOG=1, WATCHDOG_USEC=usec)

    def _send(self, wait: float = 0.0, /, **states: object) -> bool:
        if not self._address:
            return False
        lines = (f"{name}={' '.join(str(value).split())}" for name, value in states.items())
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as datagrams:
                datagrams.settimeout(wait)
                datagrams.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def from_environment() -> Notify:
    """Return a Notify for the service manager that started the process, silent without one."""
    return Notify(os.environ)
