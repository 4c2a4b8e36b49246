"""ending: the one owner of a message's end.

A message ends once.  A report, a refusal, a deadline and an operator may all try to end it, also
while it waits in a lane or while a request for it is out.  Whoever gives a message a state *claims*
the message here, has the store write the state, and *concludes* the claim when the state is
durable, or *releases* it when the store failed:

    claim -> write .disk. -> conclude
                   failed -> release

The standing of a message, and its next standing by event (none: the claim is denied):

                claim, not final       claim, final    conclude       release
    OPEN        NOTED                  ENDING
    NOTED       NOTED (other state)    ENDING          OPEN           OPEN
    ENDING      denied                 denied          ENDED          OPEN
    ENDED       denied                 denied

A message that waited in a lane is taken out of its line by the claim; a message whose request is
out, or on its way between disk and lane, is not: Submit asks for the standing before such a message
enters a line, before its request leaves, and before its outcome is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from smppbridge.model.message import Attempt, Message, Stage
from smppbridge.model.parts import number_of
from smppbridge.model.report import Delivery, Report
from smppbridge.relay.ports import Around
from smppbridge.relay.report.receipts import settlement
from smppbridge.relay.responses import WaitingResponses
from smppbridge.relay.surplus import surplus
from smppbridge.smpp.constants import FINAL_STATES, MessageState
from smppbridge.store.port import EarlyReport, Settlement

_SUBMITTED = Stage.SUBMITTED  # members of an Enum are slow to load
MOST_ENDED = 50_000  # messages that ended while their request was out, until the request ends too
_WELL = (MessageState.DELIVERED, MessageState.ACCEPTED)  # the second where no report can come
_EVENTS = {
    MessageState.DELIVERED: "message_delivered",
    MessageState.EXPIRED: "message_expired",
    MessageState.ACCEPTED: "message_ended",
}


class Standing(IntEnum):
    """Whether a message is being ended."""

    OPEN = 0
    NOTED = 1  # a state that is not final is being recorded
    ENDING = 2  # a final state is being recorded
    ENDED = 3


class ClaimEvent(IntEnum):
    """An act on a message that changes its standing."""

    NOTE = 0  # a claim with a state that is not final
    END = 1  # a claim with a final state
    CONCLUDE = 2
    RELEASE = 3


NEXT: Mapping[tuple[Standing, ClaimEvent], Standing] = {
    (Standing.OPEN, ClaimEvent.NOTE): Standing.NOTED,
    (Standing.OPEN, ClaimEvent.END): Standing.ENDING,
    (Standing.NOTED, ClaimEvent.NOTE): Standing.NOTED,
    (Standing.NOTED, ClaimEvent.END): Standing.ENDING,
    (Standing.NOTED, ClaimEvent.CONCLUDE): Standing.OPEN,
    (Standing.NOTED, ClaimEvent.RELEASE): Standing.OPEN,
    (Standing.ENDING, ClaimEvent.CONCLUDE): Standing.ENDED,
    (Standing.ENDING, ClaimEvent.RELEASE): Standing.OPEN,
}
"""The table of the module's docstring; an event that is not there is denied."""


class LaneLines(Protocol):
    """The lines in which messages wait."""

    def withdraw(self, attempt: Attempt) -> bool:
        """Take a waiting attempt out of line; False if it is begun, moved or expired."""

    def gone(self, attempts: Sequence[Attempt]) -> None:
        """Forget attempts that were withdrawn: their messages have ended."""

    def let_go(self, attempts: Sequence[Attempt]) -> None:
        """Leave attempts that were withdrawn to the store, to be read back."""


