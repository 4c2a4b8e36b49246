"""intake: the sessions that submit, their rights, and the requests of one of them at one time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from smppbridge.model.account import Account
from smppbridge.model.message import Message, Segment
from smppbridge.relay.accept.gather import Gather
from smppbridge.relay.accept.reading import Reader
from smppbridge.relay.accept.series import Gathering
from smppbridge.relay.accept.supersede import Superseding
from smppbridge.relay.lanes.limits import Throughput
from smppbridge.relay.report.ending import Fate
from smppbridge.relay.responses import RequestingSession, WaitingResponse
from smppbridge.smpp.oddities import Oddity
from smppbridge.store.port import Entry


class Observed(Protocol):
    """A session whose oddities are counted."""

    def odd(self, oddity: Oddity) -> None:
        """Count an oddity of the session's client."""


class Submitter(Observed, RequestingSession, Protocol):
    """A session that submits."""

    rights: Rights
    interface_version: int  # the peer's


@dataclass(slots=True)
class Rights:
    """An account, with the throughput and the reader that its sessions share until a reload."""

    account: Account
    throughput: Throughput
    reader: Reader


Recorded = Message | Segment
"""The message or segment of a submit_sm; its message_id is 0 if the store failed to record it."""


@dataclass(slots=True)
class Intake:
    """The submit_sm of one session at one time: entries to be recorded, and their answers.

    *ended* are the gatherings that segments among them have ended, *superseding* messages that may
    take the places of others, *held* the responses that wait for a provider's verdict.
    """

    full: bool = False  # the backlog
    entries: list[Entry] = field(default_factory=list)
    answers: list[tuple[int, Recorded]] = field(default_factory=list)  # by sequence_number
    fates: list[Fate] = field(default_factory=list)
    ended: list[Gathering] = field(default_factory=list)
    superseding: list[Superseding] = field(default_factory=list)
    held: list[WaitingResponse] = field(default_factory=list)

    def void(self, gather: Gather, now: float) -> None:
        """Forget segments that the store failed to record, and the ends that they made."""
        for entry in self.entries:
            if entry.segment is not None:
                entry.segment.message_id = 0
        for gathering in self.ended:
            gather.reopen(gathering)
        for entry in reversed(self.entries):
            whole = entry.message.segments if entry.message else ()
            if entry.key is not None and entry.segment is not None:
                gather.take_back(entry.key, entry.segment, whole, now)


def rights_of(account: Account, now: float, throughput: Throughput | None = None) -> Rights:
    """Return the rights of an account from *now* (monotonic seconds) on.

    *throughput* is the part of the account's throughput that this node has, None: all of it.
    """
    throughput = throughput or Throughput(account.throughput, now)
    return Rights(account, throughput, Reader(account))
