"""The source addresses that a route or a provider accepts, and the replacements of all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smppbridge.model.address import Address, has_letters, source_address

WhenTooLong = Literal["refuse", "cut", "replace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderPolicy:
    """The change of a message's source address; by default none.

    A source that is not among *allowed* (patterns may end with ``*``) is replaced by *replace*, or
    refused if *replace* is empty.  Where the destination begins with one of *numeric_to*, letters
    are replaced by *numeric*.  Letters over *longest* characters are refused, cut or replaced.
    """

    allowed: tuple[str, ...] | None = None
    replace: str = ""
    numeric: str = ""
    numeric_to: tuple[str, ...] = ()
    longest: int = 11
    too_long: WhenTooLong = "refuse"

    def apply(self, source: Address, number: str) -> Address | None:
        """Return the source address for a message to *number*; None if the message is refused."""
        found: Address | None = source
        if not self._allows(source.addr):
            found = self._replaced()
        if found is not None and has_letters(found.addr):
            found = self._lettered(found, number)
        return found

    def _allows(self, addr: str) -> bool:
        if not addr:
            return not self.replace
        if self.allowed is None:
            return True
        return any(
            addr.startswith(pattern[:-1]) if pattern.endswith("*") else addr == pattern
            for pattern in self.allowed
        )

    def _lettered(self, source: Address, number: str) -> Address | None:
        if self.numeric and number.startswith(self.numeric_to):
            return source_address(self.numeric)
        if len(source.addr) <= self.longest:
            return source
        if self.too_long == "cut":
            return Address(source.addr[: self.longest], source.ton, source.npi)
        replaced = self._replaced() if self.too_long == "replace" else None
        return replaced if replaced is not None and len(replaced.addr) <= self.longest else None

    def _replaced(self) -> Address | None:
        return source_address(self.replace) if self.replace else None


ANY_SENDER = SenderPolicy()
