"""The behaviour of a simulator towards a message, by the last two digits of the destination."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar

from smppbridge.smpp.constants import MessageState

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REMEMBERED = 100_000
THROTTLED_TIMES = 2


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The answer to a message, and the report about the message.

    *state* None: no report; *early*: the report comes before the answer; *answer_after* is in
    seconds.
    """

    answer: Literal["accept", "reject", "error", "throttle", "silence"] = "accept"
    state: MessageState | None = MessageState.DELIVERED
    reports: int = 1
    early: bool = False
    answer_after: float = 0.0


DELIVERED = Behaviour()
BEHAVIOURS: Mapping[str, Behaviour] = MappingProxyType(
    {
        "90": Behaviour(state=MessageState.UNDELIVERABLE),
        "91": Behaviour("reject", None),
        "92": Behaviour(answer_after=5.0),
        "93": Behaviour("error", None),
        "94": Behaviour("throttle"),
        "95": Behaviour("silence", None),
        "96": Behaviour(early=True),
        "97": Behaviour(reports=2),
        "98": Behaviour(state=None),
        "99": Behaviour(state=MessageState.EXPIRED),
    }
)


def behaviour_of(number: str) -> Behaviour:
    """Return the behaviour towards a message to *number*."""
    return BEHAVIOURS.get(number[-2:], DELIVERED)


class Remembered(OrderedDict[K, V]):
    """A mapping that forgets its oldest entry when it has more than *REMEMBERED*."""

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > REMEMBERED:
            self.popitem(last=False)


class Throttle:
    """Refuses each message *THROTTLED_TIMES*, then lets the message pass and begins anew."""

    def __init__(self) -> None:
        self._refused: Remembered[Hashable, int] = Remembered()

    def refuses(self, message: Hashable) -> bool:
        """Return whether *message* is refused this time."""
        refused = self._refused.pop(message, 0)
        if refused == THROTTLED_TIMES:
            return False
        self._refused[message] = refused + 1
        return True
