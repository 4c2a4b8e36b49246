"""optouts: the numbers that want no more messages: in memory beside the store, bounded; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

MOST = 1_000_000


class Optouts:
    """Numbers by the provider at which they opted out.

    Only Mobile adds and drops numbers; a reload changes the providers that refuse.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._refusing: Collection[str] = ()
        self._numbers: dict[str, set[str]] = {}
        self._count = 0
        for provider, number in known:
            self.add(provider, number)

    def change(self, refusing: Collection[str]) -> None:
        """Refuse messages to the opted-out numbers of these providers, and of no others."""
        self._refusing = refusing

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        """Return whether there is no room for another number."""
        return self._count >= MOST

    def stops(self, route: Iterable[str], number: str) -> bool:
        """Return whether a provider on *route* refuses messages to *number*."""
        if not self._refusing:
            return False
        return any(
            name in self._refusing and number in self._numbers.get(name, ()) for name in route
        )

    def add(self, provider: str, number: str) -> None:
        """Add a number, if there is room."""
        numbers = self._numbers.setdefault(provider, set())
        if number not in numbers and not self.full:
            numbers.add(number)
            self._count += 1

    def drop(self, provider: str, number: str) -> None:
        """Let a number have messages again."""
        numbers = self._numbers.get(provider, set())
        if number in numbers:
            numbers.remove(number)
            self._count -= 1
