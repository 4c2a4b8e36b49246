"""message_words: the messages that a request, a response or a delivery is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from smppbridge.model.message import Attempt
from smppbridge.model.report import Delivery
from smppbridge.relay.lanes.batch import Batch
from smppbridge.relay.submit.carry import Carried

_NAMED: Final = 5
"""Messages of a batch that are named."""


@dataclass(frozen=True, slots=True)
class MessageWords:
    """The accounts, numbers and texts of messages, and words that name the messages."""

    words: str = ""
    accounts: frozenset[str] = frozenset()
    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = field(default=(), repr=False)


NOBODY = MessageWords()


def about_of(token: object) -> MessageWords:
    """Return the messages behind a token that a session or an exchange carries."""
    if isinstance(token, Carried):
        return about_of(token.about)
    if isinstance(token, Delivery):
        return _about_delivery(token)
    if isinstance(token, Batch):
        return _about_attempts(token.attempts)
    if isinstance(token, Attempt):
        return _about_attempts((token,))
    if isinstance(token, tuple) and token:  # a poll: an attempt, and the id that is asked about
        return about_of(token[0])
    return NOBODY


def _about_delivery(delivery: Delivery) -> MessageWords:
    name = "MO message" if delivery.content else "receipt of message"
    return MessageWords(
        f"{name} {delivery.answered_id}",
        frozenset((delivery.system_id,)),
        (delivery.source.addr, delivery.destination.addr),
    )


def _about_attempts(attempts: Sequence[Attempt]) -> MessageWords:
    named = [f"{a.message.answered_id} attempt {a.number}" for a in attempts[:_NAMED]]
    more = len(attempts) - len(named)
    messages = [attempt.message for attempt in attempts]
    return MessageWords(
        "message " + ", ".join(named) + (f" and {more} more" if more else ""),
        frozenset(message.system_id for message in messages),
        tuple(n for m in messages for n in (m.number, m.destination.addr, m.source.addr)),
        tuple(message.text for message in messages if message.text),
    )
