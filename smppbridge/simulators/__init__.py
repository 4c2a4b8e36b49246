"""Programs that play the other end: one per provider, for `demo`, tests and docker.

A simulator serves the vendor's own paths on loopback, so truly that the vendor's own client works
against the simulator, and behaves by the last two digits of the destination (``magic``).  A
simulator keeps nothing on disk and shares only the wire with the bridge.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Protocol

SIMULATORS: Mapping[str, str] = MappingProxyType(
    {
        "d7": "smppbridge.simulators.d7.simulator:D7Simulator",
        "d7_v1": "smppbridge.simulators.d7.v1:D7V1Simulator",
        "keccel": "smppbridge.simulators.keccel:KeccelSimulator",
        "mspace_legacy": "smppbridge.simulators.mspace.legacy:MSpaceLegacySimulator",
        "mspace_v2": "smppbridge.simulators.mspace.v2:MSpaceV2Simulator",
        "smsc": "smppbridge.simulators.smsc:SmscSimulator",
        "smscx": "smppbridge.simulators.smscx.simulator:SmsCxSimulator",
    }
)
"""The class of each simulator by name; imported only on demand."""


class Simulator(Protocol):
    """The part of a simulator that `simulate` and `demo` use; *callback_url* may be set later.

    *scheme* is the beginning of the simulator's URL (http, smpp).
    """

    scheme: str
    callback_url: str | None

    def listen(self, port: int = 0, interface: str = "127.0.0.1") -> int:
        """Serve on *port* (0: any) and return the port."""

    def close(self) -> Any:
        """Stop at once; return a Deferred that fires when no connection is left open."""


class SimulatorType(Protocol):
    """Makes a simulator; *delay* is seconds between acceptance and report."""

    def __call__(
        self, reactor: Any, *, callback_url: str | None = None, delay: float = 1.0
    ) -> Simulator: ...


def simulator_type(name: str) -> SimulatorType:
    """Return the simulator called *name*; raises KeyError."""
    found: SimulatorType = resolve_name(SIMULATORS[name])
    return found
