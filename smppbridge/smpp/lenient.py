"""Requests that are not as they should be, read as their sender likely meant them.

Nothing here runs but for a PDU that the codec refuses, in a session that forgives the oddity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from smppbridge.smpp import tlvs
from smppbridge.smpp.codec import Frame
from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.errors import Malformed, PduError
from smppbridge.smpp.fields import COctets, Integer, Kind, Octets, TlvArea, layout
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import BY_COMMAND_ID, Pdu

LONGEST_TEXT = 64
"""Octets of the longest C-octet string that is read, whatever its field allows."""


def decode(
    octets: bytes, start: int, end: int, head: tuple[int, int, int], forgiven: Collection[str]
) -> tuple[Pdu, tuple[Oddity, ...]]:
    """Read the request whose body is octets[start:end], and return the oddities in the body too.

    *head* is its command_id, command_status and sequence_number (SMPP 3.4, 3.2), *forgiven* the
    words of the oddities that are read over.  Raises PduError at the first other one, and at a text
    of over LONGEST_TEXT octets.
    """
    command_id, status, number = head
    cls = BY_COMMAND_ID[command_id]
    values: list[Any] = []
    found: list[Oddity] = []
    at = start
    for name, kind in layout(cls):
        if isinstance(kind, TlvArea) and Oddity.SM_LENGTH in forgiven:
            text = _counted_in_characters(kind, values[-1], octets[at:end])
            if text:
                values[-1], at = text, end
                found.append(Oddity.SM_LENGTH)
        try:
            value, at, oddity = _read(kind, octets, at, end, forgiven)
        except Malformed as error:
            why = f"{name}: {error.why}"
            raise PduError(error.status, command_id, number, why, error.oddity) from None
        values.append(value)
        found += () if oddity is None else (oddity,)
    return cls(status, number, *values), tuple(dict.fromkeys(found))


def _read(
    kind: Kind, octets: bytes, at: int, end: int, forgiven: Collection[str]
) -> tuple[Any, int, Oddity | None]:
    """Return a field, the offset of its end, and its oddity; raises Malformed for any other."""
    try:
        return *kind.read(octets, at, end), None
    except Malformed as error:
        if error.oddity is None or error.oddity not in forgiven:
            raise
        return *_forgiven(kind, octets, at, end), error.oddity


def _forgiven(kind: Kind, octets: bytes, at: int, end: int) -> tuple[Any, int]:
    if isinstance(kind, COctets):
        value, after = kind.read_leniently(octets, at, end)
        if len(value) > LONGEST_TEXT:
            raise Malformed(kind.too_long, f"over {LONGEST_TEXT} octets", Oddity.LONG_FIELD)
        return value, after
    if isinstance(kind, TlvArea):
        found, after = kind.read_leniently(octets, at, end)
        return tlvs.fitted(found), after
    if isinstance(kind, Integer | Octets):
        return kind.read_leniently(octets, at, end)
    raise Malformed(CommandStatus.ESME_RINVCMDLEN, "cut short")


def _counted_in_characters(kind: TlvArea, text: Any, rest: bytes) -> bytes:
    """Return the whole short_message where sm_length counts UCS2 characters, else no octets.

    Then as many octets as sm_length says are left for the TLVs, and are none.
    """
    if not isinstance(text, bytes) or not text or len(rest) != len(text):
        return b""
    try:
        kind.read(rest, 0, len(rest))
    except Malformed:
        return text + rest
    return b""


class Indulgence:
    """The oddities of one peer: *forgives* are read over, and each oddity met is given to *note*.

    Only the owner of the session writes *forgives*; *forgave* are the oddities that were read over.
    """

    __slots__ = ("forgave", "forgives", "note")

    def __init__(
        self,
        forgives: Collection[str] = frozenset(),
        note: Callable[[Oddity], None] = lambda oddity: None,
    ) -> None:
        self.forgives = forgives
        self.forgave: set[Oddity] = set()
        self.note = note

    def read(self, octets: bytes, frame: Frame, error: PduError) -> Pdu | PduError:
        """Return the request that the codec has refused with *error*, or its first other fault."""
        if not self.forgives:
            return error
        command_id, status, number, start, end = frame
        head = (command_id, status, number)
        try:
            request, found = decode(octets, start, end, head, self.forgives)
        except PduError as other:
            return other
        self.forgave.update(found)
        for oddity in found:
            self.note(oddity)
        return request
