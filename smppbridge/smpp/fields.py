"""The forms of PDU fields on the wire (SMPP 3.4, 3.1).

A field is declared where its PDU is, ``system_id: bytes = c_octets(16)``: type checkers see the
value, the codec reads the kind out of the metadata. A kind reads and writes one field; for a whole
PDU smppbridge.smpp.compiled makes straight-line code with the same result, faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypeVar

from smppbridge.smpp import tlvs as tlv
from smppbridge.smpp.constants import MAX_SHORT_MESSAGE, CommandStatus
from smppbridge.smpp.errors import LocalError, Malformed
from smppbridge.smpp.oddities import Oddity

T = TypeVar("T")


class Kind(Protocol):
    """Reads a field between two offsets, with the offset of the field's end; writes a field."""

    def read(self, octets: bytes, start: int, end: int) -> tuple[Any, int]: ...

    def read_leniently(self, octets: bytes, start: int, end: int) -> tuple[Any, int]: ...

    def write(self, value: Any) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Integer:
    """An unsigned integer, most significant octet first."""

    size: int = 1

    def read(self, octets: bytes, start: int, end: int) -> tuple[int, int]:
        if end - start < self.size:
            raise Malformed(CommandStatus.ESME_RINVCMDLEN, "cut short", Oddity.SHORT_BODY)
        return self.read_leniently(octets, start, end)

    def read_leniently(self, octets: bytes, start: int, end: int) -> tuple[int, int]:
        stop = min(start + self.size, end)
        return int.from_bytes(octets[start:stop], "big"), stop

    def write(self, value: int) -> bytes:
        return value.to_bytes(self.size, "big")


@dataclass(frozen=True, slots=True)
class COctets:
    """Octets ended by a NUL, which *size* counts; *too_long* is the status of a longer field."""

    size: int
    too_long: int = CommandStatus.ESME_RINVCMDLEN

    def read(self, octets: bytes, start: int, end: int) -> tuple[bytes, int]:
        nul = octets.find(0, start, end)
        if nul < 0:
            oddity = Oddity.NO_NUL if start < end else Oddity.SHORT_BODY
            raise Malformed(CommandStatus.ESME_RINVCMDLEN, "no NUL", oddity)
        if nul - start >= self.size:
            raise Malformed(self.too_long, f"over {self.size - 1} octets", Oddity.LONG_FIELD)
        return octets[start:nul], nul + 1

    def read_leniently(self, octets: bytes, start: int, end: int) -> tuple[bytes, int]:
        nul = octets.find(0, start, end)
        return (octets[start:end], end) if nul < 0 else (octets[start:nul], nul + 1)

    def write(self, value: bytes) -> bytes:
        if len(value) >= self.size or 0 in value:
            raise LocalError(f"over {self.size - 1} octets, or a NUL among them")
        return value + b"\0"


@dataclass(frozen=True, slots=True)
class Octets:
    """Octets after their number in one octet: 255 are read, *size* are written."""

    size: int = MAX_SHORT_MESSAGE

    def read(self, octets: bytes, start: int, end: int) -> tuple[bytes, int]:
        if start >= end:
            raise Malformed(CommandStatus.ESME_RINVCMDLEN, "no length", Oddity.SHORT_BODY)
        if start + 1 + octets[start] > end:
            why = "length beyond the PDU"
            raise Malformed(CommandStatus.ESME_RINVMSGLEN, why, Oddity.SM_LENGTH)
        return self.read_leniently(octets, start, end)

    def read_leniently(self, octets: bytes, start: int, end: int) -> tuple[bytes, int]:
        stop = min(start + 1 + octets[start], end) if start < end else end
        return octets[start + 1 : stop], stop

    def write(self, value: bytes) -> bytes:
        if len(value) > self.size:
            raise LocalError(f"over {self.size} octets")
        return bytes((len(value),)) + value


@dataclass(frozen=True, slots=True)
class TlvArea:
    """The rest of the PDU as TLVs."""

    def read(self, octets: bytes, start: int, end: int) -> tuple[tlv.Tlvs, int]:
        try:
            found = tlv.read(octets, start, end)
            tlv.check(found)
        except Malformed:
            padded = tlv.read_padded(octets, start, end)
            if padded is None:
                raise
            return padded, end
        if found and found[0][0] < 0x100 and not tlv.exists(found[0][0]):
            return tlv.read_padded(octets, start, end) or found, end
        return found, end

    def read_leniently(self, octets: bytes, start: int, end: int) -> tuple[tlv.Tlvs, int]:
        return tlv.read_leniently(octets, start, end), end

    def write(self, value: tlv.Tlvs) -> bytes:
        return tlv.write(value)


@dataclass(slots=True)  # not frozen, which costs more: there are up to 254 in a PDU
class SmeAddress:
    """A destination of submit_multi: dest_flag 1 (SMPP 3.4, 5.2.25)."""

    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: bytes


@dataclass(frozen=True, slots=True)
class DistributionList:
    """A destination of submit_multi: dest_flag 2 (SMPP 3.4, 5.2.25)."""

    dl_name: bytes


@dataclass(frozen=True, slots=True)
class UnsuccessSme:
    """A destination that submit_multi did not reach, and the status (SMPP 3.4, 4.5.2)."""

    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: bytes
    error_status_code: int


