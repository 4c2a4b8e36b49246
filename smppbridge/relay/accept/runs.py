"""runs: the characters that octets of an account stand for, and segments that are read together.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from smppbridge.model.account import Account
from smppbridge.model.message import Segment
from smppbridge.smpp.oddities import Oddity
from smppbridge.text import coding, detect, national, segments
from smppbridge.text.coding import Alphabet
from smppbridge.text.national import DEFAULT, Shift

_SEVEN_BIT = (Alphabet.GSM7, Alphabet.IA5)
_MISTAKABLE = (Alphabet.GSM7, Alphabet.IA5, Alphabet.LATIN1)


@dataclass(slots=True)
class Run:
    """The joined octets of neighbours; without a *shift* they are no characters."""

    alphabet: Alphabet
    shift: Shift | None
    octets: bytes = field(repr=False)


def shift_of(udh: bytes, alphabet: Alphabet) -> Shift | None:
    """Return the tables of a text under a header; None if the octets are no text.

    A header that does more than name tables needs a phone: its octets are for the phone.
    """
    if alphabet is Alphabet.OCTETS:
        return None
    shift, others = national.shift_in(udh)
    if others:
        return None
    return shift if alphabet is Alphabet.GSM7 else DEFAULT  # 23.040, 9.2.3.24.15: 7 bits only


def runs_of(parts: Sequence[Segment], alphabets: Sequence[Alphabet]) -> list[Run]:
    """Return the runs of segments in order; *alphabets* are those of the data_codings.

    Each segment names its own tables.  Octets under headers that differ are not joined.
    """
    parts = [part for part in parts if not part.repeats]
    coded = [(alphabets[part.data_coding], part.octets) for part in parts]
    if not any(part.traits.udh for part in parts):
        return [Run(*_read(alphabet), octets) for alphabet, octets in segments.join(coded)]
    keys = [_key(part.traits.udh, alphabets[part.data_coding]) for part in parts]
    runs = []
    for (shift, _), group in groupby(zip(keys, coded, strict=True), key=lambda each: each[0]):
        joined = segments.join(content for _, content in group)
        runs += [Run(alphabet, shift, octets) for alphabet, octets in joined]
    return runs


def _key(udh: bytes, alphabet: Alphabet) -> tuple[Shift | None, bytes]:
    shift = shift_of(udh, alphabet)
    return shift, udh if shift is None else b""


def _read(alphabet: Alphabet) -> tuple[Alphabet, Shift | None]:
    return alphabet, None if alphabet is Alphabet.OCTETS else DEFAULT


def characters(octets: bytes, alphabet: Alphabet, shift: Shift) -> tuple[str, bool]:
    """Return the text of octets, without NULs at its end, and whether it is read as Latin-1.

    GSM 03.38 has ``@`` at 0x00: there a NUL at the end is a character.  Raises TextError.
    """
    latin1 = alphabet in _SEVEN_BIT and coding.looks_latin1(octets)
    if alphabet is Alphabet.UCS2 and len(octets) % 2 and octets.endswith(b"\0"):
        octets = octets[:-1]  # the NUL that ends a text in C
    text = national.characters(octets, alphabet, shift)
    if latin1 or alphabet is not Alphabet.GSM7:
        text = text.removeprefix("\ufeff").rstrip("\0")
    return text, latin1


def detects(account: Account) -> bool:
    """Return whether the octets under data_coding 0 of an account may be mislabelled."""
    return account.detect_ucs2 or account.detect_utf8


def detected(octets: bytes, alphabet: Alphabet, account: Account) -> Alphabet:
    """Return the alphabet that octets under data_coding 0 are in; *alphabet* in case of doubt."""
    if alphabet not in _MISTAKABLE:
        return alphabet
    if account.detect_ucs2 and detect.looks_ucs2(octets):
        return Alphabet.UCS2
    if account.detect_utf8 and detect.looks_utf8(octets):
        return Alphabet.UTF8
    return alphabet


def doubt(octets: bytes, alphabet: Alphabet, account: Account) -> Oddity | None:
    """Return which mistake the octets of a text look like; None if the account detects that.

    For texts without a header whose first octet is one of few that texts begin with.
    """
    if detect.looks_udh(octets):
        return Oddity.UDH
    mistakable = alphabet in _MISTAKABLE and not account.detect_ucs2
    return Oddity.UCS2 if mistakable and detect.looks_ucs2(octets) else None