@dataclass(slots=True, eq=False)
class Fate:
    """The state that a message is to get; *stage* is the stage in which the message was found.

    *error* is a network error code, *renamed* that of a Settlement, *done_at* that of a Report.
    *early* is the early report that gives the state, *part* the number of the part that the report
    is about (0: the message), *command_status* that of a response that waits for the end (0: the
    session's own).  Only the movement that builds a fate writes it, before the claim; only Endings
    writes whether the state is *durable*.
    """

    attempt: Attempt
    state: int
    error: int = 0
    stage: Stage = Stage.SUBMITTED
    final: bool = True
    renamed: str | None = None
    done_at: float | None = None
    early: EarlyReport | None = None
    part: int = 0
    command_status: int = 0
    durable: bool = False


def fate_of(report: Report | EarlyReport, attempt: Attempt, stage: Stage) -> Fate:
    """Return the fate that a report gives to the message of an attempt."""
    return Fate(
        attempt,
        report.state,
        report.error,
        stage,
        report.state in FINAL_STATES,
        renamed=report.renamed or None,
        done_at=report.done_at,
        early=report if isinstance(report, EarlyReport) else None,
        part=number_of(attempt.parts, report.provider_message_id) if attempt.parts else 0,
    )


@dataclass(slots=True)
class Ending:
    """Fates whose claims were granted together, and the settlements that the store is to write.

    *blocked* are fates that were denied, each with the fate whose claim stands before it: that one
    is not durable yet, and may be released.  *withdrawn* are the attempts that the claim took out
    of line.  Only Endings writes an Ending.
    """

    source: str
    fates: list[Fate] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    blocked: list[tuple[Fate, Fate]] = field(default_factory=list)
    withdrawn: list[Attempt] = field(default_factory=list)


