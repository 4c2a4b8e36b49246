"""losses: the properties of messages that their provider has no field for; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smppbridge.model.message import Attempt, Message
from smppbridge.model.treatments import MAPPED_TAGS, name_of
from smppbridge.providers.exchange import Abilities
from smppbridge.providers.message_class import class_of, waiting_of


def losses(attempts: Iterable[Attempt], able: Abilities) -> Mapping[str, int]:
    """Return how often each property of the messages was lost."""
    found: dict[str, int] = {}
    for attempt in attempts:
        for what in _lost(attempt.message, able):
            found[what] = found.get(what, 0) + 1
    return found


def _lost(message: Message, able: Abilities) -> list[str]:
    code, tlvs = message.data_coding, message.traits.tlvs
    lost = [name_of(tag) for tag, _ in tlvs if tag not in able.tags and tag not in MAPPED_TAGS]
    if not able.classes and class_of(code, tlvs) is not None:
        lost.append("message_class")
    if not able.indications and waiting_of(code, tlvs) is not None:
        lost.append("message_waiting")
    return lost
