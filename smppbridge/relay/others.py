"""others: the bridges of a shared store, and the acts that they carry out for this one.

Only the bridge that has a message acts on it.  Whoever is asked for an act at another bridge has it
carried out by the owner, and answers with the owner's answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class FarAnswers:
    """The answers of other bridges, by their names, and those that gave none in time.

    An act of a silent bridge is carried out or not: nobody knows yet.
    """

    by_name: Mapping[str, Any]
    silent: Sequence[str] = ()


class OtherBridges(Protocol):
    """The other bridges of the store."""

    @property
    def alone(self) -> bool:
        """Whether no other bridge runs."""

    def ask(
        self, shards: Collection[int] | None, act: str, body: Mapping[str, Any], seconds: float
    ) -> Awaitable[FarAnswers]:
        """Have an act carried out by the owners of *shards*, or by all others (None).

        Waits *seconds* at most; an act that is not taken up by then never is.  Raises StoreFailure:
        no bridge was asked.
        """


class NoOthers:
    """The other bridges of a store that is one bridge's alone: there are none."""

    alone = True

    async def ask(
        self, shards: Collection[int] | None, act: str, body: Mapping[str, Any], seconds: float
    ) -> FarAnswers:
        """Ask nobody."""
        return FarAnswers({})
