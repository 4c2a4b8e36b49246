"""The TLVs that a message keeps: their bounds, and those that have a name in the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from smppbridge.smpp.constants import CommandStatus

Tlv = tuple[int, bytes]
Tlvs = tuple[Tlv, ...]
TlvKind = Literal["text", "digits", "integer", "octets"]

MOST_TLVS, MOST_OCTETS = 24, 1024
"""TLVs that one message keeps, and their octets with tag and length: more of them are dropped."""

LONGEST_VALUE = 255
HEAD = 4  # octets of tag and length
_INTEGERS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class NamedTlv:
    """A TLV with its name in the configuration.

    *longest* is in characters without the NUL (text, digits) or in octets.  An *echo* TLV comes
    back in the receipts of its message.
    """

    name: str
    tag: int
    kind: TlvKind = "text"
    longest: int = LONGEST_VALUE
    echo: bool = False

    def fault(self, value: bytes) -> int:
        """Return the command_status that refuses a value; 0 for a sound value."""
        if self.kind == "octets":
            return 0 if len(value) <= self.longest else CommandStatus.ESME_RINVPARLEN
        if self.kind == "integer":
            sound = len(value) in _INTEGERS and len(value) <= self.longest
            return 0 if sound else CommandStatus.ESME_RINVPARLEN
        said = value.partition(b"\0")[0]
        if len(said) > self.longest:
            return CommandStatus.ESME_RINVPARLEN
        good = said.isdigit() if self.kind == "digits" else _is_printable(said)
        return 0 if good else CommandStatus.ESME_RINVOPTPARAMVAL

    def is_empty(self, value: bytes) -> bool:
        """Return whether a TLV says nothing: clients write empty TLVs for ids that they lack."""
        return not (value if self.kind in ("integer", "octets") else value.partition(b"\0")[0])

    def text(self, value: bytes) -> str:
        """Return a value for a text: characters, a decimal number, or octets in hex."""
        if self.kind == "integer":
            return str(int.from_bytes(value, "big"))
        if self.kind == "octets":
            return value.hex()
        return value.partition(b"\0")[0].decode("ascii", "replace")

    def value(self, text: str) -> bytes:
        """Return the value that `text` writes so; raises ValueError with words for an operator."""
        try:
            value = self._value(text)
        except (ValueError, OverflowError):
            value = b""
        if self.is_empty(value) or self.fault(value):
            raise ValueError(f"is no value of {self.name}: {self.form}")
        return value

    @property
    def form(self) -> str:
        """The form of the values, in words."""
        if self.kind == "integer":
            return f"a whole number in {self.longest} octets"
        if self.kind == "octets":
            return f"hex digits, {self.longest} octets at most"
        what = "digits" if self.kind == "digits" else "printable ASCII characters"
        return f"1 to {self.longest} {what}"

    def _value(self, text: str) -> bytes:
        if self.kind == "integer":
            return int(text).to_bytes(self.longest, "big")
        if self.kind == "octets":
            return bytes.fromhex(text)
        return text.encode("ascii") + b"\0"  # clients and SMSCs without it cut a character


@dataclass(frozen=True, slots=True)
class TlvDemands:
    """The TLVs that a route adds to messages (*given*, unless they have them) and *required*."""

    required: tuple[NamedTlv, ...] = ()
    given: Tlvs = ()


DLT: Mapping[str, NamedTlv] = {
    each.name: each
    for each in (
        NamedTlv("dlt_entity_id", 0x1400, "digits", 30),
        NamedTlv("dlt_template_id", 0x1401, "digits", 30),
    )
}
"""The ids of India's registry (DLT), under the tags of most operators; 19 digits as a rule."""


def demands_of(
    required: tuple[NamedTlv, ...], account: Iterable[Tlv], route: Iterable[Tlv]
) -> TlvDemands | None:
    """Return the demands of a route on an account's messages; None if there are none.

    A TLV of the account goes before one of the route with the same tag.
    """
    given = tuple((dict(route) | dict(account)).items())
    return TlvDemands(required, given) if required or given else None


def named_values(named: Iterable[NamedTlv], tlvs: Tlvs) -> dict[str, str]:
    """Return the text of each named TLV by its name; "" for a TLV that the message lacks."""
    found = dict(reversed(tlvs))  # of several with one tag the first holds
    return {each.name: each.text(found[each.tag]) if each.tag in found else "" for each in named}


def echoed(tlvs: Tlvs, tags: frozenset[int]) -> Tlvs:
    """Return the TLVs of a message that its receipts carry."""
    return tuple(each for each in tlvs if each[0] in tags)


def _is_printable(octets: bytes) -> bool:
    return octets.isascii() and octets.decode("latin-1").isprintable()