class Endings:
    """The claims on messages.  Only Endings writes claims, ends a message, and writes its state.

    *moving* holds the message_ids of messages that end or have ended while they were not SUBMITTED.
    Others only read it: mostly empty, it saves asking for a standing.
    *responses* are those that wait for a message's end.
    *keep* is how long a delivery is owed (seconds), *owe* receives deliveries that are durable;
    with *every_fate* the end of every message is logged, not only failures.
    """

    def __init__(
        self,
        lines: LaneLines,
        owe: Callable[[Sequence[Delivery]], None],
        *,
        keep: float,
        every_fate: bool,
        around: Around,
    ) -> None:
        self._lines, self._owe, self._keep, self._every_fate = lines, owe, keep, every_fate
        self._clock, self._meters, self._journal = around.clock, around.meters, around.journal
        self.responses = WaitingResponses(around)
        self._claims: dict[int, Fate] = {}
        self.moving: dict[int, bool] = {}  # ended (True) or being ended, and not SUBMITTED
        self._out_of_line: list[int] = []  # ended, and taken out of line by their claims
        self._forgettable: list[int] = []

    def standing(self, message: Message) -> Standing:
        """Return the standing of a message that enters a line, leaves or has an outcome."""
        ended = self.moving.get(message.message_id)
        if ended is None:
            return Standing.OPEN
        return Standing.ENDED if ended else Standing.ENDING

    def ends(self, attempt: Attempt) -> bool:
        """Return whether the message of an attempt has ended, or a claim is ending it."""
        claim = self._claims.get(attempt.message.message_id)
        return attempt.state in FINAL_STATES or (claim is not None and claim.final)

    def claim(self, fates: Iterable[Fate], source: str) -> Ending:
        """Claim messages; the fates that are denied are not in the Ending.

        *source* is push, poll or own; a provider's report that is denied is counted as repeated.
        """
        now = self._clock.wall()
        ending = Ending(source)
        for fate in fates:
            attempt = fate.attempt
            message_id = attempt.message.message_id
            before = self._claims.get(message_id)
            if not self._is_granted(fate, before):
                if before is not None:
                    ending.blocked.append((fate, before))
                if source != "own":
                    state = attempt.state if before is None else before.state
                    self._meters.repeated(attempt.provider, state != fate.state)
                continue
            self._claims[message_id] = fate
            if fate.final and fate.stage is not _SUBMITTED:
                self._set_aside(fate, ending)
            ending.fates.append(fate)
            ending.settlements.append(
                settlement(
                    attempt,
                    fate.state,
                    fate.error,
                    now,
                    source=source,
                    keep=self._keep,
                    renamed=fate.renamed,
                    final=fate.final,
                    done_at=fate.done_at,
                )
            )
            if self.responses.waiting:
                self.responses.claim(ending.settlements[-1], fate.command_status)
        return ending

    def conclude(self, ending: Ending) -> None:
        """Conclude claims whose settlements are durable: deliveries are owed, ends are logged."""
        for fate in ending.fates:
            fate.attempt.state, fate.durable = fate.state, True
            message_id = self._end_claim(fate)
            if message_id in self.moving and fate.final:
                self.moving[message_id] = True
        if ending.withdrawn:
            self._lines.gone(ending.withdrawn)
            self._out_of_line += [attempt.message.message_id for attempt in ending.withdrawn]
        for message_id in surplus(self.moving, MOST_ENDED):
            del self.moving[message_id]
        if self.responses.waiting:  # before the receipts
            self.responses.conclude(ending.settlements)
        owed = [delivery for s in ending.settlements for delivery in s.deliveries]
        if owed:
            self._owe(owed)
        for s in ending.settlements:
            if s.final:
                self._meters.finished(s.attempt.message.system_id, s.state, 1)
                if self._every_fate or s.state not in _WELL:
                    self._log_end(s)

    def release(self, ending: Ending) -> None:
        """Release claims: the store failed to write their settlements."""
        for fate in ending.fates:
            message_id = self._end_claim(fate)
            if fate.final:
                self.moving.pop(message_id, None)
        if self.responses.waiting:
            self.responses.release(ending.settlements)
        if ending.withdrawn:
            self._lines.let_go(ending.withdrawn)

    def tick(self) -> None:
        """Forget messages that ended in line before the last tick; called twice a second or so.

        Nobody comes with such a message any more: whatever read the message as WAITING has been
        continued, and the store has it FINISHED.
        """
        for message_id in self._forgettable:
            self.moving.pop(message_id, None)
        self._forgettable, self._out_of_line = self._out_of_line, []

    def _is_granted(self, fate: Fate, before: Fate | None) -> bool:
        """Return whether a claim is granted after the claim *before* it, by the table."""
        state = fate.attempt.state if before is None else before.state
        if before is not None:
            standing = Standing.ENDING if before.final else Standing.NOTED
        elif state in FINAL_STATES or fate.attempt.message.message_id in self.moving:
            standing = Standing.ENDED
        else:
            standing = Standing.OPEN
        if fate.final:
            return (standing, ClaimEvent.END) in NEXT
        return (standing, ClaimEvent.NOTE) in NEXT and state != fate.state

    def _set_aside(self, fate: Fate, ending: Ending) -> None:
        attempt = fate.attempt
        self.moving[attempt.message.message_id] = False
        if fate.stage is Stage.WAITING and self._lines.withdraw(attempt):
            ending.withdrawn.append(attempt)

    def _end_claim(self, fate: Fate) -> int:
        message_id = fate.attempt.message.message_id
        if self._claims.get(message_id) is fate:  # a final claim may have taken a note's place
            del self._claims[message_id]
        return message_id

    def _log_end(self, s: Settlement) -> None:
        message = s.attempt.message
        self._journal(
            _EVENTS.get(MessageState(s.state), "message_failed"),
            message_id=message.message_id,
            system_id=message.system_id,
            destination=message.number,
            provider=s.attempt.provider,
            provider_message_id=s.attempt.provider_message_id,
            state=MessageState(s.state).name,
            error=s.error,
            source=s.source,
            **other_ids(message),
        )


def other_ids(message: Message) -> dict[str, int | list[int]]:
    """Return the ids that the ESME knows a message by, where they are others, for the log.

    They are those of a long message's segments, or that of a submit_multi.
    """
    if message.traits.multi:
        return {"answered_id": message.traits.multi}
    ids = [segment.message_id for segment in message.segments]
    return {"segments": ids} if ids else {}
