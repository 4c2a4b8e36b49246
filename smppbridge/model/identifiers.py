"""Ids of messages: ours (message_id) and the spellings of a provider's (provider_message_id)."""

from __future__ import annotations

from collections.abc import Collection
from string import ascii_lowercase, ascii_uppercase
from typing import Literal

Tolerance = Literal["exact", "case", "zeros"]
"""How the ids of a provider's reports may differ from those of its answers: not at all, in letter
case, or in letter case and leading zeros."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)  # all that SQL's lower() is sure to know
_BITS = 1 << 24


class Identifiers:
    """Makes increasing message_ids, the first one above *last* and not below *now* in microseconds.

    The clock keeps a store that has lost its newest rows (a restored backup, an emptied file) from
    giving a message_id twice.
    """

    __slots__ = ("_last",)

    def __init__(self, last: int, now: float) -> None:
        self._last = max(last, int(now * 1_000_000))

    def take(self) -> int:
        """Return the next message_id."""
        self._last += 1
        return self._last

    def take_row(self, count: int) -> int:
        """Return the first of the next *count* message_ids, which are in a row."""
        first = self._last + 1
        self._last += count
        return first


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
