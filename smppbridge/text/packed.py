"""Packed septets: eight in seven octets, as over the air (3GPP 23.038, 6.1.2.1).

TP-UDL counts septets; sm_length counts octets. Where seven bits of the last octet are spare, they
may be padding or a character: zeros would be ``@``. So CR is written there, and at an end on an
octet boundary both CR and zeros are read as padding (3GPP 23.038, 6.1.2.3.1, says so of CR for
USSD, which counts octets too). A text that ends there with ``@`` or CR itself gets a CR more.
"""

from __future__ import annotations

from smppbridge.text.errors import Undecodable

_CR = 0x0D
_PADDING = (0x00, _CR)
_OCTETS, _SEPTETS = 7, 8  # of a group


def pack(septets: bytes, header: int = 0) -> bytes:
    """Return octets of `septets`, after fill bits where a UDH of `header` octets stands before.

    Raises Undecodable for an octet of 0x80 or more (3GPP 23.038, 6.1.2.1; 23.040, 9.2.3.24).
    """
    if not septets.isascii():
        raise Undecodable("an octet is not a septet")
    if not septets:
        return b""
    fill = _fill(header)
    spare = -(fill + 7 * len(septets)) % 8
    if spare == 7 or (spare == 0 and septets[-1] in _PADDING):
        septets += bytes((_CR,))
    groups = [septets[at : at + _SEPTETS] for at in range(0, len(septets), _SEPTETS)]
    whole = b"".join([_packed(group).to_bytes(_OCTETS, "little") for group in groups])
    bits = int.from_bytes(whole, "little") << fill
    return bits.to_bytes((fill + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, header: int = 0) -> bytes:
    """Return the septets of `octets`, one in each octet, without fill bits and padding.

    `header` is the number of octets of the UDH before them (3GPP 23.038, 6.1.2.1).
    """
    fill = _fill(header)
    bits = 8 * len(octets) - fill
    count = max(0, bits) // 7
    whole = (int.from_bytes(octets, "little") >> fill).to_bytes(len(octets), "little")
    groups = [whole[at : at + _OCTETS] for at in range(0, len(whole), _OCTETS)]
    septets = b"".join([_unpacked(int.from_bytes(group, "little")) for group in groups])[:count]
    at_boundary = count and bits % 7 == 0
    return septets[:-1] if at_boundary and septets[-1] in _PADDING else septets


def _fill(header: int) -> int:
    """Return the bits between a header of so many octets and the next septet boundary."""
    return -8 * header % 7


def _packed(group: bytes) -> int:
    return sum(septet << 7 * place for place, septet in enumerate(group))


def _unpacked(bits: int) -> bytes:
    return bytes(bits >> 7 * place & 0x7F for place in range(_SEPTETS))
