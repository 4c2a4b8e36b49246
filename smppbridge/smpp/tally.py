"""How many PDUs passed, by direction, command_id and command_status."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from smppbridge.smpp.constants import RESPONSE, CommandId, CommandStatus

_HEAD = struct.Struct(">2L")
_COMMANDS = {int(command): command.name.lower() for command in CommandId}
_STATUSES = {int(status): status.name for status in CommandStatus}
_OTHER = 0xFFFFFFFF


class Tally:
    """Counts the PDUs of one session, or of many that share it; only sessions count here.

    A peer chooses command_id and command_status: numbers that SMPP 3.4 has no name for are counted
    together, as "other", and a request has no status (SMPP 3.4, 3.2), so that a tally stays small.
    """

    __slots__ = ("_received", "_sent")

    def __init__(self) -> None:
        self._received: dict[tuple[int, int], int] = {}
        self._sent: dict[bytes, int] = {}  # by the octets of both: they need no unpacking

    def received(self, head: tuple[int, int]) -> None:
        """Count a PDU that came, by its command_id and command_status."""
        try:
            self._received[head] += 1
        except KeyError:
            known = _known(*head)
            self._received[known] = self._received.get(known, 0) + 1

    def sent(self, pdus: Iterable[bytes]) -> None:
        """Count encoded PDUs that leave."""
        counts = self._sent
        for octets in pdus:
            head = octets[4:12]
            try:
                counts[head] += 1
            except KeyError:
                known = _HEAD.pack(*_known(*_HEAD.unpack(head)))
                counts[known] = counts.get(known, 0) + 1

    def totals(self) -> dict[tuple[str, ...], float]:
        """Return the counts by direction ("in" or "out"), name of the command and of the status."""
        sent = {_HEAD.unpack(head): count for head, count in self._sent.items()}
        return {
            (direction, _COMMANDS.get(command_id, "other"), _STATUSES.get(status, "other")): count
            for direction, counts in (("in", self._received), ("out", sent))
            for (command_id, status), count in counts.items()
        }


def _known(command_id: int, status: int) -> tuple[int, int]:
    if not command_id & RESPONSE:
        status = 0
    return (
        command_id if command_id in _COMMANDS else _OTHER,
        status if status in _STATUSES else _OTHER,
    )
