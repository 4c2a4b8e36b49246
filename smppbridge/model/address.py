"""Source and destination addresses, and the E.164 digits of a destination."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from smppbridge.smpp.constants import Npi, Ton

_DROPPED = str.maketrans("", "", " -.()")
_UNSAID = frozenset((Ton.UNKNOWN, Ton.ALPHANUMERIC))  # of digits: some clients set 5 for all
_NUMBERS = _UNSAID | {Ton.INTERNATIONAL, Ton.NATIONAL, Ton.SUBSCRIBER}
_SHORT = frozenset((Ton.NETWORK_SPECIFIC, Ton.ABBREVIATED))


_SHORTEST = 7  # digits of a number; an address of fewer digits is a short code
_LONGEST = 20  # SMPP 3.4, 4.4.1: 21 with the NUL


class BadAddress(ValueError):
    """The address cannot be the destination or the source of a message."""


class BadTon(BadAddress):
    """The type of number is reserved or does not suit a destination."""


class NoCountry(BadAddress):
    """The number is national, and nobody says of which country."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address as its owner wrote it; *addr* is digits, or letters for an alphanumeric source."""

    addr: str
    ton: int = 0
    npi: int = 0


def has_letters(addr: str) -> bool:
    """Return whether *addr* is a name and not a number."""
    return bool(addr) and not addr.removeprefix("+").isdecimal()


def source_address(addr: str) -> Address:
    """Return the source address written *addr*: a name, a short code or an E.164 number."""
    if has_letters(addr):
        return Address(addr, Ton.ALPHANUMERIC, Npi.UNKNOWN)
    digits = addr.removeprefix("+")
    if len(digits) < _SHORTEST:
        return Address(digits, Ton.NETWORK_SPECIFIC, Npi.UNKNOWN)
    return Address(digits, Ton.INTERNATIONAL, Npi.ISDN)


def ends_of(source: str, destination: str) -> tuple[Address, Address]:
    """Return both addresses of a message as a person writes them.

    243... and 00243... are international numbers, 08... is national, a few digits are a short code.
    Raises BadAddress.
    """
    sender, receiver = as_written(source), as_written(destination)
    if receiver.ton == Ton.ALPHANUMERIC:
        raise BadAddress("a destination is digits")
    return sender, receiver


def as_written(given: str) -> Address:
    """Return an address that a person wrote, as `ends_of` does; raises BadAddress."""
    if not given or len(given) > _LONGEST or not given.isascii() or "\0" in given:
        raise BadAddress(f"an address has 1 to {_LONGEST} ASCII characters")
    digits = given.removeprefix("+")
    if not digits.isdecimal():
        return Address(given, Ton.ALPHANUMERIC, Npi.UNKNOWN)
    if digits == given and len(digits) < _SHORTEST:
        return Address(digits, Ton.NETWORK_SPECIFIC, Npi.UNKNOWN)
    if digits.startswith("00"):
        return Address(digits[2:], Ton.INTERNATIONAL, Npi.ISDN)
    ton = Ton.NATIONAL if digits.startswith("0") else Ton.INTERNATIONAL
    return Address(digits, ton, Npi.ISDN)


def number_of(destination: Address, country: str | None = None) -> str:
    """Return the E.164 digits of a destination, without sign.

    *country* (ISO 3166 alpha-2) is the country of national numbers; without *country* they are
    refused.  A short code (TON 3 or 6) is returned unchanged; digits under TON 5 are read as under
    TON 0.  Raises BadTon, BadAddress.
    """
    addr, ton = destination.addr, destination.ton
    if (
        addr.isdecimal()
        and addr.isascii()
        and ton <= 1
        and addr[0] != "0"
        and _SHORTEST <= len(addr) <= 15
    ):
        return addr
    digits = addr.strip().translate(_DROPPED)
    plus = digits.startswith("+")
    digits = digits.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()):
        raise BadAddress("not digits")
    if plus:
        return _international(digits)
    if ton in _SHORT:
        return digits
    if ton not in _NUMBERS:
        raise BadTon(f"type of number {ton}")
    if ton == Ton.INTERNATIONAL or (ton in _UNSAID and digits.startswith("00")):
        return _international(digits.removeprefix("00"))
    if ton in _UNSAID and not digits.startswith("0"):
        return _international(digits)
    return _national(digits, country)


def _international(digits: str) -> str:
    if not _SHORTEST <= len(digits) <= 15 or digits[0] == "0":
        raise BadAddress("not an E.164 number")
    return digits


def _national(digits: str, country: str | None) -> str:
    if country is None:
        raise NoCountry("a national number, and the account has no country")
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException as error:
        raise BadAddress(f"not a number of {country}") from error
    return _international(
        f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
    )
