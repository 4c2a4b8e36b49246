"""intake: the submit_sm of one session at one time, on their way to the disk."""

from __future__ import annotations

from dataclasses import dataclass, field

from smppbridge.model.message import Message, Segment
from smppbridge.relay.accept.series import Gathering
from smppbridge.relay.report.ending import Fate
from smppbridge.store.port import Entry

Recorded = Message | Segment
"""The message or segment of a submit_sm; its message_id is 0 if the store failed to record it."""


@dataclass(slots=True)
class Intake:
    """The submit_sm of one session at one time: entries to be recorded, and their answers.

    *ended* are the gatherings that segments among them have ended.
    """

    entries: list[Entry] = field(default_factory=list)
    answers: list[tuple[int, Recorded]] = field(default_factory=list)  # by sequence_number
    fates: list[Fate] = field(default_factory=list)
    ended: list[Gathering] = field(default_factory=list)
