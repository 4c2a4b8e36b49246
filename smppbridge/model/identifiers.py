"""Ids of messages: ours (message_id) and the spellings of a provider's (provider_message_id)."""

from __future__ import annotations

from collections.abc import Collection
from string import ascii_lowercase, ascii_uppercase
from typing import Literal

from smppbridge.model.account import Account

Tolerance = Literal["exact", "case", "zeros"]
"""How the ids of a provider's reports may differ from those of its answers: not at all, in letter
case, or in letter case and leading zeros."""

IdKind = Literal["decimal", "hex", "padded"]
"""How an account has its message_ids written; padded: decimal with zeros in front."""

SLOTS = 100
"""How many bridges may share a store; a message_id ends in the slot of the one that gave it."""
_SLOTTED = 10**17  # microseconds alone, without a slot, are below this until the year 5138
PADDED = 18  # digits: as many as a message_id can have
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)  # all that SQL's lower() is sure to know
_BITS = 1 << 24
_DIGITS = {b"d": (10, frozenset(b"0123456789")), b"x": (16, frozenset(b"0123456789abcdefABCDEF"))}
_LONGEST = 64  # octets of a message_id (SMPP 3.4, 4.4.2)


def id_form(kind: IdKind, width: int = 0) -> bytes:
    """Return a form of printf for message_ids: *width* digits at least; padded without: 18."""
    if kind == "padded":
        return b"%%0%dd" % (width or PADDED)
    return b"%%0%d%b" % (width or 1, b"x" if kind == "hex" else b"d")


def written(message_id: int, account: Account) -> bytes:
    """Return the octets by which an account knows the message called *message_id*."""
    return account.id_form % message_id


def read_id(octets: bytes, account: Account) -> int | None:
    """Return the message_id that an account wrote as *octets*; None: no message is called that.

    Digits in the account's base; letter case, zeros in front and blanks around make no difference.
    """
    base, digits = _DIGITS[account.id_form[-1:]]
    found = octets.strip(b" ")
    if not 0 < len(found) <= _LONGEST or not digits.issuperset(found):
        return None
    number = int(found, base)
    return number if 0 < number < 1 << 63 else None


class Identifiers:
    """Makes increasing message_ids: microseconds times SLOTS, plus the *slot* of this bridge.

    The first one is above *last* and not below *now* in microseconds: the clock keeps a store that
    has lost its newest rows (a restored backup, an emptied file) from giving a message_id twice.
    Bridges that share a store have a slot each, so that they give no id twice between them.
    """

    __slots__ = ("_last", "_slots")

    def __init__(self, last: int, now: float, slot: int = 0, slots: int = SLOTS) -> None:
        self._slots = slots
        self._last = max(last // slots, int(now * 1_000_000)) * slots + slot

    def take(self) -> int:
        """Return the next message_id."""
        self._last += self._slots
        return self._last

    def take_row(self, count: int) -> range:
        """Return the next *count* message_ids."""
        first = self._last + self._slots
        self._last += count * self._slots
        return range(first, self._last + 1, self._slots)


def row_of(first: int, count: int) -> range:
    """Return the message_ids that were taken in a row; those of versions without slots too."""
    step = SLOTS if first >= _SLOTTED else 1
    return range(first, first + count * step, step)


def slot_of(message_id: int) -> int:
    """Return the slot of the bridge that gave a message_id; 0 for versions without slots."""
    return message_id % SLOTS if message_id >= _SLOTTED else 0


def given_at(message_id: int) -> float:
    """Return when a message_id was given, UNIX seconds; those of versions without slots too."""
    return _counted(message_id) / 1e6


def reference_of(message_id: int) -> int:
    """Return the number by which the segments of a message are joined, the lowest bits of which
    differ from those of the messages before and after.
    """
    return _counted(message_id)


def _counted(message_id: int) -> int:
    return message_id // SLOTS if message_id >= _SLOTTED else message_id


class StoredIds:
    """The provider_message_ids of messages that only the store holds: perhaps one id too many.

    A bit for each hash: two million octets, however many ids there are.
    """

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredIds) and self._bits == other._bits

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._bits)

    def __contains__(self, key: tuple[str, str]) -> bool:
        at = hash(key) % _BITS
        return bool(self._bits) and bool(self._bits[at >> 3] >> (at & 7) & 1)

    def update(self, others: StoredIds) -> None:
        """Add the ids of other messages."""
        if not self._bits:
            self._bits = bytearray(others._bits)
        elif others:
            mine, more = (int.from_bytes(bits) for bits in (self._bits, others._bits))
            self._bits = bytearray((mine | more).to_bytes(len(self._bits)))

    def add(self, key: tuple[str, str]) -> None:
        """Add the id of a message: (provider, provider_message_id)."""
        if not self._bits:
            self._bits = bytearray(_BITS >> 3)
        at = hash(key) % _BITS
        self._bits[at >> 3] |= 1 << (at & 7)


def same_id(provider_message_id: str) -> str:
    """Return the key that all spellings of an id share: no leading zeros, a to z in lower case."""
    return provider_message_id.lstrip("0").translate(_LOWER)


def is_alike(one: str, other: str, tolerance: Tolerance) -> bool:
    """Return whether two ids may be one, by a provider's tolerance."""
    if one == other or tolerance == "exact":
        return one == other
    if tolerance == "case":
        return one.translate(_LOWER) == other.translate(_LOWER)
    return same_id(one) == same_id(other)


def spelling_of(wanted: str, known: Collection[str], tolerance: Tolerance) -> str | None:
    """Return the very id among *known*, else the only spelling like it; None if several are."""
    if wanted in known or tolerance == "exact":
        return wanted if wanted in known else None
    alike = {each for each in known if is_alike(wanted, each, tolerance)}
    return alike.pop() if len(alike) == 1 else None
