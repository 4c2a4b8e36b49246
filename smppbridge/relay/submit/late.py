"""late: an answer that comes after its time settles its attempt, if that is Uncertain still."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Outcome
from smppbridge.relay.lanes.conclusions import outcome_of
from smppbridge.relay.ports import Around
from smppbridge.relay.submit.carry import Carried, Carrier, Conclusions
from smppbridge.store.port import StoreFailure, SubmitStore

LateAnswer = tuple[Carried, Any]


class LateAnswers:
    """Goes on with exchanges whose answers came late, and has their outcomes decided by *decide*.

    Between the time-out and the late answer a person may have had the message sent again, a report
    or a deadline may have ended the message: the store is asked first.  An exchange that goes on
    may make further requests (the other segments of a message).
    """

    def __init__(
        self,
        store: SubmitStore,
        carrier: Carrier,
        decide: Callable[[Iterable[tuple[Attempt, Outcome]]], None],
        around: Around,
    ) -> None:
        self._store, self._carrier, self._decide = store, carrier, decide
        self._spawn, self._journal = around.spawn, around.journal

    def receive(self, answers: Sequence[LateAnswer]) -> None:
        """Receive answers to requests whose attempts were concluded without an answer."""
        self._spawn(self._receive([a for a in answers if type(a[0].about) is Attempt]))

    async def _receive(self, answers: Sequence[LateAnswer]) -> None:
        try:
            found = await self._store.find([c.about.message.message_id for c, _ in answers])
        except StoreFailure:
            return  # a report or the deadline settles them
        steps: list[LateAnswer] = []
        for carried, answer in answers:
            known, attempt = found.get(carried.about.message.message_id), carried.about
            if known is None or known.stage is not Stage.SUBMITTING:
                continue
            current = known.attempt
            if (current.provider, current.number) == (attempt.provider, attempt.number):
                again = Carried(current, carried.provider, carried.exchange, self._concluded)
                steps.append((again, answer))
        self._carrier.answered(steps)

    def _concluded(self, conclusions: Conclusions) -> None:
        outcomes = [(attempt, outcome_of(found)) for attempt, found in conclusions]
        for attempt, outcome in outcomes:
            self._journal(
                "message_answered_late",
                message_id=attempt.message.message_id,
                system_id=attempt.message.system_id,
                provider=attempt.provider,
                attempt=attempt.number,
                outcome=type(outcome).__name__.lower(),
            )
        self._decide(outcomes)
