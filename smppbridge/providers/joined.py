"""The outcome of a message by those of its parts, where the provider answers for each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain, accepted
from smppbridge.model.parts import DeliveredBy


def joined(outcomes: Sequence[Outcome], by: DeliveredBy) -> Outcome:
    """Return the outcome of a message by those of its parts: the worst.

    A part that the provider accepted may be on its way already: beside such a part a refused one
    ends the message, and no other provider may get the message.
    """
    if len(outcomes) == 1:
        return outcomes[0]
    accepted_ones = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    if outcomes and len(accepted_ones) == len(outcomes):
        identifiers = [outcome.provider_message_id for outcome in accepted_ones]
        return accepted(identifiers, by) or Uncertain("taken, but without id")
    if not accepted_ones:
        if len({type(outcome) for outcome in outcomes}) == 1:
            return outcomes[0]
        return Uncertain("the answer contradicts itself" if outcomes else "not in the answer")
    for number, outcome in enumerate(outcomes, 1):
        place = f"part {number} of {len(outcomes)}"
        if isinstance(outcome, Refused):
            return replace(outcome, reason=f"{place}: {outcome.reason}", provider_fault=False)
        if isinstance(outcome, Postponed):
            return Refused(f"{place}: {outcome.reason}", words=outcome.words)
    return next(outcome for outcome in outcomes if isinstance(outcome, Uncertain))
