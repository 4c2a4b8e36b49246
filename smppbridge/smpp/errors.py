"""What can be wrong with what a peer sends, sorted by what to do about it."""

from __future__ import annotations

from smppbridge.smpp.constants import status_name


class SmppError(Exception):
    """Something breaks the rules of SMPP."""


class FramingError(SmppError):
    """The stream can no longer be cut into PDUs, so the connection is to be closed."""

    def __init__(self, reason: str, answer: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


class PduError(SmppError):
    """One PDU is wrong, but the stream is sound: it is answered with a status."""

    def __init__(self, status: int, command_id: int, sequence_number: int, why: str) -> None:
        super().__init__(f"{why} ({status_name(status)})")
        self.status = status
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.why = why


class LocalError(SmppError):
    """We were about to break the protocol ourselves."""


class Malformed(SmppError):
    """These octets do not hold what should be here; the codec makes a PduError of it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
