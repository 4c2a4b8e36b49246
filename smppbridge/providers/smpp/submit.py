"""A message in the form of an upstream SMSC: alphabet, addresses, validity, segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.providers.message_class import class_of, waiting_of
from smppbridge.smpp import times, tlvs
from smppbridge.smpp.constants import EsmClass, Npi, Tag, Ton
from smppbridge.smpp.tlvs import Tlvs
from smppbridge.text import coding, gsm7, segments
from smppbridge.text.coding import Alphabet
from smppbridge.text.errors import Unencodable
from smppbridge.text.national import Language
from smppbridge.text.segments import TextSegment, Transport, split

NationalLanguage = Literal[
    "turkish",
    "spanish",
    "portuguese",
    "bengali",
    "gujarati",
    "hindi",
    "kannada",
    "malayalam",
    "oriya",
    "punjabi",
    "tamil",
    "telugu",
    "urdu",
]
TextAlphabet = Literal["gsm7", "latin1", "ia5", "ucs2"]
LongBy = Literal["udh", "udh16", "sar", "payload"]
Validity = Literal["relative", "absolute", "none"]

MAX_ADDRESS = 20
"""Octets of an address in submit_sm (SMPP 3.4, 5.2.8)."""

_LONGEST_VALIDITY = 63 * 7 * 86_400.0  # seconds: 63 weeks, of GSM 03.40, 9.2.3.12.1
_UCS2 = 0x08
_PLAIN_OCTETS = (0x02, 0x04)
_SHORTEST_NUMBER = 7  # digits; an address of fewer digits is a short code
_TRANSPORTS = {"udh": Transport.UDH8, "udh16": Transport.UDH16, "sar": Transport.SAR}


@dataclass(frozen=True, slots=True)
class UserData:
    """The user data of a message before it is cut: by *alphabet*, submitted under *data_coding*.

    *udh* stands before each segment.
    """

    octets: bytes = field(repr=False)
    alphabet: Alphabet
    data_coding: int
    udh: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Piece:
    """The user data and TLVs of one submit_sm, and whether UDHI has to be set."""

    short_message: bytes = field(repr=False)
    tlvs: Tlvs = field(default=(), repr=False)
    udhi: bool = False


def user_data_of(
    message: Message,
    alphabet: TextAlphabet,
    data_coding: int,
    languages: frozenset[int] = frozenset(),
    *,
    mapped: Tlvs = (),
) -> UserData:
    """Return the user data of *message*.  Raises Unencodable.

    Text is in *alphabet* under *data_coding*; a text that *alphabet* lacks is in UCS2 or, beside
    gsm7, in national tables of *languages*, whichever is smaller.  Binary octets stay unchanged.  A
    message class and a message waiting indication are kept, in the form of 3GPP 23.038; those that
    only TLVs say are read from *mapped*.
    """
    asked = message.data_coding
    if message.binary is not None:
        alphabet_asked = coding.alphabet(asked)
        return UserData(
            message.binary, alphabet_asked, _of_octets(asked, mapped), message.traits.udh
        )
    marked = _marked(asked, mapped)
    if marked is None:
        try:
            return _in_own(message.text, Alphabet(alphabet), data_coding)
        except Unencodable:
            marked = data_coding, _UCS2
        if alphabet != "gsm7":
            return UserData(coding.octets(message.text, Alphabet.UCS2), Alphabet.UCS2, _UCS2)
    smallest, octets, udh = segments.smallest(message.text, languages)
    return UserData(octets, smallest, marked[smallest is Alphabet.UCS2], udh)


def languages_of(names: Iterable[NationalLanguage]) -> frozenset[int]:
    """Return the national languages that have these names."""
    return frozenset(Language[name.upper()] for name in names)


def _marked(data_coding: int, mapped: Tlvs) -> tuple[int, int] | None:
    """Return the data_codings (GSM, UCS2) of a class or an indication, None for plain text."""
    if 0xC0 <= data_coding < 0xF0:
        indication = data_coding & 0x0F
        return (0xC0 if data_coding < 0xD0 else 0xD0) | indication, 0xE0 | indication
    message_class, waiting = class_of(data_coding, mapped), waiting_of(data_coding, mapped)
    if message_class is not None:
        return 0x10 | message_class, 0x18 | message_class
    if waiting is not None:
        indication = waiting.active << 3 | waiting.kind
        return 0xD0 | indication, 0xE0 | indication
    return None


def _of_octets(data_coding: int, mapped: Tlvs) -> int:
    """Return the data_coding of octets, with a class that only a TLV says."""
    message_class = class_of(data_coding, mapped) if data_coding in _PLAIN_OCTETS else None
    return data_coding if message_class is None else 0x14 | message_class


def _in_own(text: str, alphabet: Alphabet, data_coding: int) -> UserData:
    if alphabet is Alphabet.UCS2:
        raise Unencodable(alphabet, 0)
    octets = coding.octets(text, alphabet)
    if alphabet is not Alphabet.GSM7 and _is_basic_gsm(text):
        # over the air it is GSM all the same, where 160 of these characters fit
        return UserData(octets, Alphabet.GSM7, data_coding)
    return UserData(octets, alphabet, data_coding)


def _is_basic_gsm(text: str) -> bool:
    try:
        return gsm7.length(text) == len(text)
    except Unencodable:
        return False


def pieces(user_data: UserData, long_by: LongBy, reference: int) -> list[Piece]:
    """Cut user data into one piece for each submit_sm.  Raises TextError."""
    octets, alphabet, udh = user_data.octets, user_data.alphabet, user_data.udh
    transport = _TRANSPORTS.get(long_by, Transport.UDH8)
    cut = split(octets, alphabet, transport, reference, udh)
    if long_by == "payload" and len(cut) > 1:
        payload = tlvs.make_octets(Tag.MESSAGE_PAYLOAD, udh + octets)
        return [Piece(b"", (payload,), bool(udh))]
    return [Piece(each.short_message, _sar(each), bool(each.udh)) for each in cut]


def _sar(segment: TextSegment) -> Tlvs:
    position = segment.position
    if position is None or position.kind is not Transport.SAR:
        return ()
    return (
        tlvs.make_integer(Tag.SAR_MSG_REF_NUM, position.reference),
        tlvs.make_integer(Tag.SAR_TOTAL_SEGMENTS, position.total),
        tlvs.make_integer(Tag.SAR_SEGMENT_SEQNUM, position.number),
    )


def source_of(source: Address, ton: int | None, npi: int | None) -> Address:
    """Return a source address in the form of networks: letters are TON 5, short codes TON 3.

    *ton* and *npi*, if given, are those of all numbers.
    """
    addr = source.addr
    if not addr:
        return Address("")
    digits = addr.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()) or source.ton == Ton.ALPHANUMERIC:
        return Address(addr, Ton.ALPHANUMERIC, Npi.UNKNOWN)
    return _numbered(digits, source, ton, npi)


def destination_of(message: Message, ton: int | None, npi: int | None) -> Address:
    """Return the number of *message* with *ton* and *npi*, or those of the number's form."""
    return _numbered(message.number, message.destination, ton, npi)


