"""knowledge: a node that was taken over knows how requests ended that it had begun."""

from __future__ import annotations

from collections.abc import Iterable

from smppbridge.model.outcome import Postponed, Refused
from smppbridge.relay.lanes.batch import attempts_of, is_repeated
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.store.port import Verdict
from smppbridge.store.postgres.testimony import AttestedMessage


def accepted_of(verdicts: Iterable[Verdict]) -> list[AttestedMessage]:
    """Return the messages that their providers have accepted.

    One with several provider_message_ids stays Uncertain: its parts are rows of their own.
    """
    return [
        AttestedMessage(v.attempt.message.message_id, v.provider_message_id, v.at, v.due or v.at)
        for v in verdicts
        if v.provider_message_id is not None and not v.parts
    ]


def unsent_of(lanes: Lanes, verdicts: Iterable[Verdict]) -> list[int]:
    """Return the messages that their providers have not: refused, or begun and not sent.

    A repeated request was sent before: its messages are not among them.
    """
    refused = [
        v for v in verdicts if isinstance(v.outcome, Refused | Postponed) and not v.attempt.batch
    ]
    ready = [load for lane in lanes.by_name.values() for load in lane.ready]
    return [
        *(v.attempt.message.message_id for v in refused),
        *(
            attempt.message.message_id
            for load in ready
            if not is_repeated(load)
            for attempt in attempts_of(load)
        ),
    ]
