"""batch: the load of a request, an attempt or a batch of attempts under a key; pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.providers.exchange import Provider
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.store.port import Found
from smppbridge.text import segments


@dataclass(slots=True, eq=False)
class Batch:
    """Attempts that share a request under its key; *open* holds the ids of undecided messages.

    The provider may have accepted a *repeated* batch before.  A batch never changes, but for
    *left_at* (monotonic seconds): when its request left.
    """

    key: str
    attempts: list[Attempt]
    repeated: bool = False
    open: frozenset[int] = field(default=frozenset())
    left_at: float = 0.0

    @property
    def undecided(self) -> list[Attempt]:
        """Return the attempts of a repeated batch whose fate is unknown."""
        return [a for a in self.attempts if a.message.message_id in self.open]

    @property
    def name(self) -> str:
        """Return the batch's name in the store: its key, and how many attempts share the key."""
        return f"{self.key}/{len(self.attempts)}"


Load = Attempt | Batch
"""The attempt or attempts of one request."""


def attempts_of(load: Load) -> Sequence[Attempt]:
    """Return the attempts of one request."""
    return load.attempts if type(load) is Batch else (load,)  # type: ignore[return-value]


def all_attempts(loads: Sequence[Load]) -> list[Attempt]:
    """Return the attempts of several requests."""
    attempts: list[Attempt] = []
    for load in loads:
        if type(load) is Batch:
            attempts += load.attempts
        else:
            attempts.append(load)  # type: ignore[arg-type]
    return attempts


def divided(loads: Sequence[Load], begun: Sequence[Attempt]) -> tuple[list[Load], list[Attempt]]:
    """Return the loads whose attempts have all begun, and the begun attempts of the other loads."""
    ours = set(map(id, begun))
    whole = [load for load in loads if ours.issuperset(map(id, attempts_of(load)))]
    kept = set(map(id, all_attempts(whole)))
    return whole, [attempt for attempt in begun if id(attempt) not in kept]


def is_repeated(load: Load) -> bool:
    """Return whether a request was made before: the provider may have accepted it then."""
    return type(load) is Batch and load.repeated


def provider_of(load: Load) -> str:
    """Return the provider that a request is for."""
    if type(load) is Batch:
        return load.attempts[0].provider
    return load.provider  # type: ignore[union-attr]


def message_id_of(attempt: Attempt) -> int:
    """Return the message_id of an attempt, by which the attempts of a batch are ordered."""
    return attempt.message.message_id


def group_of(
    provider: Provider, addressed: Callable[[Message], Message], attempt: Attempt
) -> Hashable:
    """Return the group whose attempts may share a request; *addressed* is the lane's."""
    message = attempt.message
    try:
        ours = addressed(message)
    except NotAddressable:
        return message.message_id  # refused alone
    if ours.number == message.number:
        return provider.group_of(ours)
    # without its country a number may be two phones': these must not share a request
    country = message.number.removesuffix(ours.number.lstrip("+0"))
    return country, provider.group_of(ours)


def segments_of(load: Load, text_of: Callable[[Message], str]) -> int:
    """Return how many segments the messages of a request make; *text_of* is the lane's."""
    return sum(_segments_of(text_of(attempt.message)) for attempt in attempts_of(load))


def _segments_of(text: str) -> int:
    return segments.count(text)[1] if text else 1


def again(name: str, members: Sequence[Found]) -> Batch | None:
    """Return a batch to be repeated, if the store has all its attempts and none of them waits."""
    key, _, size = name.rpartition("/")
    if len(members) != int(size) or any(f.stage is Stage.WAITING for f in members):
        return None
    open_ids = [f.attempt.message.message_id for f in members if f.stage is Stage.SUBMITTING]
    return Batch(key, [f.attempt for f in members], True, frozenset(open_ids))
