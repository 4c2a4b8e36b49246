"""The faults of a template, each at one of its keys."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class BadTemplate(ValueError):
    """A template cannot be used; *faults* are pairs of a key (``submit.url``) and its fault."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{key} {message}" for key, message in self.faults))


class Faults:
    """Gathers the faults of a template, to raise all at once; the first fault of a key counts."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, key: str, message: str) -> None:
        """Record a fault of *key*."""
        self._found.setdefault(key, message)

    def close(self) -> None:
        """Raise BadTemplate if a fault was recorded."""
        if self._found:
            raise BadTemplate(self._found.items())


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to *word*, as the end of a message."""
    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {{{near[0]}}}?" if near else ""
