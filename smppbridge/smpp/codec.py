"""Octets to PDUs and back; a stream of octets to frames (SMPP 3.4, 3.2)."""

from __future__ import annotations

from smppbridge.smpp.compiled import HEADER
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.errors import FramingError, PduError
from smppbridge.smpp.pdus import DECODE, GenericNack, Pdu

MAX_LENGTH = 65_536
"""Octets of the longest PDU that is read."""
MAX_LENGTH_BEFORE_BIND = 1_024
"""Octets of the longest PDU that is read from a peer before its bind."""

Frame = tuple[int, int, int, int, int]
"""command_id, command_status, sequence_number, and where the body starts and ends."""

_STRANGERS = (
    (b"\x16\x03", "TLS on a clear port"),
    (b"PROX", "PROXY protocol, version 1"),
    (b"\r\n\r\n", "PROXY protocol, version 2"),
    (b"SSH-", "SSH"),
    *((method, "HTTP request") for method in (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI")),
)


class FrameBuffer:
    """Cuts a stream into PDUs; *octets* holds the last PDUs, other pieces wait for their end."""

    __slots__ = ("_coming", "_missing", "_pieces", "octets", "position")

    def __init__(self) -> None:
        self.octets = b""
        self.position = 0
        self._pieces: list[bytes] = []
        self._coming = 0
        self._missing = 0

    @property
    def size(self) -> int:
        """Return the number of octets that belong to no frame yet."""
        return len(self.octets) - self.position + self._coming

    def rest(self) -> bytes:
        """Return the octets that belong to no frame yet."""
        return b"".join((self.octets[self.position :], *self._pieces))

    def feed(self, octets: bytes) -> None:
        """Append octets of the stream."""
        if self.position == len(self.octets) and not self._pieces:
            self.octets, self.position = octets, 0
            return
        self._pieces.append(octets)
        self._coming += len(octets)

    def next_frame(self, max_length: int = MAX_LENGTH) -> Frame | None:
        """Return the frame of the next whole PDU in *octets*; None if no PDU is whole yet.

        Raises FramingError at the first length word below 16 or above *max_length*.
        """
        if self._pieces and not self._gather():
            return None
        octets, start = self.octets, self.position
        there = len(octets) - start
        if there < HEADER.size:
            self._missing = 4 - there if there < 4 else HEADER.size - there
            if there >= 4 and not HEADER.size <= self._length_word() <= max_length:
                raise self._lost()
            return None
        length, command_id, command_status, sequence_number = HEADER.unpack_from(octets, start)
        if not HEADER.size <= length <= max_length:
            raise self._lost()
        if length > there:
            self._missing = length - there
            return None
        self.position = end = start + length
        return command_id, command_status, sequence_number, start + HEADER.size, end

    def _gather(self) -> bool:
        """Join the pieces once they are enough, so that a PDU in single octets is copied once."""
        if self._coming < self._missing:
            return False
        self.octets = b"".join((self.octets[self.position :], *self._pieces))
        self.position = self._coming = self._missing = 0
        self._pieces.clear()
        return True

    def _length_word(self) -> int:
        return int.from_bytes(self.octets[self.position : self.position + 4], "big")

    def _lost(self) -> FramingError:
        head = self.octets[self.position : self.position + HEADER.size]
        for octets, guess in _STRANGERS:
            if head.startswith(octets):
                return FramingError(guess)
        length = self._length_word()
        # A length that no PDU ever has tells that the rest of the header is no header either.
        believed = len(head) == HEADER.size and HEADER.size <= length < 1 << 24
        sequence_number = int.from_bytes(head[12:], "big") if believed else 0
        nack = GenericNack(CommandStatus.ESME_RINVCMDLEN, sequence_number)
        return FramingError(f"command_length {length}", nack.encode())


def decode(octets: bytes) -> Pdu:
    """Read one whole PDU.

    Raises FramingError if the octets are not exactly one PDU, PduError with the status of the error
    response. Responses are read leniently: many peers leave parts of them out.
    """
    stream = FrameBuffer()
    stream.feed(octets)
    frame = stream.next_frame()
    if frame is None or stream.size:
        raise FramingError(f"{len(octets)} octets are not one PDU")
    command_id, command_status, sequence_number, start, end = frame
    if command_id not in DECODE:
        status = CommandStatus.ESME_RINVCMDID
        raise PduError(status, command_id, sequence_number, f"command_id {command_id:#010x}")
    pdu: Pdu = DECODE[command_id](octets, start, end, command_status, sequence_number)
    return pdu


def encode(pdu: Pdu) -> bytes:
    """Write one PDU; LocalError if a value does not fit its field."""
    return pdu.encode()
