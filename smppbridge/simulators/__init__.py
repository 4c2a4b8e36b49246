"""Programs that play the other side: one per provider, for `demo`, tests and docker.

A simulator serves the vendor's own paths on loopback, truly enough that the vendor's own client
works against it, and goes by the last two digits of the destination (``magic``).  It keeps nothing
on disk and has nothing to do with the bridge but the wire.
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
"""Where the simulator of each name is; imported only when asked for."""


class Simulator(Protocol):
    """What `simulate` and `demo` need of a simulator; *callback_url* may be set while it runs.

    *scheme* is what it speaks, as the beginning of an URL has it.
    """

    scheme: str
    callback_url: str | None

    def listen(self, port: int = 0, interface: str = "127.0.0.1") -> int:
        """Serve on *port* (0: any) and return the one it is."""

    def close(self) -> Any:
        """Stop at once; return a Deferred that fires when nothing is left open."""


class SimulatorType(Protocol):
    """How a simulator is made; *delay* is seconds between acceptance and report."""

    def __call__(
        self, reactor: Any, *, callback_url: str | None = None, delay: float = 1.0
    ) -> Simulator: ...


def simulator_type(name: str) -> SimulatorType:
    """Return the simulator called *name*; raises KeyError."""
    found: SimulatorType = resolve_name(SIMULATORS[name])
    return found
