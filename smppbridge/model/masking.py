"""Numbers of phones as they are shown where nobody has asked for the whole number."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<!\d)\d{9,15}(?!\d)")


def mask(number: str) -> str:
    """Return a number with its middle hidden; of a short number only the last two digits are kept.

    >>> mask("243810000001")
    '2438*****001'
    """
    if len(number) < 10:
        return "*" * len(number[:-2]) + number[-2:]
    return f"{number[:4]}{'*' * (len(number) - 7)}{number[-3:]}"


def masked(addr: str) -> str:
    """Return an address as it came, masked if most of its characters are digits.

    >>> masked("+243810000001"), masked("243-81-00-00-001"), masked("BANK24")
    ('+243******001', '243-*********001', 'BANK24')
    """
    digits = sum(c.isdigit() for c in addr)
    return mask(addr) if digits * 2 > len(addr) else addr


def masked_forms(number: str) -> tuple[str, ...]:
    """Return a number masked, in each form in which an ESME or a provider may have written it.

    >>> masked_forms("243810000001")
    ('2438*****001', '+243******001', '0024*******001')
    """
    digits = "".join(c for c in number if c.isdecimal())
    digits = digits.removeprefix("00") if number.startswith("00") else digits
    forms = (number, digits, f"+{digits}", f"00{digits}")
    return tuple(dict.fromkeys(map(masked, forms)))


def masked_words(text: str) -> str:
    """Return words of a provider or of ours with the numbers in them masked.

    >>> masked_words("no credit for +243810000001")
    'no credit for +2438*****001'
    """
    return _NUMBER.sub(lambda found: mask(found[0]), text)
