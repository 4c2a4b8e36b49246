"""elsewhere: the segments of one message that bridges of one store have received apart.

They go on at one bridge, the home of their message, as though they had been received there; only
their answers have been sent already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from smppbridge.model.message import GatheringKey, Segment
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.intake import Intake, Rights
from smppbridge.relay.accept.series import Gathering
from smppbridge.store.port import Entry, StoreFailure

Handed = tuple[GatheringKey, Segment]
"""A segment of another bridge, with the fields that all segments of its message have in common."""


async def take_in(
    accept: Accept,
    handed: Sequence[Handed],
    accounts: Mapping[str, Rights],
    wall: float,
    now: float,
) -> None:
    """Gather segments that other bridges have received; join the messages that are whole by them.

    All are segments of *accounts*.  *wall* is UNIX seconds, *now* monotonic.  Raises StoreFailure:
    then none is here, and they may come again.
    """
    gather, intake = accept.gather, Intake()
    taken = _taken(gather, handed, wall, now)
    whole = {gathering: None for gathering, _ in taken if gathering.complete and not gathering.echo}
    for gathering, segment in taken:
        if gathering not in whole:
            intake.entries.append(Entry(None, gathering.key, segment))
    for gathering in whole:
        key, segments = gathering.key, gather.join(gathering, now)
        message = accept.joined(accounts[key.system_id], key, segments, intake)
        intake.entries.append(Entry(message, key))
    try:
        await accept.write(intake)
    except StoreFailure:
        gather.put_out(taken, whole)
        raise


def _taken(
    gather: Gather, handed: Sequence[Handed], wall: float, now: float
) -> list[tuple[Gathering, Segment]]:
    """Place segments, those of one gathering of another bridge together."""
    taken: list[tuple[Gathering, Segment]] = []
    by_gathering = sorted(handed, key=lambda each: each[1].opened_by)
    for _, some in groupby(by_gathering, lambda each: (each[1].opened_by, each[0])):
        group = list(some)
        taken += gather.take_in(group[0][0], [segment for _, segment in group], wall, now)
    return taken
