"""An MO message as deliver_sm carry it: coded, cut, addressed; pure."""

from __future__ import annotations

from smppbridge.model.address import Address, source_address
from smppbridge.model.mo import Mo
from smppbridge.model.report import MoContent
from smppbridge.routing.mo import keyword_of
from smppbridge.smpp.constants import EsmClass
from smppbridge.text import coding
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import BadUdh, TooLong, Undecodable, Unencodable
from smppbridge.text.segments import Position, Transport, position_in_udh, split

_UCS2 = 8
_MOST_OCTETS = 65_535  # a TLV holds no more
_LONGEST_ADDRESS = 20  # SMPP 3.4, 4.6.1: 21 with the NUL
_LONGEST_ID = 255
_RECEIPT = EsmClass.RECEIPT | EsmClass.INTERMEDIATE


def contents(mo: Mo, alphabet_0: str, reference: int) -> list[MoContent]:
    """Return what each deliver_sm carries; nothing if not even message_payload holds it.

    Text is coded as an account reads data_coding 0 (*alphabet_0*), or, where that lacks a
    character, in UCS2.  *reference* is what its segments have in common; 8 bits of it count.
    """
    if mo.octets is not None:  # marked as a receipt it would be read as one
        found = [MoContent(mo.octets, mo.data_coding & 0xFF, mo.esm_class & 0xFF & ~_RECEIPT)]
    else:
        found = _of_text(_sound(mo.text), Alphabet(alphabet_0), reference)
    return found if all(len(each.octets) <= _MOST_OCTETS for each in found) else []


def _of_text(text: str, alphabet: Alphabet, reference: int) -> list[MoContent]:
    data_coding = 0
    try:
        octets = coding.octets(text, alphabet)
    except Unencodable:
        alphabet, data_coding = Alphabet.UCS2, _UCS2
        octets = coding.octets(text, alphabet)
    try:
        segments = split(octets, alphabet, Transport.UDH8, reference)
    except TooLong:
        return [MoContent(octets, data_coding)]
    return [
        MoContent(each.short_message, data_coding, EsmClass.UDHI if each.udh else 0)
        for each in segments
    ]


def heading(mo: Mo) -> tuple[Position | None, str]:
    """Return which segment a message is, if it is one, and its keyword, if it begins a text."""
    if mo.octets is None:
        return None, keyword_of(mo.text)
    position, octets = None, mo.octets
    if mo.esm_class & EsmClass.UDHI:
        try:
            position, _, octets = position_in_udh(octets)
        except BadUdh:
            return None, ""
    if position is not None and position.number > 1:
        return position, ""
    alphabet = coding.alphabet(mo.data_coding & 0xFF)
    try:
        return position, keyword_of(coding.characters(octets, alphabet))
    except Undecodable:
        return position, ""


def address_of(number: str) -> Address:
    """Return an address with its TON and NPI, whatever a provider calls one."""
    addr = number.removeprefix("+")[:_LONGEST_ADDRESS]
    addr = "".join(each if " " <= each <= "~" else "?" for each in addr)
    return source_address(addr) if addr else Address("")


def shown_id(provider_message_id: str) -> str:
    """Return a provider's id as it can be kept: whatever it is made of, bounded."""
    return _sound(provider_message_id[:_LONGEST_ID])


def _sound(text: str) -> str:
    """Return a text whose surrogates are in pairs, or U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