_OCTET = Integer(1)
_STATUS = Integer(4)
_ADDRESS = COctets(21, CommandStatus.ESME_RINVDSTADR)
_LIST_NAME = COctets(21, CommandStatus.ESME_RINVDLNAME)
_LONGEST = 3 + 21  # octets of an address with its dest_flag, TON and NPI


@dataclass(frozen=True, slots=True)
class DestAddresses:
    """The destinations of submit_multi after their number: 1 to 254."""

    def read(
        self, octets: bytes, start: int, end: int
    ) -> tuple[tuple[SmeAddress | DistributionList, ...], int]:
        number, at = _OCTET.read(octets, start, end)
        if not 1 <= number <= 254:
            raise Malformed(CommandStatus.ESME_RINVNUMDESTS, f"{number} destinations")
        found: list[SmeAddress | DistributionList] = []
        for _ in range(number):
            # nearly all are addresses, and whole: at once, and all others octet by octet
            nul = octets.find(0, at + 3, min(at + _LONGEST, end))
            if nul >= 0 and octets[at] == 1:
                found.append(SmeAddress(octets[at + 1], octets[at + 2], octets[at + 3 : nul]))
                at = nul + 1
            else:
                destination, at = _read_destination(octets, at, end)
                found.append(destination)
        return tuple(found), at

    read_leniently = read

    def write(self, value: tuple[SmeAddress | DistributionList, ...]) -> bytes:
        if not 1 <= len(value) <= 254:
            raise LocalError(f"{len(value)} destinations")
        return bytes((len(value),)) + b"".join([_write_destination(one) for one in value])


def _read_destination(
    octets: bytes, start: int, end: int
) -> tuple[SmeAddress | DistributionList, int]:
    flag, at = _OCTET.read(octets, start, end)
    if flag == 1:
        ton, at = _OCTET.read(octets, at, end)
        npi, at = _OCTET.read(octets, at, end)
        address, at = _ADDRESS.read(octets, at, end)
        return SmeAddress(ton, npi, address), at
    if flag == 2:
        name, at = _LIST_NAME.read(octets, at, end)
        return DistributionList(name), at
    raise Malformed(CommandStatus.ESME_RINVDESTFLAG, f"dest_flag {flag}")


def _write_destination(one: SmeAddress | DistributionList) -> bytes:
    if isinstance(one, DistributionList):
        return b"\x02" + _LIST_NAME.write(one.dl_name)
    return bytes((1, one.dest_addr_ton, one.dest_addr_npi)) + _ADDRESS.write(one.destination_addr)


@dataclass(frozen=True, slots=True)
class UnsuccessSmes:
    """The destinations that submit_multi did not reach, after their number."""

    def read(self, octets: bytes, start: int, end: int) -> tuple[tuple[UnsuccessSme, ...], int]:
        number, at = _OCTET.read(octets, start, end)
        found = []
        for _ in range(number):
            ton, at = _OCTET.read(octets, at, end)
            npi, at = _OCTET.read(octets, at, end)
            address, at = _ADDRESS.read(octets, at, end)
            status, at = _STATUS.read(octets, at, end)
            found.append(UnsuccessSme(ton, npi, address, status))
        return tuple(found), at

    def read_leniently(
        self, octets: bytes, start: int, end: int
    ) -> tuple[tuple[UnsuccessSme, ...], int]:
        try:
            return self.read(octets, start, end)
        except Malformed:
            return (), end

    def write(self, value: tuple[UnsuccessSme, ...]) -> bytes:
        parts = [bytes((len(value),))]
        for one in value:
            parts += (
                bytes((one.dest_addr_ton, one.dest_addr_npi)),
                _ADDRESS.write(one.destination_addr),
                _STATUS.write(one.error_status_code),
            )
        return b"".join(parts)


def integer(size: int = 1, default: int = 0) -> int:
    """Declare an integer field of *size* octets."""
    return _declare(Integer(size), default)


def c_octets(
    size: int, too_long: int = CommandStatus.ESME_RINVCMDLEN, *, secret: bool = False
) -> bytes:
    """Declare a C-octet string field; *size* counts the NUL, *too_long* is the status over it."""
    return _declare(COctets(size, too_long), b"", shown=not secret)


def octets() -> bytes:
    """Declare short_message and its sm_length."""
    return _declare(Octets(), b"", shown=False)


def tlvs() -> tlv.Tlvs:
    """Declare the TLVs at the end of a PDU."""
    return _declare(TlvArea(), (), shown=False)


def dest_addresses() -> tuple[SmeAddress | DistributionList, ...]:
    """Declare number_of_dests and the destinations after the number."""
    return _declare(DestAddresses(), ())


def unsuccess_smes() -> tuple[UnsuccessSme, ...]:
    """Declare no_unsuccess and the addresses after the number."""
    return _declare(UnsuccessSmes(), ())


def _declare(kind: Kind, default: T, *, shown: bool = True) -> T:
    return field(default=default, repr=shown, metadata={"kind": kind})


def layout(pdu: type[Any]) -> tuple[tuple[str, Kind], ...]:
    """Return the wire fields of a PDU class as (name, kind), in order."""
    return tuple((f.name, f.metadata["kind"]) for f in fields(pdu) if "kind" in f.metadata)
