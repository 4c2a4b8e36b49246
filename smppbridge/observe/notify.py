"""Our word to systemd: one datagram a state (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notify:
    """Tells the service manager how we are; silent where there is none."""

    __slots__ = ("_address",)

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str) -> bool:
        """Say that all listens and recovers no more; also the end of a reload."""
        return self._tell(READY=1, STATUS=status)

    def status(self, status: str) -> bool:
        """Say in one line how it goes."""
        return self._tell(STATUS=status)

    def reloading(self, monotonic: float) -> bool:
        """Say that the configuration is being read again, at *monotonic* seconds."""
        return self._tell(RELOADING=1, MONOTONIC_USEC=int(monotonic * 1e6))

    def stopping(self) -> bool:
        """Say that we are on our way out."""
        return self._tell(STOPPING=1)

    def extend(self, seconds: float) -> bool:
        """Ask not to be killed for so many seconds more."""
        return self._tell(EXTEND_TIMEOUT_USEC=int(seconds * 1e6))

    def alive(self) -> bool:
        """Keep the watchdog from biting."""
        return self._tell(WATCHDOG=1)

    def _tell(self, **states: object) -> bool:
        if not self._address:
            return False
        lines = (f"{name}={' '.join(str(value).split())}" for name, value in states.items())
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        try:
            with socket.socket(socket.AF_UNIX, kind) as datagrams:
                datagrams.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def from_environment() -> Notify:
    """Return a Notify for the service manager that started this process, if one did."""
    return Notify(os.environ)
