"""The user data header: information elements before the text, where esm_class has UDHI."""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.text.errors import BadUdh

Element = tuple[int, bytes]

CONCATENATION_8 = 0x00
CONCATENATION_16 = 0x08


@dataclass(frozen=True, slots=True)
class Concatenation:
    """The number of a segment and its message (3GPP 23.040, 9.2.3.24.1 and .8)."""

    reference: int
    total: int
    number: int
    wide: bool


@dataclass(frozen=True, slots=True)
class Udh:
    """Information elements as (IEI, data), in order; unknown ones are kept."""

    elements: tuple[Element, ...] = ()

    @property
    def concatenation(self) -> Concatenation | None:
        """The last valid concatenation element, wherever it stands (3GPP 23.040, 9.2.3.24)."""
        for iei, data in reversed(self.elements):
            found = _concatenation(iei, data)
            if found:
                return found
        return None

    @property
    def others(self) -> tuple[Element, ...]:
        """Every element but those of concatenation, valid or not."""
        return tuple(
            element
            for element in self.elements
            if element[0] not in (CONCATENATION_8, CONCATENATION_16)
        )

    def encode(self) -> bytes:
        """Return UDHL and the elements (3GPP 23.040, 9.2.3.24); BadUdh above 255 octets."""
        try:
            body = b"".join(bytes((iei, len(data))) + data for iei, data in self.elements)
            return bytes((len(body),)) + body
        except ValueError:
            raise BadUdh("a user data header holds at most 255 octets") from None


def parse(octets: bytes) -> tuple[Udh, bytes]:
    """Return the header and the octets after the header (3GPP 23.040, 9.2.3.24).

    BadUdh if there are no octets, UDHL exceeds them, or an element exceeds UDHL.
    """
    if not octets:
        raise BadUdh("UDHI without any octets")
    end = 1 + octets[0]
    if end > len(octets):
        raise BadUdh(f"UDHL {octets[0]} with {len(octets) - 1} octets left")
    elements: list[Element] = []
    at = 1
    while at < end:
        start = at + 2
        at = start + octets[at + 1] if start <= end else start
        if at > end:
            raise BadUdh("an element exceeds UDHL")
        elements.append((octets[start - 2], octets[start:at]))
    return Udh(tuple(elements)), octets[end:]


def concatenation_element(concatenation: Concatenation) -> Element:
    """Return the element of `concatenation`, the reference cut to 8 bits unless wide."""
    numbers = bytes((concatenation.total, concatenation.number))
    if concatenation.wide:
        return CONCATENATION_16, (concatenation.reference & 0xFFFF).to_bytes(2, "big") + numbers
    return CONCATENATION_8, bytes((concatenation.reference & 0xFF,)) + numbers


def _concatenation(iei: int, data: bytes) -> Concatenation | None:
    if (iei, len(data)) not in ((CONCATENATION_8, 3), (CONCATENATION_16, 4)):
        return None
    *reference, total, number = data
    if not 0 < number <= total:
        return None
    return Concatenation(
        int.from_bytes(reference, "big"), total, number, wide=iei == CONCATENATION_16
    )
