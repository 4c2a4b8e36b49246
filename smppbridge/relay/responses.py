"""responses: submit_sm_resp that wait for a provider's verdict (SMPP 3.4, 5.2.12: transaction).

hold -> accept .disk. -> start -> accepted: ESME_ROK
                               -> the message ends badly: the status of the failure, and no receipt
                               -> answer_within is over, or an unbind is under way: ESME_ROK, and
                                  the receipt tells

A message is on disk before its response waits, so a response that is lost loses no message: without
its session, or after a restart, the message goes on, and its receipt tells as if nobody had waited.

The response and the receipt about a failure stand for each other: the claim that ends a message
badly takes the delivery back of the message_id whose response waits, and from then on only that
claim, concluded or released, may give or free the response.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from smppbridge.model.outcome import Accepted
from smppbridge.model.reasons import Reason
from smppbridge.relay.ports import Around
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import SubmitSmResp
from smppbridge.store.port import Settlement, Verdict

_REFUSED = Reason.PROVIDER_REFUSED.value
_WELL = (MessageState.DELIVERED, MessageState.ACCEPTED, MessageState.UNKNOWN)
"""Final states that are no refusal; a phone may have a message whose state is UNKNOWN."""


class RequestingSession(Protocol):
    """A session whose request waits for its response; *failure* is the status of a bad end."""

    failure: int

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""

    @property
    def parting(self) -> bool:
        """Whether an unbind is under way: responses can be sent for a few seconds more."""

    @property
    def answer(self) -> Callable[[SubmitSmResp], None]:
        """Put a response in line."""

    def flush(self) -> None:
        """Write the responses that are in line."""


@dataclass(slots=True)
class WaitingResponse:
    """The response to the submit_sm that made a message whole; times are monotonic seconds.

    *parent* is the message's message_id, *message_id* the one that the response gives (of the last
    segment that came, for a message of several), written by *id_form*.  *due* is infinite until the
    message is on disk.
    *status* is not 0 while a claim is ending the message badly.
    """

    session: RequestingSession
    system_id: str
    sequence_number: int
    message_id: int
    parent: int
    asked_at: float
    within: float
    id_form: bytes = b"%d"
    due: float = inf
    status: int = 0


class WaitingResponses:
    """The responses that wait, by the message_id of the whole message; only it writes them.

    Mostly *waiting* is empty: its callers ask for that first.
    """

    def __init__(self, around: Around) -> None:
        self.waiting: dict[int, WaitingResponse] = {}
        self._clock, self._meters = around.clock, around.meters

    def counts(self) -> dict[tuple[str, ...], float]:
        """Return how many responses wait, by system_id."""
        return {(w,): n for w, n in Counter(r.system_id for r in self.waiting.values()).items()}

    def of(self, session: RequestingSession) -> list[WaitingResponse]:
        """Return the responses of a session whose messages are on disk and not decided."""
        return [r for r in self._undecided() if r.due < inf and r.session is session]

    # -- the message is accepted ------------------------------------------------------------------

    def hold(self, responses: Iterable[WaitingResponse]) -> None:
        """Let responses wait whose messages are about to be recorded."""
        for response in responses:
            self.waiting[response.parent] = response

    def start(self, responses: Iterable[WaitingResponse]) -> None:
        """Start the time of responses whose messages are on disk."""
        now = self._clock.monotonic()
        for response in responses:
            response.due = now + response.within

    def drop(self, responses: Iterable[WaitingResponse]) -> None:
        """Forget responses whose messages the store failed to record: the caller answers."""
        for response in responses:
            self.waiting.pop(response.parent, None)

    # -- the message is decided -------------------------------------------------------------------

    def accepted(self, verdicts: Iterable[Verdict]) -> None:
        """Answer ESME_ROK for messages that a provider accepted; the verdicts are on disk."""
        found = [
            self.waiting.get(verdict.attempt.message.message_id)
            for verdict in verdicts
            if type(verdict.outcome) is Accepted
        ]
        self._answer([r for r in found if r is not None and not r.status], "accepted")

    def claim(self, settlement: Settlement, status: int) -> None:
        """Let a response carry a bad end, in place of the receipt; *status* 0 is the session's."""
        response = self.waiting.get(settlement.attempt.message.message_id)
        if response is None or not settlement.final or settlement.state in _WELL:
            return
        if response.session.gone:
            self._lost(response)
            return
        kept = [d for d in settlement.deliveries if d.message_id != response.message_id]
        settlement.deliveries = kept
        response.status = status or response.session.failure

    def conclude(self, settlements: Iterable[Settlement]) -> None:
        """Answer for messages whose ends are on disk, before their receipts leave."""
        found = [self.waiting.get(s.attempt.message.message_id) for s in settlements if s.final]
        responses = [response for response in found if response is not None]
        self._answer([r for r in responses if not r.status], "accepted")
        self._answer([r for r in responses if r.status], "refused")

    def release(self, settlements: Iterable[Settlement]) -> None:
        """Let responses wait on: the store failed to write the ends of their messages.

        A state that is not final frees none: a claim after it may be ending the message.
        """
        for settlement in settlements:
            response = self.waiting.get(settlement.attempt.message.message_id)
            if response is not None and settlement.final:
                response.status = 0

    # -- time passes ------------------------------------------------------------------------------

    def tick(self) -> None:
        """Answer ESME_ROK where the verdict is late: the receipt tells.  Called twice a second.

        Responses of lost sessions are forgotten, however long they might have waited.
        """
        if self.waiting:
            now = self._clock.monotonic()
            on_disk = [r for r in self._undecided() if r.due < inf]
            over = [r for r in on_disk if r.due <= now or r.session.parting or r.session.gone]
            self._answer(over, "late")

    def answer_all(self) -> None:
        """Answer ESME_ROK for all messages that are on disk: the bridge is stopping."""
        self._answer([r for r in self._undecided() if r.due < inf], "late")

    def _undecided(self) -> list[WaitingResponse]:
        return [response for response in self.waiting.values() if not response.status]

    def _answer(self, responses: Iterable[WaitingResponse], outcome: str) -> None:
        now, sessions = self._clock.monotonic(), set[RequestingSession]()
        for response in responses:
            if response.session.gone:
                self._lost(response)
                continue
            del self.waiting[response.parent]
            status, number = response.status, response.sequence_number
            message_id = b"" if status else response.id_form % response.message_id
            response.session.answer(SubmitSmResp(status, number, message_id))
            sessions.add(response.session)
            self._meters.transaction(response.system_id, outcome, 1)
            if status:
                self._meters.refused(response.system_id, status, _REFUSED)
            else:
                self._meters.accepted(response.system_id, 1)
            self._meters.submit_resp(response.system_id, now - response.asked_at, 1)
        for session in sessions:
            session.flush()

    def _lost(self, response: WaitingResponse) -> None:
        del self.waiting[response.parent]
        self._meters.transaction(response.system_id, "lost", 1)
