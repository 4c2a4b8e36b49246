"""parts: reports about the parts of a message become the state of the message.

    end of a part -> end_parts .disk. -> joint state -> claim, as for any report
                                      -> none yet: nothing more

The store alone knows the states of all parts: two parts may end at once, or one before a restart
and one after.  A report that is received again ends its part again, and the message if it is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from smppbridge.model.message import Attempt
from smppbridge.model.parts import Part, joint_state
from smppbridge.relay.report.ending import Fate
from smppbridge.smpp.constants import MessageState
from smppbridge.store.port import PartEnd, StoreFailure


class PartStore(Protocol):
    """The verb about parts that report calls."""

    def end_parts(self, ended: Sequence[PartEnd]) -> Awaitable[dict[int, tuple[Part, ...]]]:
        """Write the ends of parts; return all parts of their messages then, by message_id."""


def keys_of(attempt: Attempt) -> list[tuple[str, str]]:
    """Return the ids under which an accepted attempt is reported: (provider, id of a part)."""
    if not attempt.parts:
        return [(attempt.provider, attempt.provider_message_id or "")]
    return [(attempt.provider, part.provider_message_id) for part in attempt.parts]


def open_keys(attempt: Attempt) -> list[tuple[str, str]]:
    """Return the ids under which a report can end the message.

    A part that failed, or all parts, may have ended while the end of the message was not written.
    """
    keys = keys_of(attempt)
    if not attempt.parts:
        return keys
    named = zip(keys, attempt.parts, strict=True)
    return [key for key, part in named if part.state != MessageState.DELIVERED] or keys


async def of_messages(store: PartStore, fates: Sequence[Fate]) -> list[Fate]:
    """Return the fates of whole messages, once the ends of parts are on disk.

    The end of a part becomes the end of its message, or nothing while other parts are awaited.
    Raises StoreFailure, also for a message whose parts are not on disk (yet).
    """
    ended = [
        PartEnd(fate.attempt.message.message_id, fate.part, fate.state, fate.error)
        for fate in fates
        if fate.part and fate.final
    ]
    if not ended:
        return list(fates)
    known = await store.end_parts(ended)
    wholes: list[Fate] = []
    ends: dict[int, Fate] = {}
    for fate in fates:
        if not (fate.part and fate.final):
            wholes.append(fate)
            continue
        message_id = fate.attempt.message.message_id
        if message_id not in known:
            raise StoreFailure("the acceptance of a message in parts is not on disk")
        joint = joint_state(known[message_id])
        if joint is not None:
            fate.state, fate.error = joint
            ends[message_id] = fate
    return [*wholes, *ends.values()]
