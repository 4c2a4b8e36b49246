"""The last binds that were refused, for people who ask why an ESME does not come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

MOST_REFUSED = 200
_LONGEST = 64  # characters of a system_id, which a stranger chose


@dataclass(frozen=True, slots=True)
class RefusedBind:
    """A bind that was refused; *at* is seconds of the reactor's clock, *kind* as receiver.

    *reason* is a word of `model.reasons`, or STOPPING of `net.room`.
    """

    at: float
    system_id: str
    address: str
    kind: str
    command_status: int
    reason: str


class RefusedBinds:
    """The last refused binds of all accounts, and of system_ids that are no account's."""

    def __init__(self) -> None:
        self._last: deque[RefusedBind] = deque(maxlen=MOST_REFUSED)

    def add(
        self,
        at: float,
        system_id: str,
        address: str,
        kind: str,
        *,
        command_status: int,
        reason: str,
    ) -> None:
        """Keep a refused bind, in the place of the oldest."""
        bind = RefusedBind(at, system_id[:_LONGEST], address, kind, command_status, reason)
        self._last.append(bind)

    def adopt(self, binds: Iterable[RefusedBind]) -> None:
        """Go on with the refused binds of the program before, the oldest first."""
        self._last.extend(binds)

    def listed(self) -> list[RefusedBind]:
        """Return the refused binds, the newest first."""
        return list(reversed(self._last))
