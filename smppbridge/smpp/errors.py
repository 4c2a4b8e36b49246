"""The faults of a peer's octets, sorted by our answer, and faults of our own."""

from __future__ import annotations

from smppbridge.smpp.constants import status_name
from smppbridge.smpp.oddities import Oddity


class SmppError(Exception):
    """Octets or a call break the rules of SMPP."""


class FramingError(SmppError):
    """The stream can no longer be cut into PDUs: the connection has to be closed."""

    def __init__(self, reason: str, answer: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


class PduError(SmppError):
    """One PDU is wrong, but the stream is sound: the PDU is answered with *status*."""

    def __init__(
        self,
        status: int,
        command_id: int,
        sequence_number: int,
        why: str,
        oddity: Oddity | None = None,
    ) -> None:
        super().__init__(f"{why} ({status_name(status)})")
        self.status = status
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.why = why
        self.oddity = oddity


class LocalError(SmppError):
    """A call of our own would break the protocol."""


class Malformed(SmppError):
    """Octets do not have the form of their field; the codec makes a PduError of the fault."""

    def __init__(self, status: int, why: str, oddity: Oddity | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.oddity = oddity