def _numbered(addr: str, known: Address, ton: int | None, npi: int | None) -> Address:
    if known.ton in (Ton.NETWORK_SPECIFIC, Ton.ABBREVIATED) or len(addr) < _SHORTEST_NUMBER:
        found = (Ton.NETWORK_SPECIFIC, Npi.UNKNOWN)
    elif addr.startswith("0"):  # no E.164 number begins so
        found = (Ton.NATIONAL, Npi.ISDN)
    else:
        found = (Ton.INTERNATIONAL, Npi.ISDN)
    return Address(addr, found[0] if ton is None else ton, found[1] if npi is None else npi)


def validity_period(form: Validity, expires_at: float, now: float) -> bytes:
    """Write the end of a message's validity (UNIX seconds) in *form*; b"" for form "none"."""
    if form == "none":
        return b""
    if form == "absolute":
        try:
            return times.format_absolute(expires_at)
        except (times.BadTime, OverflowError, ValueError):
            return b""
    return times.format_relative(min(expires_at, now + _LONGEST_VALIDITY), now)


Convert = Callable[[str], str]


def same_spelling(message_id: str) -> str:
    """Return an id unchanged."""
    return message_id


def hex_to_decimal(message_id: str) -> str:
    """Return a hexadecimal id in decimal digits, any other id unchanged."""
    return str(int(message_id, 16)) if _only(message_id, "0123456789abcdefABCDEF") else message_id


def decimal_to_hex(message_id: str) -> str:
    """Return a decimal id in hexadecimal digits, any other id unchanged."""
    return f"{int(message_id):x}" if _only(message_id, "0123456789") else message_id


def _only(text: str, characters: Sequence[str]) -> bool:
    return bool(text) and all(each in characters for each in text)


def esm_class_of(asked: int, udhi: bool) -> int:
    """Return the ESME's type and features of *asked*, with *udhi* as UDHI."""
    kept = asked & ~(EsmClass.MODE | EsmClass.UDHI)
    return kept | EsmClass.UDHI if udhi else kept
