"""Who wants no more messages: in memory beside the store, bounded."""

from __future__ import annotations

from collections.abc import Collection, Iterable

MOST = 1_000_000


class Optouts:
    """Numbers by the provider that they opted out at; *refusing* are those whose word counts."""

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self.refusing: Collection[str] = ()
        self._numbers: dict[str, set[str]] = {}
        self._count = 0
        for provider, number in known:
            self.add(provider, number)

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        """Tell whether there is no room for another one."""
        return self._count >= MOST

    def stops(self, route: Iterable[str], number: str) -> bool:
        """Tell whether a provider on *route* is one that refuses *number*."""
        if not self.refusing:
            return False
        return any(
            name in self.refusing and number in self._numbers.get(name, ()) for name in route
        )

    def add(self, provider: str, number: str) -> None:
        """Take a number in, if there is room."""
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
