"""Distribution lists: numbers that an ESME sends to by the name of their list."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_NUMBERS = 10_000
"""Numbers of one list, and messages that one submit_multi becomes."""


@dataclass(frozen=True, slots=True)
class NumberList:
    """The E.164 digits of a distribution list; *accounts* may send to the list, None: all."""

    numbers: tuple[str, ...] = field(repr=False)
    accounts: frozenset[str] | None = None

    def serves(self, system_id: str) -> bool:
        """Return whether an account may send to the list."""
        return self.accounts is None or system_id in self.accounts
